"""Keys reach what they are meant for, one at a time, however close together they come."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input

HOLD_TIMEOUT: Final = 2.0
"""Seconds after which what keeps keys back keeps no more of them."""

_ROUNDS: Final = 3
"""Times that the way of a key other than a character is walked: what it caused may have caused more."""


class KeyBuffer(App[None], inherit_bindings=False):
    """An app in which a key takes its way only when that of the one before it has ended.

    Over a slow link keys arrive together. Textual hands each of them to what has the focus at once, and
    from there it wanders up to the app: the letters behind a `/` would race with the line that it opens,
    those behind a `:pods` and enter would reach the list that is about to go.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._on_its_way: events.Event | None = None
        """The key or paste that the others wait for."""
        self._left_at = 0.0
        """When that went, by the monotonic clock."""
        self._typed: events.Key | events.Paste | None = None
        """The last character given to an input that may not have taken it yet."""
        self._held: object | None = None
        """Why keys are kept back, though none is on its way."""

    def hold_keys(self) -> None:
        """Keep keys back, for another screen is about to open."""
        if self._held is not None:
            return
        held = self._held = object()
        # However long a server takes to say what was asked for, the keys are the user's.
        self.set_timer(HOLD_TIMEOUT, lambda: self.call_later(self._release, held))

    def hold_key(self, event: events.Key | events.Paste) -> bool:
        """Keep back what was on its way already; False where no keys are kept back."""
        if self._held is None or self._goes_ahead(event):
            return False
        # It came before all that wait.
        again: events.Key | events.Paste
        if isinstance(event, events.Key):
            again = events.Key(event.key, event.character)
        else:
            again = events.Paste(event.text)
        again.time = event.time
        self._waiting.appendleft(again)
        return True

    def release_keys(self) -> None:
        """Give the keys to the screen that is open now, once it is drawn."""
        self.screen.call_after_refresh(self.call_later, self._release, self._held)

    def push_screen(self, *arguments: Any, **options: Any) -> Any:
        """Open a screen over the others; what is typed from now on is for it."""
        opened = super().push_screen(*arguments, **options)
        self.hold_keys()
        self.release_keys()
        return opened

    async def on_event(self, event: events.Event) -> None:
        """Let a key or a paste take its way, or wait for its turn."""
        if not isinstance(event, (events.Key, events.Paste)):
            await super().on_event(event)
        elif not self.screen_stack:
            # The console is ending, and some key was still on its way.
            return
        elif event.is_forwarded or self._goes_ahead(event):
            await super().on_event(event)
        else:
            self._waiting.append(event)
            if time.monotonic() - self._left_at > HOLD_TIMEOUT:
                # Whatever keeps the one on its way, it cannot keep the others for ever.
                self._on_its_way = None
            await self._next()

    async def _next(self) -> None:
        while self._waiting and self._held is None and self._on_its_way is None:
            event, screen = self._waiting.popleft(), self.screen
            if self.leads_nowhere(event):
                self._typed = event
                await super().on_event(event)
                continue
            if self._typed is not None:
                # Priority bindings act here, and would find the input without its last characters.
                self._waiting.appendleft(event)
                event, self._typed = self._typed, None
                self._on_its_way, self._left_at = event, time.monotonic()
                await self._go_behind(event, screen, self._way(1))
                return
            self._on_its_way, self._left_at = event, time.monotonic()
            typed = isinstance(event, events.Key) and event.is_printable
            way = self._way(1 if typed else _ROUNDS)
            await super().on_event(event)
            await self._go_behind(event, screen, way)

    def _goes_ahead(self, event: events.Key | events.Paste) -> bool:
        """Whether a key waits for nothing: leaving does not, nor does giving up what keeps keys back."""
        if isinstance(event, events.Paste):
            return False
        given_up = event.key == "escape" and self._held is not None and not self._waiting
        return event.key == "ctrl+c" or given_up

    def leads_nowhere(self, event: events.Event) -> bool:
        """Whether a key is done where it goes, so that those behind it need not wait for it."""
        typed = isinstance(event, events.Key) and event.is_printable
        return typed and isinstance(self.focused, Input)

    async def _go_behind(
        self, event: events.Event, screen: Screen[object], way: Sequence[MessagePump]
    ) -> None:
        """Go the way of a key behind it, for each stop takes in turn what comes to it."""
        for number, stop in enumerate(way, 1):
            # One that is gone meanwhile takes nothing.
            if stop.call_later(self._go_behind, event, screen, way[number:]):
                return
        if event is not self._on_its_way or not self.screen_stack:
            return
        if self.screen is not screen:
            # It opened another, or closed one: that is to have what it takes to have the focus.
            await self._go_behind(event, self.screen, self._way(_ROUNDS))
            return
        self._on_its_way = None
        await self._next()

    def _way(self, rounds: int) -> Sequence[MessagePump]:
        """Return the way of a key, from what has the focus up to the app, so many times over."""
        # Once more to the app, which moves the focus only after it was asked to.
        return [*[*(self.focused or self.screen).ancestors_with_self] * rounds, self]

    async def _release(self, held: object | None) -> None:
        # Where those were given back already, what is held now waits for a screen of its own.
        if held is not None and held is self._held and self.screen_stack:
            self._held = None
            await self._next()
