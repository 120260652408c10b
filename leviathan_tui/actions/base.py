"""What an action is. One class per user action.

Its docstring is its help, its `id` the name in keymaps, its keys the defaults. Actions know no Textual,
and of the door that runs them only the ports that they name.
"""

from collections.abc import Awaitable
from typing import ClassVar, Generic, TypeVar

from leviathan_tui.actions.places import LISTS, TEXTS
from leviathan_tui.actions.ports import Front, Selection
from leviathan_tui.backend.fleet.records import Ref

P_contra = TypeVar("P_contra", bound=Selection, contravariant=True)
"""The ports that an action needs: one that needs fewer runs wherever there are more."""


class Action(Generic[P_contra]):
    """A user action. Subclasses carry its facts as class attributes; the docstring is its help."""

    id: ClassVar[str]
    """Its name in keymaps, as in `open`."""
    title: ClassVar[str]
    """A word or two for the footer and the palette."""
    keys: ClassVar[tuple[str, ...]] = ()
    """Default keys in Textual's spelling."""
    group: ClassVar[str] = "General"
    """The heading under which help lists it."""
    views: ClassVar[frozenset[str]] = LISTS | TEXTS
    """Where it exists."""
    footer: ClassVar[int] = 0
    """Its place in the footer, from 1; 0 keeps it out."""
    argument: ClassVar[str] = ""
    """What may be typed behind its name in the palette; empty for a namespace only."""

    def enabled(self, front: P_contra) -> bool:
        """Whether it can be done here and now."""
        return front.place.view in self.views

    def refusal(self, front: P_contra) -> str:
        """Return why it is not done in this console, in a sentence; empty where it may be done."""
        return ""

    def run(self, front: P_contra) -> Awaitable[None] | None:
        """Do it. What takes time is returned to be awaited by the door."""
        raise NotImplementedError

    @classmethod
    def help(cls) -> str:
        """Return the help text: the docstring on one line."""
        return " ".join((cls.__doc__ or "").split())


def no_files(front: Front, not_done: str) -> str:
    """Return why nothing may be written to a file; empty where it may.

    `not_done` is the beginning of the sentence.
    """
    if not front.served:
        return ""
    return f"{not_done}: this console is served to several people and writes no files."


class ObjectAction(Action[Front]):
    """An action about the object under the cursor."""

    def enabled(self, front: Front) -> bool:
        """Whether there is an object to do it to."""
        return super().enabled(front) and front.subject is not None


def chosen_refs(front: Selection) -> list[Ref]:
    """Return the objects that are meant: of the marked rows, else the one in use."""
    refs: list[Ref] = [row.ref for row in front.chosen if hasattr(row, "ref")]
    return refs if refs or front.subject is None else [front.subject]
