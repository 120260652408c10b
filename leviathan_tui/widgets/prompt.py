"""The line at the bottom in which a filter is typed."""

from textual import events
from textual.message import Message
from textual.widgets import Input


class Prompt(Input):
    """A filter being typed: it takes effect with each key."""

    DEFAULT_CSS = """
    Prompt { height: 1; width: 1fr; border: none; padding: 0 1; background: $panel; }
    Prompt:focus { border: none; }
    """

    class Typed(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    class Closed(Message):
        """The user is done: with the text, or without any.

        It carries the text itself: what was typed last may still be on its way as `Typed`.
        """

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, text: str) -> None:
        super().__init__(
            text, placeholder="text, /re/, !not, -l label=value, -f fuzzy", id="prompt"
        )
        self._ended = False

    def _close(self, text: str) -> None:
        self._ended = True
        self.post_message(self.Closed(text))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on, unless the user is done with it already."""
        event.stop()
        if not self._ended:
            self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        event.stop()
        self._close(self.value)

    def on_key(self, event: events.Key) -> None:
        """Escape drops the filter; the arrows go back to the list with it."""
        if event.key == "escape":
            event.stop()
            self._close("")
        elif event.key in ("down", "up"):
            event.stop()
            self._close(self.value)
