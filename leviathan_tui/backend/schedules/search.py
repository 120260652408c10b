"""The search for runs: the controller's walk over wall-clock fields, and a fast path by bit masks.

The walk is that of robfig/cron v3's `SpecSchedule.Next`, step for step, because what it does around
a change of clocks follows from its steps: a skipped midnight skips the day, a repeated hour runs
twice, and an hour loop that crosses a skipped midnight does not look at the date again. Between
changes all of that is plain arithmetic, and a whole day is produced at once.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from leviathan_tui.backend.schedules.wallclock import (
    DAY,
    HOUR,
    MINUTE,
    at,
    calm_offset,
    midnight,
    offset,
    unix_of,
)

_YEARS_SEARCHED: Final = 5


class Masks(NamedTuple):
    """Which values of each field match. Days join by "or" when `either_day`, else by "and"."""

    minute: int
    hour: int
    day_of_month: int
    month: int
    day_of_week: int
    either_day: bool

    def day_matches(self, wall: datetime) -> bool:
        """Say whether both day fields, or either, match the date on `wall`."""
        by_month = self.day_of_month >> wall.day & 1
        by_week = self.day_of_week >> (wall.isoweekday() % 7) & 1
        return bool(by_month | by_week if self.either_day else by_month & by_week)

    def matches(self, wall: datetime) -> bool:
        """Say whether month, days, hour and minute all match what `wall` shows."""
        fields = self.month >> wall.month & self.hour >> wall.hour & self.minute >> wall.minute & 1
        return bool(fields) and self.day_matches(wall)


def first_run(masks: Masks, first: int, zone: tzinfo) -> int | None:
    """Return the first run at or after the second `first`, or None within five years."""
    if not masks.minute or not masks.hour:
        return None
    return _Walk(masks, first, zone).run()


class _Walk:
    """One search. `aligned` remembers that the time has been cut to the start of a unit once."""

    def __init__(self, masks: Masks, first: int, zone: tzinfo) -> None:
        self.masks = masks
        self.zone = zone
        self.aligned = False
        self.unix = first
        self.wall = at(first, zone)

    def run(self) -> int | None:
        last_year = self.wall.year + _YEARS_SEARCHED
        while self.wall.year <= last_year:
            if self._month() and self._day() and self._hour() and self._minute() and self._second():
                return self.unix
        return None

    def _move(self, unix: int) -> None:
        self.unix = unix
        self.wall = at(unix, self.zone)

    def _align(self, day: int, hour: int = 0) -> None:
        if not self.aligned:
            self.aligned = True
            self._move(unix_of(self.zone, self.wall.year, self.wall.month, day, hour))

    def _add(self, months: int, days: int) -> None:
        wall = self.wall
        date = (wall.year, wall.month + months, wall.day + days)
        self._move(unix_of(self.zone, *date, wall.hour, wall.minute, wall.second))

    # Each step returns False when it passed into the next larger unit and the walk starts over.

    def _month(self) -> bool:
        while not self.masks.month >> self.wall.month & 1:
            self._align(1)
            self._add(1, 0)
            if self.wall.month == 1:
                return False
        return True

    def _day(self) -> bool:
        while not self.masks.day_matches(self.wall):
            self._align(self.wall.day)
            before = self.unix
            self._add(0, 1)
            # A skipped midnight shows as 23:00 or 01:00: go to the nearest midnight by the clock.
            hour = self.wall.hour
            if hour:
                self._move(self.unix + (24 - hour if hour > 12 else -hour) * HOUR)
            # Where a whole day is missing (Apia went without 2011-12-30) the controller's walk
            # turns in a circle for ever. This one goes on behind the gap.
            if self.unix <= before:
                self._move(before + DAY)
            if self.wall.day == 1:
                return False
        return True

    def _hour(self) -> bool:
        while not self.masks.hour >> self.wall.hour & 1:
            self._align(self.wall.day, self.wall.hour)
            self._move(self.unix + HOUR)
            if self.wall.hour == 0:
                return False
        return True

    def _minute(self) -> bool:
        if self.masks.minute >> self.wall.minute & 1:
            return True
        if not self.aligned:
            self.aligned = True
            self._move(self.unix - self.unix % MINUTE)
        later = self.masks.minute >> self.wall.minute
        minutes = (later & -later).bit_length() - 1 if later else 60 - self.wall.minute
        target = self.unix + minutes * MINUTE
        if offset(target, self.zone) == offset(self.unix, self.zone):
            self._move(target)
            return bool(later)
        while not self.masks.minute >> self.wall.minute & 1:
            self._move(self.unix + MINUTE)
            if self.wall.minute == 0:
                return False
        return True

    def _second(self) -> bool:
        if self.wall.second == 0:
            return True
        self.aligned = True
        while self.wall.second:
            self._move(self.unix + 60 - self.wall.second)
        return False


@lru_cache(maxsize=256)
def seconds_of_day(minute: int, hour: int) -> tuple[int, ...]:
    """Return the seconds after midnight, ascending, at which these two masks match."""
    minutes = [value * MINUTE for value in range(60) if minute >> value & 1]
    return tuple(h * HOUR + m for h in range(24) if hour >> h & 1 for m in minutes)


@lru_cache(maxsize=256)
def minutes_of_day(minute: int, hour: int) -> int:
    """Return a bit for each minute of a day at which these two masks match, midnight's the lowest."""
    return sum(minute << 60 * number for number in range(24) if hour >> number & 1)


