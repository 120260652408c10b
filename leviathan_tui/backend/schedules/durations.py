"""Durations as Go writes them ("1h30m"), for `@every`.

The grammar is that of Go's `time.ParseDuration` (https://pkg.go.dev/time#ParseDuration).
"""

import re
from typing import Final

from leviathan_tui.backend.schedules.errors import ScheduleError

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, the micro sign
    "μs": 10**3,  # U+03BC, the Greek letter
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]+)")
_LARGEST: Final = 2**63 - 1
_LONGEST_TEXT: Final = 200


def parse_duration(text: str) -> int:
    """Return the nanoseconds that a duration such as `90m` or `1h30m` stands for.

    Raises ScheduleError for anything Go would refuse: no unit, an unknown unit, over 292 years.
    """
    problem = ScheduleError(
        f"@every: “{text[:40]}” is no duration; Kubernetes accepts forms such as 90s, 5m or 1h30m"
    )
    if len(text) > _LONGEST_TEXT:
        raise problem
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise problem
    total = 0
    while rest:
        part = _PART.match(rest)
        if part is None or part[2] not in _UNITS:
            raise problem
        total += _part(part[1], _UNITS[part[2]])
        rest = rest[part.end() :]
    if total > _LARGEST:
        raise problem
    return sign * total


def _part(number: str, unit: int) -> int:
    """Return the nanoseconds of one number and its unit; of a fraction, as Go's floats have it."""
    whole, _, fraction = number.partition(".")
    value, scale = 0, 1.0
    for digit in fraction:
        # Go leaves out the digits that its integers cannot hold.
        if value > _LARGEST // 10 or value * 10 + int(digit) > _LARGEST:
            break
        value, scale = value * 10 + int(digit), scale * 10
    return int(whole or 0) * unit + int(value * (unit / scale))
