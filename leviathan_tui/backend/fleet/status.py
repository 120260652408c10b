"""Status words as `kubectl get` prints them, so that nobody has to learn a second vocabulary."""

from typing import Final, NamedTuple

from leviathan_tui.backend.kube import wire

_PREPARING: Final = frozenset({None, "", "ContainerCreating", "PodInitializing"})
"""Reasons for waiting that every container has once; any other one is trouble."""


class PodStatus(NamedTuple):
    """What the STATUS, READY and RESTARTS columns say of a pod."""

    word: str
    ready: int
    total: int
    restarts: int
    restarted_at: int
    """When the last restart was, in seconds since the epoch; 0 where there was none."""
    reason: str
    """Why the pod is not well, in a few words; empty where it is."""
    failing: bool
    """Whether somebody should look: it failed, or a container did or cannot start."""


def pod_status(pod: wire.Pod) -> PodStatus:
    """Work out a pod's status word, ready count and restarts the way kubectl's printer does.

    Source: the server's own printer for pods, as `kubectl get pods` shows it, and
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
    """
    status, spec = pod.status, pod.spec
    word = status.reason or status.phase or "Unknown"
    conditions = {condition.type: condition for condition in status.conditions or ()}
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        word = "SchedulingGated"

    inits = status.init_container_statuses or ()
    sidecars = {
        container.name
        for container in spec.init_containers or ()
        if container.restart_policy == "Always"
    }
    total = len(spec.containers) + len(sidecars)
    restarts = sidecar_restarts = ready = 0
    restarted_at = sidecar_restarted_at = 0
    detail = ""
    initializing = False
    failing = status.phase in ("Failed", "Unknown") or status.reason == "NodeLost"
    for position, container in enumerate(inits):
        restarts += container.restart_count
        restarted_at = max(restarted_at, _last_end(container))
        sidecar = container.name in sidecars
        if sidecar:
            sidecar_restarts += container.restart_count
            sidecar_restarted_at = max(sidecar_restarted_at, _last_end(container))
        state = container.state or wire.ContainerState()
        ended = state.terminated
        if ended is not None and ended.exit_code == 0:
            continue
        if sidecar and container.started:
            ready += container.ready
            continue
        if ended is not None:
            word = "Init:" + (ended.reason or _ending(ended))
        elif state.waiting is not None and state.waiting.reason not in (
            None,
            "",
            "PodInitializing",
        ):
            word = f"Init:{state.waiting.reason}"
        else:
            word = f"Init:{position}/{len(spec.init_containers or ())}"
        detail = _detail(container)
        failing = failing or _in_trouble(container)
        initializing = True
        break

    initialized = conditions.get("Initialized")
    if not initializing or (initialized is not None and initialized.status == "True"):
        restarts, restarted_at = sidecar_restarts, sidecar_restarted_at
        running = False
        for container in reversed(status.container_statuses or ()):
            restarts += container.restart_count
            restarted_at = max(restarted_at, _last_end(container))
            state = container.state or wire.ContainerState()
            if state.waiting is not None and state.waiting.reason:
                word, detail = state.waiting.reason, _detail(container)
            elif state.terminated is not None:
                word = state.terminated.reason or _ending(state.terminated)
                detail = _detail(container)
            elif container.ready and state.running is not None:
                running = True
                ready += 1
            failing = failing or _in_trouble(container)
        if word == "Completed" and running:
            is_ready = conditions.get("Ready")
            word = "Running" if is_ready is not None and is_ready.status == "True" else "NotReady"

    if pod.metadata.deletion_timestamp is not None:
        if status.reason == "NodeLost":
            word = "Unknown"
        elif status.phase not in ("Succeeded", "Failed"):
            word, failing = "Terminating", False
    if not detail and word == "Pending" and scheduled is not None and scheduled.status == "False":
        detail = scheduled.message or scheduled.reason or ""
    if not detail and status.reason:
        detail = status.message or ""
    if not detail and ready == total and status.phase == "Running":
        detail = _gate(spec, conditions)
    failing = failing and status.phase != "Succeeded"
    return PodStatus(word, ready, total, restarts, restarted_at, detail, failing)


def _in_trouble(container: wire.ContainerStatus) -> bool:
    """Whether a container ended badly or cannot be started, whatever the word for it is."""
    state = container.state or wire.ContainerState()
    if state.waiting is not None:
        return state.waiting.reason not in _PREPARING
    ended = state.terminated
    return ended is not None and bool(ended.exit_code or ended.signal)


def _gate(spec: wire.PodSpec, conditions: dict[str, wire.Condition]) -> str:
    """Return which readiness gate keeps a pod from being ready whose containers all are.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
    """
    for gate in spec.readiness_gates or ():
        found = conditions.get(gate.condition_type)
        if found is None or found.status != "True":
            said = (found.message or found.reason or "") if found is not None else ""
            return f"readiness gate {gate.condition_type}" + (
                f": {said}" if said else " is not met"
            )
    return ""


def _ending(ended: wire.ContainerTerminated) -> str:
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def _last_end(container: wire.ContainerStatus) -> int:
    last = container.last_state.terminated if container.last_state is not None else None
    if last is None or last.finished_at is None:
        return 0
    return int(last.finished_at.timestamp())


def _detail(container: wire.ContainerStatus) -> str:
    """Say in a few words why a container is not running: its exit code, or what it waits for."""
    state = container.state or wire.ContainerState()
    ended = state.terminated
    if ended is None and container.last_state is not None:
        ended = container.last_state.terminated
    if ended is not None and (ended.exit_code != 0 or ended.signal):
        words = f"signal {ended.signal}" if ended.signal else f"exit {ended.exit_code}"
        if ended.reason not in (None, "", "Error"):
            words = f"{ended.reason}, {words}"
        return words
    if state.waiting is not None and state.waiting.message:
        return state.waiting.message
    return ""
