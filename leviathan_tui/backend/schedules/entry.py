"""What people type for a schedule, translated into what the CronJob controller accepts.

Plain words ("every weekday at 9"), Sunday as 7, ranges that wrap, seconds in a sixth field: each is
turned into an expression with the same runs, or refused with the reason. croniter reads what
Kubernetes would not, and is the judge of whether the runs are the same.
"""

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from leviathan_tui.backend.schedules.errors import ScheduleError
from leviathan_tui.backend.schedules.parser import parse

_UTC: Final = ZoneInfo("UTC")

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)

_TIME: Final = re.compile(r"(?:at\s+)?(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?")
_EVERY: Final = re.compile(r"every\s+(?:(\d+)\s+)?(minute|hour|day|week|month|year)s?")


class Understood(msgspec.Struct, frozen=True):
    """A schedule that Kubernetes accepts, and how it came about."""

    expression: str
    translated: str
    """What was translated, as a clause; empty where the text was accepted as it was."""


def understand(text: str) -> Understood:
    """Return the expression that a typed text means.

    Raises `ScheduleError` with the reason where there is none with the same runs.
    """
    text = " ".join(text.split())
    try:
        parse(text)
    except ScheduleError as error:
        refusal = error
    else:
        return Understood(text, "")
    for translate, words in (
        (_from_words, "from plain words"),
        (_from_wider_cron, "from what other crons accept"),
    ):
        found = translate(text.lower())
        if found is not None:
            parse(found)
            return Understood(found, words)
    raise refusal


# Plain words


def _from_words(text: str) -> str | None:
    fixed = {
        "midnight": "0 0 * * *",
        "noon": "0 12 * * *",
        "hourly": "@hourly",
        "daily": "@daily",
        "weekly": "@weekly",
        "monthly": "@monthly",
        "yearly": "@yearly",
    }
    if text in fixed:
        return fixed[text]
    every = _EVERY.fullmatch(text)
    if every:
        return _every(int(every[1] or 1), every[2])
    days, rest = _days_in(text)
    clock = _clock(rest)
    if days is None or clock is None:
        return None
    hour, minute = clock
    return f"{minute} {hour} {days}"


def _every(count: int, unit: str) -> str | None:
    if unit == "minute" and (count == 1 or 60 % count == 0):
        return "* * * * *" if count == 1 else f"*/{count} * * * *"
    if unit == "hour" and (count == 1 or 24 % count == 0):
        return "0 * * * *" if count == 1 else f"0 */{count} * * *"
    if count == 1:
        return {"day": "@daily", "week": "@weekly", "month": "@monthly", "year": "@yearly"}.get(
            unit
        )
    if unit in ("minute", "hour"):
        # No field of a cron expression repeats at such a step; an interval does.
        return f"@every {count}{unit[0]}"
    if unit == "day" and count < 1000:
        return f"@every {count * 24}h"
    return None


def _days_in(text: str) -> tuple[str | None, str]:
    """Return the last three fields that the words for days mean, and the rest of the text."""
    patterns: tuple[tuple[str, str], ...] = (
        (r"(?:every\s+|on\s+)?week\s?days?\b", "* * 1-5"),
        (r"(?:every\s+|on\s+)?weekends?\b", "* * 0,6"),
        (r"(?:on\s+)?the\s+first\s+of\s+(?:the|every|each)\s+month\b", "1 * *"),
        (r"(?:every\s+day|daily|each\s+day)\b", "* * *"),
    )
    for pattern, fields in patterns:
        found = re.search(pattern, text)
        if found:
            return fields, (text[: found.start()] + text[found.end() :]).strip()
    names = r"(sun|mon|tue|wed|thu|fri|sat)[a-z]*"
    spans = re.search(rf"(?:every\s+|on\s+)?\b{names}\s*(?:-|to|through)\s*{names}", text)
    if spans:
        rest = (text[: spans.start()] + text[spans.end() :]).strip()
        return f"* * {_wrapped(_DAYS.index(spans[1]), _DAYS.index(spans[2]), 0, 6)}", rest
    single = re.findall(rf"\b{names}\b", text)
    if single:
        rest = re.sub(rf"(?:every\s+|on\s+)?\b{names}\b\s*(?:,|and)?\s*", "", text).strip()
        numbers = sorted({_DAYS.index(day) for day in single})
        return f"* * {','.join(map(str, numbers))}", rest
    return ("* * *", text) if text.startswith("at ") else (None, text)


