"""What may be written to the storage, and what becomes of it: the API's own rules.

HTTP requests, the controllers and tests all write through here, so that generations, resource
versions, deletion and defaults behave the same for everyone.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and
https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

import base64
import random
import uuid
from collections.abc import Callable
from typing import Final

from leviathan_sandbox.clock import Agenda
from leviathan_sandbox.defaults import (
    fill_admission,
    fill_defaults,
    fill_initial_status,
    name_suffix,
)
from leviathan_sandbox.deletion import (
    NO_OPTIONS,
    DeleteOptions,
    Deletion,
    check_preconditions,
    mark_deleted,
)
from leviathan_sandbox.kinds import (
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    NAMESPACE,
    POD,
    SECRET,
    SERVICE,
    Kind,
)
from leviathan_sandbox.objects import (
    Object,
    copy,
    is_terminating,
    lookup,
    timestamp,
    without,
    without_nulls,
)
from leviathan_sandbox.ownership.managers import (
    Bookkeeper,
    read_managed,
    same_claims,
    write_managed,
    zero_object,
)
from leviathan_sandbox.preconditions import check_address, check_present
from leviathan_sandbox.service_addresses import ServiceAddresses
from leviathan_sandbox.shapes import check_shape
from leviathan_sandbox.status import (
    StatusError,
    already_exists,
    bad_request,
    forbidden,
    invalid,
    not_found,
)
from leviathan_sandbox.storage import Entry, Storage
from leviathan_sandbox.validation import check_metadata, check_metadata_update
from leviathan_sandbox.validation_data import check_encodings
from leviathan_sandbox.validation_specs import check_spec, check_spec_update

_CLAIMS: Final = "managedFields"


class Registry:
    """Creates, changes and deletes objects.

    Parameters:
        storage: where they are kept.
        agenda: tells the time.
        rng: the source of uids and generated names.
    """

    def __init__(self, storage: Storage, agenda: Agenda, rng: random.Random) -> None:
        self.storage = storage
        self.agenda = agenda
        self.rng = rng
        self._addresses = ServiceAddresses()

    def find(self, kind: Kind, namespace: str, name: str) -> Entry:
        """Return an object's present state.

        Raises StatusError (404) when there is none.
        """
        entry = self.storage.get(kind, kind.key(namespace, name))
        if entry is None:
            raise not_found(kind, name)
        return entry

    def new_uid(self) -> str:
        """Return a fresh uid."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def create(
        self,
        kind: Kind,
        namespace: str,
        body: Object,
        *,
        dry_run: bool = False,
        books: Bookkeeper | None = None,
    ) -> Entry:
        """Store a new object; `body` stays as it is.

        Without `books`, nobody is said to own its fields: so controllers create, to keep what they
        make small.

        Raises StatusError: 400 for a body that is none of this kind, 403 in a namespace that is
        ending, 404 without the namespace, 409 when the name is taken, 422 when it is not valid.
        """
        check_shape(kind, body)
        check_encodings(kind, body)
        obj = kind.stamp(without_nulls(body))
        metadata: Object = obj.setdefault("metadata", {})
        self._place(kind, namespace, metadata)
        if metadata.get("resourceVersion"):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        self._begin_metadata(kind, metadata)
        fill_defaults(kind, obj)
        if kind is SECRET:
            encode_string_data(obj)
        elif kind is DAEMON_SET:
            annotations = metadata.setdefault("annotations", {})
            annotations["deprecated.daemonset.template.generation"] = "1"
        managed = books({}, zero_object(kind), obj) if books else {}
        fill_initial_status(kind, obj)
        self._prepare(kind, obj)
        if managed:
            metadata[_CLAIMS] = write_managed(managed)
        causes = check_spec(kind, obj) + check_metadata(kind, metadata)
        if causes:
            raise invalid(kind, metadata.get("name") or "", causes)
        twin = self.storage.get(kind, kind.key(namespace, metadata["name"]))
        if twin is not None:
            raise already_exists(kind, metadata["name"], is_leaving=is_terminating(twin.object))
        return self._store(kind, obj, dry_run=dry_run)

    def _place(self, kind: Kind, namespace: str, metadata: Object) -> None:
        if metadata.get("namespace") and metadata["namespace"] != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        if not kind.namespaced:
            return
        metadata["namespace"] = namespace
        entry = self.storage.get(NAMESPACE, namespace)
        if entry is None:
            raise not_found(NAMESPACE, namespace)
        if is_terminating(entry.object):
            name = metadata.get("name") or metadata.get("generateName") or ""
            why = (
                f"unable to create new content in namespace {namespace} because it is being"
                " terminated"
            )
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(kind, name, why, [cause])

    def _begin_metadata(self, kind: Kind, metadata: Object) -> None:
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"][:58] + name_suffix(self.rng)
        for field in (
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            _CLAIMS,
            "resourceVersion",
            "selfLink",
            "generation",
        ):
            metadata.pop(field, None)
        metadata["uid"] = self.new_uid()
        if kind.has_generation:
            metadata["generation"] = 1
        metadata["creationTimestamp"] = timestamp(self.agenda.now())

    def _prepare(self, kind: Kind, obj: Object) -> None:
        """Fill in what depends on the object's own identity, or is drawn by lot."""
        if kind is POD and obj["spec"].get("containers"):
            fill_admission(obj, self.rng)
        elif kind is JOB:
            select_own_pods(obj)
        elif kind is SERVICE:
            self._addresses.assign(obj["spec"])

    def _store(self, kind: Kind, obj: Object, *, dry_run: bool) -> Entry:
        if dry_run:
            obj["metadata"].pop("resourceVersion", None)
            return Entry(
                kind.key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj, 0
            )
        return self.storage.write(kind, obj)

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Object,
        subresource: str = "",
        *,
        dry_run: bool = False,
        books: Bookkeeper | None = None,
    ) -> Entry:
        """Replace an object, or with `subresource="status"` its status; `body` becomes ours.

        A body that changes nothing is not written and moves no resource version. Without `books`,
        everybody goes on owning what they owned.

        Raises StatusError: 400, 404, 409 on another resource version or uid, 422.
        """
        check_shape(kind, body)
        check_encodings(kind, body)
        submitted = body.setdefault("metadata", {})
        check_address(submitted, namespace, name)
        entry = self.find(kind, namespace, name)
        old = entry.object
        check_present(kind, submitted, old["metadata"])
        if subresource == "status":
            new = {**old, "status": body.get("status") or {}}
            new["metadata"] = dict(old["metadata"])
        else:
            new = self._changed(kind, body, old)
        _keep_books(new, old, body, books)
        if _is_same(new, old):
            return entry
        return self._store_changed(kind, entry, new, dry_run=dry_run)

    def _changed(self, kind: Kind, body: Object, old: Object) -> Object:
        """Return the object's new state out of what was sent and what only the server may set."""
        new = kind.stamp(without_nulls(body))
        metadata, before = new["metadata"], old["metadata"]
        for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "namespace"):
            metadata.pop(field, None)
            if field in before:
                metadata[field] = before[field]
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
            if field in before:
                metadata[field] = before[field]
        metadata.pop("selfLink", None)
        for field in ("labels", "annotations", "finalizers", "ownerReferences"):
            if not metadata.get(field):
                metadata.pop(field, None)
        if kind.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        fill_defaults(kind, new)
        if kind is SECRET:
            encode_string_data(new)
        elif kind is SERVICE:
            self._addresses.reassign(new["spec"], old["spec"])
        self._count_generation(kind, new, old)
        causes = check_metadata_update(kind, metadata, before) + check_spec_update(kind, new, old)
        if causes:
            raise invalid(kind, before["name"], causes)
        return new

    @staticmethod
    def _count_generation(kind: Kind, new: Object, old: Object) -> None:
        if not kind.has_generation:
            return
        metadata, before = new["metadata"], old["metadata"]
        changed = new.get("spec") != old.get("spec")
        if kind is DEPLOYMENT:
            changed |= (metadata.get("annotations") or {}) != (before.get("annotations") or {})
        if changed:
            metadata["generation"] = before["generation"] + 1
        if kind is DAEMON_SET and lookup(new, "spec", "template") != lookup(
            old, "spec", "template"
        ):
            key = "deprecated.daemonset.template.generation"
            count = int((before.get("annotations") or {}).get(key, "0")) + 1
            metadata["annotations"] = {**(metadata.get("annotations") or {}), key: str(count)}

    def _store_changed(self, kind: Kind, entry: Entry, new: Object, *, dry_run: bool) -> Entry:
        metadata = new["metadata"]
        released = (
            "deletionTimestamp" in metadata
            and not metadata.get("finalizers")
            and not metadata.get("deletionGracePeriodSeconds")
            and not (kind is NAMESPACE and lookup(new, "spec", "finalizers"))
        )
        if dry_run:
            return Entry(entry.key, new, entry.revision)
        if not released:
            return self.storage.write(kind, new)
        if metadata.get("finalizers") != entry.object["metadata"].get("finalizers"):
            self.storage.write(kind, new)
        return self.storage.erase(kind, entry.key)

    def edit(
        self,
        kind: Kind,
        key: str,
        change: Callable[[Object], None],
        subresource: str = "",
        books: Bookkeeper | None = None,
    ) -> Entry | None:
        """Let `change` work on a copy of an object and store the result, as controllers do.

        Return the new state, or None when the object is gone.
        """
        entry = self.storage.get(kind, key)
        if entry is None:
            return None
        body = copy(entry.object)
        change(body)
        metadata = entry.object["metadata"]
        return self.update(
            kind, metadata.get("namespace", ""), metadata["name"], body, subresource, books=books
        )

    def set_status(self, kind: Kind, entry: Entry, status: Object) -> Entry:
        """Replace an object's status; nothing is written when it is the same."""
        if entry.object.get("status") == status:
            return entry
        new = {**entry.object, "status": status, "metadata": dict(entry.object["metadata"])}
        return self.storage.write(kind, new)

    def delete(
        self, kind: Kind, namespace: str, name: str, options: DeleteOptions = NO_OPTIONS
    ) -> Deletion:
        """Delete an object, or begin to.

        Raises StatusError: 404, 409 when a precondition does not hold, 422 for an unknown policy.
        """
        entry = self.find(kind, namespace, name)
        check_preconditions(kind, entry.object["metadata"], options)
        marked, waits = mark_deleted(kind, entry.object, options, self.agenda.now())
        if options.dry_run:
            return Deletion(Entry(entry.key, marked, entry.revision), gone=not waits)
        if marked != entry.object:
            entry = self.storage.write(kind, marked)
        if waits:
            return Deletion(entry, gone=False)
        return Deletion(self.storage.erase(kind, entry.key), gone=True)


