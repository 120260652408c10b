"""The pods: all of them, or those of an app, a run or a node."""

from typing import ClassVar

from leviathan_tui.backend.fleet.describe import event_lines
from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import PodRow
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.screens import cells
from leviathan_tui.screens.list_screen import ListScreen
from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look

POD_COLUMNS = (
    cells.name_column(24, 60),
    cells.NAMESPACE,
    Column(
        "ready",
        "READY",
        lambda row, now: f"{row.pod.ready}/{row.pod.total}",
        lambda row: row.pod.ready / row.pod.total if row.pod.total else 0.0,
        5,
        key="R",
    ),
    Column(
        "status",
        "STATUS",
        lambda row, now: row.pod.status,
        lambda row: row.pod.status,
        17,
        26,
        key="S",
    ),
    Column(
        "restarts",
        "RESTARTS",
        lambda row, now: cells.restarts_text(row.pod, now),
        lambda row: row.pod.restarts,
        8,
        12,
        yields=1,
        right=True,
        key="T",
        descending=True,
    ),
    cells.CPU,
    cells.MEMORY,
    Column(
        "node",
        "NODE",
        lambda row, now: row.pod.node or "–",
        lambda row: row.pod.node,
        8,
        30,
        yields=7,
        key="O",
        name=True,
    ),
    Column(
        "ip", "IP", lambda row, now: row.pod.ip or "–", lambda row: row.pod.ip, 10, 39, yields=9
    ),
    Column(
        "image",
        "IMAGE",
        lambda row, now: row.pod.image,
        lambda row: row.pod.image,
        10,
        32,
        yields=8,
        key="I",
        name=True,
    ),
    Column(
        cells.AGE.id,
        cells.AGE.title,
        lambda row, now: cells.AGE.text(row.pod, now),
        lambda row: row.pod.created,
        4,
        yields=2,
        right=True,
        key="A",
        descending=True,
    ),
)


def pod_look(row: PodRow) -> Look:
    """Return the look of a pod's state."""
    pod = row.pod
    if pod.deleting:
        return cells.DELETING
    if pod.failing:
        return cells.FAILING
    if pod.phase == "Succeeded":
        return cells.DONE
    return cells.HEALTHY if pod.ready == pod.total else cells.PROGRESSING


class PodsScreen(ListScreen):
    """The classic table of pods."""

    VIEW: ClassVar[str] = "pods"
    KINDS: ClassVar[tuple[str, ...]] = ("Pod",)
    NAME: ClassVar[str] = "Pods"
    COLUMNS: ClassVar[tuple[Column, ...]] = POD_COLUMNS

    def list_name(self) -> str:
        """Return the name, with what the pods belong to."""
        about = self.place.about
        return self.NAME if about is None else f"{self.NAME} of {about.name}"

    def look(self, row: PodRow) -> Look:
        """Return the look of the pod's state."""
        return pod_look(row)

    def hidden_columns(self) -> frozenset[str]:
        """The pods of one app or run are all in one namespace."""
        about = self.place.about
        hidden = super().hidden_columns()
        return hidden | {"namespace"} if about is not None and about.namespace else hidden

    def belongs(self, row: PodRow) -> bool:
        """Whether the pod is in view, and belongs to what the screen is about."""
        about = self.place.about
        if about is None:
            return self.session.shows(row.namespace)
        if about.kind == "Node":
            return row.pod.node == about.name
        return about.uid in self.session.cluster.store.ancestors(row.pod)

    async def more_about(self, row: PodRow) -> Prose:
        """Return a failing pod's last log lines, and the pod's events."""
        cluster, pod = self.session.cluster, row.pod
        prose: Prose = []
        try:
            if pod.failing or pod.restarts:
                from leviathan_tui.backend.logs.preview import preview

                prose += await cluster.ask(lambda client: preview(client, row.ref))
            prose += event_lines(
                await cluster.events(Ref("Pod", pod.namespace, pod.name, pod.uid)), 8
            )
        except KubeError as error:
            prose += [(), line(f"Events cannot be read: {error.message}", "dim")]
        return prose
