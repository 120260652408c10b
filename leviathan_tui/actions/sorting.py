"""Sorting a list by a column: shift and a letter, the letters that k9s users know."""

from typing import Final

from leviathan_tui.actions.base import LISTS, Command, Front

COLUMNS: Final = {
    "name": "N",
    "namespace": "P",
    "age": "A",
    "status": "S",
    "ready": "R",
    "restarts": "T",
    "cpu": "C",
    "memory": "M",
    "node": "O",
    "image": "I",
    "next": "X",
    "last": "L",
    "kind": "K",
}
"""Columns that can be sorted by, and their letters."""


def _sort_by(column: str, letter: str) -> type[Command]:
    def enabled(self: Command, front: Front) -> bool:
        return front.listing is not None and front.listing.has_column(column)

    def run(self: Command, front: Front) -> None:
        if front.listing is not None:
            front.listing.sort_by_column(column)

    return type(
        f"SortBy{column.capitalize()}",
        (Command,),
        {
            "__doc__": f"Sort by {column}; again the other way round; a third time as at first.",
            "id": f"sort-{column}",
            "title": f"Sort by {column}",
            "keys": (letter,),
            "group": "Sorting",
            "views": LISTS,
            "enabled": enabled,
            "run": run,
        },
    )


COMMANDS: Final[tuple[type[Command], ...]] = tuple(
    _sort_by(column, letter) for column, letter in COLUMNS.items()
)
