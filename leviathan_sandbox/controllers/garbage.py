"""The garbage collector: what is owned goes with its owner.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from leviathan_sandbox.controllers.base import Controller
from leviathan_sandbox.deletion import FOREGROUND, ORPHAN, DeleteOptions
from leviathan_sandbox.kinds import BY_TYPE, Kind
from leviathan_sandbox.objects import Object, is_terminating, owners_of
from leviathan_sandbox.storage import Change, Entry


class GarbageCollector(Controller):
    """Deletes, or sets free, the dependents of objects that are deleted. Its keys are uids."""

    def observe(self, change: Change) -> None:
        """Look at owners that go, and at objects that name an owner who is not there."""
        obj = change.entry.object
        if change.type == "DELETED" or is_terminating(obj):
            self.enqueue(obj["metadata"]["uid"])
        if change.type == "DELETED":
            for owner in owners_of(obj):
                self.enqueue(owner["uid"])
        elif change.type == "ADDED":
            for owner in owners_of(obj):
                known = (owner["apiVersion"], owner["kind"]) in BY_TYPE
                if known and owner["uid"] not in self.storage.uids:
                    self.enqueue(owner["uid"])

    def sync(self, key: str) -> None:
        """Deal with the dependents of the object with the uid `key`."""
        found = self.storage.uids.get(key)
        if found is None:
            for kind, dependent in self.storage.dependent_keys(key):
                self._collect(kind, dependent, key)
            return
        kind, owner_key = found
        entry = self.storage.collections[kind].entries[owner_key]
        finalizers = entry.object["metadata"].get("finalizers") or ()
        if not is_terminating(entry.object):
            return
        if ORPHAN in finalizers:
            for owned_kind, dependent in self.storage.dependent_keys(key):
                self._set_free(owned_kind, dependent, key)
            self._release(kind, entry, ORPHAN)
        elif FOREGROUND in finalizers:
            self._delete_first(kind, entry)

    def _delete_first(self, kind: Kind, owner: Entry) -> None:
        """Delete the dependents of an object that goes after them."""
        blocked = False
        uid = owner.object["metadata"]["uid"]
        for owned_kind, dependent in self.storage.dependent_keys(uid):
            entry = self.storage.get(owned_kind, dependent)
            if entry is None:
                continue
            reference = next(item for item in owners_of(entry.object) if item["uid"] == uid)
            blocked = blocked or bool(reference.get("blockOwnerDeletion"))
            if not is_terminating(entry.object):
                self._delete(owned_kind, entry, "Foreground")
        if not blocked:
            self._release(kind, owner, FOREGROUND)

    def _collect(self, kind: Kind, key: str, uid: str) -> None:
        """Delete an object whose owner is gone, unless another owner is left."""
        entry = self.storage.get(kind, key)
        if entry is None:
            return
        others = [item for item in owners_of(entry.object) if item["uid"] != uid]
        if any(item["uid"] in self.storage.uids for item in others):
            self._set_free(kind, key, uid)
        elif not is_terminating(entry.object):
            self._delete(kind, entry, "Background")

    def _delete(self, kind: Kind, entry: Entry, policy: str) -> None:
        metadata = entry.object["metadata"]
        self.registry.delete(
            kind,
            metadata.get("namespace", ""),
            metadata["name"],
            DeleteOptions(propagation=policy, uid=metadata["uid"]),
        )

    def _set_free(self, kind: Kind, key: str, uid: str) -> None:
        """Take an owner off an object."""

        def change(body: Object) -> None:
            left = [item for item in owners_of(body) if item["uid"] != uid]
            body["metadata"]["ownerReferences"] = left

        self.registry.edit(kind, key, change)

    def _release(self, kind: Kind, entry: Entry, finalizer: str) -> None:
        def change(body: Object) -> None:
            left = [item for item in body["metadata"]["finalizers"] if item != finalizer]
            body["metadata"]["finalizers"] = left

        self.registry.edit(kind, entry.key, change)