def _clock(text: str) -> tuple[int, int] | None:
    if text in ("", "at midnight", "midnight"):
        return (0, 0)
    if text in ("at noon", "noon"):
        return (12, 0)
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return (hour, minute) if hour < 24 and minute < 60 else None


def _wrapped(first: int, last: int, low: int, high: int) -> str:
    """Return a range that may run over the end of its field."""
    if first <= last:
        return f"{first}-{last}" if first < last else str(first)
    head = f"{first}-{high}" if first < high else str(high)
    tail = f"{low}-{last}" if last > low else str(low)
    return f"{tail},{head}"


# Other crons


def _from_wider_cron(text: str) -> str | None:
    fields = text.split(" ")
    if len(fields) == 1 and _is_day_range(fields[0]):
        fields = ["0", "0", "*", "*", fields[0]]
    if len(fields) == 6:
        fields = _without_seconds(fields)
    if len(fields) != 5:
        return None
    bounds: tuple[tuple[int, int, tuple[str, ...]], ...] = (
        (0, 59, ()),
        (0, 23, ()),
        (1, 31, ()),
        (1, 12, _MONTHS),
        (0, 7, _DAYS),
    )
    found = []
    for field, (low, high, names) in zip(fields, bounds, strict=True):
        plain = _plain_field(field, low, high, names)
        if plain is None:
            return None
        found.append(plain)
    expression = " ".join(found)
    _same_runs(" ".join(fields), expression)
    return expression


def _is_day_range(text: str) -> bool:
    first, hyphen, last = text.partition("-")
    return bool(hyphen) and first in _DAYS and last in _DAYS


def _without_seconds(fields: list[str]) -> list[str]:
    if fields[0] == fields[5] == "0":
        first, last = " ".join(fields[1:]), " ".join(fields[:5])
        raise ScheduleError(f"six fields may mean “{first}” or “{last}”: Kubernetes takes five")
    for seconds, rest in ((fields[0], fields[1:]), (fields[5], fields[:5])):
        if seconds == "0":
            return rest
    raise ScheduleError(
        "six fields: Kubernetes knows no seconds, and only a seconds field of 0 can be left out"
    )


def _plain_field(text: str, low: int, high: int, names: tuple[str, ...]) -> str | None:
    """Return a field without wrapping ranges and without 7 for Sunday; None where it is neither."""
    is_days = high == 7
    parts = []
    for part in text.split(","):
        body, slash, step = part.partition("/")
        first, hyphen, last = body.partition("-")
        if body in ("*", "?"):
            parts.append(part)
            continue
        start, end = _number(first, names, low), _number(last, names, low) if hyphen else None
        if start is None or (hyphen and end is None):
            raise ScheduleError(f"“{part}” has no equivalent that Kubernetes accepts")
        if is_days and start == 7:
            start = 0
        top = 6 if is_days else high
        if end is not None:
            if is_days and end == 7:
                # A week that ends on Sunday is one that begins with it.
                end = 0 if start else 6
            if end < start and slash:
                raise ScheduleError(f"“{part}” wraps with a step, which has no equivalent")
            parts.append(_wrapped(start, end, low, top) + slash + step)
        else:
            parts.append(f"{start}{slash}{step}")
    return ",".join(parts)


def _number(text: str, names: tuple[str, ...], low: int) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 4:
        return int(text)
    return names.index(text[:3]) + low if text[:3] in names else None


def _same_runs(wide: str, narrow: str) -> None:
    """Raise `ScheduleError` unless croniter's runs of the one are ours of the other."""
    from croniter import croniter

    start = datetime(2026, 1, 1, tzinfo=_UTC)
    schedule = parse(narrow)
    end = start + timedelta(days=400)
    theirs = croniter(wide, start - timedelta(seconds=1))
    ours = schedule.runs_between(start, end, _UTC, limit=200)
    for mine in ours:
        if theirs.get_next(datetime) != mine:
            raise ScheduleError(f"“{wide}” has no equivalent that Kubernetes accepts")
