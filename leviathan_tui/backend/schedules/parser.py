"""The text of `spec.schedule`, read as the CronJob controller reads it."""

import re
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from leviathan_tui.backend.schedules import zones
from leviathan_tui.backend.schedules.durations import parse_duration
from leviathan_tui.backend.schedules.errors import ScheduleError
from leviathan_tui.backend.schedules.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH,
    parse_field,
)
from leviathan_tui.backend.schedules.schedule import CronSchedule, IntervalSchedule, Schedule

DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""The named schedules and what they stand for; they are case-sensitive."""

_EVERY: Final = "@every "
_SECOND: Final = 10**9
_FIELDS: Final = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)

# Go's unicode.IsSpace, which is narrower than Python's str.split (U+001C to U+001F are no spaces).
_SPACE: Final = "\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES: Final = re.compile(f"[{_SPACE}]+")
_TRIM: Final = re.compile(f"^[{_SPACE}]+|[{_SPACE}]+$")


@lru_cache(maxsize=4096)
def parse(expression: str, *, allow_zone_prefix: bool = False) -> Schedule:
    """Read a schedule: five fields, a name such as `@daily`, or `@every` with a duration.

    A `TZ=` or `CRON_TZ=` prefix is refused, as the API server refuses it; objects made before that
    rule still carry one, and `allow_zone_prefix` reads those. Raises ScheduleError.
    """
    rest, zone = expression, None
    if expression.startswith(("TZ=", "CRON_TZ=")):
        if not allow_zone_prefix:
            raise ScheduleError(
                "schedule: a TZ= or CRON_TZ= prefix is refused; Kubernetes accepts spec.timeZone"
            )
        rest, zone = _split_zone(expression)
    if rest.startswith("@"):
        return _parse_descriptor(expression, rest, zone)
    return _parse_fields(expression, rest, zone)


def _split_zone(expression: str) -> tuple[str, ZoneInfo]:
    prefix, space, rest = expression.partition(" ")
    if not space:
        raise ScheduleError("schedule: nothing follows the time zone")
    name = prefix.partition("=")[2]
    return _TRIM.sub("", rest), zones.zone(name or "UTC")


def _parse_descriptor(expression: str, text: str, zone: ZoneInfo | None) -> Schedule:
    if text in DESCRIPTORS:
        return _parse_fields(expression, DESCRIPTORS[text], zone)
    if text.startswith(_EVERY):
        nanoseconds = parse_duration(text.removeprefix(_EVERY))
        # Less than a second, and less than nothing, counts as one second; fractions are cut off.
        return IntervalSchedule(expression, max(nanoseconds // _SECOND, 1))
    known = ", ".join(DESCRIPTORS)
    raise ScheduleError(
        f"schedule: “{text[:40]}” is unknown; Kubernetes accepts {known} (in lower case, nothing"
        " behind) and @every with a duration"
    )


def _parse_fields(expression: str, text: str, zone: ZoneInfo | None) -> CronSchedule:
    texts = [part for part in _SPACES.split(text) if part]
    if len(texts) != len(_FIELDS):
        count = "no fields" if not texts else f"{len(texts)} field{'s' * (len(texts) != 1)}"
        raise ScheduleError(
            f"schedule: {count}; Kubernetes accepts exactly five: minute, hour, day of month,"
            " month, day of week"
        )
    minute, hour, day_of_month, month, day_of_week = (
        parse_field(part, bounds) for part, bounds in zip(texts, _FIELDS, strict=True)
    )
    return CronSchedule(expression, minute, hour, day_of_month, month, day_of_week, zone)
