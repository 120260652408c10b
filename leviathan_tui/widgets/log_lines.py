"""From a log line to rows of the screen: its time, its pod's name, its text in colours, wrapped or cut."""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

from leviathan_tui.backend.logs import text
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.query import Term
from leviathan_tui.backend.logs.ring import Line
from leviathan_tui.backend.logs.stamps import SECOND
from leviathan_tui.backend.patterns import Pattern, compile_text
from leviathan_tui.widgets.lines import Span
from leviathan_tui.widgets.text import age, width_of

COLOURS: Final = 8
"""How many different colours pods have."""

MOST_ROWS: Final = 400
"""Rows that one line takes at most."""


class Times(Enum):
    """How a line's time is shown."""

    LOCAL = "local"
    UTC = "UTC"
    AGO = "ago"
    NONE = "none"


class JsonView(Enum):
    """How JSON lines are shown."""

    RAW = "raw"
    FIELDS = "fields"
    PRETTY = "indented"


TIME_WIDTH: Final = {Times.LOCAL: 13, Times.UTC: 14, Times.AGO: 5, Times.NONE: 0}
"""Cells that a time takes, with the space behind it."""

_TONES: Final = {
    Level.TRACE: "dim",
    Level.DEBUG: "dim",
    Level.WARN: "warn",
    Level.ERROR: "bad",
    Level.FATAL: "bad",
}


def tone_of(level: int) -> str:
    """Return the style name of a line of this level."""
    return _TONES.get(Level(level), "plain")


def time_text(stamp: int, times: Times, now: float) -> str:
    """Return a line's time as it is shown, filled up to its width."""
    if times is Times.NONE:
        return ""
    if times is Times.AGO:
        return f"{age(now - stamp / SECOND):>4} "
    whole, fraction = divmod(stamp, SECOND)
    if times is Times.UTC:
        moment = datetime.fromtimestamp(whole, UTC)
        return f"{moment:%H:%M:%S}.{fraction // 1_000_000:03d}Z "
    moment = datetime.fromtimestamp(whole).astimezone()
    return f"{moment:%H:%M:%S}.{fraction // 1_000_000:03d} "


def body_of(line: Line, view: JsonView, *, expanded: bool) -> list[list[Span]]:
    """Return a line's text as one or more lines of spans, not yet fitted to any width."""
    if line.is_note:
        tone = tone_of(line.level) if line.level else "dim"
        return [[(f"── {text.plain(line.text)}", tone)]]
    base = tone_of(line.level)
    if expanded or view is JsonView.PRETTY:
        shown = text.pretty(line.text)
        if shown is not None:
            return [_toned(pieces, base) for pieces in shown]
    elif view is JsonView.FIELDS:
        fields = text.fields(line.text)
        if fields is not None:
            return [_toned(fields, base)]
    return [_toned(text.pieces(line.text), base)]


def _toned(pieces: list[text.Piece], base: str) -> list[Span]:
    return [
        (
            part,
            base if not style else f"{base} {style}" if style.startswith("sgr:") else style,
        )
        for part, style in pieces
    ]


def highlight(spans: list[Span], pattern: Pattern[str] | re.Pattern[str]) -> list[Span]:
    """Return the spans with every place that matches in the style of a hit."""
    whole = "".join(part for part, _ in spans)
    spots = [match.span() for match in pattern.finditer(whole)]
    hits = [(low, high) for low, high in spots if high > low]
    if not hits:
        return spans
    found: list[Span] = []
    start = 0
    for part, names in spans:
        end = start + len(part)
        position = start
        for low, high in hits:
            if high <= position or low >= end:
                continue
            low, high = max(low, position), min(high, end)
            if low > position:
                found.append((whole[position:low], names))
            found.append((whole[low:high], f"{names} hit"))
            position = high
        if position < end:
            found.append((whole[position:end], names))
        start = end
    return found


def pattern_of(term: Term | None) -> Pattern[str] | re.Pattern[str] | None:
    """Return what to highlight for a term; None for nothing."""
    if term is None or term.inverse or term.source:
        return None
    if term.pattern is not None:
        return compile_text(term.text[1:-1])
    return re.compile(re.escape(term.needle.decode(errors="replace")), re.IGNORECASE)


def wrapped(spans: list[Span], width: int) -> list[list[Span]]:
    """Break spans into rows of at most `width` cells."""
    rows: list[list[Span]] = []
    row: list[Span] = []
    left = width
    for part, names in spans:
        while part:
            head, part = split_cells(part, left)
            if head:
                row.append((head, names))
                left -= width_of(head)
            if part:
                # A wide letter that does not fit at all must not keep the loop going.
                if not row:
                    row.append((part[0], names))
                    part = part[1:]
                rows.append(row)
                row, left = [], width
                if len(rows) >= MOST_ROWS:
                    rows[-1].append(("…", "dim"))
                    return rows
    rows.append(row)
    return rows


def shifted(spans: list[Span], cells: int) -> list[Span]:
    """Return the spans without their first `cells` cells."""
    found: list[Span] = []
    for part, names in spans:
        if cells <= 0:
            found.append((part, names))
            continue
        head, rest = split_cells(part, cells)
        cells -= width_of(head)
        if rest:
            found.append((rest, names))
            cells = 0
    return found


def split_cells(part: str, cells: int) -> tuple[str, str]:
    """Split a text behind at most so many cells."""
    if part.isascii():
        return part[:cells], part[cells:]
    used = 0
    for position, letter in enumerate(part):
        used += cell_len(letter)
        if used > cells:
            return part[:position], part[position:]
    return part, ""


def sgr_style(name: str) -> Style:
    """Return the style of an application's colours, as in `sgr:f1:bold`."""
    colour = background = None
    flags: dict[str, bool] = {}
    for item in name.split(":")[1:]:
        if item[:1] == "f" and item[1:2] in "#0123456789":
            colour = _colour(item[1:])
        elif item[:1] == "b" and item[1:2] in "#0123456789" and len(item) > 1:
            background = _colour(item[1:])
        else:
            flags[item] = True
    return Style(
        color=colour,
        bgcolor=background,
        bold=flags.get("bold"),
        dim=flags.get("dim"),
        italic=flags.get("italic"),
        underline=flags.get("underline"),
        reverse=flags.get("reverse"),
        strike=flags.get("strike"),
    )


def _colour(value: str) -> Color:
    if value.startswith("#"):
        return Color.parse(value)
    return Color.from_ansi(int(value))
