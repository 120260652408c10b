"""Events: all of them, or those about one object, watched as long as the screen is open."""

from typing import Any, ClassVar

from leviathan_tui.backend.fleet.records import Event
from leviathan_tui.backend.kube import kinds
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look
from leviathan_tui.widgets.text import age


class EventsScreen(ListScreen):
    """What Kubernetes itself says it does."""

    VIEW: ClassVar[str] = "events"
    KINDS: ClassVar[tuple[str, ...]] = ("Event",)
    NAME: ClassVar[str] = "Events"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(
            "age",
            "LAST",
            lambda row, now: age(now - row.last),
            lambda row: row.last,
            5,
            right=True,
            key="A",
            descending=True,
        ),
        cells.NAMESPACE,
        Column(
            "status", "TYPE", lambda row, now: row.type, lambda row: row.type, 7, yields=5, key="S"
        ),
        Column("reason", "REASON", lambda row, now: row.reason, lambda row: row.reason, 10, 26),
        Column(
            "name",
            "OBJECT",
            lambda row, now: f"{row.about.kind.lower()}/{row.about.name}",
            lambda row: (row.about.kind, row.about.name),
            20,
            50,
            key="N",
            name=True,
        ),
        Column(
            "count",
            "COUNT",
            lambda row, now: str(row.count),
            lambda row: row.count,
            5,
            yields=4,
            right=True,
            descending=True,
        ),
        Column(
            "message",
            "MESSAGE",
            lambda row, now: row.message,
            lambda row: row.message,
            20,
            160,
        ),
    )

    DEFAULT_CSS = """
    EventsScreen Detail { display: none; }
    """

    def begin(self) -> None:
        """Watch events too."""
        self.session.cluster.also_watch(kinds.EVENT)
        super().begin()

    def end(self) -> None:
        """Watch them no longer."""
        super().end()
        self.session.cluster.no_longer_watch(kinds.EVENT)

    def list_name(self) -> str:
        """Return the name, with what the events are about."""
        about = self.place.about
        return self.NAME if about is None else f"{self.NAME} about {about.name}"

    def look(self, row: Event) -> Look:
        """Warnings stand out."""
        return Look("▲", "warn", "warn") if row.type == "Warning" else Look("·", "dim", "plain")

    def order(self, row: Any) -> tuple[Any, ...]:
        """Newest first."""
        return (-row.last, row.name)

    def belongs(self, row: Event) -> bool:
        """Whether the event is in view, and about what the screen is about."""
        about = self.place.about
        if about is None:
            return self.session.shows(row.namespace)
        return row.about.uid == about.uid
