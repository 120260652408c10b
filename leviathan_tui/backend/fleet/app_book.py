"""What is known of apps beside their records: how each is getting on, and when to look again."""

from collections.abc import Collection

from leviathan_tui.backend.fleet.health import PATIENCE, AppState
from leviathan_tui.backend.fleet.judge import Judge
from leviathan_tui.backend.fleet.records import Node, Pod, Workload
from leviathan_tui.backend.fleet.rows import AppRow
from leviathan_tui.backend.fleet.usage import PodUsage


class AppBook:
    """See the module's docstring. Belongs to one store; times are in seconds since the epoch."""

    def __init__(self) -> None:
        self._judge = Judge()
        self._again: dict[str, float] = {}
        """Apps that are in progress, and when to look at them again."""
        self._changed_nodes: set[str] = set()

    def observe(self, node: Node) -> None:
        """Take in a node."""
        if self._judge.knows(node):
            self._changed_nodes.add(node.name)

    def vanished(self, node: Node) -> None:
        """Take in that a node is gone."""
        if self._judge.forget_node(node):
            self._changed_nodes.add(node.name)

    def take_changed_nodes(self) -> set[str]:
        """Return the names of nodes, once each, by which their pods' apps are to be judged again."""
        taken, self._changed_nodes = self._changed_nodes, set()
        return taken

    def forget(self, uid: str) -> None:
        """Forget an app that is gone."""
        self._judge.forget_app(uid)
        self._again.pop(uid, None)

    def due(self, now: float) -> list[str]:
        """Return the uids of apps whose rows the clock may have changed, once each."""
        found = [uid for uid, when in self._again.items() if when <= now]
        for uid in found:
            del self._again[uid]
        return found

    def row(
        self,
        app: Workload,
        pods: Collection[Pod],
        usage: PodUsage,
        now: float,
        heard: float,
        *,
        pods_known: bool,
    ) -> AppRow:
        """Return an app's row; `heard` is until when it and its pods were followed."""
        used = [usage[key] for pod in pods if (key := (pod.namespace, pod.name)) in usage]
        health = self._judge.health(app, pods, heard, pods_known=pods_known)
        if health.state is AppState.PROGRESSING:
            # What only starts for too long is failing; no event tells when that is.
            self._again.setdefault(app.uid, now + PATIENCE / 2)
        return AppRow(
            uid=app.uid,
            kind=app.kind,
            namespace=app.namespace,
            name=app.name,
            state=health.state,
            status=health.words,
            reason=health.reason,
            ready=app.ready,
            desired=app.desired,
            updated=app.updated,
            image=app.image,
            created=app.created,
            labels=app.labels,
            pods=len(pods),
            restarts=sum(pod.restarts for pod in pods),
            rollout_paused=app.rollout_paused,
            cpu=sum(cpu for cpu, _ in used) if used else -1,
            memory=sum(memory for _, memory in used) if used else -1,
            search=f"{app.namespace}\n{app.name}\n{app.kind}\n{app.image}\n{health.reason}".lower(),
        )
