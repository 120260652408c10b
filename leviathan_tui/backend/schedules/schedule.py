"""When a schedule runs, second for second as the CronJob controller computes it."""

import abc
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import chain, islice
from typing import Final
from zoneinfo import ZoneInfo

from leviathan_tui.backend.schedules import search
from leviathan_tui.backend.schedules.fields import Field
from leviathan_tui.backend.schedules.wallclock import MINUTE

_YEARS: Final = range(1900, 9990)
"""Years in which the calendar arithmetic cannot leave Python's range; no cron job runs outside."""


class Schedule(abc.ABC):
    """What `parse` returns: five fields or an interval, asked the same questions."""

    expression: str

    @abc.abstractmethod
    def next_after(
        self, moment: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> datetime | None:
        """Return the first run after `moment` (aware), in `zone`, or None when none is found.

        The search ends five years on. `anchor` is the last schedule time, or the creation of the
        cron job before its first run: `@every` counts from it, and from `moment` without it.
        """

    @abc.abstractmethod
    def chunks_between(
        self, start: datetime, end: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield the runs from `start` (included) to `end` (excluded) as runs of Unix seconds.

        Ascending within and across the sequences. This is the fast path for timelines: a sequence
        holds up to a day, and nothing is computed run by run.
        """

    @abc.abstractmethod
    def minutes_between(
        self, start: int, end: int, zone: tzinfo, anchor: datetime | None = None
    ) -> int:
        """Return a bit for each minute from `start` to `end` (excluded) in which it runs.

        Both are Unix seconds at the beginning of a minute; the lowest bit is `start`'s minute. A
        week of a schedule that runs every minute takes seven steps.
        """

    def runs_between(
        self,
        start: datetime,
        end: datetime,
        zone: tzinfo,
        limit: int | None = None,
        anchor: datetime | None = None,
    ) -> Iterator[datetime]:
        """Yield the runs from `start` (included) to `end` (excluded), `limit` at most."""
        seconds = chain.from_iterable(self.chunks_between(start, end, zone, anchor))
        return (datetime.fromtimestamp(unix, zone) for unix in islice(seconds, limit))


@dataclass(frozen=True)
class CronSchedule(Schedule):
    """Five fields. `own_zone` is that of an old `TZ=` prefix and wins over the zone asked with."""

    expression: str
    minute: Field
    hour: Field
    day_of_month: Field
    month: Field
    day_of_week: Field
    own_zone: ZoneInfo | None = None

    @property
    def masks(self) -> search.Masks:
        """The bit masks that the search works on."""
        return search.Masks(
            self.minute.mask,
            self.hour.mask,
            self.day_of_month.mask,
            self.month.mask,
            self.day_of_week.mask,
            either_day=not (self.day_of_month.star or self.day_of_week.star),
        )

    def next_after(
        self, moment: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> datetime | None:
        """Return the first run after `moment`, whatever the anchor; see `Schedule.next_after`."""
        if moment.year not in _YEARS:
            return None
        first = math.floor(moment.timestamp()) + 1
        found = search.first_run(self.masks, first, self.own_zone or zone)
        return None if found is None else datetime.fromtimestamp(found, zone)

    def chunks_between(
        self, start: datetime, end: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield the runs in `[start, end)`; see `Schedule.chunks_between`."""
        if start.year not in _YEARS or end.year not in _YEARS:
            return iter(())
        first, last = math.ceil(start.timestamp()), math.ceil(end.timestamp())
        return search.runs(self.masks, first, last, self.own_zone or zone)

    def minutes_between(
        self, start: int, end: int, zone: tzinfo, anchor: datetime | None = None
    ) -> int:
        """Return the minutes in `[start, end)` in which it runs; see `Schedule.minutes_between`."""
        return search.run_minutes(self.masks, start, end, self.own_zone or zone)


@dataclass(frozen=True)
class IntervalSchedule(Schedule):
    """`@every`: one run each `seconds`, counted from the anchor whatever the clocks do."""

    expression: str
    seconds: int

    def next_after(
        self, moment: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> datetime | None:
        """Return the first run after `moment`; see `Schedule.next_after`."""
        base = math.floor((anchor or moment).timestamp())
        steps = (math.floor(moment.timestamp()) - base) // self.seconds + 1
        try:
            return datetime.fromtimestamp(base + max(steps, 1) * self.seconds, zone)
        except (OverflowError, ValueError):  # an interval of centuries leaves the calendar
            return None

    def chunks_between(
        self, start: datetime, end: datetime, zone: tzinfo, anchor: datetime | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield the runs in `[start, end)` as one range; see `Schedule.chunks_between`."""
        base = math.floor((anchor or start).timestamp())
        steps = -((base - math.ceil(start.timestamp())) // self.seconds)
        yield range(base + max(steps, 1) * self.seconds, math.ceil(end.timestamp()), self.seconds)

    def minutes_between(
        self, start: int, end: int, zone: tzinfo, anchor: datetime | None = None
    ) -> int:
        """Return the minutes in `[start, end)` in which it runs; see `Schedule.minutes_between`."""
        if self.seconds <= MINUTE:
            base = start if anchor is None else math.floor(anchor.timestamp())
            before = max(0, base + self.seconds - start) // MINUTE
            return (1 << (end - start) // MINUTE) - 1 >> before << before
        first, last = datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone)
        bits = 0
        for chunk in self.chunks_between(first, last, zone, anchor):
            for unix in chunk:
                bits |= 1 << (unix - start) // MINUTE
        return bits
