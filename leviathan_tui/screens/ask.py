"""A dialog in which one line is typed, checked as it is typed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from leviathan_tui.actions.ports import Check
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.dialog import Dialog

MEANING = "= "
"""What a check returns for a text that is fine begins with this where it says what it means."""


class AskScreen(Dialog[str | None]):
    """Returns the typed text once it passes its check, or None."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]

    DEFAULT_CSS = """
    AskScreen { align: center top; background: $background 40%; }
    AskScreen > Vertical {
        width: 80%; max-width: 100; height: auto; margin-top: 2; padding: 0 1; background: $panel;
        border: round $accent;
    }
    AskScreen Input { border: none; height: 1; background: $surface; padding: 0 1; }
    AskScreen Input:focus { border: none; }
    AskScreen #said { color: $warning; height: 1; }
    AskScreen #said.-fine { color: $success; }
    """

    def __init__(self, question: str, text: str, check: Check) -> None:
        super().__init__()
        self._question = question
        self._check = check
        self._input = Input(text)
        self._said = Static("", id="said", markup=False)

    def compose(self) -> ComposeResult:
        """Put the line under the question."""
        with Vertical():
            yield Static(Content(clean(self._question, 200)), markup=False)
            yield self._input
            yield self._said

    def on_mount(self) -> None:
        """Judge what is offered."""
        # By itself, the focus would come only where the terminal's window has it now.
        self._input.focus()
        self._judge(self._input.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong while it is typed."""
        event.stop()
        self._judge(event.value)

    def _judge(self, text: str) -> bool:
        verdict = self._check(text)
        fine = not verdict or verdict.startswith(MEANING)
        self._said.set_class(fine, "-fine")
        self._said.update(Content(clean(verdict, 200)))
        return fine

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it where it is fine."""
        event.stop()
        if self._judge(self._input.value):
            self.dismiss(self._input.value.strip())
