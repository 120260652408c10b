"""Moving about in lists and texts: cursor, marks, filter."""

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.places import LISTS, LOGS, SCHEDULE, TEXTS
from leviathan_tui.actions.ports import Front

GROUP = "Moving"


class _Move(Action[Front]):
    group = GROUP
    step = 0

    def run(self, front: Front) -> None:
        if front.listing is not None:
            front.listing.move(self.step)
        else:
            front.scroll_text(self.step)


class Down(_Move):
    """Go down one row."""

    id, title, keys, step = "down", "Down", ("j", "down"), 1


class Up(_Move):
    """Go up one row."""

    id, title, keys, step = "up", "Up", ("k", "up"), -1


class _Page(Action[Front]):
    group = GROUP
    step = 0

    def run(self, front: Front) -> None:
        if front.listing is not None:
            front.listing.move(self.step * max(1, front.listing.room - 1))
        else:
            front.scroll_text(self.step, pages=True)


class PageDown(_Page):
    """Go down one page."""

    id, title, keys, step = "page-down", "Page down", ("ctrl+f", "pagedown"), 1


class PageUp(_Page):
    """Go up one page."""

    id, title, keys, step = "page-up", "Page up", ("ctrl+b", "pageup"), -1


class Top(Action[Front]):
    """Go to the first row."""

    id, title, keys, group = "top", "First", ("g", "home"), GROUP

    def run(self, front: Front) -> None:
        """Go there."""
        if front.listing is not None:
            front.listing.move_to(0)
        else:
            front.scroll_text(-1, end=True)


class Bottom(Action[Front]):
    """Go to the last row."""

    id, title, keys, group = "bottom", "Last", ("G", "end"), GROUP

    def run(self, front: Front) -> None:
        """Go there."""
        if front.listing is not None:
            front.listing.move_to(10**9)
        else:
            front.scroll_text(1, end=True)


class _Story(Action[Front]):
    group, views = GROUP, frozenset({"app"})
    step = 0

    def run(self, front: Front) -> None:
        front.scroll_text(self.step, pages=True)


class StoryDown(_Story):
    """On an app's own screen, read on in what is told above its pods."""

    id, title, keys, step, footer = "story-down", "read on", ("J",), 1, 15


class StoryUp(_Story):
    """On an app's own screen, read back in what is told above its pods."""

    id, title, keys, step = "story-up", "Read back", ("K",), -1


class Left(Action[Front]):
    """Scroll the columns back."""

    id, title, keys, group, views = "left", "Left", ("left",), GROUP, LISTS - SCHEDULE

    def run(self, front: Front) -> None:
        """Scroll."""
        if front.listing is not None:
            front.listing.scroll_columns(-1)


class Right(Action[Front]):
    """Scroll the columns on, where they do not all fit."""

    id, title, keys, group, views = "right", "Right", ("right",), GROUP, LISTS - SCHEDULE

    def run(self, front: Front) -> None:
        """Scroll."""
        if front.listing is not None:
            front.listing.scroll_columns(1)


class Mark(Action[Front]):
    """Mark the row, or take its mark away."""

    id, title, keys, group, views = "mark", "Mark", ("space",), GROUP, LISTS

    def run(self, front: Front) -> None:
        """Toggle the mark."""
        if front.listing is not None:
            front.listing.toggle_mark()


class MarkRange(Action[Front]):
    """Mark all rows from the last mark to this one."""

    id, title, keys, group, views = "mark-range", "Mark range", ("ctrl+@",), GROUP, LISTS

    def run(self, front: Front) -> None:
        """Mark them."""
        if front.listing is not None:
            front.listing.mark_range()


class Filter(Action[Front]):
    """Show only matching rows: plain text, /re/, !not, -l label=value, -f fuzzy. In a text: find."""

    id, title, keys, group, footer = "filter", "filter", ("slash",), GROUP, 90
    views = LISTS | (TEXTS - LOGS)

    def run(self, front: Front) -> None:
        """Open the prompt."""
        front.ask_filter()


class NextHit(Action[Front]):
    """In a text, go to the next place that matches."""

    id, title, keys, group, views = "next-hit", "Next hit", ("n",), GROUP, TEXTS

    def run(self, front: Front) -> None:
        """Go there."""
        front.find(1)


class PreviousHit(Action[Front]):
    """In a text, go to the previous place that matches."""

    id, title, keys, group, views = "previous-hit", "Previous hit", ("N",), GROUP, TEXTS

    def run(self, front: Front) -> None:
        """Go there."""
        front.find(-1)


ACTIONS: tuple[type[Action[Front]], ...] = (
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    StoryDown,
    StoryUp,
    Left,
    Right,
    Mark,
    MarkRange,
    Filter,
    NextHit,
    PreviousHit,
)
