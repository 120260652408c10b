"""Pods that have been there for a while, in any state that a pod can be in."""

import random
from datetime import datetime, timedelta

from leviathan_sandbox.objects import Object, timestamp
from leviathan_sandbox.pods import statuses

_RESTARTS = 37


class PodStates:
    """Makes statuses for pods whose lives began before the sandbox did.

    Parameters:
        now: the moment at which the statuses are seen.
        rng: what is made up comes from here.
    """

    def __init__(self, now: datetime, rng: random.Random) -> None:
        self._now = now
        self._rng = rng
        self._addresses = 0

    def _address(self) -> str:
        self._addresses += 1
        number = self._addresses
        return f"10.244.{number // 250 % 128}.{number % 250 + 2}"

    def _ago(self, low: float, high: float) -> datetime:
        """Return a moment `low` to `high` seconds ago."""
        return self._now - timedelta(seconds=self._rng.uniform(low, high))

    def _started(self, pod: Object, host_ip: str, at: datetime) -> Object:
        """Return the status of a pod whose containers have all been started at once."""
        status = statuses.admitted_status(pod, host_ip, at)
        address = self._address()
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
        status["initContainerStatuses"] = [
            statuses.terminated(
                statuses.running(pod, item, at), at, at + timedelta(seconds=2), 0, "Completed"
            )
            | {"ready": True}
            for item in status.get("initContainerStatuses") or ()
        ]
        if not status["initContainerStatuses"]:
            del status["initContainerStatuses"]
        status["containerStatuses"] = [
            statuses.running(pod, item, at) | {"ready": True}
            for item in status["containerStatuses"]
        ]
        return status

    def running(self, pod: Object, host_ip: str, at: datetime) -> Object:
        """A pod that is ready."""
        status = self._started(pod, host_ip, at)
        statuses.refresh(pod, status, at + timedelta(seconds=3))
        return status

    def unready(self, pod: Object, host_ip: str, at: datetime) -> Object:
        """A pod that runs and is not ready."""
        status = self._started(pod, host_ip, at)
        first = status["containerStatuses"][0]
        status["containerStatuses"][0] = first | {"ready": False}
        statuses.refresh(pod, status, at)
        return status

    def starting(self, pod: Object, host_ip: str) -> Object:
        """A pod that has just been started and is not ready yet."""
        return self.unready(pod, host_ip, self._ago(2, 9))

    def creating(self, pod: Object, host_ip: str) -> Object:
        """A pod whose containers are being created."""
        return statuses.admitted_status(pod, host_ip, self._ago(0, 1))

    def _restarted(self, status: Object, pod: Object, ended: Object, restarts: int) -> Object:
        item: Object = {**status, "restartCount": restarts - 1}
        last = statuses.terminated(
            statuses.running(pod, item, ended["started"]),
            ended["started"],
            ended["finished"],
            ended["code"],
            ended["reason"],
        )["state"]
        return {**status, "restartCount": restarts, "lastState": last}

    def restarted(self, pod: Object, host_ip: str, at: datetime, reason: str, code: int) -> Object:
        """A ready pod the first container of which has been restarted a while ago."""
        status = self.running(pod, host_ip, at)
        restarts = self._rng.randrange(3, 12)
        finished = self._ago(200, 1500)
        ended = {
            "started": finished - timedelta(seconds=1800),
            "finished": finished,
            "code": code,
            "reason": reason,
        }
        first = self._restarted(status["containerStatuses"][0], pod, ended, restarts)
        again = statuses.running(pod, first, finished + timedelta(seconds=2))
        status["containerStatuses"][0] = again | {"ready": True}
        statuses.refresh(pod, status, finished + timedelta(seconds=3))
        return status

    def crashing(
        self, pod: Object, host_ip: str, at: datetime, seconds: float, *, init: bool = False
    ) -> Object:
        """A pod that waits to be started again after it has failed many times."""
        status = (
            statuses.admitted_status(pod, host_ip, at) if init else self._started(pod, host_ip, at)
        )
        if init:
            address = self._address()
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        group = status["initContainerStatuses" if init else "containerStatuses"]
        finished = self._ago(5, 280)
        item: Object = {**group[0], "restartCount": _RESTARTS + self._rng.randrange(20)}
        ended = statuses.terminated(
            statuses.running(pod, item, at),
            finished - timedelta(seconds=seconds),
            finished,
            1,
            "Error",
        )
        group[0] = statuses.back_off(pod, ended, 300)
        statuses.refresh(pod, status, at + timedelta(seconds=seconds))
        return status

    def waiting(self, pod: Object, host_ip: str, at: datetime, reason: str, message: str) -> Object:
        """A pod whose containers cannot be started."""
        status = statuses.admitted_status(pod, host_ip, at)
        address = self._address()
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
        for item in status["containerStatuses"]:
            item["state"] = {"waiting": {"reason": reason, "message": message}}
        statuses.refresh(pod, status, at)
        return status

    def unschedulable(self, pod: Object, at: datetime, problem: str) -> Object:
        """A pod that no node takes."""
        condition = {
            "type": "PodScheduled",
            "observedGeneration": 1,
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": timestamp(at),
            "reason": "Unschedulable",
            "message": problem,
        }
        return {**pod["status"], "conditions": [condition]}

    def ended(self, pod: Object, host_ip: str, at: datetime, seconds: float, code: int) -> Object:
        """A pod that has run to its end."""
        status = self._started(pod, host_ip, at)
        finished = at + timedelta(seconds=seconds)
        reason = "Completed" if code == 0 else "Error"
        status["containerStatuses"] = [
            statuses.terminated(item, at, finished, code, reason)
            for item in status["containerStatuses"]
        ]
        statuses.refresh(pod, status, finished)
        return status

    def evicted(self, pod: Object, host_ip: str, at: datetime) -> Object:
        """A pod that has been evicted."""
        name = pod["spec"]["containers"][0]["name"]
        message = (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 71Mi."
            f" Container {name} was using 1186Mi, request is 64Mi, has larger consumption of"
            " memory. "
        )
        return statuses.evicted_status(self.running(pod, host_ip, at), message)
