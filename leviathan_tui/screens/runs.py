"""Runs: the jobs of one cron job, or all jobs."""

from typing import Any, ClassVar

from leviathan_tui.backend.fleet.describe import event_lines
from leviathan_tui.backend.fleet.messages import Phase
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.records import Job, Ref
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look
from leviathan_tui.widgets.text import age, span

_LOOKS = {
    "succeeded": cells.DONE,
    "failed": cells.FAILING,
    "running": cells.PROGRESSING,
    "suspended": cells.PAUSED,
    "pending": cells.IDLE,
}


def _duration(row: Job, now: float) -> str:
    if not row.started:
        return "–"
    return span((row.finished or now) - row.started)


def _trigger(row: Job, now: float) -> str:
    if row.manual:
        return "by hand"
    return "schedule" if row.scheduled else "–"


class RunsScreen(ListScreen):
    """When each run was due, how it started, how long it took and how it ended."""

    VIEW: ClassVar[str] = "runs"
    KINDS: ClassVar[tuple[str, ...]] = ("Job",)
    NAME: ClassVar[str] = "Runs"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        cells.name_column(24, 60),
        cells.NAMESPACE,
        Column(
            "status",
            "OUTCOME",
            lambda row, now: row.outcome,
            lambda row: row.outcome,
            9,
            key="S",
        ),
        Column(
            "reason", "REASON", lambda row, now: row.reason, lambda row: row.reason, 8, 30, yields=6
        ),
        Column("trigger", "TRIGGER", _trigger, lambda row: row.manual, 8, yields=4),
        Column(
            "ready",
            "DONE",
            lambda row, now: f"{row.succeeded}/{row.completions}",
            lambda row: row.succeeded,
            5,
            yields=5,
            key="R",
        ),
        Column(
            "last",
            "SCHEDULED",
            lambda row, now: f"{age(now - row.scheduled)} ago" if row.scheduled else "–",
            lambda row: row.scheduled or row.created,
            9,
            yields=3,
            key="L",
            descending=True,
        ),
        Column(
            "duration",
            "TOOK",
            _duration,
            lambda row: (row.finished or row.started) - row.started,
            7,
            yields=2,
            right=True,
        ),
        cells.image_column(8),
        cells.AGE,
    )

    def list_name(self) -> str:
        """Return the name, with the cron job's."""
        about = self.place.about
        return self.NAME if about is None else f"{self.NAME} of {about.name}"

    def look(self, row: Job) -> Look:
        """Return the look of the outcome."""
        return _LOOKS[row.outcome]

    def order(self, row: Any) -> tuple[Any, ...]:
        """Newest first: a run that failed long ago is no news."""
        return (-(row.scheduled or row.created), row.namespace, row.name)

    async def more_about(self, row: Job) -> Prose:
        """Return the last log lines of a failed run, and the job's events."""
        prose = await self._last_lines(row) if row.outcome == "failed" else []
        try:
            prose += event_lines(await self.session.cluster.events(row.ref), 8)
        except KubeError as error:
            prose += [(), line(f"Events cannot be read: {error.message}", "dim")]
        return prose

    async def _last_lines(self, row: Job) -> Prose:
        cluster = self.session.cluster
        pods = cluster.store.pods_of(row.uid)
        if not pods:
            connection = cluster.store.connection
            readable = any(
                state.scope.namespace in ("", row.namespace) and state.phase is not Phase.REFUSED
                for state in connection.of("Pod")
            )
            if not readable or not connection.complete("Pod"):
                # They may be there all the same.
                return []
            return [(), line("Its pods are gone, and their logs with them.", "dim")]
        from leviathan_tui.backend.logs.preview import preview

        last = Ref("Pod", pods[0].namespace, pods[0].name, pods[0].uid)
        try:
            return await cluster.ask(lambda client: preview(client, last))
        except KubeError as error:
            return [(), line(f"Its log cannot be read: {error.message}", "dim")]

    def belongs(self, row: Job) -> bool:
        """Whether the job is in view, or a run of the cron job that the screen is about."""
        about = self.place.about
        if about is None:
            return self.session.shows(row.namespace)
        return row.owner_uid == about.uid
