"""A line of time in a row of cells: hours above it, cron jobs' runs on it, and how many at once."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from leviathan_tui.backend.fleet.runs import Run
from leviathan_tui.backend.fleet.timeline import MINUTE, Timeline, Track, Window
from leviathan_tui.backend.schedules.minutes import positions
from leviathan_tui.widgets.lines import Line, Span

DAY: Final = 24 * 60

_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, DAY)
"""Minutes that a cell may stand for."""

_APART: Final = 8
"""Cells between two times above the line, at least."""

_PAST: Final = 1 / 3
"""How much of the line lies before now."""

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"

DUE: Final = "○"
SEVERAL: Final = "◉"
OVERLAPS: Final = "×"
MISSED: Final = "!"
UNSEEN: Final = "·"
_BAR: Final = "━"
_EXPECTED: Final = "┄"

_RUNS: Final = {
    "failed": ("✗", "bad", 5),
    "running": ("▸", "accent", 4),
    "succeeded": ("✓", "good", 3),
}
"""An outcome's glyph and tone, and which of several in a cell is shown: the highest."""

LEGEND: Final[Line] = (
    ("✓", "good"),
    (" done  ", "dim"),
    ("✗", "bad"),
    (" failed  ", "dim"),
    (MISSED, "bad"),
    (" missed  ", "dim"),
    ("▸", "accent"),
    (" running  ", "dim"),
    (UNSEEN, "plain"),
    (" unseen  ", "dim"),
    (DUE, "plain"),
    (" due  ", "dim"),
    (SEVERAL, "plain"),
    (" many  ", "dim"),
    (OVERLAPS, "warn"),
    (" overlaps", "dim"),
)


class Ruler(NamedTuple):
    """Which time each cell stands for."""

    start: int
    """Seconds since the epoch."""
    step: int
    """Minutes of a cell."""
    width: int
    """Cells."""

    @property
    def window(self) -> Window:
        """All of the time."""
        return Window(self.start, self.step * self.width)

    def cell_of(self, moment: float) -> int:
        """Return the cell of a moment, which may lie outside."""
        return int((moment - self.start) // (self.step * MINUTE))


def ruler_at(now: float, minutes: int, width: int) -> Ruler:
    """Return a ruler of `width` cells for at least so many minutes, of which a third are past.

    The cells begin at round times of the local clock.
    """
    step = next((step for step in _STEPS if step * width >= minutes), DAY)
    ahead = datetime.fromtimestamp(now).astimezone().utcoffset()
    offset = 0 if ahead is None else int(ahead.total_seconds())
    size = step * MINUTE
    first = (int(now) + offset) // size - int(width * _PAST)
    return Ruler(first * size - offset, step, width)


def times_over(ruler: Ruler, now: float) -> str:
    """Return the local times above the line, and a mark at the cell of now."""
    every = next((hours for hours in (1, 2, 3, 4, 6, 12) if hours * 60 >= ruler.step * _APART), 24)
    cells = [" "] * ruler.width
    here = ruler.cell_of(now)
    free = 0
    for cell in range(ruler.width):
        words = _time_in(ruler, cell, every)
        if words and cell == here:
            words = f"▼{words}"
        # Now counts more than a time that it would stand in the midst of.
        covered = cell < here < cell + len(words)
        if words and not covered and cell >= free and cell + len(words) <= ruler.width:
            cells[cell : cell + len(words)] = words
            free = cell + _APART - 1
    if 0 <= here < ruler.width:
        cells[here] = "▼"
    return "".join(cells)


def _time_in(ruler: Ruler, cell: int, every: int) -> str:
    """Return the round time that begins within a cell: an hour, or a day at its midnight."""
    first = ruler.start + cell * ruler.step * MINUTE
    for moment in range(first, first + ruler.step * MINUTE, min(ruler.step, 15) * MINUTE):
        local = datetime.fromtimestamp(moment).astimezone()
        if local.minute >= min(ruler.step, 15) or local.hour % every:
            continue
        if local.hour == 0:
            return f"{local:%a} {local.day}"
        if every < 24:
            return f"{local:%H}:00"
    return ""


def load_line(timeline: Timeline, ruler: Ruler, now: float) -> Line:
    """Return how many run at once, as one bar for each cell: the most of its minutes."""
    running, step = timeline.running, ruler.step
    most = [max(running[cell * step : (cell + 1) * step], default=0) for cell in range(ruler.width)]
    highest = max(max(most, default=0), len(_EIGHTHS) - 1)
    bars = [_EIGHTHS[-(-count * (len(_EIGHTHS) - 1) // highest)] for count in most]
    here = min(max(0, ruler.cell_of(now)), ruler.width)
    return (("".join(bars[:here]), "dim"), ("".join(bars[here:]), "accent"))


def track_line(track: Track, ruler: Ruler, now: float) -> Line:
    """Return the runs of one cron job: what was, and what is due."""
    cells: list[tuple[Span, int]] = [((" ", "plain"), 0)] * ruler.width
    here = ruler.cell_of(now)

    def put(cell: int, glyph: str, tone: str, rank: int) -> None:
        if 0 <= cell < ruler.width and cells[cell][1] < rank:
            cells[cell] = ((glyph, tone), rank)

    coming = track.due & ~ruler.window.before(now)
    _spread(
        coming, ruler, lambda cell, count: put(cell, DUE if count == 1 else SEVERAL, "plain", 2)
    )
    _spread(track.unseen, ruler, lambda cell, _: put(cell, UNSEEN, "dim", 2))
    _spread(track.missed, ruler, lambda cell, _: put(cell, MISSED, "bad", 6))
    _spread(track.overlaps, ruler, lambda cell, _: put(cell, OVERLAPS, "warn", 5))
    for run in track.runs:
        glyph, tone, rank = _RUNS.get(run.outcome, (UNSEEN, "dim", 2))
        first = ruler.cell_of(run.scheduled)
        put(first, glyph, tone, rank)
        for cell in range(max(0, first + 1), min(ruler.cell_of(_end(run, now)) + 1, ruler.width)):
            put(cell, _BAR, tone, 1)
    if track.typical >= ruler.step * MINUTE:
        for minute in positions(coming)[: ruler.width]:
            begin = ruler.window.start + minute * MINUTE
            last = ruler.cell_of(begin + track.typical)
            for cell in range(ruler.cell_of(begin) + 1, min(last + 1, ruler.width)):
                put(cell, _EXPECTED, "dim", 1)
    put(here, "│", "rule", 1)
    return tuple(span for span, _ in cells)


def _end(run: Run, now: float) -> float:
    if run.finished:
        return run.finished
    return now if run.outcome == "running" else run.scheduled


def _spread(bits: int, ruler: Ruler, put: Callable[[int, int], None]) -> None:
    """Call `put` with each cell that holds any of the minutes, and how many."""
    mask = (1 << ruler.step) - 1
    for cell in _cells(bits, ruler):
        put(cell, (bits >> cell * ruler.step & mask).bit_count())


def _cells(bits: int, ruler: Ruler) -> Iterable[int]:
    """Yield the cells that hold any of the minutes."""
    while bits:
        cell = ((bits & -bits).bit_length() - 1) // ruler.step
        yield cell
        bits = bits >> (cell + 1) * ruler.step << (cell + 1) * ruler.step
