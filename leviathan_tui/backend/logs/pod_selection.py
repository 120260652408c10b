"""Which pods' logs are meant by objects that the store knows."""

from collections.abc import Sequence
from typing import Final

from leviathan_tui.backend.fleet.records import Pod, Ref
from leviathan_tui.backend.fleet.rows import Diff, PodRow
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.logs.sources import LogRange, PodKey, tail_for

WHOLE: Final = frozenset({kinds.JOB.name, kinds.CRON_JOB.name})
"""Kinds whose logs are read from their beginning: a run is read as a whole."""


class PodSelection:
    """The pods of some objects, followed through the store's changes."""

    def __init__(self, store: Store, refs: Sequence[Ref]) -> None:
        self._store = store
        self._refs = refs
        self._uids = {ref.uid for ref in refs}
        self._known: set[str] = set()

    def pods(self) -> list[PodKey]:
        """Return the present pods."""
        found: dict[str, PodKey] = {}
        several = len(self._refs) > 1
        for ref in self._refs:
            if ref.kind == kinds.POD.name:
                pod = self._store.record(ref.kind, ref.uid)
                pods = [] if pod is None else [pod]
            else:
                pods = self._store.pods_of(ref.uid)
            for pod in pods:
                label = ref.name if several and ref.kind != kinds.POD.name else ""
                found.setdefault(pod.uid, _key(pod, label))
        self._known = set(found)
        return list(found.values())

    def concerns(self, diff: Diff) -> bool:
        """Whether a change of the store's pods may be one of these."""
        if not self._known.isdisjoint(diff.removed):
            return True
        for row in diff.upserted:
            if row.uid in self._known or row.uid in self._uids:
                return True
            if isinstance(row, PodRow) and not self._uids.isdisjoint(
                self._store.ancestors(row.pod)
            ):
                return True
        return False

    def opening_range(self) -> LogRange:
        """Return the part of the logs with which a view opens."""
        if any(ref.kind in WHOLE for ref in self._refs):
            return LogRange()
        containers = 0
        for key in self.pods():
            pod = self._store.record(kinds.POD.name, key.uid)
            containers += 1 if pod is None else len(pod.containers)
        return LogRange(tail=tail_for(containers))

    def is_failing(self) -> bool:
        """Whether any of the objects is not well."""
        rows = {
            kind.name: view
            for view, group in (
                ("apps", kinds.WORKLOADS),
                ("pods", (kinds.POD,)),
                ("runs", (kinds.JOB,)),
                ("crons", (kinds.CRON_JOB,)),
            )
            for kind in group
        }
        for ref in self._refs:
            row = self._store.rows(rows[ref.kind]).get(ref.uid) if ref.kind in rows else None
            if getattr(row, "failing", False):
                return True
        return False

    def why_none(self) -> str:
        """Return why there are no pods."""
        if not self._store.connection.complete(kinds.POD.name):
            return "Reading the cluster …"
        kind = self._refs[0].kind
        if kind == kinds.POD.name:
            return "The pod is gone, and its logs with it."
        if kind == kinds.JOB.name:
            job = self._store.record(kind, self._refs[0].uid)
            if job is not None and not job.finished and not job.failed:
                return "None of its pods is there yet."
            return "The pods of this run are gone, and their logs with them."
        if kind == kinds.CRON_JOB.name:
            return "No pods of its runs are left; their logs went with them."
        return "It has no pods now: there is nothing to read."


def _key(pod: Pod, label: str) -> PodKey:
    version = f"{pod.status} {pod.phase} {pod.ready}/{pod.total} {pod.restarts} {pod.deleting}"
    return PodKey(pod.namespace, pod.name, pod.uid, version, pod.failing, pod.created, label)
