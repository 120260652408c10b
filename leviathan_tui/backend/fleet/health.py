"""Whether an app is well, and if not, why, in one line."""

from collections import Counter
from collections.abc import Collection
from enum import Enum
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.records import Pod, Workload

STARTING_TIMEOUT: Final = 120.0
"""Seconds after which a pod that is not ready does not count as starting any more."""


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


def app_health(app: Workload, pods: Collection[Pod], now: float) -> Health:
    """Judge an app by its own status and its pods'; `now` is in seconds since the epoch.

    A pod that ended for good and was replaced (an evicted one, say) does not make its app fail.
    """
    if app.deleting:
        waits = f" (finalizer {app.finalizer})" if app.finalizer else ""
        return _plain(AppState.DELETING, f"Terminating{waits}")
    if app.desired == 0 and app.kind != "DaemonSet":
        if app.paused_replicas:
            by = f" by {app.paused_by}" if app.paused_by else ""
            return _plain(AppState.PAUSED, f"paused{by}, {app.paused_replicas} replicas before")
        return _plain(AppState.IDLE, "scaled to zero")

    count = f"{app.ready}/{app.desired} ready"
    short = app.ready < app.desired
    trouble = [
        pod
        for pod in pods
        if not pod.deleting
        and (
            (pod.failing and (short or pod.phase not in ("Failed", "Succeeded")))
            or (pod.phase == "Pending" and pod.status == "Pending" and pod.reason)
        )
    ]
    if trouble:
        return _counted(AppState.FAILING, count, _worst(trouble))
    if app.stalled:
        return _counted(AppState.FAILING, count, app.stalled)
    if app.rollout_paused:
        state = AppState.PROGRESSING if short else AppState.HEALTHY
        return _counted(state, count, "rollout paused")
    if not app.observed or app.updated < app.desired or app.total > app.updated:
        words = f"rolling out: {app.updated}/{app.desired} updated"
        return _counted(AppState.PROGRESSING, count, words)
    if short:
        waiting = [pod for pod in pods if not pod.deleting and pod.ready < pod.total]
        if waiting and all(now - pod.created > STARTING_TIMEOUT for pod in waiting):
            return _counted(AppState.FAILING, count, _unready(waiting))
        return _counted(AppState.PROGRESSING, count, "starting")
    return Health(AppState.HEALTHY, "ready", count)


def _plain(state: AppState, words: str) -> Health:
    return Health(state, words, words)


def _counted(state: AppState, count: str, words: str) -> Health:
    return Health(state, words, f"{count}: {words}")


def _unready(pods: list[Pod]) -> str:
    word, _ = Counter(pod.status for pod in pods).most_common(1)[0]
    return "running, but not ready" if word == "Running" else word


def _worst(pods: list[Pod]) -> str:
    """Return the commonest status word among failing pods, with one pod's reason for it."""
    word, _ = Counter(pod.status for pod in pods).most_common(1)[0]
    reason = next((pod.reason for pod in pods if pod.status == word and pod.reason), "")
    return f"{word}, {reason}" if reason else word
