"""The one table of all lists: any number of rows, of which only the visible ones are ever drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any, Final

from textual import events
from textual.geometry import Offset
from textual.message import Message

from leviathan_tui.widgets.columns import GAP, Column, Layout
from leviathan_tui.widgets.lines import Line, LineWidget, Span
from leviathan_tui.widgets.marks import Marks
from leviathan_tui.widgets.prose_view import wrapped
from leviathan_tui.widgets.table_model import TableModel
from leviathan_tui.widgets.text import apart, fit, width_of

HEAD: Final = 2
"""Lines above the first row: the title and the columns' names."""

LEAD: Final = 4
"""Cells before the first column: the mark, the state's glyph, and space."""

HOLD: Final = 3.0
"""Seconds after a key press for which rows keep their places."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a row is drawn: a glyph that says its state, the glyph's style, and the row's."""

    glyph: str
    glyph_style: str
    style: str


class Table(LineWidget, can_focus=True):
    """A sorted, filtered list with a cursor that stays on its row."""

    DEFAULT_CSS = """
    Table { height: 1fr; width: 1fr; }
    """

    class Moved(Message):
        """The cursor is on another row, or its row changed."""

        def __init__(self, table: "Table") -> None:
            self.table = table
            super().__init__()

    class Opened(Message):
        """A row was double-clicked."""

        def __init__(self, table: "Table") -> None:
            self.table = table
            super().__init__()

    def __init__(
        self,
        name: str,
        columns: tuple[Column, ...],
        look: Callable[[Any], Look],
        order: Callable[[Any], tuple[Any, ...]],
        *,
        clock: Callable[[], float] = time,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.list_name = name
        self._look = look
        self._order = order
        self.model: TableModel[Any] = TableModel(order)
        self.layout_of = Layout(columns)
        self._fitted: list[tuple[Column, int]] = []
        self._sorted: tuple[Column, bool] | None = None
        self._cursor: str | None = None
        self._cursor_index = 0
        self._chosen = False
        self._top = 0
        self.marks = Marks()
        self._used = 0.0
        self.note = ""
        """What an empty table says instead of rows."""
        self.aside = ""
        """What stands at the right end of the title line, such as the filter."""

    # Reading

    @property
    def row(self) -> Any | None:
        """The row under the cursor."""
        return None if self._cursor is None else self.model.rows.get(self._cursor)

    @property
    def cursor_index(self) -> int:
        """The cursor's position among the shown rows."""
        return self._cursor_index

    @property
    def chosen(self) -> list[Any]:
        """The marked rows, or the one under the cursor where none is marked."""
        rows = [self.model.rows[key] for key in self.marks.ordered() if key in self.model.rows]
        if rows:
            return rows
        return [self.row] if self.row is not None else []

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or not."""
        return self.layout_of.columns

    @property
    def title(self) -> str:
        """The table's name with its count of rows."""
        shown, total = len(self.model), self.model.total
        return (
            f"{self.list_name} ({shown} of {total})"
            if shown != total or self.model.filtered
            else f"{self.list_name} ({total})"
        )

    # Filling

    def replace(self, rows: Mapping[str, Any]) -> None:
        """Show these rows instead of the present ones; cursor and marks stay where they can."""
        self.model.replace(rows)
        self.layout_of.grow(self.model.rows.values(), self._clock())
        self._settle()
        self._fit()
        self.invalidate()

    def apply(self, upserted: Iterable[tuple[str, Any]], removed: Iterable[str]) -> None:
        """Take in changes: only rows that look different are drawn again."""
        changed = list(upserted)
        gone = list(removed)
        if self.model.held and time() - self._used > HOLD:
            self.model.release()
        grew = self.layout_of.grow([row for _, row in changed], self._clock())
        self.model.apply(changed, gone)
        for key in gone:
            self.marks.forget(key)
        before = self._cursor
        self._settle()
        if grew:
            self._fit()
        self.repaint()
        if self._cursor != before or any(key == self._cursor for key, _ in changed):
            self.post_message(self.Moved(self))

    def use_columns(self, columns: tuple[Column, ...]) -> None:
        """Show other columns of the same rows, sorted as at first."""
        self.layout_of = Layout(columns)
        self.sort_by(None)
        self._fit()
        self.invalidate()

    def show_columns(self, hidden: frozenset[str]) -> None:
        """Leave out columns that have nothing to show."""
        if hidden != self.layout_of.hidden:
            self.layout_of.hidden = hidden
            self._fit()
            self.repaint()

    def filter_by(self, accept: Callable[[Any], bool] | None) -> None:
        """Show only the rows that `accept` takes."""
        self.model.filter_by(accept)
        self._settle()
        self.repaint()
        self.post_message(self.Moved(self))

    def sort_by(self, column: Column | None) -> None:
        """Sort by a column; by the same one again in the other direction; None for the default."""
        if column is None:
            self._sorted = None
            self.model.order_by(self._order)
        else:
            down = column.descending
            if self._sorted is not None and self._sorted[0] is column:
                down = not self._sorted[1]
            self._sorted = (column, down)
            value, order = column.sort, self._order
            self.model.order_by(lambda row: (value(row), *order(row)), reverse=down)
        self._settle()
        self.repaint()

    def has_column(self, column: str) -> bool:
        """Whether the list has this column."""
        return any(known.id == column for known in self.columns)

    def sort_by_column(self, column: str) -> None:
        """Sort by a column; once more, the other way round; a third time, as at first."""
        found = next((known for known in self.columns if known.id == column), None)
        if found is None:
            return
        turned = self._sorted is not None and self._sorted[1] != found.descending
        self.sort_by(
            None if self._sorted is not None and self._sorted[0] is found and turned else found
        )

    def tick(self) -> None:
        """Draw what the clock changed: ages, and the places of rows that were held."""
        if self.model.held and time() - self._used > HOLD and self.model.release():
            self._settle()
        self.repaint(HEAD)

    def _settle(self) -> None:
        """Bring cursor and scroll position back in line with the rows.

        The cursor stays on its row, and that row on its line of the screen. Until it was moved for
        the first time it stays at the top instead: nobody has chosen that row.
        """
        count = len(self.model)
        if not count:
            self._cursor, self._cursor_index, self._top = None, 0, 0
            return
        index = self.model.index_of(self._cursor) if self._cursor is not None else -1
        if index < 0 or not self._chosen:
            index = min(self._cursor_index, count - 1)
            self._cursor = self.model.key_at(index)
        else:
            self._top += index - self._cursor_index
        self._cursor_index = index
        self._clamp()

    def _clamp(self) -> None:
        room = self.room
        self._top = max(0, min(self._top, len(self.model) - room))
        self._top = min(self._top, self._cursor_index)
        self._top = max(self._top, self._cursor_index - room + 1)

    @property
    def room(self) -> int:
        """How many rows fit on the screen."""
        return max(1, self.size.height - HEAD)

    # Moving

    def touch(self) -> None:
        """Note that the table is in use: rows keep their places for a while."""
        self._used = time()
        self.model.held = True

    def move(self, step: int) -> None:
        """Move the cursor by so many rows."""
        self.move_to(self._cursor_index + step)

    def move_to(self, index: int) -> None:
        """Move the cursor to a position; beyond the ends it stops there."""
        self.touch()
        self._chosen = True
        count = len(self.model)
        if not count:
            return
        index = min(max(0, index), count - 1)
        if index == self._cursor_index:
            return
        old, top = self._cursor_index, self._top
        self._cursor_index = index
        self._cursor = self.model.key_at(index)
        self._clamp()
        if self._top == top:
            for line in (old, index):
                self.repaint(HEAD + line - top, HEAD + line - top + 1)
        else:
            self.repaint(HEAD)
        self.post_message(self.Moved(self))

    def move_to_key(self, key: str) -> bool:
        """Move the cursor to a row; False where it is not shown."""
        index = self.model.index_of(key)
        if index < 0:
            return False
        self.move_to(index)
        return True

    def scroll_columns(self, step: int) -> None:
        """Scroll sideways by columns; the first one stays."""
        if self.layout_of.scroll(step):
            self._fit()
            self.repaint()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self._cursor is not None:
            self.marks.toggle(self._cursor)
            self.repaint()
            self.move(1)

    def mark_range(self) -> None:
        """Mark all rows from the last marked one to the cursor."""
        if self._cursor is None:
            return
        if not self.marks.extend(self._cursor, self.model.index_of, self.model.key_at):
            self.marks.toggle(self._cursor)
        self.repaint()

    def clear_marks(self) -> bool:
        """Take all marks away; False where there was none."""
        had = self.marks.clear()
        self.repaint()
        return had

    # Drawing

    def on_resize(self) -> None:
        """Fit the columns into the new width."""
        self._clamp()
        self._fit()
        self.invalidate()

    def place_of(self, column: str) -> tuple[int, int]:
        """Return where a column begins and how wide it is, in cells; nothing where it is hidden."""
        left = LEAD
        for shown, width in self._fitted:
            if shown.id == column:
                return left, width
            left += width + GAP
        return left, 0

    def _fit(self) -> None:
        self._fitted = self.layout_of.fit(max(10, self.size.width - LEAD))

    def line(self, y: int, width: int) -> Line:
        """Draw the title, the columns' names, or a row."""
        if y == 0:
            return self._title_line(width)
        if y == 1:
            return self._head_line()
        key = self.model.key_at(self._top + y - HEAD)
        if key is None:
            return self._note_line(y - HEAD - 1, width)
        return self._row_line(key)

    def _note_line(self, number: int, width: int) -> Line:
        """Draw a line of the sentence that an empty table has instead of rows."""
        if len(self.model) or number < 0 or not self.note:
            return ()
        lines = wrapped(((self.note, "dim"),), max(20, width - 8))
        return (("    ", "dim"), *lines[number]) if number < len(lines) else ()

    def _title_line(self, width: int) -> Line:
        title = f" {self.title} "
        marked = f" {len(self.marks)} marked " if len(self.marks) else ""
        aside = f" {self.aside} " if self.aside else ""
        rest = max(0, width - 1 - len(title) - len(marked) - len(aside) - 1)
        return (
            ("─", "rule"),
            (title, "strong"),
            (marked, "mark"),
            ("─" * rest, "rule"),
            (aside, "accent"),
            ("─", "rule"),
        )

    def _head_line(self) -> Line:
        cells = [" " * LEAD]
        for position, (column, width) in enumerate(self._fitted):
            title = column.title if column.heading is None else column.heading(width)
            if self._sorted is not None and self._sorted[0] is column:
                title += "↓" if self._sorted[1] else "↑"
            cells.append(fit(title, width, right=column.right))
            if position < len(self._fitted) - 1:
                cells.append(" " * GAP)
        return (("".join(cells), "head"),)

    def _row_line(self, key: str) -> Line:
        row = self.model.rows[key]
        look = self._look(row)
        under = " cursor" if key == self._cursor else ""
        now = self._clock()
        spans: list[Span] = [
            ("▌" if key in self.marks else " ", "mark" + under),
            (fit(look.glyph, LEAD - 2) + " ", look.glyph_style + under),
        ]
        plain: list[str] = []
        last = len(self._fitted) - 1
        for position, (column, width) in enumerate(self._fitted):
            gap = " " * GAP if position < last else ""
            if column.draw is not None:
                spans.append(("".join(plain), look.style + under))
                plain = [gap]
                spans += [(text, names + under) for text, names in column.draw(row, width)]
                continue
            text = column.text(row, now)
            if column.name and width_of(text) > width:
                text = self._told_apart(column, text, width)
            text = fit(text, width, right=column.right) + gap
            style = column.style(row) if column.style is not None else ""
            if style:
                if plain:
                    spans.append(("".join(plain), look.style + under))
                    plain = []
                spans.append((text, style + under))
            else:
                plain.append(text)
        spans.append(("".join(plain), look.style + under))
        return tuple(spans)

    def _told_apart(self, column: Column, text: str, width: int) -> str:
        """Cut a name so that it differs from the others that are on the screen."""
        now = self._clock()
        keys = (self.model.key_at(self._top + y) for y in range(self.size.height))
        names = {column.text(self.model.rows[key], now) for key in keys if key is not None}
        return apart(frozenset((*names, text)), width)[text]

    # Mouse

    def _index_at(self, offset: Offset) -> int:
        return self._top + offset.y - HEAD

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a second click opens it; a column's name sorts."""
        if event.y == 1:
            self._sort_at(event.x)
            return
        index = self._index_at(Offset(event.x, event.y))
        if event.y >= HEAD and self.model.key_at(index) is not None:
            self.move_to(index)
            if event.chain == 2:
                self.post_message(self.Opened(self))

    def _sort_at(self, x: int) -> None:
        left = LEAD
        for column, width in self._fitted:
            if left <= x < left + width + GAP:
                self.sort_by(column)
                return
            left += width + GAP

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down three rows."""
        event.stop()
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up three rows."""
        event.stop()
        self.move(-3)
