"""The new pods of a rollout: what keeps them from being ready, and whether they stay so.

A count that is right for one sample says little: what ends a few seconds after it was ready came up
and crashed.
"""

import asyncio
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet import inspect
from leviathan_tui.backend.fleet.pausing import FIELD_MANAGER
from leviathan_tui.backend.fleet.records import Ref, seconds, seconds_at
from leviathan_tui.backend.fleet.status import pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.objects import Document, decoded_as, metadata_of
from leviathan_tui.backend.kube.selectors import SelectorError, selector_query
from leviathan_tui.backend.untrusted import clean

LOG_PAUSES: Final = (0.3, 0.7)
"""Seconds after which a log without a line is read again."""

LONGEST: Final = 200
"""Characters of a reason that are told."""


class _Seen(msgspec.Struct):
    """A new pod that was ready."""

    since: float
    restarts: int


class NewPods:
    """Watches one app's pods; those that were there before the change are none of the new ones."""

    def __init__(self, client: KubeClient, ref: Ref) -> None:
        self._client = client
        self._ref = ref
        self._old: set[str] | None = None
        self._ready: dict[str, _Seen] = {}
        self._pods: list[wire.Pod] = []
        self.readable = True
        """Whether the pods may be read; without, nothing is known of them."""

    async def look(self, app: Document, now: float) -> None:
        """Read the app's pods; `now` is of any clock that never goes back, in seconds."""
        try:
            self._pods = await pods_of(self._client, self._ref, app)
        except (KubeError, SelectorError):
            self.readable = False
            return
        self.readable = True
        if self._old is None:
            changed = changed_at(app)
            self._old = {pod.metadata.uid for pod in self._pods if _created(pod) < changed}
        here = set()
        for pod in self._pods:
            uid = pod.metadata.uid
            if uid in self._old:
                continue
            here.add(uid)
            if is_ready(pod):
                self._ready.setdefault(uid, _Seen(now, _restarts(pod)))
            elif uid in self._ready:
                # It has to begin anew.
                self._ready[uid].since = now
        self._ready = {uid: seen for uid, seen in self._ready.items() if uid in here}

    def remaining(self, now: float, steady: float) -> float:
        """Return for how many seconds the new pods have yet to stay ready; 0 where that is over."""
        begun = [seen.since for seen in self._ready.values()]
        return max(0.0, steady - (now - max(begun))) if begun else 0.0

    async def crash(self) -> str:
        """Return how a new pod ended that was ready before; nothing where none did."""
        for pod in self._pods:
            seen = self._ready.get(pod.metadata.uid)
            if seen is None:
                continue
            for container in pod.status.container_statuses or ():
                state = container.state or wire.ContainerState()
                last = container.last_state or wire.ContainerState()
                restarted = _restarts(pod) > seen.restarts
                ended = state.terminated or (last.terminated if restarted else None)
                if ended is not None and (restarted or ended.exit_code or ended.signal):
                    return await self._told(pod, container, ended, restarted=restarted)
        return ""

    async def _told(
        self,
        pod: wire.Pod,
        container: wire.ContainerStatus,
        ended: wire.ContainerTerminated,
        *,
        restarted: bool,
    ) -> str:
        how = f"signal {ended.signal}" if ended.signal else f"exit {ended.exit_code}"
        after = ""
        if ended.started_at is not None and ended.finished_at is not None:
            after = f" after {(ended.finished_at - ended.started_at).total_seconds():.0f} s"
        ref = Ref("Pod", pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)
        previous = restarted and (container.state or wire.ContainerState()).terminated is None
        said = await self._last_words(ref, container.name, previous=previous)
        line = f": {said}" if said else ""
        verb = "crashed" if ended.exit_code or ended.signal else "ended"
        return f"{verb}{after} ({how}){line}"

    async def _last_words(self, ref: Ref, container: str, *, previous: bool) -> str:
        """Return the last line of what ended, cleaned; nothing where there is none, or it cannot be read.

        It may have been started again since the pod was read, and the node may not have written its
        log yet.
        """
        for pause in (0.0, *LOG_PAUSES):
            await asyncio.sleep(pause)
            for earlier in (previous, True):
                try:
                    said = await inspect.last_lines(
                        self._client, ref, container, 1, previous=earlier
                    )
                except KubeError:
                    continue
                if said:
                    return clean(said[-1], LONGEST)
        return ""

    def why(self) -> str:
        """Return what keeps a new pod from being ready, in words; nothing where nothing is known."""
        for pod in self._pods:
            if self._old is not None and pod.metadata.uid in self._old:
                continue
            if pod.metadata.deletion_timestamp is not None or is_ready(pod):
                continue
            status = pod_status(pod)
            if status.failing or status.reason:
                reason = f", {clean(status.reason, LONGEST)}" if status.reason else ""
                return f"{clean(pod.metadata.name)}: {clean(status.word)}{reason}"
        return ""

    @property
    def ending(self) -> str:
        """The name of a pod that is being deleted; empty where none is."""
        going = (one for one in self._pods if one.metadata.deletion_timestamp is not None)
        return next((clean(one.metadata.name) for one in going), "")

    @property
    def old(self) -> list[wire.Pod]:
        """The pods that were there before the change, and stay."""
        return [pod for pod in self.staying if pod.metadata.uid in (self._old or ())]

    @property
    def staying(self) -> list[wire.Pod]:
        """The pods that are not being deleted."""
        return [pod for pod in self._pods if pod.metadata.deletion_timestamp is None]


async def pods_of(client: KubeClient, ref: Ref, app: Document) -> list[wire.Pod]:
    """Return the pods that an app controls. Raises `KubeError` or `SelectorError`."""
    spec: dict[str, Any] = app.get("spec") or {}
    query = selector_query(spec.get("selector") or {})
    owners = {str(metadata_of(app).get("uid"))}
    if ref.kind == kinds.DEPLOYMENT.name:
        sets = await _list(client, kinds.REPLICA_SET, ref, query, wire.Workload)
        owners = {one.metadata.uid for one in sets if one.metadata.controller.uid in owners}
    pods = await _list(client, kinds.POD, ref, query, wire.Pod)
    return [pod for pod in pods if pod.metadata.controller.uid in owners]


async def _list(
    client: KubeClient, kind: kinds.Kind, ref: Ref, query: str, struct: type[Any]
) -> list[Any]:
    found = []
    async for page in client.pages(kind, ref.namespace, selector=query):
        found += [decoded_as(raw, struct) for raw in page.items]
    return found


def changed_at(app: Document) -> int:
    """Return when we last changed an app, by the server's clock, in seconds since the epoch.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    entries = metadata_of(app).get("managedFields") or ()
    ours = (one.get("time") for one in entries if one.get("manager") == FIELD_MANAGER)
    return max((seconds_at(stamp) for stamp in ours), default=0)


def _created(pod: wire.Pod) -> int:
    return seconds(pod.metadata.creation_timestamp)


def is_ready(pod: wire.Pod) -> bool:
    """Whether a pod says that it is ready."""
    conditions = pod.status.conditions or ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)


def _restarts(pod: wire.Pod) -> int:
    return sum(container.restart_count for container in pod.status.container_statuses or ())
