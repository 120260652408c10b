"""The bar beside the logs: how fast lines came and where the grave ones are, from the oldest down."""

from typing import Final

from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.ring import Ring
from leviathan_tui.backend.logs.stamps import SECOND
from leviathan_tui.widgets.lines import Span

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_HALF: Final = 4


def bar(ring: Ring, height: int, first: int, last: int) -> list[Span]:
    """Return one cell for each row: its width is the rate, its colour the gravest level there.

    Each row stands for an equal share of the lines in the ring; the shares that hold the lines
    `first` to `last`, which are on the screen, lie under a cursor.
    """
    oldest, end = ring.first, ring.end
    count = end - oldest
    if count < height or height < 1:
        return [(" ", "plain")] * height
    edges = [oldest + count * row // height for row in range(height + 1)]
    stamps = []
    for edge in edges[:-1]:
        line = ring.line(edge)
        stamps.append(0 if line is None else line.stamp)
    newest = ring.line(end - 1)
    stamps.append(stamps[-1] if newest is None else newest.stamp)
    rates = [
        (edges[row + 1] - edges[row]) / max((stamps[row + 1] - stamps[row]) / SECOND, 0.001)
        for row in range(height)
    ]
    fastest = max(rates)
    cells: list[Span] = []
    for row, rate in enumerate(rates):
        worst = ring.worst(edges[row], edges[row + 1])
        eighths = max(1, round(8 * rate / fastest))
        tone = "rule"
        if worst >= Level.ERROR:
            tone, eighths = "bad", max(eighths, _HALF)
        elif worst >= Level.WARN:
            tone = "warn"
        shown = edges[row] <= last and edges[row + 1] > first
        cells.append((_EIGHTHS[eighths], tone + (" cursor" if shown else "")))
    return cells
