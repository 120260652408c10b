"""What actions that change the cluster share: which objects they are about."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from leviathan_tui.actions.base import Action, chosen_refs
from leviathan_tui.actions.places import LISTS
from leviathan_tui.actions.ports import ChangePorts, Selection
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.intents import Intent

GROUP: Final = "Changing"

APPS: Final = frozenset(kind.name for kind in kinds.WORKLOADS)


def subjects(front: Selection, wanted: frozenset[str]) -> list[Ref]:
    """Return what a change is about here: the marked rows, else the row under the cursor.

    On an app's own screen that is the app, whatever pod the cursor is on. Nothing, where one of them
    is of another kind: what is meant is never left out without a word.
    """
    about = front.place.about
    if front.place.view == "app" and about is not None and about.kind in wanted:
        return [about]
    refs = chosen_refs(front)
    return refs if not wanted or all(ref.kind in wanted for ref in refs) else []


C_contra = TypeVar("C_contra", bound=ChangePorts, contravariant=True)
"""The ports that an action needs which changes something."""


class ChangeAction(Action[C_contra], Generic[C_contra]):
    """An action that changes the objects it is used on, after a confirmation."""

    group = GROUP
    views = LISTS - {"activity", "events"}
    kinds: ClassVar[frozenset[str]] = APPS
    """The kinds it is about; empty for any. Those that do not allow it are refused with the reason."""
    one_at_a_time: ClassVar[bool] = False
    """Whether it asks something about its object, and so cannot be used on several."""

    def enabled(self, front: C_contra) -> bool:
        """Whether there is something here that it can change."""
        return super().enabled(front) and bool(subjects(front, self.kinds))

    def run(self, front: C_contra) -> Awaitable[None] | None:
        """Prepare the change, have it confirmed, make it and watch it."""
        refs = subjects(front, self.kinds)
        if self.one_at_a_time and len(refs) > 1:
            front.say(f"{len(refs)} are marked: {self.title} is for one at a time.", "warn")
            return None
        return self._run(front, refs)

    async def _run(self, front: C_contra, refs: Sequence[Ref]) -> None:
        intents = [self.intent(await front.cluster.kind_of(ref), ref) for ref in refs]
        await front.change(intents)

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Return what is wanted of one object."""
        raise NotImplementedError
