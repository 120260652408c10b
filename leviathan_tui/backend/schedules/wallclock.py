"""Wall-clock time in a zone, with Go's answers for the hours that clocks skip or repeat.

Times are whole seconds since the Unix epoch. The rules are those of Go's `time.Date` and
`Time.AddDate` (https://pkg.go.dev/time#Date), which differ from Python's `fold`: the console has to
agree with the controller, and the controller is written in Go.
"""

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def at(unix: int, zone: tzinfo) -> datetime:
    """Return what the clocks in `zone` show at `unix`."""
    return datetime.fromtimestamp(unix, zone)


def offset(unix: int, zone: tzinfo) -> int:
    """Return the seconds by which `zone` is ahead of UTC at `unix`."""
    delta = datetime.fromtimestamp(unix, zone).utcoffset()
    return 0 if delta is None else delta.days * DAY + delta.seconds


def unix_of(
    zone: tzinfo, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    """Return when the clocks in `zone` show these fields; months and days may overflow.

    A skipped hour gives the same instant that Go gives, whose clock shows another hour; of a
    repeated hour it is the one Go picks.
    """
    years, month = divmod(month - 1, 12)
    days = date(year + years, month + 1, 1).toordinal() - _EPOCH_ORDINAL + day - 1
    local = days * DAY + hour * HOUR + minute * MINUTE + second
    # Go takes the offset in force at the local reading taken as UTC, and only when the result lies
    # outside that offset's period looks once more.
    guess = offset(local, zone)
    if guess == 0:
        return local
    return local - offset(local - guess, zone)


@lru_cache(maxsize=8192)
def calm_offset(zone: tzinfo, ordinal: int) -> int | None:
    """Return the offset of `zone` on a day of its calendar, or None when its clocks change then.

    `ordinal` is the day's `date.toordinal()`. The three hours before the day count as part of it:
    within them a search that looks back to the start of its hour could still meet the change.
    """
    midnight = (ordinal - _EPOCH_ORDINAL) * DAY
    constant = offset(midnight, zone)
    start = midnight - constant
    for hour in range(-3, 25):
        if offset(start + hour * HOUR, zone) != constant:
            return None
    return constant


def midnight(ordinal: int, constant: int) -> int:
    """Return when a day begins in a zone that is `constant` seconds ahead of UTC all day."""
    return (ordinal - _EPOCH_ORDINAL) * DAY - constant
