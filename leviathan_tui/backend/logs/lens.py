"""The part of a ring that is shown: the lines that meet a query, with context, found bit by bit.

What is new is looked at first, then what was there before, backwards from the newest: whoever filters
sees the end of the log at once.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from leviathan_tui.backend.logs.query import Matcher, Query
from leviathan_tui.backend.logs.ring import Ring


class Lens:
    """Numbers of lines in order, as a sequence. Belongs to one thread."""

    def __init__(self, ring: Ring, query: Query, names: Sequence[str], context: int = 0) -> None:
        self.ring = ring
        self.query = query
        self.context = context
        self._matcher = Matcher(query, names)
        self._all = query.is_empty
        start = ring.end
        self._low = start
        """Everything from here to `_high` has been looked at."""
        self._high = start
        self._older: array[int] = array("Q")
        """What was found before the start, the newest first."""
        self._newer: array[int] = array("Q")
        self._skip = 0
        """So many of `_newer` are gone from the ring."""
        self._owed = 0
        """Lines up to here are context of the newest hit."""
        self.hits = 0
        """Lines that meet the query, those gone since included."""

    # As a sequence

    def __len__(self) -> int:
        """Return how many lines are shown."""
        if self._all:
            return len(self.ring)
        return len(self._older) + len(self._newer) - self._skip

    def __getitem__(self, index: int) -> int:
        """Return the number of the line at a position."""
        if self._all:
            return self.ring.first + index
        older = len(self._older)
        if index < older:
            return self._older[older - 1 - index]
        return self._newer[index - older + self._skip]

    def index(self, number: int) -> int:
        """Return the position of the first line with this number or a later one."""
        if self._all:
            first = self.ring.first
            return min(max(0, number - first), len(self.ring))
        if self._older and number <= self._older[0]:
            # The newest is first there: the position counts from its end.
            low, high = 0, len(self._older)
            while low < high:
                middle = (low + high) // 2
                if self._older[middle] >= number:
                    low = middle + 1
                else:
                    high = middle
            return len(self._older) - low
        return len(self._older) + bisect_left(self._newer, number, self._skip) - self._skip

    def after(self, number: int) -> int | None:
        """Return the first line behind this one; None where there is none."""
        position = self.index(number + 1)
        return self[position] if position < len(self) else None

    def before(self, number: int) -> int | None:
        """Return the last line before this one; None where there is none."""
        position = self.index(number) - 1
        return self[position] if position >= 0 else None

    def is_hit(self, number: int) -> bool:
        """Whether a line meets the query itself, instead of being context."""
        if self._all or not self.context:
            return True
        line = self.ring.line(number)
        return line is not None and self._matcher.meets(line)

    # Looking

    @property
    def is_complete(self) -> bool:
        """Whether everything in the ring has been looked at."""
        return self._all or (self._low <= self.ring.first and self._high >= self.ring.end)

    def step(self, seconds: float) -> bool:
        """Look at what is new, then at older lines, for at most so long; True where more is left."""
        if self._all:
            return False
        end = time.perf_counter() + seconds
        self._forget_gone()
        while self._high < self.ring.end:
            self._look_ahead()
            if time.perf_counter() > end:
                return True
        while self._low > self.ring.first:
            if not self._look_back():
                break
            if time.perf_counter() > end:
                return True
        return False

    def _look_ahead(self) -> None:
        block = self.ring.block_at(self._high)
        if block is None:
            # It went before it could be looked at.
            self._high = max(self._high + 1, self.ring.first)
            return
        found = self._matcher.find(block, self._high, block.end)
        self.hits += len(found)
        if not self.context:
            self._newer.extend(found)
        else:
            last = self._newer[-1] if len(self._newer) > self._skip else self._newest_older()
            shown: list[int] = list(range(max(last + 1, self._high), min(self._owed, block.end)))
            last = shown[-1] if shown else last
            for hit in found:
                begin = max(last + 1, hit - self.context, self.ring.first)
                until = min(hit + self.context + 1, block.end)
                shown += range(begin, until)
                last = max(last, until - 1)
                self._owed = hit + self.context + 1
            self._newer.extend(shown)
        self._high = block.end

    def _newest_older(self) -> int:
        return self._older[0] if self._older else -1

    def _look_back(self) -> bool:
        block = self.ring.block_at(self._low - 1)
        if block is None:
            return False
        found = self._matcher.find(block, block.first, min(self._low, block.end))
        self.hits += len(found)
        if not self.context:
            found.reverse()
            self._older.extend(found)
        else:
            first = self.ring.first
            least = self._least()
            for hit in reversed(found):
                until = min(least, hit + self.context + 1)
                begin = max(first, hit - self.context)
                self._older.extend(range(until - 1, begin - 1, -1))
                least = min(least, begin)
                # Its context may not have been written yet.
                self._owed = max(self._owed, hit + self.context + 1)
        self._low = block.first
        return True

    def _least(self) -> int:
        if self._older:
            return self._older[-1]
        return self._newer[self._skip] if len(self._newer) > self._skip else self.ring.end

    def _forget_gone(self) -> None:
        first = self.ring.first
        while self._older and self._older[-1] < first:
            self._older.pop()
        if not self._older:
            self._skip = bisect_right(self._newer, first - 1, self._skip) if first else 0
            if self._skip > 4096:
                del self._newer[: self._skip]
                self._skip = 0
        self._low = max(self._low, first)
        self._high = max(self._high, first)
