"""One field of a cron expression as a bit mask, with the star mark that decides how days combine.

The grammar is the one of robfig/cron v3's standard parser, which the CronJob controller uses
(https://pkg.go.dev/github.com/robfig/cron/v3); its oddities are kept because the console has to
show the runs that will happen, not the ones that a cleaner grammar would give.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leviathan_tui.backend.schedules.errors import ScheduleError

_INTEGER: Final = re.compile(r"\+?[0-9]+")
_LARGEST_INTEGER: Final = 2**63 - 1


@dataclass(frozen=True)
class Bounds:
    """The values that a field may take, both ends included, and the names some of them have."""

    name: str
    low: int
    high: int
    names: Mapping[str, int]

    @property
    def every(self) -> int:
        """The mask with each allowed value set."""
        return mask_of(self.low, self.high, 1)

    @property
    def accepted(self) -> str:
        """The clause that ends every error about this field."""
        names = f", {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        return f"Kubernetes accepts {self.low}-{self.high}{names}, *, ranges, lists and steps"


@dataclass(frozen=True)
class Field:
    """A parsed field: which values match, whether it carries the star mark, and a plain spelling.

    `canonical` spells the same values without the oddities of the grammar, for libraries that read
    a narrower one.
    """

    mask: int
    star: bool
    canonical: str


def _numbered(names: str, first: int) -> dict[str, int]:
    return {name: value for value, name in enumerate(names.split(), first)}


MINUTE: Final = Bounds("minute", 0, 59, {})
HOUR: Final = Bounds("hour", 0, 23, {})
DAY_OF_MONTH: Final = Bounds("day of month", 1, 31, {})
MONTH: Final = Bounds(
    "month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1)
)
DAY_OF_WEEK: Final = Bounds("day of week", 0, 6, _numbered("sun mon tue wed thu fri sat", 0))


def mask_of(low: int, high: int, step: int) -> int:
    """Return the mask with bits `low`, `low + step`, … up to `high` set."""
    return sum(1 << value for value in range(low, high + 1, step))


def parse_field(text: str, bounds: Bounds) -> Field:
    """Parse one field; empty parts between commas are skipped, as the controller does.

    Raises ScheduleError naming the field.
    """
    mask = 0
    star = False
    spellings: list[str] = []
    for part in filter(None, text.split(",")):
        part_mask, part_star, spelling = _parse_part(part, bounds)
        mask |= part_mask
        star = star or part_star
        spellings.append(spelling)
    if mask == bounds.every:
        return Field(mask, star, "*")
    return Field(mask, star, spellings[0] if len(spellings) == 1 else _spell_list(mask))


def _parse_part(part: str, bounds: Bounds) -> tuple[int, bool, str]:
    """Parse `*`, `?`, `N`, `N-M`, each with an optional `/step`."""
    range_text, *steps = part.split("/")
    first, *rest = range_text.split("-")
    # Whatever follows a star and a hyphen is ignored: "*-5" is "*".
    star = first in ("*", "?")
    if star:
        low, high = bounds.low, bounds.high
    else:
        if len(rest) > 1:
            raise _error(bounds, part, "has too many hyphens")
        low = _value(first, part, bounds)
        high = _value(rest[0], part, bounds) if rest else low
    if len(steps) > 1:
        raise _error(bounds, part, "has too many slashes")
    step = 1
    if steps:
        step = _integer(steps[0], part, bounds)
        if not rest:
            high = bounds.high
    if low < bounds.low:
        raise _error(bounds, part, f"starts below {bounds.low}")
    if high > bounds.high:
        hint = " (Sunday is 0)" if bounds is DAY_OF_WEEK and high == 7 else ""
        raise _error(bounds, part, f"goes above {bounds.high}{hint}")
    if low > high:
        raise _error(bounds, part, "ends before it starts, and ranges do not wrap")
    if step == 0:
        raise _error(bounds, part, "has a step of zero")
    # A step above one takes the mark away, which is why "0 0 */2 * 1" joins its days with "or".
    return mask_of(low, high, step), star and step == 1, _spelling(low, high, step, bounds)


def _spelling(low: int, high: int, step: int, bounds: Bounds) -> str:
    if low + step > high:
        return str(low)
    if step == 1:
        return f"{low}-{high}"
    if high < bounds.high:
        return f"{low}-{high}/{step}"
    last = high - (high - low) % step
    if bounds is not DAY_OF_MONTH and low + bounds.high + 1 - bounds.low - last != step:
        # It begins anew with every hour, day or year: "every 45 minutes" would be wrong.
        return _spell_list(mask_of(low, high, step))
    return f"*/{step}" if low == bounds.low else f"{low}/{step}"


def _spell_list(mask: int) -> str:
    """Spell a mask as a list of values and ranges, without steps."""
    spans: list[list[int]] = []
    for value in range(mask.bit_length()):
        if mask >> value & 1:
            if spans and spans[-1][1] == value - 1:
                spans[-1][1] = value
            else:
                spans.append([value, value])
    # Two neighbours read better as a list than as a range.
    return ",".join(
        f"{low}-{high}" if high > low + 1 else ",".join(map(str, range(low, high + 1)))
        for low, high in spans
    )


def _value(text: str, part: str, bounds: Bounds) -> int:
    named = bounds.names.get(text.lower())
    return _integer(text, part, bounds) if named is None else named


def _integer(text: str, part: str, bounds: Bounds) -> int:
    if not text:
        raise _error(bounds, part, "has no number where one belongs")
    # The length is tested first: reading a number of many thousand digits is refused by Python.
    if not _INTEGER.fullmatch(text) or len(text) > 99 or int(text) > _LARGEST_INTEGER:
        raise _error(bounds, part, f"holds “{text[:20]}”, which is no number that fits")
    return int(text)


def _error(bounds: Bounds, part: str, problem: str) -> ScheduleError:
    shown = part if len(part) <= 40 else part[:39] + "…"
    return ScheduleError(f"{bounds.name}: “{shown}” {problem}; {bounds.accepted}")
