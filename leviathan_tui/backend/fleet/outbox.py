"""The numbered messages that wait to be read.

They gather here; whoever reads them is woken at most once in a while, however many arrive. Where nobody
reads them, only what still matters is kept.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from leviathan_tui.backend.fleet import merging
from leviathan_tui.backend.fleet.messages import Message, Phase, Problem, Scope, State

WAKE_EVERY: Final = 0.08
"""Seconds between two wake-ups of the reader."""

MOST: Final = 5_000
"""Objects that may be waited for before what was overtaken is left out."""


class Outbox:
    """Messages of one feed: posted in the loop's thread, drained in any."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
        known: Callable[[], set[str]],
    ) -> None:
        """`known` returns the uids of all objects that were posted and are not gone."""
        self._loop = loop
        self._wake = wake
        self._known = known
        self._messages: list[Message] = []
        self._weight = 0
        self._most = MOST
        self._told: set[str] | None = None
        """The uids that the reader may know, since messages were merged that it has not read."""
        self._lock = threading.Lock()
        self._number = 0
        self._woken = 0.0
        self._wake_due = False

    def post(self, make: Callable[[int], Message]) -> None:
        """Append the message that `make` makes of its number, and wake the reader in due time."""
        with self._lock:
            self._number += 1
            message = make(self._number)
            self._messages.append(message)
            self._weight += merging.weight(message)
            if self._weight > self._most:
                self._merge()
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

    @property
    def weight(self) -> int:
        """Of how many objects the waiting messages tell."""
        return self._weight

    def drain(self, most: int = 0) -> list[Message]:
        """Take the messages that have gathered, all of them or `most`."""
        with self._lock:
            if not most or len(self._messages) <= most:
                taken, self._messages = self._messages, []
            else:
                taken, self._messages = self._messages[:most], self._messages[most:]
            self._weight = sum(map(merging.weight, self._messages))
            self._most = MOST
            self._told = None
        return taken

    def _merge(self) -> None:
        """Leave out what was overtaken, and number what stays anew: no number is missing."""
        if self._told is None:
            # What the reader knows is still there, or one of these messages says that it is gone.
            self._told = self._known() | merging.deleted(self._messages)
        first = self._messages[0].number
        self._messages = [
            msgspec.structs.replace(message, number=number)
            for number, message in enumerate(merging.merged(self._messages, self._told), first)
        ]
        self._number = first + len(self._messages) - 1
        self._weight = sum(map(merging.weight, self._messages))
        # Not again for every message where there is as much as this.
        self._most = max(MOST, 2 * self._weight)

    def _wake_in_time(self) -> None:
        self._wake_due = False
        self._woken = time.monotonic()
        self._wake()
