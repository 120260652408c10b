"""One stream out of many: lines are held back for a moment, and let go in the order of their times.

The order within a source is never changed, whatever its clock does, and the lines of a stack trace
stay with their first line.
"""

import re
from collections import deque
from itertools import accumulate, repeat
from operator import itemgetter
from typing import Final

from leviathan_tui.backend.logs.levels import inherit, levels_of
from leviathan_tui.backend.logs.ring import NOTE, Batch

WINDOW: Final = 0.25
"""Seconds for which lines wait for earlier ones of other sources."""

HOLD_TIMEOUT: Final = 1.5
"""Seconds for which sources that are ahead wait for those that still send their history."""

READ_ONCE_HOLD_TIMEOUT: Final = 10.0
"""The same where nothing is followed: there the order counts for more than being quick."""

HELD_BYTES: Final = 48 * 1024 * 1024
"""Bytes that may wait; more are let go in whatever order they are."""

_TRACE: Final = re.compile(
    rb"[ \t]+\S|Caused by: |\.\.\. \d+ more|During handling of |The above exception "
)
_PYTHON: Final = b"Traceback (most recent call last)"
_CALM: Final = frozenset(b" \t.CDT")
"""First bytes of lines that may belong to a stack trace."""

_key = itemgetter(0)
_Held = tuple[int, int, int, bytes, int]
"""Sort key, source, stamp, text, and the level of a note."""


class Merger:
    """Takes lines source by source and gives them back in order. Times are monotonic seconds."""

    def __init__(self, *, ends: bool = False) -> None:
        """Prepare to merge; with `ends`, a source sends nothing but history, until it ends."""
        self._ends = ends
        self._held: list[_Held] = []
        self._held_bytes = 0
        self._since = 0.0
        """When the oldest held lines came."""
        self._last: dict[int, int] = {}
        """The newest sort key of each source."""
        self._behind: dict[int, int] = {}
        """Sources that still send their history, with their newest sort key."""
        self._seen: deque[tuple[float, int]] = deque()
        """When lines were looked at, and the newest sort key there was then."""
        self._in_python: set[int] = set()
        self._sources: set[int] = set()
        self._notes = 0

    def __len__(self) -> int:
        """Return how many lines are held."""
        return len(self._held)

    def begin(self, source: int) -> None:
        """A source begins to send its history."""
        self._sources.add(source)
        self._behind[source] = 0

    def caught_up(self, source: int) -> None:
        """A source has sent its history, or nobody knows when it will."""
        self._behind.pop(source, None)

    def seems_caught_up(self, source: int) -> None:
        """A source is quiet, or sends what is new: where one has an end, that tells nothing."""
        if not self._ends:
            self.caught_up(source)

    def forget(self, source: int) -> None:
        """A source has ended for good."""
        self.caught_up(source)
        self._sources.discard(source)
        self._last.pop(source, None)
        self._in_python.discard(source)

    @property
    def is_behind(self) -> bool:
        """Whether any source still sends its history."""
        return bool(self._behind)

    def add(self, source: int, stamps: list[int], texts: list[bytes], now: float) -> None:
        """Take lines of one source, in their order."""
        keys: list[int] = stamps
        last = self._last.get(source, 0)
        if len(self._sources) > 1 and self._may_have_trace(source, texts):
            keys = self._with_traces(source, stamps, texts, last)
        elif stamps[0] < last or any(map(int.__lt__, stamps[1:], stamps)):
            keys = list(accumulate(stamps, max, initial=last))[1:]
        self._last[source] = keys[-1]
        if source in self._behind:
            self._behind[source] = keys[-1]
        if not self._held:
            self._since = now
        self._held.extend(zip(keys, repeat(source), stamps, texts, repeat(0), strict=False))
        self._held_bytes += sum(map(len, texts))

    def add_note(self, source: int, stamp: int, text: bytes, level: int, now: float) -> None:
        """Take a line of the console's own about a source; it stands after that source's lines."""
        key = max(stamp, self._last.get(source, 0))
        if not self._held:
            self._since = now
        self._held.append((key, source | NOTE, stamp, text, level))
        self._held_bytes += len(text)
        self._notes += 1

    def _may_have_trace(self, source: int, texts: list[bytes]) -> bool:
        return source in self._in_python or any(text and text[0] in _CALM for text in texts)

    def _with_traces(
        self, source: int, stamps: list[int], texts: list[bytes], last: int
    ) -> list[int]:
        """Return sort keys in which the lines of a trace have their first line's."""
        keys: list[int] = []
        python = source in self._in_python
        for stamp, text in zip(stamps, texts, strict=True):
            if python:
                # Its last line, the exception, is not indented; blank lines are part of it.
                python = text[:1] in b" \t"
                belongs = True
            else:
                belongs = _TRACE.match(text) is not None
                python = text.startswith(_PYTHON)
            if not last or (not belongs and stamp > last):
                last = stamp
            keys.append(last)
        (self._in_python.add if python else self._in_python.discard)(source)
        return keys

    def _is_due(self) -> bool:
        # The last of several to end may still have lines from before those of the others.
        alone = len(self._sources) < 2 and not self._ends
        return alone or self._held_bytes > HELD_BYTES

    def release(
        self, now: float, *, everything: bool = False, unread: bool = False
    ) -> Batch | None:
        """Return the lines that have waited for long enough, in order; None for none.

        With `unread`, there will be sources of which nothing is known yet.
        """
        if not self._held:
            return None
        held = self._held
        everything = everything or self._is_due()
        if not everything:
            if now - self._since >= (READ_ONCE_HOLD_TIMEOUT if self._ends else HOLD_TIMEOUT):
                self._behind.clear()
            elif unread and self._ends:
                return None
            held.sort(key=_key)
            cut = min(self._behind.values()) if self._behind else self._waited(now, held[-1][0])
            count = _count_up_to(held, cut)
            if not count:
                return None
            released, self._held = held[:count], held[count:]
        else:
            held.sort(key=_key)
            released, self._held = held, []
            self._seen.clear()
        if self._held:
            self._since = now
        _, sources, stamps, texts, own = zip(*released, strict=True)
        self._held_bytes -= sum(map(len, texts))
        levels = levels_of(texts)
        inherit(levels, texts, sources)
        if self._notes:
            for index, source in enumerate(sources):
                if source & NOTE:
                    levels[index] = own[index]
                    self._notes -= 1
        return Batch(stamps, sources, levels, texts)

    def _waited(self, now: float, newest: int) -> int:
        """Return the sort key up to which everything has waited for long enough."""
        seen = self._seen
        seen.append((now, newest))
        cut = 0
        while seen and now - seen[0][0] >= WINDOW:
            cut = max(cut, seen.popleft()[1])
        return cut


def _count_up_to(held: list[_Held], cut: int) -> int:
    low, high = 0, len(held)
    while low < high:
        middle = (low + high) // 2
        if held[middle][0] <= cut:
            low = middle + 1
        else:
            high = middle
    return low
