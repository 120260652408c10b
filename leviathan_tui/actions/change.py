"""What commands that change the cluster share: which objects they are about."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from leviathan_tui.actions.base import LISTS, Command, Front
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.intents import Intent

GROUP: Final = "Changing"

APPS: Final = frozenset(kind.name for kind in kinds.WORKLOADS)

MakeIntent = Callable[[Kind, Ref], "Intent"]


def subjects(front: Front, wanted: frozenset[str]) -> list[Ref]:
    """Return what a change is about here: the marked rows, else the row under the cursor.

    On an app's own screen that is the app, whatever pod the cursor is on.
    """
    about = front.place.about
    if front.place.view == "app" and about is not None and about.kind in wanted:
        return [about]
    listing = front.listing
    rows = [] if listing is None else listing.chosen
    refs = [row.ref for row in rows if hasattr(row, "ref")]
    if not refs and front.subject is not None:
        refs = [front.subject]
    return [ref for ref in refs if not wanted or ref.kind in wanted]


class ChangeCommand(Command):
    """A command that changes the objects it is used on, after a confirmation."""

    group = GROUP
    views = LISTS - {"activity", "events"}
    kinds: ClassVar[frozenset[str]] = APPS
    """The kinds it can change; empty for any."""
    one_at_a_time: ClassVar[bool] = False
    """Whether it asks something about its object, and so cannot be used on several."""

    def enabled(self, front: Front) -> bool:
        """Whether there is something here that it can change."""
        return super().enabled(front) and bool(subjects(front, self.kinds))

    def run(self, front: Front) -> Awaitable[None] | None:
        """Prepare the change, have it confirmed, make it and watch it."""
        refs = subjects(front, self.kinds)
        if self.one_at_a_time and len(refs) > 1:
            front.say(f"{len(refs)} are marked: {self.title} is for one at a time.", "warn")
            return None
        return self._run(front, refs)

    async def _run(self, front: Front, refs: Sequence[Ref]) -> None:
        intents = [self.intent(await front.cluster.kind_of(ref), ref) for ref in refs]
        await front.change(intents)

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Return the wish for one object."""
        raise NotImplementedError
