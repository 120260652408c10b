"""Letting go of what is stuck in Terminating: for good, one object at a time, by its typed name."""

import copy
import time
from typing import Any, ClassVar, Final

from leviathan_tui.backend.changes.entry import FORCE_DELETE, REMOVE_FINALIZER
from leviathan_tui.backend.changes.intents import Change, Intent, Request
from leviathan_tui.backend.changes.refusals import Changed, Gone, NotPossible, Refusal
from leviathan_tui.backend.fleet import finalizers
from leviathan_tui.backend.fleet.prose import clock
from leviathan_tui.backend.fleet.records import Ref, seconds_at
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    controller_of,
    metadata_of,
    read_object,
    uid_of,
)
from leviathan_tui.backend.untrusted import clean

JSON_PATCH: Final = "application/json-patch+json"

FORCE: Final = "force delete"
"""The choice that is no finalizer: none has a space in its name."""

_FOR_GOOD: Final = "This cannot be undone."

_OUT_OF_SERVICE: Final = (
    "Where the machine is known to be off, the taint node.kubernetes.io/out-of-service lets "
    "Kubernetes let go of all its pods and volumes."
)
"""Source: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/"""


class WayOut(Intent):
    """Takes away what keeps an object that is being deleted."""

    types_the_name: ClassVar[bool] = True

    @property
    def guarded_verbs(self) -> tuple[str, ...]:
        """Whoever may not delete may not bring a deletion to its end either."""
        return (self.verb, "delete")

    def check(self, document: Document) -> None:
        """Raise `Refusal` for an object that is not being deleted."""
        if not metadata_of(document).get("deletionTimestamp"):
            raise self.refuse(f"{self.ref.name} is not being deleted; delete it first.")


class ForceDelete(WayOut):
    """Delete a pod that does not end, without waiting for its node to say that it has."""

    verb, past = FORCE_DELETE, "Force deleted"

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the deletion without a grace period of exactly the pod that was read.

        Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced
        """
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        if self.kind != kinds.POD:
            raise self.refuse(
                f"{self.ref.name} is a {self.kind.name}; only pods are force deleted."
            )
        held = [clean(one, 200) for one in finalizers.of(document)]
        ends = finalizers.grace_ends(document)
        if not ends:
            if held:
                raise self.refuse(f"only the finalizer {held[0]} holds {self.ref.name}.")
            raise self.refuse(f"nothing holds {self.ref.name} any more; it goes by itself.")
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid_of(document)},
        }
        warnings, notes = await _where_it_runs(client, document)
        late = ends < time.time()
        may = (
            f"were to end by {clock(ends)}" if late else f"may take {finalizers.until(ends)} to end"
        )
        notes.append(f"Its containers {may} by themselves.")
        owner = controller_of(document)
        if owner.get("kind") == kinds.STATEFUL_SET.name:
            warnings.append(
                f"StatefulSet {clean(str(owner.get('name')), 100)} makes {self.ref.name} anew at "
                "once: while the former one still runs, TWO PODS WITH ONE IDENTITY MAY WRITE TO "
                "THE SAME VOLUME."
            )
        warnings += [f"The finalizer {one} holds it even so." for one in held]
        effect = f"Delete {self.ref.name} at once, whether or not its containers have ended."
        return Change(
            Request("DELETE", self.path, body), effect, None, notes, [_FOR_GOOD, *warnings]
        )


async def _where_it_runs(client: KubeClient, pod: Document) -> tuple[list[str], list[str]]:
    """Return warnings and notes about what a pod's node will make of it."""
    name = str((pod.get("spec") or {}).get("nodeName") or "")
    shown = clean(name, 100)
    if not name:
        return [], []
    try:
        node = await read_object(client, kinds.NODE.path("", name))
    except NotFound:
        return [
            f"Node {shown} is gone from the cluster: its machine may still run, and the "
            "containers with it."
        ], [_OUT_OF_SERVICE]
    except ApiError as error:
        # Whoever may delete pods may often not read nodes.
        return [
            f"Whether node {shown} is well cannot be read ({error.message}): the containers may "
            "still run."
        ], []
    conditions: list[Any] = (node.get("status") or {}).get("conditions") or []
    ready: dict[str, Any] = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return [
            f"The containers may still run: node {shown} is ready and at work on ending them."
        ], []
    since = clock(seconds_at(ready.get("lastTransitionTime")))
    return [
        f"Node {shown} has not been ready since {since}: nobody can tell whether the containers "
        "have ended, and they may run on."
    ], [_OUT_OF_SERVICE]


