"""A small editor, for where there is no other."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from leviathan_tui.backend.untrusted import clean
from leviathan_tui.screens.dialog import Dialog


class EditorScreen(Dialog[str | None]):
    """Returns the edited text, or None."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False, priority=True),
        Binding("ctrl+s", "save", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    EditorScreen { align: center middle; background: $background 60%; }
    EditorScreen > Vertical { width: 96%; height: 94%; background: $panel; border: round $accent; }
    EditorScreen TextArea { height: 1fr; border: none; padding: 0; }
    EditorScreen Static { height: 1; color: $foreground 70%; }
    """

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self._area = TextArea(text, show_line_numbers=True, tab_behavior="indent")
        self._title = name

    def compose(self) -> ComposeResult:
        """Put the text over the keys."""
        with Vertical():
            yield Static(Content(clean(self._title, 100)), markup=False)
            yield self._area
            yield Static(Content("ctrl-s try it at the cluster   esc leave"), markup=False)

    def on_mount(self) -> None:
        """Begin in the text, also where the terminal's window has no focus now."""
        self._area.focus()

    def action_save(self) -> None:
        """Return the text."""
        self.dismiss(self._area.text)
