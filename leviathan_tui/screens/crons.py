"""Cron jobs: schedule and words, next run, last outcome, the last ten runs, missed, suspended."""

from typing import Any, ClassVar

from leviathan_tui.backend.fleet.describe import event_lines
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.rows import CronRow
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look
from leviathan_tui.widgets.text import age

_GLYPHS = str.maketrans({"s": "✓", "f": "✗", "r": "▸", "p": "·"})


def _next(row: CronRow, now: float) -> str:
    left = row.next_run - now
    return row.why_no_next or ("now" if left < 10 else f"in {age(left)}")


def next_column(yields: int = 0) -> Column:
    """Return the column that tells when the next run is due, or why none is."""
    return Column(
        "next",
        "NEXT",
        _next,
        lambda row: row.next_run or float("inf"),
        9,
        yields=yields,
        key="X",
    )


def _last(row: CronRow, now: float) -> str:
    if not row.last_schedule:
        return "–"
    mark = {"succeeded": "✓ ", "failed": "✗ "}.get(row.last_outcome, "")
    return f"{mark}{age(now - row.last_schedule)} ago"


class CronsScreen(ListScreen):
    """Every cron job."""

    VIEW: ClassVar[str] = "crons"
    KINDS: ClassVar[tuple[str, ...]] = ("CronJob",)
    NAME: ClassVar[str] = "Cron jobs"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        cells.name_column(16, 40),
        cells.NAMESPACE,
        Column(
            "schedule",
            "SCHEDULE",
            lambda row, now: row.schedule,
            lambda row: row.schedule,
            11,
            24,
        ),
        Column(
            "words",
            "IN WORDS",
            lambda row, now: row.problem or row.words,
            lambda row: row.words,
            12,
            44,
            yields=7,
        ),
        next_column(),
        Column(
            "last",
            "LAST",
            _last,
            lambda row: row.last_schedule,
            9,
            yields=2,
            key="L",
            descending=True,
        ),
        Column(
            "history",
            "LAST TEN",
            lambda row, now: row.history.translate(_GLYPHS),
            lambda row: row.history,
            10,
            yields=4,
            right=True,
        ),
        Column(
            "missed",
            "MISSED",
            lambda row, now: (
                ("100+" if row.missed >= 100 else str(row.missed)) if row.missed else "–"
            ),
            lambda row: row.missed,
            6,
            yields=3,
            right=True,
            descending=True,
            style=lambda row: "bad" if row.missed else "",
        ),
        Column(
            "active",
            "ACTIVE",
            lambda row, now: str(row.active or "–"),
            lambda row: row.active,
            6,
            yields=6,
            right=True,
            descending=True,
        ),
        Column(
            "zone",
            "ZONE",
            lambda row, now: row.time_zone or "–",
            lambda row: row.time_zone,
            4,
            20,
            yields=8,
        ),
        cells.image_column(9),
        cells.AGE,
    )

    def look(self, row: CronRow) -> Look:
        """Return the look of the cron job's state."""
        if row.failing:
            return cells.FAILING
        if row.deleting:
            return cells.DELETING
        if row.suspended:
            return cells.PAUSED
        return cells.PROGRESSING if row.active else cells.HEALTHY

    async def more_about(self, row: Any) -> Prose:
        """Return the cron job's events."""
        try:
            return event_lines(await self.session.cluster.events(row.ref), 8)
        except KubeError as error:
            return [(), line(f"Events cannot be read: {error.message}", "dim")]
