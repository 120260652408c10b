"""How far a rollout has come: by the app's own status, by its strategy, and by its pods."""

from typing import Any, Final

from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.new_pods import LONGEST, NewPods, changed_at
from leviathan_tui.backend.changes.preview import Progress
from leviathan_tui.backend.changes.strategies import (
    blocks,
    replaced_at_most,
    trouble_of,
    waits_for_each,
    why_kept,
)
from leviathan_tui.backend.fleet.inspect import events_about
from leviathan_tui.backend.fleet.status import pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, metadata_of, replicas_of, whole
from leviathan_tui.backend.untrusted import clean

REVISION_LABEL: Final = "controller-revision-hash"
"""The label by which a StatefulSet's pods say of which release they are."""

BLOCKED_SECONDS: Final = 5.0
"""Seconds for which a failing pod holds the rollout up before that counts as its end."""


class Rollout:
    """Watches one app from a change on."""

    def __init__(self, client: KubeClient, kind: Kind, entry: Entry, steady: float) -> None:
        """New pods have to stay ready for `steady` seconds."""
        self._client = client
        self._kind = kind
        self._entry = entry
        self._steady = steady
        self._pods = NewPods(client, entry.ref)
        self._blocked_since = 0.0

    async def look(self, app: Document, now: float, took: float) -> Progress:
        """Return how far it has come.

        `now` is of any clock that never goes back, `took` the time since the change; both in seconds.
        Raises `KubeError`.
        """
        await self._pods.look(app, now)
        if not self._pods.readable:
            return rollout_state(self._kind, self._entry, app, took)
        former = len(self._of_former_release(app))
        state = rollout_state(self._kind, self._entry, app, took, former)
        name = self._entry.name
        if crash := await self._pods.crash():
            return Progress(f"{name} came up and {crash}.{_way_back(self._entry)}", failed=True)
        if state.failed:
            return state
        if not state.done:
            return self._held_up(app, now) or await self._explained(app, state)
        if self._makes_way(app):
            return Progress(f"{name}: {self._pods.ending or 'a pod'} is ending.")
        if self._pods.remaining(now, self._steady) <= 0:
            return state
        return Progress(f"{name} is ready, and has to stay so for {self._steady:g} s.")

    def _makes_way(self, app: Document) -> bool:
        """Whether a pod that ends has a successor of the same name, or on the same node, to come.

        A Deployment's old pods have none, and may take their time. The app's own counts lag behind
        its pods: some may be gone, and not be missed yet.
        """
        if self._kind == kinds.DEPLOYMENT:
            return False
        wanted = _wanted(self._kind, app)
        return bool(wanted) and (bool(self._pods.ending) or len(self._pods.staying) < wanted)

    def _held_up(self, app: Document, now: float) -> Progress | None:
        """Say which failing pod of the former release the controller waits for."""
        pod = self._blocker(app)
        if pod is None:
            self._blocked_since = 0.0
            return None
        self._blocked_since = self._blocked_since or now
        failed = now - self._blocked_since >= BLOCKED_SECONDS
        pod_name = clean(pod.metadata.name)
        words = (
            f"{self._entry.name} is stuck: {pod_name} is not ready ({trouble_of(pod)}), "
            "and no pod is replaced before it is. Delete it to go on."
        )
        return Progress(words, failed=failed)

    def _blocker(self, app: Document) -> wire.Pod | None:
        if not waits_for_each(self._kind, app):
            return None
        former = self._of_former_release(app)
        return next((one for one in former if blocks(one) and pod_status(one).failing), None)

    def _of_former_release(self, app: Document) -> list[wire.Pod]:
        """Return the pods that are not of the present release, and stay.

        A StatefulSet's say which they are of; of others, and where its controller has not said yet
        which the present one is, those from before the change.
        """
        present = (app.get("status") or {}).get("updateRevision")
        if self._kind != kinds.STATEFUL_SET or not present:
            return self._pods.old
        return [
            pod
            for pod in self._pods.staying
            if (pod.metadata.labels or {}).get(REVISION_LABEL) != present
        ]

    async def _explained(self, app: Document, state: Progress) -> Progress:
        why = self._pods.why() or await self._why_not_made(app)
        return Progress(f"{state.words} {why}") if why else state

    async def _why_not_made(self, app: Document) -> str:
        """Return why pods are not even made, as a quota or a webhook has it; nothing where they are."""
        if len(self._pods.staying) >= _wanted(self._kind, app):
            return ""
        for condition in (app.get("status") or {}).get("conditions") or ():
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                return clean(str(condition.get("message") or ""), LONGEST)
        if self._kind == kinds.DEPLOYMENT:
            return ""
        try:
            events = await events_about(self._client, self._entry.ref)
        except KubeError:
            return ""
        since = changed_at(app)
        said = (one for one in events if one.reason == "FailedCreate" and one.last >= since)
        return next((clean(one.message, LONGEST) for one in said), "")


def rollout_state(
    kind: Kind, entry: Entry, app: Document, took: float, former: int | None = None
) -> Progress:
    """Return how far a rollout has come by the app's own status; `took` is in seconds.

    `former` is how many pods of the former release are left, where that is known: the app's own counts
    lag behind.
    """
    name, seconds = entry.name, f"{took:.0f} s"
    status: dict[str, Any] = app.get("status") or {}
    seen = whole(status.get("observedGeneration")) >= whole(metadata_of(app).get("generation"))
    wanted = _wanted(kind, app)
    if kind == kinds.DAEMON_SET:
        ready = whole(status.get("numberAvailable"))
        total = whole(status.get("currentNumberScheduled"))
        updated = whole(status.get("updatedNumberScheduled"))
    else:
        ready, total = whole(status.get("availableReplicas")), whole(status.get("replicas"))
        updated = whole(status.get("updatedReplicas"))
    if (app.get("spec") or {}).get("paused"):
        return Progress(f"{name}: the rollout is paused.", done=True)
    if seen and not wanted and not total:
        # Those that end are not counted any more, and may take their time.
        ending = whole(status.get("terminatingReplicas"))
        pods = f"{_pods(ending)} to end" if ending else "no pods"
        return Progress(f"{name} is down after {seconds}: {pods}.", done=True)
    to_update = replaced_at_most(kind, app, wanted)
    if seen and wanted and ready >= wanted and updated >= to_update and total == wanted:
        kept = wanted - updated if former is None else min(wanted - updated, former)
        why = why_kept(kind, app, kept)
        rest = f"; {why}" if why else ""
        return Progress(f"{name} is up: {ready}/{wanted} ready in {seconds}{rest}.", done=True)
    for condition in status.get("conditions") or ():
        if seen and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(
                f"{name} is stuck: {ready}/{wanted} ready, and its deadline is over."
                f"{_way_back(entry)}",
                failed=True,
            )
    if not wanted:
        return Progress(f"{name}: {_pods(total)} to go.")
    return Progress(f"{name}: {min(updated, wanted)}/{to_update} updated, {ready}/{wanted} ready.")


def _wanted(kind: Kind, app: Document) -> int:
    if kind == kinds.DAEMON_SET:
        return whole((app.get("status") or {}).get("desiredNumberScheduled"))
    return replicas_of(app)


def _way_back(entry: Entry) -> str:
    return "" if entry.irreversible else " u takes the change back."


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
