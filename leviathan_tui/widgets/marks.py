"""Which rows of a table are marked."""

from collections.abc import Callable


class Marks:
    """Marked rows' keys, in the order in which they were marked."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._anchor: str | None = None

    def __len__(self) -> int:
        """Return how many are marked."""
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        """Whether a row is marked."""
        return key in self._keys

    def ordered(self) -> list[str]:
        """Return the marked rows' keys."""
        return list(self._keys)

    def toggle(self, key: str) -> None:
        """Mark a row, or take its mark away; a range may begin at it."""
        if key in self._keys:
            del self._keys[key]
        else:
            self._keys[key] = None
        self._anchor = key

    def extend(
        self, key: str, index_of: Callable[[str], int], key_at: Callable[[int], str | None]
    ) -> bool:
        """Mark all rows from the last one marked to this; False where none was marked before."""
        start = index_of(self._anchor) if self._anchor is not None else -1
        end = index_of(key)
        if start < 0 or end < 0:
            return False
        for index in range(min(start, end), max(start, end) + 1):
            found = key_at(index)
            if found is not None:
                self._keys[found] = None
        self._anchor = key
        return True

    def forget(self, key: str) -> None:
        """The row is gone."""
        self._keys.pop(key, None)

    def clear(self) -> bool:
        """Take all marks away; False where there was none."""
        had = bool(self._keys)
        self._keys.clear()
        self._anchor = None
        return had
