"""The home screen: every Deployment, StatefulSet and DaemonSet as an app."""

from typing import Any, ClassVar

from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.describe import event_lines
from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import AppRow
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look

_LOOKS = {
    AppState.FAILING: cells.FAILING,
    AppState.PROGRESSING: cells.PROGRESSING,
    AppState.HEALTHY: cells.HEALTHY,
    AppState.PAUSED: cells.PAUSED,
    AppState.IDLE: cells.IDLE,
    AppState.DELETING: cells.DELETING,
}

_ORDER = {state: position for position, state in enumerate(AppState)}


def _ready(row: AppRow, now: float) -> str:
    if row.state is AppState.PAUSED:
        return "paused"
    return f"{row.ready}/{row.desired}"


class AppsScreen(ListScreen):
    """Is anything wrong, what changed, what can I do about it."""

    VIEW: ClassVar[str] = "apps"
    KINDS: ClassVar[tuple[str, ...]] = ("Deployment", "StatefulSet", "DaemonSet")
    NAME: ClassVar[str] = "Apps"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        cells.name_column(16, 40),
        cells.NAMESPACE,
        Column(
            "ready",
            "READY",
            _ready,
            lambda row: row.ready / row.desired if row.desired else 2.0,
            6,
            key="R",
        ),
        Column(
            "status",
            "STATUS",
            lambda row, now: row.status,
            lambda row: _ORDER[row.state],
            20,
            44,
            yields=4,
            key="S",
        ),
        cells.image_column(7),
        cells.CPU,
        cells.MEMORY,
        Column(
            "restarts",
            "RESTARTS",
            cells.restarts_text,
            lambda row: row.restarts,
            8,
            yields=8,
            right=True,
            key="T",
            descending=True,
        ),
        Column(
            "kind", "KIND", lambda row, now: row.kind, lambda row: row.kind, 11, yields=9, key="K"
        ),
        cells.AGE,
    )

    def look(self, row: AppRow) -> Look:
        """Return the look of the app's state."""
        return _LOOKS[row.state]

    async def more_about(self, row: Any) -> Prose:
        """Return the last log line of a failing pod, and the app's events."""
        return await worst_of(self.session.cluster, row)


async def worst_of(cluster: Cluster, row: AppRow) -> Prose:
    """Return an app's events, or a failing pod's last log lines and events."""
    ref = row.ref
    prose: Prose = []
    try:
        pods = cluster.store.pods_of(row.uid) if row.failing else []
        unwell = [pod for pod in pods if pod.failing] or [
            pod for pod in pods if pod.ready < pod.total
        ]
        if unwell:
            worst = Ref("Pod", unwell[0].namespace, unwell[0].name, unwell[0].uid)
            from leviathan_tui.backend.logs.preview import preview

            prose += await cluster.ask(lambda client: preview(client, worst))
            ref = worst
        prose += event_lines(await cluster.events(ref), 8)
    except KubeError as error:
        prose += [(), line(f"Events cannot be read: {error.message}", "dim")]
    return prose