def _rest_of_hour(masks: Masks, found: int, last: int, zone: tzinfo) -> list[int]:
    """Return `found` and the runs before `last` that follow it in the same hour by the clock.

    Only `found` when the clocks change within that hour.
    """
    wall = at(found, zone)
    end_of_hour = found + (59 - wall.minute) * MINUTE
    if offset(end_of_hour, zone) != offset(found, zone):
        return [found]
    later = range(found, min(last, end_of_hour + 1), MINUTE)
    return [unix for minute, unix in enumerate(later, wall.minute) if masks.minute >> minute & 1]


class _Day(NamedTuple):
    """A calm day: from its first run on, all that the masks of hour and minute match."""

    start: int
    """When it begins."""
    first: int
    """Its first run that counts."""


def _stretches(masks: Masks, first: int, last: int, zone: tzinfo) -> Iterator[_Day | list[int]]:
    """Yield the runs in `[first, last)`: calm days as such, what is left run by run.

    It ends where the walk finds the same time again: the controller stands still there.
    """
    found = first_run(masks, first, zone)
    times = seconds_of_day(masks.minute, masks.hour)
    while found is not None and found < last:
        wall = at(found, zone)
        ordinal = wall.toordinal()
        constant = calm_offset(zone, ordinal)
        if not masks.matches(wall):
            # The walk came here across a change of clocks and did not look at the date again.
            yield [found]
            latest = found
        elif constant is None:
            chunk = _rest_of_hour(masks, found, last, zone)
            yield chunk
            latest = chunk[-1]
        else:
            start = midnight(ordinal, constant)
            yield _Day(start, found)
            latest = start + times[-1]
        found = first_run(masks, latest + 1, zone)
        if found is not None and found <= latest:
            return


def runs(masks: Masks, first: int, last: int, zone: tzinfo) -> Iterator[Sequence[int]]:
    """Yield the runs in `[first, last)` in ascending sequences, a calm day's runs at a time."""
    times = seconds_of_day(masks.minute, masks.hour)
    for stretch in _stretches(masks, first, last, zone):
        if isinstance(stretch, _Day):
            start, found = stretch
            rest = slice(bisect_left(times, found - start), bisect_left(times, last - start))
            yield [start + second for second in times[rest]]
        else:
            yield stretch


@lru_cache(maxsize=2048)
def run_minutes(masks: Masks, first: int, last: int, zone: tzinfo) -> int:
    """Return the runs in `[first, last)` as bits: the lowest is the minute that begins at `first`.

    `first` and `last` are whole minutes, and so are the runs.
    """
    bits = 0
    day = minutes_of_day(masks.minute, masks.hour)
    for stretch in _stretches(masks, first, last, zone):
        if isinstance(stretch, _Day):
            shift = (stretch.start - first) // MINUTE
            bits |= day << shift if shift >= 0 else day >> -shift
        else:
            for unix in stretch:
                bits |= 1 << (unix - first) // MINUTE
    return bits & (1 << (last - first) // MINUTE) - 1
