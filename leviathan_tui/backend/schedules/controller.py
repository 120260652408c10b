"""What the CronJob controller makes of a schedule: which run it starts now, late or on time, if any.

It keeps no list of what is due. It looks when the next run should start, and at every change of the cron job,
and then asks for the most recent time since the last run; what comes of that is often not the newest run.
Its rule was read in, and is tested against, Kubernetes 1.37. All times are in Unix seconds.
Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-limitations
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from enum import IntEnum
from typing import Final, NamedTuple

from leviathan_tui.backend.schedules.schedule import IntervalSchedule, Schedule

MANY: Final = 100
"""Above so many missed runs, the controller warns of a wrong clock."""


class Missed(IntEnum):
    """How many runs the controller takes to be missed, by a rough estimate of its own."""

    NONE = 0
    FEW = 1
    MANY = 2


class Recent(NamedTuple):
    """The most recent time at which a run should have started."""

    time: int | None
    missed: Missed
    invalid: bool = False
    """Whether the controller takes the schedule for invalid, and starts nothing."""


def most_recent(
    schedule: Schedule, zone: tzinfo, anchor: int, now: int, deadline: int | None = None
) -> Recent:
    """Return the most recent start time at `now`.

    `anchor` is the last schedule time, or the creation of a cron job that has none; `deadline` is
    `startingDeadlineSeconds`.
    """
    earliest = anchor if deadline is None else max(anchor, now - deadline)
    first = _next(schedule, zone, earliest)
    if first is None:
        return Recent(None, Missed.NONE, invalid=True)
    if now < first:
        return Recent(None, Missed.NONE)
    second = _next(schedule, zone, first)
    if second is not None and now < second:
        return Recent(first, Missed.NONE)
    between = 0 if second is None else second - first
    if between < 1:
        return Recent(None, Missed.NONE, invalid=True)
    # It takes all runs to be as far from each other as the first two are.
    number = (now - first) // between + 1
    probe = first + (number - 2) * between
    time = None
    for time in _runs(schedule, zone, probe, now):  # noqa: B007 - the last of them
        pass
    return Recent(time, Missed.MANY if number > MANY else Missed.FEW)


def next_look(schedule: Schedule, zone: tzinfo, anchor: int, now: int) -> int | None:
    """Return when the controller looks at a cron job again by itself; None for never."""
    recent = most_recent(schedule, zone, anchor, now)
    if recent.time is not None:
        return _next(schedule, zone, recent.time)
    none_missed = not recent.invalid and recent.missed is Missed.NONE
    return _next(schedule, zone, anchor if none_missed else now)


def starts_at(
    schedule: Schedule, zone: tzinfo, anchor: int, now: int, deadline: int | None = None
) -> int | None:
    """Return the run that the controller starts when it looks at `now`; None where it starts none."""
    recent = most_recent(schedule, zone, anchor, now, deadline)
    if recent.time is None or recent.time == anchor:
        return None
    if deadline is not None and recent.time + deadline < now:
        return None
    return recent.time


class Outlook(NamedTuple):
    """What is to come of a schedule."""

    next_run: int | None
    """The next run that starts on time; None where none ever does."""
    why_never: str = ""
    """Why none does, in words."""


def outlook(
    schedule: Schedule, zone: tzinfo, anchor: int, now: int, deadline: int | None = None
) -> Outlook:
    """Return the first run after `now` that the controller starts on time."""
    found = _upcoming(schedule, zone, anchor, now)
    if found is None:
        return Outlook(None, "No day within five years matches it.")
    if deadline is not None and isinstance(schedule, IntervalSchedule):
        if deadline < schedule.seconds:
            # From the deadline on, the interval is counted anew each time it looks.
            return Outlook(
                None,
                f"Its interval of {schedule.seconds} s is longer than its startingDeadlineSeconds "
                f"({deadline}): the controller counts the one from the other and never gets there.",
            )
    elif deadline == 0:
        return Outlook(None, "With startingDeadlineSeconds 0 the controller is always too late.")
    following = _next(schedule, zone, found)
    if following is not None and following <= found:
        later = None if deadline is None else _next(schedule, zone, found + deadline)
        if later is None:
            shown = datetime.fromtimestamp(found, zone).strftime("%Y-%m-%d")
            return Outlook(
                None,
                f"The controller stands still on {shown}: when clocks go back, it finds the same "
                "time again and again. Another time of day helps.",
            )
        found = later
    return Outlook(found)


def _upcoming(schedule: Schedule, zone: tzinfo, anchor: int, now: int) -> int | None:
    if isinstance(schedule, IntervalSchedule):
        return anchor + max((now - anchor) // schedule.seconds + 1, 1) * schedule.seconds
    return _next(schedule, zone, now)


def _next(schedule: Schedule, zone: tzinfo, after: int) -> int | None:
    """Return Go's `Schedule.Next`, which may be `after` itself; None where it finds nothing."""
    try:
        moment = datetime.fromtimestamp(after, UTC)
    except (OverflowError, ValueError, OSError):
        # The server takes any number for a deadline; this one leaves the calendar.
        return None
    found = schedule.next_after(moment, zone)
    return None if found is None else int(found.timestamp())


def _runs(schedule: Schedule, zone: tzinfo, after: int, until: int) -> Iterator[int]:
    """Yield the last run of each day in `(after, until]`, as `_next` finds them one by one."""
    start, end = datetime.fromtimestamp(after + 1, UTC), datetime.fromtimestamp(until + 1, UTC)
    anchor = datetime.fromtimestamp(after, UTC)
    for chunk in schedule.chunks_between(start, end, zone, anchor):
        if chunk:
            yield chunk[-1]
