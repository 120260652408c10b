"""Sorting a list by a column: shift and a letter, the letters that k9s users know."""

from typing import Final

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.places import LISTS
from leviathan_tui.actions.ports import Front

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


class _SortBy(Action[Front]):
    group, views = "Sorting", LISTS


def _sort_by(column: str, letter: str) -> type[Action[Front]]:
    def enabled(self: Action[Front], front: Front) -> bool:
        return front.listing is not None and front.listing.has_column(column)

    def run(self: Action[Front], front: Front) -> None:
        if front.listing is not None:
            front.listing.sort_by_column(column)

    return type(
        f"SortBy{column.capitalize()}",
        (_SortBy,),
        {
            "__doc__": f"Sort by {column}; again the other way round; a third time as at first.",
            "id": f"sort-{column}",
            "title": f"Sort by {column}",
            "keys": (letter,),
            "enabled": enabled,
            "run": run,
        },
    )


ACTIONS: Final[tuple[type[Action[Front]], ...]] = tuple(
    _sort_by(column, letter) for column, letter in COLUMNS.items()
)
