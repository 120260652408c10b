"""Horizontal pod autoscalers: what they measure and whether they act.

They keep their targets between the bounds, and report usage; they do not follow usage, which is made
up here.

Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, Manager, owned
from leviathan_sandbox.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
)
from leviathan_sandbox.objects import Object, is_terminating, lookup, set_condition, timestamp
from leviathan_sandbox.ownership.managers import UPDATE, FieldManager, bookkeeper
from leviathan_sandbox.pods.usage import Usage, running_containers
from leviathan_sandbox.quantities import milli
from leviathan_sandbox.storage import Change, Entry

_COMPONENT: Final = "horizontal-pod-autoscaler"
_MANAGER: Final = "kube-controller-manager"
_PERIOD: Final = 60.0
_TARGETS: Final = {kind.name: kind for kind in (DEPLOYMENT, REPLICA_SET, STATEFUL_SET)}


class Autoscalers(Controller):
    """Looks after autoscalers.

    Parameters:
        live: whether the measurements are renewed as time goes by.
    """

    def __init__(self, manager: Manager, *, live: bool) -> None:
        super().__init__(manager)
        self._live = live

    def observe(self, change: Change) -> None:
        """Look at autoscalers that changed, or whose targets did."""
        if change.kind is AUTOSCALER and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind.name in _TARGETS:
            metadata = change.entry.object["metadata"]
            for entry in self.storage.all(AUTOSCALER, metadata["namespace"]):
                target = entry.object["spec"]["scaleTargetRef"]
                if (target["kind"], target["name"]) == (change.kind.name, metadata["name"]):
                    self.enqueue(entry.key)

    def sync(self, key: str) -> None:
        """Bring the target between the bounds, and report."""
        entry = self.storage.get(AUTOSCALER, key)
        if entry is None or is_terminating(entry.object):
            return
        target = self._target(entry.object)
        if target is not None:
            self._bound(entry.object, target)
        self.registry.set_status(AUTOSCALER, entry, self.status_of(entry.object))
        if self._live:
            self.enqueue_at(key, self.agenda.clock.time() + _PERIOD)

    def _target(self, autoscaler: Object) -> Entry | None:
        reference = autoscaler["spec"]["scaleTargetRef"]
        kind = _TARGETS.get(reference["kind"])
        if kind is None:
            return None
        namespace = autoscaler["metadata"]["namespace"]
        return self.storage.get(kind, kind.key(namespace, reference["name"]))

    def _bound(self, autoscaler: Object, target: Entry) -> None:
        """Scale a target that is running but too small or too large."""
        spec, replicas = autoscaler["spec"], target.object["spec"]["replicas"]
        if replicas == 0:
            return  # somebody has scaled it to zero: autoscaling is off until it is back
        size = min(max(replicas, spec["minReplicas"]), spec["maxReplicas"])
        if size == replicas:
            return

        def change(body: Object) -> None:
            body["spec"]["replicas"] = size

        kind = _TARGETS[target.object["kind"]]
        manager = FieldManager(_MANAGER, UPDATE, kind.api_version, "scale")
        books = bookkeeper(kind, manager, timestamp(self.now()))
        self.registry.edit(kind, target.key, change, books=books)
        bound = "below Spec.MinReplicas" if size > replicas else "above Spec.MaxReplicas"
        message = f"New size: {size}; reason: Current number of replicas {bound}"
        self.recorder.record(autoscaler, "Normal", "SuccessfulRescale", message, _COMPONENT)

    def status_of(self, autoscaler: Object) -> Object:
        """Return the status that fits an autoscaler's target."""
        old: Object = autoscaler.get("status") or {}
        conditions = list(old.get("conditions") or [])
        target = self._target(autoscaler)
        status: Object = {"observedGeneration": autoscaler["metadata"]["generation"]}
        if target is None:
            reference = autoscaler["spec"]["scaleTargetRef"]
            message = (
                "the HPA controller was unable to get the target's current scale:"
                f' {reference["kind"].lower()}s.apps "{reference["name"]}" not found'
            )
            conditions = self._put(conditions, "AbleToScale", "False", "FailedGetScale", message)
            return status | {
                "desiredReplicas": 0,
                "currentMetrics": None,
                "conditions": conditions,
            }
        current = lookup(target.object, "status", "replicas") or 0
        wanted = target.object["spec"]["replicas"]
        if wanted == 0:
            able = ("SucceededGetScale", "able to get the target's current scale")
            conditions = self._put(
                conditions, "AbleToScale", "True", able[0], f"the HPA controller was {able[1]}"
            )
            conditions = self._put(
                conditions,
                "ScalingActive",
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
            metrics = None
        else:
            conditions, metrics = self._active(autoscaler, target, conditions)
        if current:
            status["currentReplicas"] = current
        return status | {
            "desiredReplicas": wanted,
            "currentMetrics": metrics,
            "conditions": conditions,
        }

    def _active(
        self, autoscaler: Object, target: Entry, conditions: list[Object]
    ) -> tuple[list[Object], list[Object]]:
        conditions = self._put(
            conditions,
            "AbleToScale",
            "True",
            "ReadyForNewScale",
            "recommended size matches current size",
        )
        conditions = self._put(
            conditions,
            "ScalingActive",
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from cpu resource"
            " utilization (percentage of request)",
        )
        conditions = self._put(
            conditions,
            "ScalingLimited",
            "False",
            "DesiredWithinRange",
            "the desired count is within the acceptable range",
        )
        return conditions, [
            measured
            for metric in autoscaler["spec"]["metrics"]
            if (measured := self._measure(metric, target)) is not None
        ]

    def _put(
        self, conditions: list[Object], kind: str, status: str, reason: str, message: str
    ) -> list[Object]:
        condition: Object = {
            "type": kind,
            "status": status,
            "lastTransitionTime": timestamp(self.now()),
            "reason": reason,
            "message": message,
        }
        return set_condition(conditions, condition)

    def _pods(self, target: Entry) -> list[Object]:
        owners = [target.object]
        if target.object["kind"] == "Deployment":
            owners = [item.object for item in owned(self.storage, target.object, REPLICA_SET)]
        return [item.object for owner in owners for item in owned(self.storage, owner, POD)]

    def _measure(self, metric: Object, target: Entry) -> Object | None:
        """Return the measured value of a processor metric; None for what cannot be measured."""
        if metric.get("type") != "Resource" or metric["resource"]["name"] != "cpu":
            return None
        usage = Usage(self.agenda.clock.time())
        used = asked = 0.0
        pods = [pod for pod in self._pods(target) if running_containers(pod)]
        for pod in pods:
            for container in running_containers(pod):
                used += usage.cpu_of(pod, container)
                asked += milli(lookup(container, "resources", "requests", "cpu") or "0")
        if not pods or not asked:
            return None
        current = {
            "averageUtilization": int(100 * used / asked),
            "averageValue": f"{int(used / len(pods))}m",
        }
        return {"type": "Resource", "resource": {"name": "cpu", "current": current}}
