"""What judging an app takes beside the app and its pods: its nodes, and when it last got nearer."""

from collections.abc import Collection

import msgspec

from leviathan_tui.backend.fleet.health import (
    PATIENCE,
    AppState,
    Circumstances,
    Health,
    app_health,
)
from leviathan_tui.backend.fleet.records import Node, Pod, Workload


class _Way(msgspec.Struct):
    """How far an app has come on its way to what it wants now."""

    goal: tuple[int, int, str]
    """The wanted pods, the generation and the release: another one is another way."""
    best: tuple[int, int]
    """The most updated and available pods that it has had on it."""
    since: float
    """When it last got nearer."""
    judged_at: float
    arrived: bool
    """Whether it had all that it wanted."""
    pods_known: bool
    """Whether its pods were known when it set out: they tell since when it has been on its way."""
    failing: bool = False


class Judge:
    """Remembers troubled nodes, and how long each app has got no nearer to what it wants."""

    def __init__(self) -> None:
        self._troubles: dict[str, str] = {}
        self._ways: dict[str, _Way] = {}

    def knows(self, node: Node) -> bool:
        """Take in a node; True where its pods are to be judged by that again."""
        before = self._troubles.pop(node.name, "")
        if node.failing:
            said = f"{node.status}: {node.reason}" if node.reason else node.status
            self._troubles[node.name] = said
        return before != self._troubles.get(node.name, "")

    def forget_node(self, node: Node) -> bool:
        """Forget a node that is gone; True where its pods are to be judged by that again."""
        return bool(self._troubles.pop(node.name, ""))

    def forget_app(self, uid: str) -> None:
        """Forget an app that is gone."""
        self._ways.pop(uid, None)

    def health(
        self, app: Workload, pods: Collection[Pod], now: float, *, pods_known: bool = True
    ) -> Health:
        """Judge an app; `now` is in seconds since the epoch, or when it was last heard of."""
        way = self._way(app, pods, now, pods_known=pods_known)
        around = Circumstances(
            now, way.since, pods_known, lambda name: self._troubles.get(name, "")
        )
        health = app_health(app, pods, around)
        way.failing = health.state is AppState.FAILING
        return health

    def _way(self, app: Workload, pods: Collection[Pod], now: float, *, pods_known: bool) -> _Way:
        goal = (app.desired, app.generation, app.revision)
        come = (app.updated, app.available)
        arrived = _has_arrived(app)
        way = self._ways.get(app.uid)
        if way is None or (pods_known and not way.pods_known):
            since = _begun(app, pods) if pods_known and not arrived else now
            way = _Way(goal, come, since, now, arrived, pods_known)
        elif way.goal != goal or arrived or way.arrived:
            way = _Way(goal, come, now, now, arrived, pods_known)
        elif not way.failing and now - way.judged_at > 2 * PATIENCE:
            # For so long nothing was heard of it: nobody knows what it did meanwhile.
            way.since = now
        best = (max(way.best[0], come[0]), max(way.best[1], come[1]))
        if best != way.best:
            way.best, way.since = best, now
        way.judged_at = now
        self._ways[app.uid] = way
        return way


def _has_arrived(app: Workload) -> bool:
    """Whether an app has what it wants, as far as its update strategy wants it by itself."""
    behind = app.desired - app.updated
    as_it_should = behind <= 0 or app.on_delete or behind <= app.partition
    return app.available >= app.desired and as_it_should


def _begun(app: Workload, pods: Collection[Pod]) -> float:
    """Return since when an app that is seen for the first time cannot have got nearer."""
    changes = [pod.readied for pod in pods if not pod.is_ready and pod.readied]
    return float(max([app.created, *(pod.created for pod in pods), *changes]))
