"""The status of a pod, put together as a kubelet does it.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ and the statuses that a
Kubernetes 1.37 kubelet writes.
"""

import hashlib
from datetime import datetime
from typing import Final

from leviathan_sandbox.objects import Object, find_condition, timestamp, without

_ORDER: Final = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)


def is_sidecar(container: Object) -> bool:
    """Whether an init container goes on running beside the others."""
    return container.get("restartPolicy") == "Always"


def container_id(pod: Object, name: str, attempt: int) -> str:
    """Return the id of one run of a container."""
    seed = f"{pod['metadata']['uid']}/{name}/{attempt}".encode()
    return "containerd://" + hashlib.sha256(seed).hexdigest()


def image_id(image: str) -> str:
    """Return the reference by digest of an image."""
    repository = image.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def waiting_status(container: Object, reason: str) -> Object:
    """Return the status of a container that has not been started yet."""
    return {
        "name": container["name"],
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "",
        "started": False,
    }


def running(pod: Object, status: Object, started: datetime) -> Object:
    """Return a container's status once its process has been started."""
    return status | {
        "state": {"running": {"startedAt": timestamp(started)}},
        "imageID": image_id(status["image"]),
        "containerID": container_id(pod, status["name"], status["restartCount"]),
        "started": True,
    }


def terminated(
    status: Object, started: datetime, finished: datetime, exit_code: int, reason: str
) -> Object:
    """Return a container's status once its process has ended."""
    ended = {
        "exitCode": exit_code,
        "reason": reason,
        "startedAt": timestamp(started),
        "finishedAt": timestamp(finished),
        "containerID": status["containerID"],
    }
    return status | {"state": {"terminated": ended}, "ready": False, "started": False}


def back_off(pod: Object, status: Object, seconds: int) -> Object:
    """Return the status of a container that waits to be started again."""
    metadata = pod["metadata"]
    shown = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
    message = (
        f"back-off {shown} restarting failed container={status['name']}"
        f" pod={metadata['name']}_{metadata['namespace']}({metadata['uid']})"
    )
    return status | {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": message}},
        "lastState": status["state"],
    }


def scheduled_condition(pod: Object, now: datetime) -> Object:
    """Return the condition of a pod that has been given a node."""
    return {
        "type": "PodScheduled",
        "observedGeneration": pod["metadata"].get("generation", 1),
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(now),
    }


def admitted_status(pod: Object, host_ip: str, now: datetime) -> Object:
    """Return the status that a kubelet gives a pod which is new to it."""
    spec = pod["spec"]
    inits = spec.get("initContainers") or ()
    waiting = "PodInitializing" if inits else "ContainerCreating"
    status: Object = {
        **pod["status"],
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": timestamp(now),
        "containerStatuses": [waiting_status(item, waiting) for item in spec["containers"]],
    }
    if find_condition(status.get("conditions"), "PodScheduled") is None:
        status["conditions"] = [scheduled_condition(pod, now)]
    if inits:
        status["initContainerStatuses"] = [
            waiting_status(item, "PodInitializing") for item in inits
        ]
    refresh(pod, status, now)
    return status


def evicted_status(status: Object, message: str) -> Object:
    """Return the status of a pod that has been evicted: of its containers nothing is left."""
    kept = without(status, "containerStatuses", "initContainerStatuses", "conditions")
    scheduled = find_condition(status.get("conditions"), "PodScheduled")
    return kept | {
        "phase": "Failed",
        "reason": "Evicted",
        "message": message,
        "conditions": [scheduled] if scheduled else [],
    }


def _unready(statuses: list[Object]) -> list[str]:
    return [item["name"] for item in statuses if not item["ready"]]


def _incomplete(pod: Object, status: Object) -> list[str]:
    """Return the names of the init containers that have not done their work."""
    specs = {item["name"]: item for item in pod["spec"].get("initContainers") or ()}
    names = []
    for item in status.get("initContainerStatuses") or ():
        ended = item["state"].get("terminated")
        done = item["started"] if is_sidecar(specs[item["name"]]) else ended is not None
        if not done or (ended and ended["exitCode"] != 0 and not is_sidecar(specs[item["name"]])):
            names.append(item["name"])
    return names


