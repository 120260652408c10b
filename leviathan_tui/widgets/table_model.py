"""Which rows a table shows, and in which order; knows nothing of drawing.

The order is a sorted list that a change enters and leaves by bisection, so that one changed row
among ten thousand costs what it costs among a hundred.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

R = TypeVar("R")

SortKey = tuple[Any, ...]
Entry = tuple[SortKey, str]
"""A row's place: its sort key, then its own key, so that the order is total."""


class TableModel(Generic[R]):
    """Rows by key, sorted and filtered."""

    def __init__(self, sort: Callable[[R], SortKey]) -> None:
        self.rows: dict[str, R] = {}
        self._sort = sort
        self._reverse = False
        self._accept: Callable[[R], bool] | None = None
        self._places: dict[str, SortKey] = {}
        self._all: list[Entry] = []
        self._shown: list[Entry] = []
        self.held = False
        """While True, rows that are already there keep their places whatever changes in them."""
        self._late: set[str] = set()

    def __len__(self) -> int:
        """Return how many rows are shown."""
        return len(self._shown)

    @property
    def total(self) -> int:
        """How many rows there are, shown or not."""
        return len(self.rows)

    @property
    def filtered(self) -> bool:
        """Whether a filter is at work."""
        return self._accept is not None

    def key_at(self, index: int) -> str | None:
        """Return the key of the row at a position, or None outside."""
        count = len(self._shown)
        if not 0 <= index < count:
            return None
        return self._shown[count - 1 - index if self._reverse else index][1]

    def index_of(self, key: str) -> int:
        """Return a row's position, or -1 where it is not shown."""
        place = self._places.get(key)
        if place is None:
            return -1
        entry = (place, key)
        position = bisect_left(self._shown, entry)
        if position >= len(self._shown) or self._shown[position] != entry:
            return -1
        return len(self._shown) - 1 - position if self._reverse else position

    def keys(self) -> list[str]:
        """Return the keys of the shown rows in their order."""
        keys = [key for _, key in self._shown]
        return keys[::-1] if self._reverse else keys

    def replace(self, rows: Mapping[str, R]) -> None:
        """Take these rows instead of all present ones."""
        self.rows = dict(rows)
        self._rebuild()

    def order_by(self, sort: Callable[[R], SortKey], reverse: bool = False) -> None:
        """Sort by another key."""
        self._sort, self._reverse = sort, reverse
        self._rebuild()

    def filter_by(self, accept: Callable[[R], bool] | None) -> None:
        """Show only the rows that `accept` takes; all for None."""
        self._accept = accept
        if accept is None:
            self._shown = self._all
        else:
            rows = self.rows
            self._shown = [entry for entry in self._all if accept(rows[entry[1]])]

    def apply(self, upserted: Iterable[tuple[str, R]], removed: Iterable[str]) -> bool:
        """Take in changes; return whether any row entered, left or moved."""
        fresh = [(key, row) for key, row in upserted]
        moved = False
        for key in removed:
            moved |= self._remove(key)
        if len(fresh) > 64 and len(fresh) > len(self.rows) // 8:
            # So many at once are faster sorted together than entered one by one.
            self.rows.update(fresh)
            self._rebuild()
            return True
        for key, row in fresh:
            moved |= self._put(key, row)
        return moved

    def release(self) -> bool:
        """End the hold: rows that changed meanwhile go to their places. True if any moved."""
        self.held = False
        late, self._late = self._late, set()
        moved = False
        for key in late:
            if key in self.rows:
                moved |= self._put(key, self.rows[key])
        return moved

    def _put(self, key: str, row: R) -> bool:
        place = self._sort(row)
        before = self._places.get(key)
        if before is not None and before != place and self.held:
            self._late.add(key)
            place = before
        was_shown = self._accept is None or (
            before is not None and self._position(self._shown, (before, key)) >= 0
        )
        self.rows[key] = row
        is_shown = self._accept is None or self._accept(row)
        if before == place:
            if was_shown == is_shown:
                return False
            if is_shown:
                insort(self._shown, (place, key))
            else:
                self._discard(self._shown, (place, key))
            return True
        if before is not None:
            self._discard(self._all, (before, key))
            if self._shown is not self._all:
                self._discard(self._shown, (before, key))
        self._places[key] = place
        insort(self._all, (place, key))
        if self._shown is not self._all and is_shown:
            insort(self._shown, (place, key))
        return is_shown or was_shown

    def _remove(self, key: str) -> bool:
        if self.rows.pop(key, None) is None:
            return False
        entry = (self._places.pop(key), key)
        self._late.discard(key)
        self._discard(self._all, entry)
        if self._shown is not self._all:
            return self._discard(self._shown, entry)
        return True

    @staticmethod
    def _position(entries: list[Entry], entry: Entry) -> int:
        position = bisect_left(entries, entry)
        return position if position < len(entries) and entries[position] == entry else -1

    def _discard(self, entries: list[Entry], entry: Entry) -> bool:
        position = self._position(entries, entry)
        if position < 0:
            return False
        del entries[position]
        return True

    def _rebuild(self) -> None:
        sort = self._sort
        self._late.clear()
        self._places = {key: sort(row) for key, row in self.rows.items()}
        self._all = sorted((place, key) for key, place in self._places.items())
        self.filter_by(self._accept)
