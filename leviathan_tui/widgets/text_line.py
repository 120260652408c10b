"""A line to type in, which also takes what was typed before it was there."""

from typing import Any, Final

from textual import events
from textual.binding import Binding
from textual.widgets import Input

_EDITS: Final = frozenset(
    binding.action for binding in Input.BINDINGS if isinstance(binding, Binding)
) - {"submit"}
"""What keys are for in an input, but to be done with it."""


class OrderlyInput(Input):
    """An input that edits in the order in which keys come.

    Textual takes editing keys to the app and back: over a slow link, where keys arrive together, the
    letters behind a backspace would overtake it. Enter goes that way still, as it has to stay behind
    the keys that others take, such as a choice's arrows.
    """

    async def _on_key(self, event: events.Key) -> None:
        bound = self._bindings.key_to_bindings.get(event.key)
        if bound and bound[0].action in _EDITS and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(bound[0].action)


class TextLine(OrderlyInput):
    """An input whose offered text is replaced by the first key, as if it were selected.

    A fast typist's keys, or a slow link's, arrive together: some of them go through `take`, and the
    rest reach the line itself, which by then may or may not have got the focus.
    """

    def __init__(self, value: str = "", **options: Any) -> None:
        # Selecting at the focus would let the next key replace what was typed ahead of it.
        super().__init__(value, select_on_focus=False, **options)
        self._offered = value
        self._ahead = False
        """Whether keys were typed ahead of the focus that is yet to come."""

    def on_focus(self, event: events.Focus) -> None:
        """Select the text, as long as it is not what was just typed ahead."""
        ahead, self._ahead = self._ahead, False
        # Where the terminal got the focus back, and not this line, the cursor stays where it was.
        if not ahead and not event.from_app_focus:
            self.action_select_all()

    def take(self, event: events.Key) -> bool:
        """Do what a key does here that was pressed too early; False for one it has no use for."""
        before = "" if self.value == self._offered else self.value
        if event.key == "backspace":
            self.value = before[:-1]
        elif event.character is not None and event.is_printable:
            self.value = before + event.character
        else:
            return False
        self._offered = ""
        self._ahead = not self.has_focus
        self.cursor_position = len(self.value)
        return True