def phase_of(pod: Object, status: Object) -> str:
    """Return the pod's phase, by its containers' states and its restart policy."""
    spec = pod["spec"]
    policy = spec["restartPolicy"]
    specs = {item["name"]: item for item in spec.get("initContainers") or ()}
    for item in status.get("initContainerStatuses") or ():
        if is_sidecar(specs[item["name"]]):
            if not item["started"] and "terminated" not in item["state"]:
                return "Pending"
            continue
        ended = item["state"].get("terminated")
        if ended is None or ended["exitCode"] != 0:
            return "Failed" if ended and policy == "Never" else "Pending"
    alive = ended_well = ended_badly = 0
    for item in status["containerStatuses"]:
        state = item["state"]
        ended = state.get("terminated") or item["lastState"].get("terminated")
        if "running" in state:
            alive += 1
        elif ended is None:
            return "Pending"
        elif "terminated" in state and ended["exitCode"] == 0:
            ended_well += 1
        else:
            ended_badly += 1
    if alive or policy == "Always" or (ended_badly and policy == "OnFailure"):
        return "Running"
    return "Failed" if ended_badly else "Succeeded"


def refresh(pod: Object, status: Object, now: datetime) -> None:
    """Bring phase and conditions of a status in line with its containers, in place."""
    phase = phase_of(pod, status)
    status["phase"] = phase
    generation = pod["metadata"].get("generation", 1)
    status["observedGeneration"] = generation
    incomplete = _incomplete(pod, status)
    unready = _unready(status["containerStatuses"])
    if phase == "Succeeded":
        not_ready = ("PodCompleted", "")
    elif phase == "Failed":
        not_ready = ("PodFailed", "")
    else:
        shown = " ".join(unready)
        not_ready = ("ContainersNotReady", f"containers with unready status: [{shown}]")
    has_network = bool(status.get("podIP")) and phase not in ("Succeeded", "Failed")
    initialized = not incomplete or phase == "Succeeded"
    incomplete_message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    is_ready = not unready and phase == "Running"
    blocked = _blocked(pod, status)
    wanted: dict[str, tuple[bool, tuple[str, str]]] = {
        "PodReadyToStartContainers": (has_network, ("", "")),
        "Initialized": (initialized, ("ContainersNotInitialized", incomplete_message)),
        "Ready": (is_ready and not blocked, blocked if is_ready and blocked else not_ready),
        "ContainersReady": (is_ready, not_ready),
    }
    if phase == "Succeeded":
        wanted["Initialized"] = (True, ("PodCompleted", ""))
    old = status.get("conditions") or []
    conditions = {item["type"]: item for item in old}
    for kind, (holds, (reason, message)) in wanted.items():
        conditions[kind] = _condition(
            find_condition(old, kind), kind, holds, reason, message, generation, now
        )
    ordered = [conditions.pop(kind) for kind in _ORDER if kind in conditions]
    status["conditions"] = ordered + list(conditions.values())


def _blocked(pod: Object, status: Object) -> tuple[str, str] | None:
    """Return the reason and message of a pod whose readiness gates are not all met.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
    """
    for gate in pod["spec"].get("readinessGates") or ():
        found = find_condition(status.get("conditions") or [], gate["conditionType"])
        if found is None:
            words = f'corresponding condition of pod readiness gate "{gate["conditionType"]}" does not exist.'
            return "ReadinessGatesNotReady", words
        if found["status"] != "True":
            words = (
                f'the status of pod readiness gate "{gate["conditionType"]}" is not "True", '
                f"but {found['status']}"
            )
            return "ReadinessGatesNotReady", words
    return None


def _condition(
    old: Object | None,
    kind: str,
    holds: bool,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Object:
    status = "True" if holds else "False"
    since = timestamp(now)
    if old is not None and old["status"] == status:
        since = old["lastTransitionTime"]
    condition: Object = {
        "type": kind,
        "observedGeneration": generation,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if reason and (not holds or reason == "PodCompleted"):
        condition["reason"] = reason
        if message:
            condition["message"] = message
    return condition
