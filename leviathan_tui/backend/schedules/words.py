"""A schedule in words: "At 02:30, Monday through Friday"."""

import re
from typing import Final

from leviathan_tui.backend.schedules.fields import DAY_OF_MONTH, DAY_OF_WEEK
from leviathan_tui.backend.schedules.schedule import CronSchedule, IntervalSchedule, Schedule
from leviathan_tui.backend.schedules.wallclock import MINUTE

_STEP_OF_DAYS: Final = re.compile(r"\b(every \d+ days)\b(?! of the week)")
_LONGEST_MONTH: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def describe(schedule: Schedule) -> str:
    """Return one English sentence without its full stop, with times on a 24-hour clock."""
    if isinstance(schedule, IntervalSchedule):
        # Its jobs are named by the minute in which they are due.
        limit = ", but one job a minute" if schedule.seconds < MINUTE else ""
        return _every(schedule.seconds) + limit
    assert isinstance(schedule, CronSchedule)  # noqa: S101 - the only other kind
    if _never_runs(schedule):
        return "Never runs"
    fields = (
        schedule.minute,
        schedule.hour,
        schedule.day_of_month,
        schedule.month,
        schedule.day_of_week,
    )
    from cron_descriptor import (  # type: ignore[import-untyped]  # ships no type information
        ExpressionDescriptor,
    )

    # The library reads a narrower grammar, and misreads a step that is larger than its field: it
    # is given the plain spelling that our own parser worked out. A day field without a value that
    # still leaves runs is the idle half of an "or".
    plain = " ".join(field.canonical or "*" for field in fields)
    words: str = ExpressionDescriptor(
        plain, locale_code="en_US", use_24hour_time_format=True
    ).get_description()
    words = _STEP_OF_DAYS.sub(r"\1 from the first of the month", words)
    return f"{words} ({schedule.own_zone.key})" if schedule.own_zone else words


def _never_runs(schedule: CronSchedule) -> bool:
    """Say whether no date satisfies the fields: an empty list, or a day that no month has."""
    masks = schedule.masks
    if not (masks.minute and masks.hour and masks.month):
        return True
    by_month = any(
        masks.month >> month & 1
        and masks.day_of_month & ((2 << _LONGEST_MONTH.get(month, DAY_OF_MONTH.high)) - 1)
        for month in range(1, 13)
    )
    by_week = bool(masks.day_of_week & DAY_OF_WEEK.every)
    return not (by_month or by_week if masks.either_day else by_month and by_week)


def _every(seconds: int) -> str:
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append((count, unit))
    if len(parts) == 1 and parts[0][0] == 1:
        return f"Every {parts[0][1]}"
    return "Every " + " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts)