class RemoveFinalizer(WayOut):
    """Remove one finalizer of an object that is being deleted."""

    verb, past = REMOVE_FINALIZER, "Finalizer removed"
    question = "Remove a finalizer of"

    def __init__(self, kind: Kind, ref: Ref, finalizer: str) -> None:
        super().__init__(kind, ref)
        self.finalizer = finalizer

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Finalizer not removed"

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the patch that removes it where it stands, and nothing where it stands no more.

        Source: https://www.rfc-editor.org/rfc/rfc6902#section-4.6
        """
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        held = finalizers.of(document)
        self._check_finalizer(document, held)
        at = f"/metadata/finalizers/{held.index(self.finalizer)}"
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid_of(document)},
            {"op": "test", "path": at, "value": self.finalizer},
            {"op": "remove", "path": at},
        ]
        target = copy.deepcopy(document)
        target["metadata"]["finalizers"].remove(self.finalizer)
        if not target["metadata"]["finalizers"]:
            del target["metadata"]["finalizers"]
        shown, name = clean(self.finalizer, 200), self.ref.name
        others = ", ".join(clean(one, 200) for one in finalizers.of(target))
        rest = (
            f"{others} still hold{'' if ',' in others else 's'} it."
            if others
            else ("It is the last one.")
        )
        return Change(
            Request("PATCH", self.path, patch, JSON_PATCH),
            f"Remove the finalizer {shown} from {name}. {rest}",
            target,
            [
                "Where its controller still runs and only takes its time, wait for it instead.",
                finalizers.PAGE,
            ],
            [_FOR_GOOD, finalizers.left_behind(self.finalizer)],
        )

    def _check_finalizer(self, document: Document, held: list[str]) -> None:
        """Raise `Refusal` for a finalizer that is not there, or that stays."""
        shown, name = clean(self.finalizer, 200), self.ref.name
        if why := finalizers.why_it_stays(self.finalizer):
            raise self.refuse(f"{shown} stays: {why}.")
        if self.finalizer in held:
            return
        if self.kind == kinds.NAMESPACE and self.finalizer == finalizers.OF_NAMESPACES:
            raise self.refuse(
                f"“{shown}” stays until {name} is empty: what is left in it would be there "
                "for ever, and out of reach. x says what it is."
            )
        known = ", ".join(clean(one, 200) for one in held)
        raise self.refuse(
            f"{name} has no finalizer {shown}; it has {known}."
            if known
            else f"no finalizer holds {name}."
        )

    def refusal(self, error: ApiError) -> Refusal:
        """Return the server's refusal in our words; that of a patch that no longer fits says nothing."""
        if error.code == 422 and not error.causes:
            return Changed(
                f"{self.not_done}: {self.ref.name} changed while you were deciding, and "
                f"{clean(self.finalizer, 200)} is gone or stands elsewhere. Nothing was removed; "
                "look again."
            )
        return super().refusal(error)


def options_for(kind: Kind, document: Document) -> list[tuple[str, str]]:
    """Return the ways out for an object: `FORCE` or a finalizer, and in short what becomes of it.

    Also the finalizers that stay: whoever chooses one is told why.
    """
    found = []
    if kind == kinds.POD and finalizers.grace_ends(document):
        found.append((FORCE, "whether or not it has ended"))
    for name in finalizers.of(document):
        stays = finalizers.why_it_stays(name)
        found.append((name, "stays" if stays else "remove this finalizer"))
    return found


def intent_for(kind: Kind, ref: Ref, choice: str) -> WayOut:
    """Return the intent of one of `options_for`."""
    return ForceDelete(kind, ref) if choice == FORCE else RemoveFinalizer(kind, ref, choice)


def nothing_holds(ref: Ref, document: Document) -> Refusal:
    """Return the refusal for an object for which there is no way out, or no need of one."""
    if not metadata_of(document).get("deletionTimestamp"):
        return NotPossible(f"{ref.name} is not being deleted; delete it first.")
    if ref.kind == kinds.NAMESPACE.name:
        return NotPossible(
            f"{ref.name} has no finalizer of its own: Kubernetes empties it first. x says what is "
            "left in it."
        )
    return NotPossible(f"Nothing holds {ref.name} any more; it goes by itself.")
