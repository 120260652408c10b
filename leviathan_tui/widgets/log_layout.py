"""Which rows of which lines are on the screen, where a line may take several."""

from collections.abc import Callable

from leviathan_tui.backend.logs.lens import Lens

Row = tuple[int, int]
"""A line's number, and which of its rows."""

Height = Callable[[int], int]
"""How many rows a line takes."""


def rows_from_end(lens: Lens, height: Height, room: int) -> list[Row]:
    """Return the last `room` rows."""
    rows: list[Row] = []
    position = len(lens)
    while position > 0 and len(rows) < room:
        position -= 1
        number = lens[position]
        rows += [(number, part) for part in range(height(number) - 1, -1, -1)]
    del rows[room:]
    rows.reverse()
    return rows


def rows_from_top(lens: Lens, height: Height, room: int, top: Row) -> list[Row]:
    """Return at most `room` rows from `top` on."""
    rows: list[Row] = []
    position, count = lens.index(top[0]), len(lens)
    skip = top[1]
    while position < count and len(rows) < room:
        number = lens[position]
        rows += [(number, part) for part in range(skip, height(number))]
        skip = 0
        position += 1
    del rows[room:]
    return rows


def top_for(lens: Lens, height: Height, room: int, number: int) -> Row:
    """Return the top with which a line's last row is the one number `room` on the screen.

    A line that is higher than that has its first row at the top.
    """
    own = height(number)
    top: Row = (number, 0)
    left = room - own
    position = lens.index(number)
    while left > 0 and position > 0:
        position -= 1
        above = lens[position]
        rows = height(above)
        top = (above, max(0, rows - left))
        left -= rows
    return top


def next_row(lens: Lens, height: Height, row: Row) -> Row:
    """Return the row below one, or the same where it is the last."""
    number, part = row
    if part + 1 < height(number):
        return (number, part + 1)
    after = lens.after(number)
    return row if after is None else (after, 0)
