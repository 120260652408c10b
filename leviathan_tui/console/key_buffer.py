"""Keys that are typed while one screen gives way to another."""

from typing import Final

from textual import events
from textual.app import App

HOLD_TIMEOUT: Final = 2.0
"""Seconds for which keys are kept back at most."""


class KeyBuffer(App[None], inherit_bindings=False):
    """An app that can keep keys back until the screen is there that they are meant for.

    Over a slow link keys arrive together: those behind a `:pods` and enter would reach the list that
    is about to go.
    """

    _held: list[events.Key] | None = None

    def hold_keys(self) -> None:
        """Keep keys back, for another screen is about to open."""
        if self._held is not None:
            return
        held: list[events.Key] = []
        self._held = held
        # However long a server takes to say what was asked for, the keys are the user's.
        self.set_timer(HOLD_TIMEOUT, lambda: self.call_later(self._release, held))

    def hold_key(self, event: events.Key) -> bool:
        """Keep a key back; False where none are."""
        if self._held is None or event.key in ("ctrl+c", "escape"):
            return False
        self._held.append(events.Key(event.key, event.character))
        return True

    def release_keys(self) -> None:
        """Give the keys to the screen that is open now, once it is drawn."""
        # In the app's own turn: meanwhile no other key can overtake them.
        self.screen.call_after_refresh(self.call_later, self._release, self._held)

    async def on_event(self, event: events.Event) -> None:
        """Keep a key back, or let it take its way."""
        ours = isinstance(event, events.Key) and not event.is_forwarded
        if not (ours and self.hold_key(event)):  # type: ignore[arg-type]
            await super().on_event(event)

    async def _release(self, held: list[events.Key] | None) -> None:
        if held is None or held is not self._held:
            # Those were given back already; what is held now waits for a screen of its own.
            return
        self._held = None
        for key in held:
            await super().on_event(key)
