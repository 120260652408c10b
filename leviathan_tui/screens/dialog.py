"""What all dialogs share: each is answered once."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A dialog, which goes with its first answer."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Give an answer and go, unless it was given already.

        Keys may arrive together: a second enter, on its way when the first one is taken, would take
        away the screen underneath.
        """
        return super().dismiss(result) if self.is_active else AwaitComplete()
