"""Replica sets: as many pods as are asked for.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, less_zeros, owned, owner_key
from leviathan_sandbox.controllers.templates import (
    adopt,
    create_pod,
    delete_pod,
    is_active,
    is_available,
    is_ready,
    next_available,
    pod_from,
    removal_rank,
)
from leviathan_sandbox.kinds import POD, REPLICA_SET
from leviathan_sandbox.objects import Object, is_terminating, labels_of
from leviathan_sandbox.storage import Change, Entry

_COMPONENT: Final = "replicaset-controller"


class ReplicaSets(Controller):
    """Creates and deletes the pods of replica sets."""

    def observe(self, change: Change) -> None:
        """Look at replica sets that changed, or whose pods did."""
        if change.kind is REPLICA_SET and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is POD:
            for key in owner_key(change, REPLICA_SET):
                self.enqueue(key)

    def sync(self, key: str) -> None:
        """Bring the number of pods in line with `spec.replicas`, and the status with the pods."""
        entry = self.storage.get(REPLICA_SET, key)
        if entry is None:
            return
        replica_set = entry.object
        if not is_terminating(replica_set):
            adopt(self, replica_set, POD)
            self._balance(replica_set)
        self._report(entry)

    def _balance(self, replica_set: Object) -> None:
        pods = [entry.object for entry in owned(self.storage, replica_set, POD)]
        active = [pod for pod in pods if is_active(pod)]
        missing = replica_set["spec"]["replicas"] - len(active)
        for _ in range(missing):
            prefix = replica_set["metadata"]["name"] + "-"
            pod = pod_from(replica_set, replica_set["spec"]["template"], prefix=prefix)
            create_pod(self, replica_set, pod, _COMPONENT)
        if missing < 0:
            for pod in sorted(active, key=removal_rank)[:-missing]:
                delete_pod(self, replica_set, pod, _COMPONENT)

    def _report(self, entry: Entry) -> None:
        replica_set = entry.object
        self.registry.set_status(REPLICA_SET, entry, self.status_of(replica_set))
        pods = [item.object for item in owned(self.storage, replica_set, POD)]
        min_ready = replica_set["spec"].get("minReadySeconds", 0)
        later = next_available(pods, min_ready, self.now())
        if later is not None:
            self.enqueue_at(entry.key, later)

    def status_of(self, replica_set: Object) -> Object:
        """Return the status that fits the replica set's pods."""
        spec, now = replica_set["spec"], self.now()
        min_ready = spec.get("minReadySeconds", 0)
        wanted = (spec["template"]["metadata"].get("labels") or {}).items()
        pods = [entry.object for entry in owned(self.storage, replica_set, POD)]
        active = [pod for pod in pods if is_active(pod)]
        return less_zeros(
            {
                "replicas": len(active),
                "fullyLabeledReplicas": sum(wanted <= labels_of(pod).items() for pod in active),
                "readyReplicas": sum(map(is_ready, active)),
                "availableReplicas": sum(is_available(pod, min_ready, now) for pod in active),
                "terminatingReplicas": sum(
                    is_terminating(pod)
                    and pod["status"].get("phase") not in ("Succeeded", "Failed")
                    for pod in pods
                ),
                "observedGeneration": replica_set["metadata"]["generation"],
            },
            "replicas",
            "terminatingReplicas",
        )
