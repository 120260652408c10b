"""A dialog in which something is typed or picked: the command palette and the pickers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from leviathan_tui.screens.dialog import Dialog
from leviathan_tui.widgets.lines import Line, LineWidget
from leviathan_tui.widgets.text import apart, fit, width_of

MOST: Final = 14
"""Choices shown at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to pick."""

    value: str
    title: str
    detail: str = ""
    key: str = ""


class _Choices(LineWidget):
    DEFAULT_CSS = """
    _Choices { height: 14; width: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices: list[Choice] = []
        self.cursor = 0

    def line(self, y: int, width: int) -> Line:
        """Draw a choice."""
        top = max(0, self.cursor - MOST + 1)
        position = top + y
        if position >= len(self.choices):
            return ()
        choice = self.choices[position]
        under = " cursor" if position == self.cursor else ""
        title, key, detail = self._widths(width)
        titles = apart(frozenset(one.title for one in self.choices), title)
        # Only names are cut in their middle; the end of a sentence can be missed.
        names = apart(
            frozenset(one.detail for one in self.choices if " " not in one.detail), detail
        )
        return (
            (f" {titles[choice.title]} ", "strong" + under),
            (fit(choice.key, key), "key" + under),
            (names.get(choice.detail) or fit(choice.detail, detail), "dim" + under),
        )

    def _widths(self, width: int) -> tuple[int, int, int]:
        """Return the cells for titles, keys and details.

        Beside sentences, which the end can lack, titles stay short; beside names they have more room.
        """
        key = 10 if any(choice.key for choice in self.choices) else 1
        room = width - key - 2
        wanted = max((width_of(choice.title) for choice in self.choices), default=0)
        details = max((width_of(choice.detail) for choice in self.choices), default=0)
        spare = room - details
        if not any(" " in choice.detail for choice in self.choices):
            spare = max(spare, room * 3 // 5)
        title = max(min(24, width // 3), min(wanted, spare))
        return title, key, max(0, room - title)

    def on_click(self, event: events.Click) -> None:
        """Pick what is clicked."""
        position = max(0, self.cursor - MOST + 1) + event.y
        if position < len(self.choices):
            self.cursor = position
            self.repaint()


class ChooserScreen(Dialog[str | None]):
    """Returns the picked choice's value, the typed text behind `free`, or None."""

    AUTO_FOCUS = ""

    DEFAULT_CSS = """
    ChooserScreen { align: center top; background: $background 40%; }
    ChooserScreen > Vertical {
        width: 80%; max-width: 100; height: auto; margin-top: 2; background: $panel;
        border: round $accent;
    }
    ChooserScreen Input { border: none; height: 1; background: $panel; padding: 0 1; }
    ChooserScreen Input:focus { border: none; }
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        free: Callable[[str], str | None] = lambda text: None,
        before: Callable[[], None] = lambda: None,
        text: str = "",
    ) -> None:
        super().__init__()
        self._all = list(choices)
        self._free = free
        self._before = before
        """What is done as soon as there is an answer, before anybody hears of it."""
        self._list = _Choices()
        self._input = Input(text, placeholder=title)
        self._moved = False
        """Whether the user went to a choice: then it counts, whatever was typed before."""

    def compose(self) -> ComposeResult:
        """Put the line over the choices."""
        with Vertical():
            yield self._input
            yield self._list

    def on_mount(self) -> None:
        """Show all choices."""
        # By itself, the focus would come only where the terminal's window has it now.
        self._input.focus()
        self._narrow(self._input.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the choices that match."""
        event.stop()
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        needle = text.strip().lower()
        ranked = []
        for position, choice in enumerate(self._all):
            rank = _rank(needle, choice)
            if rank is not None:
                ranked.append((rank, position, choice))
        self._list.choices = [choice for _, _, choice in sorted(ranked, key=lambda item: item[:2])]
        self._list.cursor = 0
        self._moved = False
        self._list.repaint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed where it means something by itself, else the choice."""
        event.stop()
        text = self._input.value.strip()
        free = None if self._moved else self._free(text)
        if free is None and self._list.choices:
            free = self._list.choices[self._list.cursor].value
        if free:
            self._before()
            self.dismiss(free)
        else:
            self._list.choices = [Choice("", "nothing matches", text)]
            self._list.repaint()

    def on_key(self, event: events.Key) -> None:
        """Move among the choices; escape picks nothing."""
        step = {"down": 1, "up": -1, "ctrl+n": 1, "ctrl+p": -1}.get(event.key)
        if step is not None and self._list.choices:
            event.stop()
            event.prevent_default()
            self._list.cursor = (self._list.cursor + step) % len(self._list.choices)
            self._moved = True
            self._list.repaint()
        elif event.key == "escape":
            event.stop()
            self.dismiss(None)


def _rank(needle: str, choice: Choice) -> int | None:
    """Return how well a choice matches, 0 best; None where it does not."""
    if not needle:
        return 0
    title = choice.title.lower()
    if title == needle:
        return 0
    if title.startswith(needle):
        return 1
    if all(part in title for part in needle.split()):
        return 2
    if needle in choice.detail.lower():
        return 3
    letters = iter(title)
    return 4 if all(letter in letters for letter in needle) else None
