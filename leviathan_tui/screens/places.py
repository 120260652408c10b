"""Nodes and namespaces."""

from typing import Any, ClassVar

from leviathan_tui.backend.fleet.records import Namespace, Node
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look


def _text(field: str, title: str, width: int, most: int = 0, yields: int = 0) -> Column:
    return Column(
        field,
        title,
        lambda row, now: str(getattr(row, field)) or "–",
        lambda row: getattr(row, field),
        width,
        most,
        yields,
    )


class NodesScreen(ListScreen):
    """The machines of the cluster."""

    VIEW: ClassVar[str] = "nodes"
    KINDS: ClassVar[tuple[str, ...]] = ("Node",)
    NAME: ClassVar[str] = "Nodes"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        cells.name_column(20, 60),
        _text("status", "STATUS", 8, 26),
        _text("roles", "ROLES", 6, 30, 5),
        _text("version", "VERSION", 8, 24, 4),
        _text("cpu", "CPU", 5, 8, 3),
        _text("memory", "MEMORY", 8, 14, 3),
        _text("pods", "PODS", 5, 6, 2),
        cells.AGE,
    )

    def look(self, row: Node) -> Look:
        """Return the look of the node's state."""
        if row.failing:
            return cells.FAILING
        return cells.PAUSED if "Disabled" in row.status else cells.HEALTHY

    def belongs(self, row: Any) -> bool:
        """Nodes belong to no namespace: all are in view."""
        return True

    def hidden_columns(self) -> frozenset[str]:
        """All columns have something to show."""
        return frozenset()


class NamespacesScreen(ListScreen):
    """All namespaces; enter uses one."""

    VIEW: ClassVar[str] = "namespaces"
    KINDS: ClassVar[tuple[str, ...]] = ("Namespace",)
    NAME: ClassVar[str] = "Namespaces"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        cells.name_column(20, 63),
        _text("phase", "STATUS", 11),
        cells.AGE,
    )

    def look(self, row: Namespace) -> Look:
        """Return the look of the namespace's phase."""
        return cells.DELETING if row.deleting else cells.HEALTHY

    def order(self, row: Any) -> tuple[Any, ...]:
        """By name."""
        return (row.name,)

    def belongs(self, row: Any) -> bool:
        """All are in view, whichever is in use."""
        return True

    def hidden_columns(self) -> frozenset[str]:
        """All columns have something to show."""
        return frozenset()
