"""The journal, taking back what it says, and deleting."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from leviathan_tui.actions.base import Action, no_files
from leviathan_tui.actions.change import GROUP, ChangeAction, subjects
from leviathan_tui.actions.places import LISTS, Place
from leviathan_tui.actions.ports import ChangePorts, Front
from leviathan_tui.backend import changes
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.kinds import Kind

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.intents import Intent


class Delete(ChangeAction[ChangePorts]):
    """Delete what is marked or under the cursor; for an app, with what belongs to it and is ticked."""

    id, title, keys, footer = "delete", "delete", ("ctrl+d",), 8
    views = LISTS - {"events", "activity", "nodes"}
    kinds = frozenset()

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Delete it."""
        return changes.jobs.Delete(kind, ref)

    def run(self, front: ChangePorts) -> Awaitable[None] | None:
        """Delete it: on an app's screen the pod under the cursor, else what is marked."""
        refs = subjects(front, self.kinds)
        if front.place.view == "app" and front.subject is not None:
            refs = [front.subject]
        return self._run(front, refs)


class ShowActivity(Action[Front]):
    """The journal: who did what, when, and what became of it."""

    id, title, keys, group = "activity", "Activity", ("a",), "Going"

    def run(self, front: Front) -> None:
        """Open it."""
        front.open(Place("activity"))


class Undo(Action[ChangePorts]):
    """Take back what you did last; in the activity, the entry under the cursor."""

    id, title, keys, group, views, footer = "undo", "undo", ("u",), GROUP, LISTS, 9

    def run(self, front: ChangePorts) -> Awaitable[None] | None:
        """Take it back, after a confirmation."""
        return self._undo(front)

    async def _undo(self, front: ChangePorts) -> None:
        entries = await front.activity()
        row = front.row
        if front.place.view == "activity":
            entry = getattr(row, "entry", None)
            chosen = [one for one in entries if entry is not None and one.id == entry.id]
        else:
            chosen = changes.undo.latest(entries, front.who)
        if not chosen:
            front.say("There is nothing of yours to take back.", "warn")
            return
        server = front.cluster.target.cluster.server
        intents: list[Intent] = []
        for entry in chosen:
            kind = await front.cluster.kind_of(entry.ref)
            try:
                intents.append(changes.undo.undo(entry, kind, server))
            except Refusal as refusal:
                if front.place.view == "activity":
                    raise
                front.say(f"{refusal.message} a shows earlier changes; u there undoes one.", "warn")
                return
        await front.change(intents)


class Export(Action[Front]):
    """Write the journal to a file, as JSON lines."""

    id, title, group, views = "export", "Export journal", "Looking", frozenset({"activity"})

    def refusal(self, front: Front) -> str:
        """Refuse it where no files are written."""
        return no_files(front, "Not exported")

    def run(self, front: Front) -> Awaitable[None] | None:
        """Ask for the file and write it."""
        return self._export(front)

    async def _export(self, front: Front) -> None:
        path = await front.ask("File to write the journal to:", "journal.jsonl", _path)
        if path is not None:
            await front.export_journal(path)


def _path(text: str) -> str:
    return "" if text.strip() else "A file's name."


ACTIONS: tuple[type[Action[Front]], ...] = (Delete, ShowActivity, Undo, Export)
