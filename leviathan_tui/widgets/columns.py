"""What a column of a table shows of a row."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from leviathan_tui.widgets.lines import Line
from leviathan_tui.widgets.text import width_of

CellText = Callable[[Any, float], str]
"""A row and the time now (seconds since the epoch) to what the cell says."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Rows are of whatever type the table's screen fills it with."""

    id: str
    """Its name in sorting and in tests, as in `restarts`."""
    title: str
    text: CellText
    sort: Callable[[Any], Any]
    """The value by which the column sorts."""
    width: int
    """The width it starts with, in cells; it is never narrower than its title."""
    most: int = 0
    """The width up to which it grows with its contents; 0 where it does not grow."""
    yields: int = 0
    """Columns with a higher number give way first where the terminal is narrow; 0 never does."""
    right: bool = False
    """Whether its contents stand at the right edge."""
    key: str = ""
    """The letter that, with shift, sorts by it."""
    descending: bool = False
    """Whether sorting by it starts with the largest."""
    style: Callable[[Any], str] | None = None
    """The style names of a cell where they differ from its row's."""
    draw: Callable[[Any, int], Line] | None = None
    """A row and the column's width to what fills it exactly, where a text is not enough."""
    heading: Callable[[int], str] | None = None
    """The column's width to what stands over it instead of the title."""
    name: bool = False
    """Whether its texts are names: where one is cut, it is still told from the others."""
    fills: bool = False
    """Whether it takes the room that no other column needs."""


GAP: Final = 2
"""Cells between two columns."""

SHORTEST: Final = 12
"""Cells below which no column shrinks that grew with its contents."""

NAME: Final = 40
"""Cells of the first column for which other columns give way."""


class Layout:
    """Which columns fit, and how wide each is; widths only grow, so that nothing jitters."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self._grown = {column.id: max(column.width, width_of(column.title)) for column in columns}
        self.hidden: frozenset[str] = frozenset()
        """Columns that have nothing to show, as those of usage where nothing is measured."""
        self.offset = 0
        """How many of the columns that can scroll are scrolled past."""

    def grow(self, rows: Collection[Any], now: float) -> bool:
        """Widen columns to hold the texts of rows; True if any grew."""
        grew = False
        for column in self.columns:
            text, present = column.text, self._grown[column.id]
            if present >= column.most or not rows:
                continue
            # Of ten thousand rows most say the same in most columns.
            widest = max(map(width_of, {text(row, now) for row in rows}))
            if widest > present:
                self._grown[column.id] = min(widest, column.most)
                grew = True
        return grew

    def reset(self) -> None:
        """Start again from the first widths."""
        for column in self.columns:
            self._grown[column.id] = max(column.width, width_of(column.title))

    def fit(self, width: int) -> list[tuple[Column, int]]:
        """Return the columns that fit into `width` cells, each with its width.

        Columns give way by their `yields`; where the rest still does not fit, the widest shrink.
        """
        shown = [column for column in self.columns if column.id not in self.hidden]
        if self.offset:
            shown = [shown[0], *shown[1 + self.offset :]]
        sizes = {column.id: self._grown[column.id] for column in shown}

        def needed() -> int:
            return sum(sizes[column.id] for column in shown) + GAP * (len(shown) - 1)

        def least(column: Column) -> int:
            # A name that is cut may be another's: other columns go before it is.
            return NAME if column is shown[0] else max(column.width, SHORTEST)

        while needed() > width:
            growing = [column for column in shown if column.most and sizes[column.id] > SHORTEST]
            slack = {column.id: max(0, sizes[column.id] - least(column)) for column in growing}
            if needed() - sum(slack.values()) <= width:
                sizes[max(slack, key=lambda name: slack[name])] -= 1
                continue
            yielding = [column for column in shown if column.yields]
            if not yielding:
                if not growing:
                    break
                widest = max(growing, key=lambda column: sizes[column.id])
                sizes[widest.id] -= 1
                continue
            shown.remove(max(yielding, key=lambda column: column.yields))
        for column in shown:
            if column.fills:
                sizes[column.id] += max(0, width - needed())
        self.cut = len(shown) < len(self.columns) - len(self.hidden)
        return [(column, sizes[column.id]) for column in shown]

    cut = False
    """Whether some columns do not fit."""

    def scroll(self, step: int) -> bool:
        """Scroll sideways past one more column, or one fewer; True if anything changed."""
        most = max(0, len(self.columns) - len(self.hidden) - 2)
        target = min(max(0, self.offset + step), most)
        if step > 0 and not self.cut:
            return False
        changed = target != self.offset
        self.offset = target
        return changed
