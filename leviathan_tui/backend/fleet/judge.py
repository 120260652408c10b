"""What judging an app takes beside the app and its pods: its nodes, and when it last moved."""

from collections.abc import Collection

from leviathan_tui.backend.fleet.health import Health, app_health
from leviathan_tui.backend.fleet.records import Node, Pod, Workload

_Counts = tuple[int, ...]


class Judge:
    """Remembers troubled nodes and how long each app's counts have stood still."""

    def __init__(self) -> None:
        self._troubles: dict[str, str] = {}
        self._unmoved: dict[str, tuple[_Counts, float]] = {}

    def knows(self, node: Node) -> bool:
        """Take in a node; True where its pods are to be judged by that again."""
        before = self._troubles.get(node.name, "")
        trouble = f"{node.status}: {node.reason}" if node.reason else node.status
        self.forget_node(node)
        if node.failing:
            self._troubles[node.name] = trouble
        return before != self._troubles.get(node.name, "")

    def forget_node(self, node: Node) -> None:
        """Forget a node that is gone."""
        self._troubles.pop(node.name, None)

    def forget_app(self, uid: str) -> None:
        """Forget an app that is gone."""
        self._unmoved.pop(uid, None)

    def health(self, app: Workload, pods: Collection[Pod], now: float) -> Health:
        """Judge an app; `now` is in seconds since the epoch."""
        counts = (app.desired, app.available, app.ready, app.updated, app.total, len(pods))
        known = self._unmoved.get(app.uid)
        if known is None:
            # What is seen for the first time has stood still since its newest part was made.
            since = float(max([app.created, *(pod.created for pod in pods)]))
        else:
            since = known[1] if known[0] == counts else now
        self._unmoved[app.uid] = (counts, since)
        return app_health(app, pods, now, since, lambda name: self._troubles.get(name, ""))
