"""The moment at which a snapshot's rows are on the screen.

Reading a large list, or snapshots that nothing on the screen is made of, takes processor time from
drawing: what can wait for this event waits for it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from leviathan_tui.backend.kube.kinds import Kind

_log = logging.getLogger("leviathan.feed")

TIMEOUT: Final = 1.0
"""Seconds after which the event counts as come, whether or not anything was painted."""


class FirstPaint:
    """An event of the feed's thread, set from the screen's. Has come already unless it is expected."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """`wake` is called in the loop's thread when there is something to paint, or it was."""
        self._loop = loop
        self._wake = wake
        self._event = asyncio.Event()
        self._event.set()
        self._needed: frozenset[str] = frozenset()
        self._reading = 0
        """Snapshots of needed kinds that are still being looked for."""
        self._found = False

    def expect(self, needed: Iterable[Kind]) -> None:
        """Wait for rows made of these kinds; to be called before the loop runs."""
        self._needed = frozenset(kind.name for kind in needed)
        self._event.clear()

    # In the screen's thread

    @property
    def is_set(self) -> bool:
        """Whether it has come."""
        return self._event.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether everything that is to be painted first has been read."""
        return not self.is_set and self._found and not self._reading

    def set(self) -> None:
        """The rows are on the screen."""
        with suppress(RuntimeError):
            # Where the thread has ended, nobody waits.
            self._loop.call_soon_threadsafe(self._set)

    # In the loop's thread

    def _set(self) -> None:
        self._event.set()
        # What no list showed was left out so far.
        self._wake()

    async def wait(self) -> None:
        """Wait until it has come, or long enough."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), TIMEOUT)
        self._event.set()

    def needs(self, kind: str) -> bool:
        """Whether a kind's snapshot is painted first; all are where nothing is waited for."""
        return not self._needed or kind in self._needed

    def wait_for(self, restoring: "asyncio.Task[bool]") -> None:
        """Paint nothing before a needed snapshot was looked for; the task tells if there was one."""
        if not self._event.is_set():
            self._reading += 1
            restoring.add_done_callback(self._read)

    def _read(self, restoring: "asyncio.Task[bool]") -> None:
        self._reading -= 1
        if not restoring.cancelled():
            error = restoring.exception()
            if error is None:
                self._found |= restoring.result()
            else:
                # A defect of ours: the list comes all the same.
                _log.error("a snapshot cannot be restored", exc_info=error)
        if self._reading:
            return
        if self._found:
            self._wake()
        else:
            # There is nothing to paint that anything would have to wait for.
            self._set()
