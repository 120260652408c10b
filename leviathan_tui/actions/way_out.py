"""The way out of Terminating."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from leviathan_tui.actions.change import ChangeAction, subjects
from leviathan_tui.actions.navigation import EXPLAINED
from leviathan_tui.actions.places import LISTS
from leviathan_tui.actions.ports import ChangePorts, Option, Selection
from leviathan_tui.backend import changes
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import objects

if TYPE_CHECKING:
    from leviathan_tui.backend.kube.kinds import Kind

_ABOUT_ONE: Final = frozenset({"app", "yaml", "describe", "explain"})
"""The views that are about one object, whatever row the cursor is on."""


def is_leaving(row: Any) -> bool:
    """Whether a row is that of an object that is being deleted."""
    return bool(getattr(row, "deleting", False))


def leaving(front: Selection, wanted: frozenset[str]) -> list[Ref]:
    """Return the marked rows, else the row under the cursor, where anything of it is being deleted.

    What is marked and stays is among them: it is never left out without a word. On the screen of one
    object, that object where none of the rows is being deleted.
    """
    chosen = front.chosen
    refs: list[Ref] = [row.ref for row in chosen] if any(map(is_leaving, chosen)) else []
    about = front.place.about
    if not refs and about is not None and front.place.view in _ABOUT_ONE:
        # What no list has a row of is explained only while it is being deleted.
        told = front.place.view == "explain" and about.kind not in EXPLAINED
        refs = [about] if told or is_leaving(front.cluster.store.row(about.uid)) else []
    return [ref for ref in refs if not wanted or ref.kind in wanted]


class _Leaving(ChangeAction[ChangePorts]):
    """An action on one object that is being deleted."""

    views = (LISTS - {"activity", "events"}) | _ABOUT_ONE
    kinds: ClassVar[frozenset[str]] = frozenset()

    def enabled(self, front: ChangePorts) -> bool:
        """Whether something here is being deleted."""
        return front.place.view in self.views and bool(leaving(front, self.kinds))

    def run(self, front: ChangePorts) -> Awaitable[None] | None:
        """Do it to what is being deleted here, or to what was named."""
        refs = leaving(front, self.kinds) or subjects(front, self.kinds)
        if len(refs) != 1:
            front.say(f"Not done: {len(refs)} objects, and this is for one at a time.", "warn")
            return None
        return self._run(front, refs)


class WayOut(_Leaving):
    """The way out for what does not end: force delete a pod, or remove a finalizer."""

    id, title, keys, footer = "way-out", "way out", ("ctrl+x",), 1

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        kind, document = await _read(front, ref)
        ways = changes.way_out
        options = [Option(name, name, what) for name, what in ways.options_for(kind, document)]
        if not options:
            raise ways.nothing_holds(ref, document)
        chosen: str | None = options[0].value
        if len(options) > 1:
            chosen = await front.choose(f"way out for {ref.name}", options)
        if chosen is not None:
            await front.change([ways.intent_for(kind, ref, chosen)])


class ForceDelete(_Leaving):
    """Delete a pod that does not end, whether or not its containers have ended."""

    id, title, kinds = "force-delete", "Force delete", frozenset({"Pod"})

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        kind = await front.cluster.kind_of(refs[0])
        await front.change([changes.way_out.ForceDelete(kind, refs[0])])


class RemoveFinalizer(_Leaving):
    """Remove one finalizer of what is being deleted: `remove-finalizer FINALIZER`."""

    id, title, argument = "remove-finalizer", "Remove finalizer", "FINALIZER"

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        ways, chosen = changes.way_out, front.argument.strip()
        if chosen:
            kind = await front.cluster.kind_of(ref)
        else:
            kind, document = await _read(front, ref)
            options = [
                Option(name, name, what)
                for name, what in ways.options_for(kind, document)
                if name != ways.FORCE
            ]
            if not options:
                raise ways.nothing_holds(ref, document)
            chosen = await front.choose(f"finalizer of {ref.name} to remove", options) or ""
        if chosen:
            await front.change([ways.RemoveFinalizer(kind, ref, chosen)])


async def _read(front: ChangePorts, ref: Ref) -> "tuple[Kind, dict[str, Any]]":
    kind = await front.cluster.kind_of(ref)
    path = kind.path(ref.namespace, ref.name)
    return kind, await front.cluster.ask(lambda client: objects.read_object(client, path))


ACTIONS: tuple[type[_Leaving], ...] = (WayOut, ForceDelete, RemoveFinalizer)