def _keep_books(new: Object, old: Object, body: Object, books: Bookkeeper | None) -> None:
    """Write into an object's new state, in place, who owns what of it.

    A client may give up all claims at once by sending a list with one empty entry.
    """
    metadata = new["metadata"]
    metadata.pop(_CLAIMS, None)
    entries = old["metadata"].get(_CLAIMS)
    if books is not None:
        sent = body["metadata"].get(_CLAIMS)
        managed = {} if sent == [{}] else read_managed(body) or read_managed(old)
        entries = write_managed(books(managed, old, new))
    if entries:
        metadata[_CLAIMS] = entries


def _is_same(new: Object, old: Object) -> bool:
    """Whether nothing has changed but when the managers of fields last wrote."""
    if new == old:
        return True
    bare, before = without(new["metadata"], _CLAIMS), without(old["metadata"], _CLAIMS)
    return {**new, "metadata": bare} == {**old, "metadata": before} and same_claims(new, old)


def encode_string_data(secret: Object) -> None:
    """Move what a secret holds as text, in place, to what it holds in base64."""
    if texts := secret.pop("stringData", None):
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        secret["data"] = (secret.get("data") or {}) | encoded


def select_own_pods(job: Object) -> None:
    """Give a job, in place, the selector and the pod labels that hold for it alone."""
    metadata, spec = job["metadata"], job["spec"]
    template = spec.setdefault("template", {}).setdefault("metadata", {})
    if not spec.get("manualSelector"):
        uid, name = metadata["uid"], metadata.get("name") or ""
        template["labels"] = (template.get("labels") or {}) | {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if not metadata.get("labels") and template.get("labels"):
        metadata["labels"] = dict(template["labels"])
