"""Whether an app is well, and if not, why, in one line.

The rule: an app that wants more pods than are available, and gets no nearer for longer than patience
has it, is not well, whatever the reason is called. The best reason known stands beside it.
"""

from collections import Counter
from collections.abc import Callable, Collection
from enum import Enum
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.records import Pod, Workload

PATIENCE: Final = 120.0
"""Seconds for which fewer available pods than wanted are a start, and no trouble."""

NodeTrouble = Callable[[str], str]
"""What is wrong with a node, by its name; nothing where nothing is, or it is not known."""


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


def no_trouble(_node: str) -> str:
    """Say of every node that nothing is wrong with it."""
    return ""


def app_health(
    app: Workload,
    pods: Collection[Pod],
    now: float,
    unmoved_since: float,
    trouble_of: NodeTrouble = no_trouble,
) -> Health:
    """Judge an app by its own status and its pods'.

    `now` is in seconds since the epoch, and so is `unmoved_since`: when the app's counts last moved, as
    far as that is known. A pod that ended for good and was replaced (an evicted one,
    say) does not make its app fail.
    """
    if app.deleting:
        waits = f" (finalizer {app.finalizer})" if app.finalizer else ""
        return _plain(AppState.DELETING, f"Terminating{waits}")
    if app.desired == 0:
        return _wants_none(app)
    count = f"{app.ready}/{app.desired} ready"
    live = [pod for pod in pods if not pod.deleting and pod.phase not in ("Failed", "Succeeded")]
    short = app.available < app.desired
    trouble = [pod for pod in pods if _in_trouble(pod, replaced=len(live) >= app.desired)]
    if trouble:
        return _counted(AppState.FAILING, count, _worst(trouble))
    if app.stalled:
        return _counted(AppState.FAILING, count, app.stalled)
    why = _shortage(app, pods, live, now, unmoved_since, trouble_of) if short else None
    if why is not None:
        return _counted(AppState.FAILING, count, why)
    if app.rollout_paused:
        state = AppState.PROGRESSING if short else AppState.HEALTHY
        return _counted(state, count, "rollout paused")
    return _rollout(app, live, now, count, short=short)


def _wants_none(app: Workload) -> Health:
    if app.kind == "DaemonSet":
        if app.observed:
            return _plain(AppState.IDLE, "no node matches")
        return _plain(AppState.PROGRESSING, "starting")
    if app.paused_replicas:
        by = f" by {app.paused_by}" if app.paused_by else ""
        return _plain(AppState.PAUSED, f"paused{by}, {app.paused_replicas} replicas before")
    return _plain(AppState.IDLE, "scaled to zero")


def _in_trouble(pod: Pod, *, replaced: bool) -> bool:
    if pod.deleting:
        return False
    if pod.failing:
        return not (replaced and pod.phase in ("Failed", "Succeeded"))
    return pod.phase == "Pending" and pod.status == "Pending" and bool(pod.reason)


def _shortage(
    app: Workload,
    pods: Collection[Pod],
    live: list[Pod],
    now: float,
    unmoved_since: float,
    trouble_of: NodeTrouble,
) -> str | None:
    """Return why fewer pods are available than wanted; None as long as it may be just a start."""
    unready = [pod for pod in live if not pod.is_ready]
    for pod in unready:
        if trouble := trouble_of(pod.node):
            return f"{pod.name} is on node {pod.node}, which is {trouble}"
    leaving = [pod for pod in pods if pod.deleting and now - pod.deleting > PATIENCE]
    if leaving:
        where = leaving[0].node
        trouble = trouble_of(where)
        on = f" on node {where}, which is {trouble}" if trouble else ""
        return f"{leaving[0].name} does not end{on}"
    late = [pod for pod in unready if now - pod.created > PATIENCE]
    if unready and len(late) == len(unready):
        return _unready(late)
    if now - unmoved_since <= PATIENCE + app.min_ready_seconds:
        return None
    missing = app.desired - len(live)
    if missing > 0:
        return f"{missing} {'pod is' if missing == 1 else 'pods are'} not created"
    return _unready(late or unready) if unready else f"{app.desired - app.available} not available"


def _rollout(app: Workload, live: list[Pod], now: float, count: str, *, short: bool) -> Health:
    behind = app.desired - app.updated
    if app.observed and not short and behind > 0:
        if app.on_delete:
            keep = "1 pod keeps" if behind == 1 else f"{behind} pods keep"
            words = f"{keep} the old release until deleted"
            return _counted(AppState.HEALTHY, count, words)
        if 0 < behind <= app.partition:
            words = f"{app.updated}/{app.desired} updated, as the partition has it"
            return _counted(AppState.HEALTHY, count, words)
    if not app.observed or behind > 0 or app.total > app.updated:
        words = f"rolling out: {app.updated}/{app.desired} updated"
        waiting = [pod for pod in live if not pod.is_ready]
        if waiting and all(now - pod.created > PATIENCE for pod in waiting):
            return _counted(AppState.FAILING, count, f"{words}, {_unready(waiting)}")
        return _counted(AppState.PROGRESSING, count, words)
    if short:
        if app.ready >= app.desired and app.min_ready_seconds:
            words = f"ready, available after {app.min_ready_seconds} s"
            return _counted(AppState.PROGRESSING, count, words)
        return _counted(AppState.PROGRESSING, count, "starting")
    return Health(AppState.HEALTHY, "ready", count)


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
