"""What time it is in the sandbox, and the one list of everything that is due later."""

import heapq
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the present moment."""

    def time(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's own clock.

    Parameters:
        offset: seconds by which it is fast.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset

    def time(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""
        return time.time() + self._offset


class ManualClock:
    """A clock that stands still until somebody moves it.

    Parameters:
        start: seconds since 1970-01-01 UTC.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._time = start

    def time(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""
        return self._time

    def set(self, moment: float) -> None:
        """Move to `moment`, in seconds since 1970-01-01 UTC; never backwards."""
        self._time = max(self._time, moment)


class Agenda:
    """What is due later, in one heap, each thing under a key of its own.

    However many pods there are, only those that are about to change have an entry here.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.on_earlier: Callable[[], None] = lambda: None
        """Called when something has become due before everything that was known."""
        self._heap: list[tuple[float, int, Hashable]] = []
        self._actions: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._count = 0

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def put(self, key: Hashable, due: float, action: Callable[[], None]) -> None:
        """Call `action` at `due` (seconds since 1970), in place of what `key` stood for before."""
        self._count += 1
        self._actions[key] = (self._count, action)
        heapq.heappush(self._heap, (due, self._count, key))
        if self._heap[0][1] == self._count:
            self.on_earlier()

    def put_in(self, key: Hashable, delay: float, action: Callable[[], None]) -> None:
        """Call `action` in `delay` seconds, in place of what `key` stood for before."""
        self.put(key, self.clock.time() + delay, action)

    def drop(self, key: Hashable) -> None:
        """Forget what `key` stands for; unknown keys are ignored."""
        self._actions.pop(key, None)

    def planned(self) -> int:
        """Return how many things are due later."""
        return len(self._actions)

    def next_due(self) -> float | None:
        """Return when the next thing is due, in seconds since 1970; None when there is none."""
        while self._heap:
            due, count, key = self._heap[0]
            planned = self._actions.get(key)
            if planned is not None and planned[0] == count:
                return due
            heapq.heappop(self._heap)
        return None

    def run_due(self, limit: int = 500) -> int:
        """Do what is due now, at most `limit` things; return how many were done."""
        done = 0
        now = self.clock.time()
        while done < limit:
            due = self.next_due()
            if due is None or due > now:
                break
            _, _, key = heapq.heappop(self._heap)
            _, action = self._actions.pop(key)
            action()
            done += 1
        return done
