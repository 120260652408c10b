"""Taking a change back, from what the journal kept of it."""

import copy
from typing import Final

from leviathan_tui.backend.changes.diff import Difference, differences, in_words, put_at, value_at
from leviathan_tui.backend.changes.entry import DONE, Entry
from leviathan_tui.backend.changes.intents import Change, EditIntent, Intent, Request, edited
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.redact import masked_fields, redacted
from leviathan_tui.backend.changes.refusals import Changed, NotPossible, Refusal
from leviathan_tui.backend.changes.volumes import deleted_with, lost_with
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, metadata_of, uid_of


def undo(entry: Entry, kind: Kind, cluster: str) -> Intent:
    """Return the intent that takes an entry back. Raises `Refusal` where there is none.

    `kind` is the entry's; `cluster` the address of the cluster that the console is on.
    """
    name = f"{entry.verb} of {entry.name}"
    if entry.cluster != cluster:
        raise NotPossible(f"Not undone: the {name} was on another cluster, {entry.cluster}.")
    if entry.outcome != DONE:
        raise NotPossible(
            f"Not undone: the {name} was {entry.outcome}, so there is nothing to undo."
        )
    if entry.irreversible:
        raise NotPossible(f"Not undone: {entry.irreversible}.")
    if entry.part_of:
        raise NotPossible(
            f"Not undone: {entry.name} was deleted for a change of {entry.part_of}; undo that one."
        )
    intent = _inverse(entry, kind, name)
    intent.undo_of = entry.id
    return intent


def _inverse(entry: Entry, kind: Kind, name: str) -> Intent:
    if entry.creates:
        uid = entry.uid or uid_of(entry.after or {})
        if not uid:
            raise NotPossible(f"Not undone: which {entry.name} was made is not known.")
        return Unmake(kind, Ref(entry.kind, entry.namespace, entry.name, uid, entry.group))
    if entry.before is None:
        raise NotPossible(
            f"Not undone: the state before the {name} is not known here, or not for you to see."
        )
    return Remake(kind, entry) if entry.deletes else Restore(kind, entry)


class Unmake(Delete):
    """Delete what was made."""

    verb, past = "undo", "Undone"
    takes_related = False

    def refuse(self, why: str) -> Refusal:
        """Return the refusal."""
        return NotPossible(f"Not undone: {why}")

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the deletion, said as what it takes back."""
        change = await super().plan(client, document, actor)
        change.effect = f"Delete {self.ref.name}, which was made then."
        return change


class Restore(EditIntent):
    """Give the fields that a change touched the values that they had before."""

    verb, past = "undo", "Undone"

    def __init__(self, kind: Kind, entry: Entry) -> None:
        super().__init__(kind, entry.ref)
        self.entry = entry

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Put the values back; refuse where somebody has set others since."""
        entry = self.entry
        fields = differences(entry.before, entry.after)
        if not fields:
            raise self.refuse(f"the {entry.verb} of {self.ref.name} changed nothing.")
        hidden = [name for item in fields for name in masked_fields([item.before, item.after])]
        if hidden:
            raise self.refuse(
                f"the journal keeps no secrets, and these are some: {', '.join(hidden[:5])}."
            )
        now = redacted(target)
        since = tuple(
            Difference(item.path, item.label, item.after, value_at(now, item.path))
            for item in fields
            if (value_at(now, item.path) or None) != (item.after or None)
        )
        if since:
            raise Changed(
                f"Not undone: {self.ref.name} was changed since: {in_words(since)}. "
                "Look at it first.",
                since,
            )
        for item in fields:
            put_at(target, item.path, item.before)
        words = in_words(
            tuple(Difference(one.path, one.label, one.after, one.before) for one in fields)
        )
        return edited(f"Take back the {entry.verb} of {self.ref.name}: {words}.")


