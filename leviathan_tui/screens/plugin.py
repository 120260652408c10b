"""What a credential plugin says while it runs, such as where to log in and with which code."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from leviathan_tui.backend.kube.plugin_run import BY_USER, Run
from leviathan_tui.screens.dialog import Dialog
from leviathan_tui.widgets.text import fit_middle

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at what it has said."""


ENDED: Final = "ended"
"""The result after which the program was ended by its user."""

AGAIN: Final = "again"
"""The result that stands for another run."""


class PluginScreen(Dialog[str]):
    """Closes by itself once there is a credential; returns `ENDED`, `AGAIN` or nothing.

    Nothing is at the sides of the words: an address that goes over several lines can be marked and
    copied in every terminal.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "end", show=False),
        Binding("c", "copy", show=False),
        Binding("ctrl+r", "again", show=False),
    ]

    DEFAULT_CSS = """
    PluginScreen { align: center top; background: $background 40%; }
    PluginScreen > Vertical {
        width: 100%; max-width: 120; height: auto; max-height: 90%; margin-top: 2;
        background: $panel; border-top: solid $accent; border-bottom: solid $accent;
    }
    PluginScreen VerticalScroll { height: auto; max-height: 16; background: $panel; }
    PluginScreen #words { height: auto; }
    PluginScreen #state { height: auto; color: $foreground 60%; }
    PluginScreen.-failed #state { color: $warning; }
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._words = Static("", id="words", markup=False)
        self._state = Static("", id="state", markup=False)
        self._shown = ""

    def compose(self) -> ComposeResult:
        """Put the words over what can be done."""
        with Vertical() as box:
            box.border_title = Content(fit_middle(self._run.path, 70).strip())
            with VerticalScroll():
                yield self._words
            yield self._state

    def on_mount(self) -> None:
        """Begin to look."""
        self._look()
        self.set_interval(LOOK_EVERY, self._look)

    def _look(self) -> None:
        run = self._run
        if run.done and not run.failed:
            self.dismiss("")
            return
        words = run.words.strip()
        if words != self._shown:
            self._shown = words
            self._words.update(Content(words))
            self.query_one(VerticalScroll).scroll_end(animate=False)
        self.set_class(bool(run.failed), "-failed")
        copy = " · c copies the address" if self._address() else ""
        if run.failed:
            self._state.update(Content(f"{run.failed}\nesc closes · ctrl+r runs it again{copy}"))
        else:
            said = "" if words else "It has said nothing yet. "
            self._state.update(Content(f"{said}Waiting for its credential.\nesc ends it{copy}"))

    def _address(self) -> str:
        found = [word for word in self._shown.split() if word.startswith(("https://", "http://"))]
        return found[-1].rstrip(".,;:)>\"'") if found else ""

    def action_copy(self) -> None:
        """Put the address that it named last on the clipboard through the terminal (OSC 52)."""
        address = self._address()
        if address:
            self.app.copy_to_clipboard(address)

    def action_end(self) -> None:
        """End the program, or close what it said before it failed."""
        under_way = not self._run.done
        if under_way:
            self._run.end(BY_USER)
        self.dismiss(ENDED if under_way else "")

    def action_again(self) -> None:
        """Have it run again where it failed."""
        if self._run.failed:
            self.dismiss(AGAIN)
