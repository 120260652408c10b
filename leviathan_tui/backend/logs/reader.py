"""What somebody reads: a part of some objects' logs, through a filter, with something looked for.

Knows the store and the logs' thread, but no screen: the screen asks it for numbers of lines.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import Diff
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.logs.follower import Follower
from leviathan_tui.backend.logs.intake import Progress
from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.pod_selection import PodSelection
from leviathan_tui.backend.logs.query import Query, parse_query, parse_term
from leviathan_tui.backend.logs.ring import LINES, Batch, Ring
from leviathan_tui.backend.logs.sources import LogRange, Source, short_names
from leviathan_tui.backend.logs.stamps import SECOND
from leviathan_tui.backend.logs.thread import LogThread

SLICE: Final = 0.008
"""Seconds for which looking through lines may keep whoever asks from other things."""

_LOOK_BACK: Final = 200
"""Errors among which the application's own last words are looked for."""


class _Output:
    """Takes lines in the logs' thread, and wakes the reader once until it has looked."""

    def __init__(self, ring: Ring, wake: Callable[[], object]) -> None:
        self.woken = False
        self._ring = ring
        self._wake = wake

    def append(self, batch: Batch) -> None:
        """Keep lines."""
        self._ring.append(batch)
        if not self.woken:
            self.woken = True
            self._wake()


class Reader:
    """See the module's docstring. `wake` is called in the logs' thread when there are new lines."""

    def __init__(
        self,
        store: Store,
        thread: LogThread,
        refs: Sequence[Ref],
        wake: Callable[[], object],
        *,
        lines: int = LINES,
        spill: bool = False,
    ) -> None:
        """Prepare to read; keep `lines` lines, and with `spill` the older ones in a file."""
        self._thread = thread
        self._wake = wake
        self._lines = lines
        self._spill = spill
        self.selection = PodSelection(store, refs)
        self.opening_range = self.log_range = self.selection.opening_range()
        self.filter = ""
        """What lines must have, as it was typed."""
        self.level = Level.NONE
        """The least grave level that is shown."""
        self.context = 0
        """Lines shown around each that the filter finds."""
        self.needle = ""
        """What is looked for, as it was typed."""
        self.names: dict[int, str] = {}
        """The sources' short names by index."""
        self.searched: list[str] = []
        """What `@` in a filter looks in, by the index of the source."""
        self._rate = (0.0, 0, 0.0)
        self._make()

    def _make(self) -> None:
        self.ring = Ring(self._lines, spill=self._spill)
        self._output = _Output(self.ring, self._wake)
        self.follower = Follower(self._thread, self._output, self.log_range)
        self.lens = Lens(self.ring, Query(), self.searched)
        self.hits: Lens | None = None

    @property
    def progress(self) -> Progress:
        """How far the following is."""
        return self.follower.progress

    @property
    def sources(self) -> Sequence[Source]:
        """What lines come from."""
        return self.follower.sources

    # Reading

    def begin(self) -> bool:
        """Follow the present pods; False where there are none."""
        pods = self.selection.pods()
        self.follower.show(pods)
        return bool(pods)

    def pods_changed(self, diff: Diff) -> bool:
        """Take in a change of the store's pods; False where it is none of these."""
        if not self.selection.concerns(diff):
            return False
        self.begin()
        return True

    def read_anew(self, log_range: LogRange) -> bool:
        """Read another part of the logs from its beginning; False where there are no pods."""
        self.end()
        self.log_range = log_range
        self.searched, self.names = [], {}
        self._rate = (0.0, 0, 0.0)
        self._make()
        self.look_through(self.filter, self.level, self.context)
        return self.begin()

    def end(self) -> None:
        """End all streams."""
        self.follower.stop()
        self.ring.close()

    def advance(self) -> bool:
        """Look through what is new for a slice of time; True where more is left."""
        self._output.woken = False
        more = self.lens.step(SLICE)
        if self.hits is not None:
            more = self.hits.step(SLICE) or more
        return more

    def name_sources(self) -> bool:
        """Give new sources their names; False where there are none."""
        sources = list(self.sources)
        known = len(self.searched)
        if len(sources) == known:
            return False
        self.searched += [
            f"{source.label}/{source.pod}/{source.container}".lower() for source in sources[known:]
        ]
        self.names = short_names(sources)
        return True

    def rate(self) -> float:
        """Return how many lines a second come."""
        now = time.monotonic()
        at, count, rate = self._rate
        if now - at >= 1.0:
            end = self.ring.end
            rate = (end - count) / (now - at) if at else 0.0
            self._rate = (now, end, rate)
        return rate

    # Looking

    def _query(self) -> Query:
        return parse_query(self.filter, self.level)

    def look_through(self, text: str, level: Level, context: int) -> None:
        """Show only lines that meet a filter. Raises `QueryError` and leaves the present one then."""
        query = parse_query(text, level)
        self.filter, self.level, self.context = text.strip(), level, context
        self.lens = Lens(self.ring, query, self.searched, context)
        self.look_for(self.needle)

    def look_for(self, text: str) -> None:
        """Look for something in the lines that are shown. Raises `QueryError`."""
        self.needle, self.hits = text.strip(), None
        if self.needle:
            query = self._query().with_term(parse_term(self.needle))
            self.hits = Lens(self.ring, query, self.searched)

    def hit(self, here: int, step: int) -> int | None:
        """Return the next (1) or previous (-1) hit, or the nearest at or before a line (0).

        Behind the last comes the first again.
        """
        hits = self.hits
        if hits is None:
            return None
        while True:
            more = hits.step(SLICE)
            found = hits.after(here) if step > 0 else hits.before(here if step < 0 else here + 1)
            if found is not None or not more:
                break
        if found is None and len(hits):
            found = hits[0] if step > 0 else hits[len(hits) - 1]
        return found

    def _errors(self) -> Lens:
        query = Query(self._query().terms, max(self.level, Level.ERROR))
        errors = Lens(self.ring, query, self.searched)
        while errors.step(1.0):
            pass
        return errors

    def error(self, here: int, step: int) -> int | None:
        """Return the next or previous error; None where there is none."""
        errors = self._errors()
        return errors.after(here) if step > 0 else errors.before(here)

    def last_error(self) -> int | None:
        """Return what went wrong last: the application's own words rather than the console's."""
        errors = self._errors()
        newest = len(errors) - 1
        for position in range(newest, max(-1, newest - _LOOK_BACK), -1):
            line = self.ring.line(errors[position])
            if line is not None and not line.is_note:
                return line.number
        return errors[newest] if newest >= 0 else None

    def at_moment(self, moment: float) -> int | None:
        """Return the first shown line as late as a moment, or the last; None where none is shown.

        A moment before everything that was asked for reads from there on anew.
        """
        stamp = int(moment * SECOND)
        oldest = self.ring.line(self.ring.first)
        complete = not (self.log_range.tail or self.log_range.seconds or self.log_range.since)
        if oldest is None or (stamp < oldest.stamp and not complete):
            self.read_anew(LogRange(since=stamp))
            return None
        return self.nearest(moment)

    def nearest(self, moment: float) -> int | None:
        """Return the first shown line as late as a moment, or the last; None where none is shown."""
        position = self.lens.index(self.ring.at_or_after(int(moment * SECOND)))
        position = min(position, len(self.lens) - 1)
        return self.lens[position] if position >= 0 else None