class Remake(Intent):
    """Make a deleted object again."""

    verb, past = "undo", "Undone"
    retries = False

    def __init__(self, kind: Kind, entry: Entry) -> None:
        super().__init__(kind, entry.ref)
        self.entry = entry

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Not undone"

    async def read(self, client: KubeClient) -> Document | None:
        """Return nothing; an object of the same name must not be touched."""
        try:
            await client.read(self.path)
        except NotFound:
            return None
        raise self.refuse(f"there is a {self.kind.name} {self.ref.name} again.")

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the creation of what the journal kept."""
        before = copy.deepcopy(self.entry.before or {})
        hidden = masked_fields(before)
        if hidden and self.kind.name == "Secret":
            raise self.refuse("the journal keeps no values of Secrets.")
        metadata = metadata_of(before)
        for name in (
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
        ):
            metadata.pop(name, None)
        # An owner that was deleted too has another uid once it is made again; an object whose owner
        # is not there is deleted by the cluster at once.
        metadata.pop("ownerReferences", None)
        _drop_given(self.kind.name, before)
        warnings = []
        if hidden:
            warnings.append(
                f"THESE VALUES ARE NOT KEPT AND MUST BE SET AGAIN: {', '.join(hidden[:8])}."
            )
        notes = [_LOST[self.kind.name]] if self.kind.name in _LOST else []
        effect, afterwards = f"Make {self.kind.name} {self.ref.name} again as it was.", ""
        if self.kind == kinds.VOLUME_CLAIM:
            lost = await lost_with(client, self.entry.before or {})
            if lost:
                effect = f"Make {self.kind.name} {self.ref.name} again."
                how, _, why = lost.partition(" ")
                warnings.append(f"IT COMES BACK {how.upper()} {why}.")
                afterwards = f"It is {lost}."
        elif self.kind == kinds.STATEFUL_SET and deleted_with(before):
            notes = ["Its earlier releases do not come back."]
            warnings.append(
                "ITS VOLUMES WERE DELETED WITH IT (whenDeleted: Delete): it gets empty ones."
            )
            afterwards = "Its volumes are new and empty."
        return Change(
            Request("POST", self.kind.path(self.ref.namespace), before),
            effect,
            before,
            notes,
            warnings,
            afterwards,
        )


_LOST: Final = {
    "Deployment": "Its earlier releases and what its pods held outside volumes do not come back.",
    "StatefulSet": "Its earlier releases do not come back; its volumes are used again where they are.",
    "DaemonSet": "Its earlier releases do not come back.",
    "CronJob": "Its job history and their logs do not come back.",
    "Job": "It runs again from the start; its former logs do not come back.",
}


def _drop_given(kind: str, document: Document) -> None:
    """Take away what the cluster had given the object and gives again."""
    spec = document.get("spec") or {}
    if kind == "Service":
        for name in ("clusterIP", "clusterIPs"):
            if spec.get(name) not in ("None", ["None"]):
                spec.pop(name, None)
    elif kind == "Job":
        labels = metadata_of(spec.get("template") or {}).get("labels") or {}
        for name in list(labels):
            if name.endswith(("controller-uid", "job-name")):
                labels.pop(name)
        spec.pop("selector", None)
    elif kind == "PersistentVolumeClaim":
        spec.pop("volumeName", None)
        # A claim that says it is bound to a volume which it does not name is taken for lost.
        annotations = metadata_of(document).get("annotations") or {}
        for name in list(annotations):
            if name.startswith("pv.kubernetes.io/") or name.endswith("/selected-node"):
                annotations.pop(name)


def latest(entries: list[Entry], actor: str) -> list[Entry]:
    """Return what this person did last and has not taken back: all entries of one go.

    Pods that were deleted for the change of an app have nothing to be taken back.
    `entries` are newest first. Empty where there is nothing to take back.
    """
    taken_back = {entry.undo_of for entry in entries if entry.undo_of and entry.outcome == DONE}
    for entry in entries:
        if (
            entry.actor == actor
            and entry.outcome == DONE
            and not entry.undo_of
            and not entry.part_of
            and entry.id not in taken_back
        ):
            # What was done last is taken back first.
            return [
                other
                for other in entries
                if other.batch == entry.batch
                and other.outcome == DONE
                and not other.part_of
                and other.id not in taken_back
            ]
    return []
