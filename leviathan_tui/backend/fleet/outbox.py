"""The numbered messages that wait to be read.

They gather here; whoever reads them is woken at most once in a while, however many arrive.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

from leviathan_tui.backend.fleet.messages import Message, Phase, Problem, Scope, State

WAKE_EVERY: Final = 0.08
"""Seconds between two wake-ups of the reader."""


class Outbox:
    """Messages of one feed: posted in the loop's thread, drained in any."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._messages: list[Message] = []
        self._lock = threading.Lock()
        self._number = 0
        self._woken = 0.0
        self._wake_due = False

    def post(self, make: Callable[[int], Message]) -> None:
        """Append the message that `make` makes of its number, and wake the reader in due time."""
        self._number += 1
        with self._lock:
            self._messages.append(make(self._number))
        if self._wake_due:
            return
        self._wake_due = True
        wait = self._woken + WAKE_EVERY - time.monotonic()
        if wait <= 0:
            self._wake_in_time()
        else:
            self._loop.call_later(wait, self._wake_in_time)

    def post_state(
        self, scope: Scope, phase: Phase, at: float, problem: Problem | None = None
    ) -> None:
        """Tell that a scope's phase changed, `at` seconds since the epoch."""
        self.post(
            lambda number: State(number=number, scope=scope, phase=phase, at=at, problem=problem)
        )

    def wake(self) -> None:
        """Wake the reader at once, whether or not there is a message."""
        self._wake()

    def drain(self, most: int = 0) -> list[Message]:
        """Take the messages that have gathered, all of them or `most`."""
        with self._lock:
            if not most or len(self._messages) <= most:
                taken, self._messages = self._messages, []
            else:
                taken, self._messages = self._messages[:most], self._messages[most:]
        return taken

    def _wake_in_time(self) -> None:
        self._wake_due = False
        self._woken = time.monotonic()
        self._wake()
