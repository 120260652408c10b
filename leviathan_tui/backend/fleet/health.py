"""Whether an app is well, and if not, why, in one line.

The rule: an app that wants more pods than are available, and gets no nearer to it for longer than
patience has it, is not well, whatever the reason is called. The best reason known stands beside it.
"""

from collections import Counter
from collections.abc import Callable, Collection
from enum import Enum
from typing import Final

import msgspec

from leviathan_tui.backend.fleet import pausing
from leviathan_tui.backend.fleet.records import Pod, Workload

PATIENCE: Final = 120.0
"""Seconds without progress that are a start, and no trouble yet."""

NodeTrouble = Callable[[str], str]
"""What is wrong with a node, by its name; nothing where nothing is, or it is not known."""

_ENDED: Final = ("Failed", "Succeeded")


class AppState(Enum):
    """The states of an app; their order is the default sort order's."""

    FAILING = "failing"
    PROGRESSING = "progressing"
    HEALTHY = "healthy"
    PAUSED = "paused"
    IDLE = "idle"
    DELETING = "deleting"


class Health(msgspec.Struct, frozen=True):
    """An app's state and the reason for it."""

    state: AppState
    words: str
    """What is the matter, without the count of ready pods."""
    reason: str
    """The same with the count, as it stands alone."""


class Circumstances(msgspec.Struct, frozen=True):
    """What an app is judged by beside itself and its pods. Times are in seconds since the epoch."""

    now: float
    unmoved_since: float
    """Since when the app has got no nearer to what it wants."""
    pods_known: bool = True
    """Whether all of its pods are known: some people may not read them."""
    trouble_of: NodeTrouble = lambda _node: ""

    def impatient(self, since: float, extra: float = 0.0) -> bool:
        """Whether what began at `since` has lasted for longer than patience and `extra` seconds."""
        return self.now - since > PATIENCE + extra


def app_health(app: Workload, pods: Collection[Pod], around: Circumstances) -> Health:
    """Judge an app by its own status and its pods'.

    A pod that ended for good and was replaced (an evicted one, say) does not make its app fail.
    """
    if app.deleting:
        waits = f" (finalizer {app.finalizer})" if app.finalizer else ""
        return _plain(AppState.DELETING, f"Terminating{waits}")
    if app.desired == 0:
        return _wants_none(app)
    count = f"{app.ready}/{app.desired} ready"
    live = [pod for pod in pods if not pod.deleting and pod.phase not in _ENDED]
    replaced = len(live) >= app.desired
    trouble = [
        pod
        for pod in pods
        if in_trouble(pod, around.now) and not (replaced and pod.phase in _ENDED)
    ]
    if trouble:
        return _counted(AppState.FAILING, count, _worst(trouble))
    if app.stalled:
        return _counted(AppState.FAILING, count, app.stalled)
    short = app.available < app.desired
    stuck = around.impatient(around.unmoved_since, app.min_ready_seconds)
    if short and stuck:
        return _counted(AppState.FAILING, count, _shortage(app, pods, live, around))
    if app.rollout_paused:
        state = AppState.PROGRESSING if short else AppState.HEALTHY
        return _counted(state, count, "rollout paused")
    return _rollout(app, live, count, short=short, stuck=stuck)


def in_trouble(pod: Pod, now: float) -> bool:
    """Whether a pod does not get on by itself: it fails, or for too long no node takes it."""
    if pod.deleting:
        return False
    return pod.failing or (_unscheduled(pod) and now - pod.created > PATIENCE)


def _unscheduled(pod: Pod) -> bool:
    return pod.phase == "Pending" and pod.status == "Pending" and bool(pod.reason)


def _wants_none(app: Workload) -> Health:
    if app.kind == "DaemonSet":
        if app.observed:
            return _plain(AppState.IDLE, "no node matches")
        return _plain(AppState.PROGRESSING, "starting")
    if app.paused_replicas:
        words = pausing.in_words(app.paused_by, app.paused_at, app.paused_replicas)
        return _plain(AppState.PAUSED, words)
    return _plain(AppState.IDLE, "scaled to zero")


def _shortage(app: Workload, pods: Collection[Pod], live: list[Pod], around: Circumstances) -> str:
    """Return why fewer pods are available than wanted."""
    unready = [pod for pod in live if not pod.is_ready]
    leaving = [pod for pod in pods if pod.deleting]
    for pod in (*unready, *leaving):
        if trouble := around.trouble_of(pod.node):
            verb = "does not end" if pod.deleting else "is"
            return f"{pod.name} {verb} on node {pod.node}, which is {trouble}"
    if leaving:
        # The stamp of a deletion is when its grace is over.
        late = around.impatient(leaving[0].deleting)
        return f"{leaving[0].name} {'does not end' if late else 'is still ending'}"
    if unready:
        return _unready(unready)
    missing = app.desired - max(len(live), app.total)
    if missing > 0 and around.pods_known:
        return f"{missing} {'pod is' if missing == 1 else 'pods are'} not created"
    return f"{app.desired - app.available} not available"


def _rollout(app: Workload, live: list[Pod], count: str, *, short: bool, stuck: bool) -> Health:
    behind = app.desired - app.updated
    if app.observed and not short and behind > 0:
        if app.on_delete:
            keep = "1 pod keeps" if behind == 1 else f"{behind} pods keep"
            return _counted(AppState.HEALTHY, count, f"{keep} the old release until deleted")
        if behind <= app.partition:
            words = f"{app.updated}/{app.desired} updated, as the partition has it"
            return _counted(AppState.HEALTHY, count, words)
    unready = [pod for pod in live if not pod.is_ready]
    if not app.observed or behind > 0 or app.total > app.updated:
        words = f"rolling out: {app.updated}/{app.desired} updated"
        if stuck and unready:
            return _counted(AppState.FAILING, count, f"{words}, {_unready(unready)}")
        return _counted(AppState.PROGRESSING, count, words)
    if not short:
        return Health(AppState.HEALTHY, "ready", count)
    waits = next((pod.reason for pod in unready if _unscheduled(pod)), "")
    words = f"starting: {waits}" if waits else "starting"
    if app.ready >= app.desired and app.min_ready_seconds:
        words = f"ready, available after {app.min_ready_seconds} s"
    return _counted(AppState.PROGRESSING, count, words)


def _plain(state: AppState, words: str) -> Health:
    return Health(state, words, words)


def _counted(state: AppState, count: str, words: str) -> Health:
    return Health(state, words, f"{count}: {words}")


def _unready(pods: list[Pod]) -> str:
    said = next((pod.reason for pod in pods if pod.reason), "")
    if said:
        return said
    word, _ = Counter(pod.status for pod in pods).most_common(1)[0]
    return "running, but not ready" if word == "Running" else word


def _worst(pods: list[Pod]) -> str:
    """Return the commonest status word among failing pods, with one pod's reason for it."""
    word, _ = Counter(pod.status for pod in pods).most_common(1)[0]
    reason = next((pod.reason for pod in pods if pod.status == word and pod.reason), "")
    return f"{word}, {reason}" if reason else word
