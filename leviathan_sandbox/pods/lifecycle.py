"""The life of one pod on its node, from the first container to the last.

Everything that a pod will do follows from its spec, its status and the time; what a status cannot
say (fractions of seconds, failed pulls) is kept in a `Memory` while it matters.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from leviathan_sandbox.objects import Object, copy, moment
from leviathan_sandbox.pods import statuses
from leviathan_sandbox.pods.behaviours import Behaviour, behaviour_of, can_be_pulled
from leviathan_sandbox.pods.programs import Program, program_of

_ENDED_SHOWN: Final = 1.5
"""Seconds for which a container is seen as ended before it waits to be started again."""
_MAX_BACK_OFF: Final = 300
_CALM: Final = 600.0
"""Seconds that a container has to run for its back-off to begin anew."""


class Note(msgspec.Struct, frozen=True):
    """An event that the kubelet records about a pod."""

    type: str
    reason: str
    message: str
    container: str = ""
    """The container that it is about, if it is about one."""


class Pull(msgspec.Struct):
    """An image that cannot be pulled."""

    attempts: int
    next_at: float


class Memory(msgspec.Struct):
    """What the kubelet knows of a pod besides its status. Times are seconds since 1970."""

    admitted: float
    pulls: dict[str, Pull] = {}
    pulled: dict[str, float] = {}
    """By container: when its image is there."""
    started: dict[str, float] = {}
    stop_at: float | None = None


def back_off_seconds(restarts: int, ran_for: float) -> int:
    """Return how long a container waits before its next start.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
    """
    if restarts == 0 or ran_for > _CALM:
        return 0
    return min(10 << min(restarts - 1, 10), _MAX_BACK_OFF)


class Lifecycle:
    """One look at a pod: what is due is done to `status`, and it is known when to look again.

    Parameters:
        pod: the pod; it is not changed.
        memory: what else is known of it; it is changed.
        now: seconds since 1970.
        pace: what the delays of starting are multiplied with.
        address: the pod's IP address, given when it has none yet.
        has_image: whether an image is on the node already.
        note: called with each event.
    """

    def __init__(
        self,
        pod: Object,
        memory: Memory,
        now: float,
        *,
        pace: float,
        address: Callable[[], str],
        has_image: Callable[[str], bool],
        note: Callable[[Note], None],
    ) -> None:
        self.status: Object = copy(pod["status"])
        self._pod = pod
        self._memory = memory
        self._now = now
        self._moment = datetime.fromtimestamp(now, UTC)
        self._pace = pace
        self._address = address
        self._has_image = has_image
        self._note = note
        self._choice = behaviour_of(pod)
        self._rng = random.Random(pod["metadata"]["uid"])  # noqa: S311 (nothing secret)

    def advance(self) -> float | None:
        """Do what is due; return when something will be due again (seconds since 1970)."""
        due = self._advance()
        if self.status["phase"] != "Failed" or "reason" not in self.status:
            statuses.refresh(self._pod, self.status, self._moment)
        return due

    def _advance(self) -> float | None:
        if not self.status.get("podIP"):
            network_at = self._memory.admitted + self._pace * self._rng.uniform(0.4, 1.0)
            if self._now < network_at:
                return network_at
            address = self._address()
            self.status |= {"podIP": address, "podIPs": [{"ip": address}]}
        dues: list[float | None] = []
        policy = self._pod["spec"]["restartPolicy"]
        init_policy = "Never" if policy == "Never" else "OnFailure"
        init_statuses = self.status.get("initContainerStatuses") or []
        for index, container in enumerate(self._pod["spec"].get("initContainers") or ()):
            sidecar = statuses.is_sidecar(container)
            dues.append(
                self._step(init_statuses, index, container, "Always" if sidecar else init_policy)
            )
            state = init_statuses[index]["state"]
            if sidecar:
                if "running" not in state:
                    return _earliest(dues)
            elif (state.get("terminated") or {}).get("exitCode") != 0:
                return _earliest(dues)
        for index, container in enumerate(self._pod["spec"]["containers"]):
            dues.append(self._step(self.status["containerStatuses"], index, container, policy))
        if self._choice.behaviour is Behaviour.EVICTED:
            dues.append(self._evict())
        return _earliest(dues)

    def _step(
        self, group: list[Object], index: int, container: Object, policy: str
    ) -> float | None:
        """Do what is due to one container; return when something will be due again."""
        while True:
            before = group[index]
            state = before["state"]
            if "running" in state:
                due = self._run(group, index, container)
            elif "terminated" in state:
                due = self._restart(group, index, container, policy)
            elif state["waiting"]["reason"] == "CrashLoopBackOff":
                due = self._wait(group, index, container)
            else:
                due = self._start(group, index, container)
            if group[index] is before or group[index] == before:
                return due

    def _start(self, group: list[Object], index: int, container: Object) -> float | None:
        """Get a container's image and start it."""
        name, image = container["name"], container["image"]
        if self._choice.behaviour is Behaviour.CONFIG_ERROR:
            self._config_error(group, index)
            return None
        if self._choice.behaviour is Behaviour.IMAGE_PULL or not can_be_pulled(image):
            return self._fail_to_pull(group, index, image)
        if name not in self._memory.pulled:
            if self._has_image(image):
                self._memory.pulled[name] = self._now
                present = "already present on machine and can be accessed by the pod"
                self._say("Normal", "Pulled", f'Container image "{image}" {present}', name)
            else:
                self._say("Normal", "Pulling", f'Pulling image "{image}"', name)
                took = self._pace * self._rng.uniform(0.6, 2.4)
                self._memory.pulled[name] = self._now + took
        if self._now < self._memory.pulled[name]:
            return self._memory.pulled[name]
        if not self._has_image(image):
            took = self._rng.uniform(0.6, 2.4)
            size = 20_000_000 + sum(image.encode()) * 31_337
            self._say(
                "Normal",
                "Pulled",
                f'Successfully pulled image "{image}" in {took:.3f}s ({took:.3f}s including'
                f" waiting). Image size: {size} bytes.",
                name,
            )
        self._launch(group, index)
        return None

    def _launch(self, group: list[Object], index: int) -> None:
        name = group[index]["name"]
        self._memory.pulled.pop(name, None)
        self._memory.started[name] = self._now
        self._say("Normal", "Created", "Container created", name)
        self._say("Normal", "Started", "Container started", name)
        group[index] = statuses.running(self._pod, group[index], self._moment)

    def _run(self, group: list[Object], index: int, container: Object) -> float | None:
        """Let a running container become ready or end."""
        status = group[index]
        name = status["name"]
        started = self._memory.started.get(name)
        if started is None:
            started = moment(status["state"]["running"]["startedAt"]).timestamp()
        program = self._program(container, status, started)
        if program.runs_for is not None and self._now >= started + program.runs_for:
            group[index] = statuses.terminated(
                status,
                datetime.fromtimestamp(started, UTC),
                self._moment,
                program.exit_code,
                program.reason,
            )
            if group is not self.status["containerStatuses"] and program.exit_code == 0:
                group[index]["ready"] = True  # an init container is ready when it has done its work
            return None
        ready, due = self._readiness(container, started)
        if status["ready"] != ready:
            group[index] = status | {"ready": ready}
        end = None if program.runs_for is None else started + program.runs_for
        return _earliest([due, end])

    def _program(self, container: Object, status: Object, started: float) -> Program:
        return program_of(self._pod, container, status["restartCount"], started)

    def _readiness(self, container: Object, started: float) -> tuple[bool, float | None]:
        """Return whether a running container is ready, and when that may change."""
        probe = container.get("readinessProbe")
        ready_at = started
        if probe:
            ready_at += (probe.get("initialDelaySeconds") or 0) + self._pace * 0.5
        choice = self._choice
        if choice.behaviour is Behaviour.SLOW_START:
            ready_at = max(ready_at, started + choice.seconds)
        if choice.behaviour is Behaviour.UNREADY:
            period = float((probe or {}).get("periodSeconds") or 10) * 3
            turn = _turn(self._now - started, period)
            if turn:
                self._probe_failed(container)
            return False, started + (turn + 1) * period
        if self._now < ready_at:
            return False, ready_at
        if choice.behaviour is Behaviour.FLAPPING and choice.seconds > 0:
            # Each pod in a rhythm of its own, or they would all fail at the same time.
            seed = f"flap/{self._pod['metadata']['uid']}"
            period = choice.seconds * random.Random(seed).uniform(0.8, 1.3)  # noqa: S311
            turn = _turn(self._now - ready_at, period)
            if turn % 2:
                self._probe_failed(container)
            return turn % 2 == 0, ready_at + (turn + 1) * period
        return True, None

    def _probe_failed(self, container: Object) -> None:
        message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
        self._say("Warning", "Unhealthy", message, container["name"])

    def _restart(
        self, group: list[Object], index: int, container: Object, policy: str
    ) -> float | None:
        """Start an ended container again, or let it wait for that, as the policy says."""
        status = group[index]
        ended = status["state"]["terminated"]
        if policy == "Never" or (policy == "OnFailure" and ended["exitCode"] == 0):
            return None
        finished = moment(ended["finishedAt"]).timestamp()
        if self._now < finished + _ENDED_SHOWN:
            return finished + _ENDED_SHOWN
        ran_for = finished - moment(ended["startedAt"]).timestamp()
        seconds = back_off_seconds(status["restartCount"], ran_for)
        if seconds == 0:
            group[index] = status | {
                "lastState": status["state"],
                "restartCount": status["restartCount"] + 1,
            }
            self._present(container)
            self._launch(group, index)
            return None
        group[index] = statuses.back_off(self._pod, status, seconds)
        metadata = self._pod["metadata"]
        self._say(
            "Warning",
            "BackOff",
            f"Back-off restarting failed container {status['name']} in pod"
            f" {metadata['name']}_{metadata['namespace']}({metadata['uid']})",
            status["name"],
        )
        return None

    def _wait(self, group: list[Object], index: int, container: Object) -> float | None:
        """Start a container again when its back-off is over."""
        status = group[index]
        ended = status["lastState"]["terminated"]
        finished = moment(ended["finishedAt"]).timestamp()
        ran_for = finished - moment(ended["startedAt"]).timestamp()
        due = finished + back_off_seconds(status["restartCount"], ran_for)
        if self._now < due:
            return due
        group[index] = status | {"restartCount": status["restartCount"] + 1}
        self._present(container)
        self._launch(group, index)
        return None

    def _present(self, container: Object) -> None:
        present = "already present on machine and can be accessed by the pod"
        message = f'Container image "{container["image"]}" {present}'
        self._say("Normal", "Pulled", message, container["name"])

    def _config_error(self, group: list[Object], index: int) -> None:
        name = group[index]["name"]
        message = f'configmap "{name}-config" not found'
        waiting = {"reason": "CreateContainerConfigError", "message": message}
        if group[index]["state"]["waiting"] != waiting:
            self._say("Warning", "Failed", f"Error: {message}", name)
            group[index] = group[index] | {"state": {"waiting": waiting}}

    def _fail_to_pull(self, group: list[Object], index: int, image: str) -> float:
        """Try to pull an image that is not there, again and again."""
        name = group[index]["name"]
        pull = self._memory.pulls.get(name)
        error = (
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}":'
            f" {image}: not found"
        )
        full = f"rpc error: code = NotFound desc = {error}"
        if pull is None or (self._now >= pull.next_at and _reason(group[index]) != "ErrImagePull"):
            attempts = pull.attempts + 1 if pull else 1
            self._memory.pulls[name] = Pull(attempts, self._now + 4)
            self._say("Normal", "Pulling", f'Pulling image "{image}"', name)
            self._say("Warning", "Failed", f'Failed to pull image "{image}": {full}', name)
            self._say("Warning", "Failed", "Error: ErrImagePull", name)
            waiting = {"reason": "ErrImagePull", "message": full}
            group[index] = group[index] | {"state": {"waiting": waiting}}
        elif self._now >= pull.next_at:
            pull.next_at = self._now + min(10 << min(pull.attempts - 1, 10), _MAX_BACK_OFF)
            message = f'Back-off pulling image "{image}"'
            self._say("Normal", "BackOff", message, name)
            self._say("Warning", "Failed", "Error: ImagePullBackOff", name)
            waiting = {
                "reason": "ImagePullBackOff",
                "message": f"{message}: ErrImagePull: {full}",
            }
            group[index] = group[index] | {"state": {"waiting": waiting}}
        return self._memory.pulls[name].next_at

    def _evict(self) -> float | None:
        started = moment(self.status["startTime"]).timestamp()
        if self._now < started + self._choice.seconds:
            return started + self._choice.seconds
        name = self._pod["spec"]["containers"][0]["name"]
        message = (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 71Mi."
            f" Container {name} was using 1186Mi, request is 128Mi, has larger consumption of"
            " memory. "
        )
        self._note(Note("Warning", "Evicted", message))
        self.status = statuses.evicted_status(self.status, message)
        return None

    def end(self, exit_code: int, reason: str) -> None:
        """End all containers that are running, as when the pod is deleted."""
        for field in ("containerStatuses", "initContainerStatuses"):
            group = self.status.get(field) or []
            for index, status in enumerate(group):
                if "running" in status["state"]:
                    started = moment(status["state"]["running"]["startedAt"])
                    group[index] = statuses.terminated(
                        status, started, self._moment, exit_code, reason
                    )
        if "containerStatuses" in self.status:
            statuses.refresh(self._pod, self.status, self._moment)

    def stop_delay(self) -> float | None:
        """Return the seconds that the containers take to end on SIGTERM; None if one ignores it."""
        for container in self._pod["spec"]["containers"]:
            for status in self.status.get("containerStatuses") or ():
                if status["name"] != container["name"] or "running" not in status["state"]:
                    continue
                started = moment(status["state"]["running"]["startedAt"]).timestamp()
                if not self._program(container, status, started).heeds_term:
                    return None
        return self._pace * self._rng.uniform(0.3, 1.5)

    def _say(self, kind: str, reason: str, message: str, container: str) -> None:
        self._note(Note(kind, reason, message, container))


def _reason(status: Object) -> str:
    reason: str = (status["state"].get("waiting") or {}).get("reason", "")
    return reason


def _turn(elapsed: float, period: float) -> int:
    """Return how many periods have passed; one that ends right now counts, whatever the rounding."""
    return int(elapsed / period + 1e-6)


def _earliest(dues: list[float | None]) -> float | None:
    return min((due for due in dues if due is not None), default=None)
