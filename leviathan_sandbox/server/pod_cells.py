"""The cells of a pod's row, as `kubectl get pods` shows them.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ (the STATUS column is no
phase: it is put together from the states of the containers).
"""

from datetime import datetime

import msgspec

from leviathan_sandbox.objects import Object, has_condition, is_terminating
from leviathan_sandbox.server.durations import since


class PodCells(msgspec.Struct):
    """Readiness, status word and restarts of a pod."""

    ready: str
    status: str
    restarts: str


def _is_sidecar(container: Object | None) -> bool:
    return container is not None and container.get("restartPolicy") == "Always"


def _ended_word(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended['exitCode']}"


class _Count:
    """Restarts so far, and when the last one was."""

    def __init__(self) -> None:
        self.restarts = 0
        self.last = ""

    def add(self, status: Object) -> None:
        self.restarts += status["restartCount"]
        ended = (status.get("lastState") or {}).get("terminated") or {}
        self.last = max(self.last, ended.get("finishedAt") or "")


def _initializing(
    statuses: list[Object], specs: dict[str, Object]
) -> tuple[str | None, int, _Count, _Count]:
    """Return the word for a pod that is not initialized yet, ready sidecars, and both counts."""
    count, sidecars, ready = _Count(), _Count(), 0
    for index, status in enumerate(statuses):
        state, sidecar = status["state"], _is_sidecar(specs.get(status["name"]))
        count.add(status)
        if sidecar:
            sidecars.add(status)
        ended = state.get("terminated")
        waiting = (state.get("waiting") or {}).get("reason")
        if ended and ended["exitCode"] == 0:
            continue
        if sidecar and status.get("started"):
            ready += bool(status["ready"])
            continue
        if ended:
            return f"Init:{_ended_word(ended)}", ready, count, sidecars
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", ready, count, sidecars
        return f"Init:{index}/{len(specs)}", ready, count, sidecars
    return None, ready, count, sidecars


def _container_word(pod: Object, word: str, count: _Count) -> tuple[str, int]:
    """Return the status word, `word` unless a container knows better, and how many are ready."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    ready, running, failed = 0, False, ""
    for status in reversed(statuses):
        state = status["state"]
        count.add(status)
        waiting = (state.get("waiting") or {}).get("reason")
        ended = state.get("terminated")
        if waiting:
            word = waiting
        elif ended:
            word = _ended_word(ended)
            if ended["exitCode"] != 0:
                failed = word
        elif status["ready"] and state.get("running"):
            running = True
            ready += 1
    if word == "Completed":
        if running and has_condition(pod, "Ready"):
            word = "Running"
        elif failed or running:
            word = failed or "NotReady"
    return word, ready


def pod_cells(pod: Object, now: datetime) -> PodCells:
    """Return what `kubectl get pods` shows of a pod."""
    spec, status = pod["spec"], pod.get("status") or {}
    phase = status.get("phase", "")
    word = status.get("reason") or phase
    specs = {item["name"]: item for item in spec.get("initContainers") or ()}
    total = len(spec["containers"]) + sum(map(_is_sidecar, specs.values()))
    init_word, ready, count, sidecars = _initializing(
        status.get("initContainerStatuses") or [], specs
    )
    if init_word is not None:
        word = init_word
    if init_word is None or has_condition(pod, "Initialized"):
        count = sidecars
        word, own_ready = _container_word(pod, word, count)
        ready += own_ready
    if is_terminating(pod) and status.get("reason") == "NodeLost":
        word = "Unknown"
    elif is_terminating(pod) and phase not in ("Succeeded", "Failed"):
        word = "Terminating"
    restarts = str(count.restarts)
    if count.restarts and count.last:
        restarts += f" ({since(count.last, now)} ago)"
    return PodCells(f"{ready}/{total}", word, restarts)
