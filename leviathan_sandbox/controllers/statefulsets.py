"""Stateful sets: pods with names and volumes of their own, one after the other.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, less_zeros, owned, owner_key
from leviathan_sandbox.controllers.revisions import HASH_LABEL, current_revision, history, prune
from leviathan_sandbox.controllers.templates import (
    REVISION_HASH,
    is_available,
    is_ready,
    next_available,
    pod_from,
)
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import POD, STATEFUL_SET, VOLUME_CLAIM
from leviathan_sandbox.objects import Object, copy, is_terminating, labels_of, owner_reference
from leviathan_sandbox.storage import Change, Entry

_COMPONENT: Final = "statefulset-controller"


def ordinal(name: str) -> int:
    """Return the number at the end of a stateful pod's name; -1 when it has none."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _lowest_replaced(stateful_set: Object) -> int:
    """Return the lowest number of the pods that are updated: a partition counts from the first one."""
    spec = stateful_set["spec"]
    rolling = spec["updateStrategy"].get("rollingUpdate") or {}
    lowest: int = (spec.get("ordinals") or {}).get("start", 0) + rolling.get("partition", 0)
    return lowest


def stateful_pod(stateful_set: Object, number: int, revision: str, template: Object) -> Object:
    """Return the pod number `number` of a stateful set, made from `template`."""
    name = f"{stateful_set['metadata']['name']}-{number}"
    pod = pod_from(stateful_set, template, name=name)
    pod["metadata"]["labels"] = {
        **pod["metadata"].get("labels", {}),
        REVISION_HASH: revision,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(number),
    }
    pod["spec"]["hostname"] = name
    if stateful_set["spec"].get("serviceName"):
        pod["spec"]["subdomain"] = stateful_set["spec"]["serviceName"]
    claims = stateful_set["spec"].get("volumeClaimTemplates") or ()
    names = {claim["metadata"]["name"] for claim in claims}
    volumes = [item for item in pod["spec"].get("volumes") or () if item["name"] not in names]
    volumes += [
        {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{claim['metadata']['name']}-{name}"},
        }
        for claim in claims
    ]
    if volumes:
        pod["spec"]["volumes"] = volumes
    return pod


class StatefulSets(Controller):
    """Creates, replaces and deletes the pods of stateful sets."""

    def observe(self, change: Change) -> None:
        """Look at stateful sets that changed, or whose pods did."""
        if change.kind is STATEFUL_SET and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is POD:
            for key in owner_key(change, STATEFUL_SET):
                self.enqueue(key)

    def sync(self, key: str) -> None:
        """Take the next step towards the wanted pods, and report the status."""
        entry = self.storage.get(STATEFUL_SET, key)
        if entry is None:
            return
        stateful_set = entry.object
        update = current_revision(self, stateful_set, HASH_LABEL)["metadata"]["name"]
        current = (stateful_set.get("status") or {}).get("currentRevision") or update
        if not is_terminating(stateful_set):
            self._step(stateful_set, current, update)
        self._report(entry, current, update)

    def _pods(self, stateful_set: Object) -> dict[int, Object]:
        pods = (entry.object for entry in owned(self.storage, stateful_set, POD))
        return {ordinal(pod["metadata"]["name"]): pod for pod in pods}

    def _step(self, stateful_set: Object, current: str, update: str) -> None:
        spec = stateful_set["spec"]
        pods = self._pods(stateful_set)
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec["replicas"])
        for number in wanted:
            pod = pods.get(number)
            if pod is not None and pod["status"].get("phase") in ("Failed", "Succeeded"):
                self._delete(stateful_set, pod)
                return
            if pod is None:
                self._create(stateful_set, number, current, update)
                if ordered:
                    return
            elif ordered and (is_terminating(pod) or not self._healthy(stateful_set, pod)):
                # Whatever comes next waits for this one, its own replacement too.
                return
        surplus = sorted((number for number in pods if number not in wanted), reverse=True)
        for number in surplus:
            if not is_terminating(pods[number]):
                self._delete(stateful_set, pods[number])
            if ordered:
                return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            self._roll(stateful_set, pods, wanted, update)

    def _healthy(self, stateful_set: Object, pod: Object) -> bool:
        return is_available(pod, stateful_set["spec"].get("minReadySeconds", 0), self.now())

    def _roll(
        self, stateful_set: Object, pods: dict[int, Object], wanted: range, update: str
    ) -> None:
        """Replace the outdated pod with the highest number, once all above it are healthy."""
        lowest = _lowest_replaced(stateful_set)
        for number in reversed(wanted):
            pod = pods.get(number)
            if pod is None or number < lowest:
                return
            if labels_of(pod).get(REVISION_HASH) != update and not is_terminating(pod):
                self._delete(stateful_set, pod)
                return
            if not self._healthy(stateful_set, pod):
                return

    def _template(self, stateful_set: Object, revision: str) -> Object:
        for entry in history(self, stateful_set):
            if entry.object["metadata"]["name"] == revision:
                template: Object = copy(entry.object["data"]["spec"]["template"])
                template.pop("$patch", None)
                return template
        latest: Object = stateful_set["spec"]["template"]
        return latest

    def _create(self, stateful_set: Object, number: int, current: str, update: str) -> None:
        revision = current if number < _lowest_replaced(stateful_set) else update
        pod = stateful_pod(stateful_set, number, revision, self._template(stateful_set, revision))
        namespace = stateful_set["metadata"]["namespace"]
        for claim in stateful_set["spec"].get("volumeClaimTemplates") or ():
            self._claim(stateful_set, claim, pod["metadata"]["name"])
        self.registry.create(POD, namespace, pod)
        self._say(stateful_set, "SuccessfulCreate", "create", pod["metadata"]["name"])

    def _claim(self, stateful_set: Object, template: Object, pod_name: str) -> None:
        namespace = stateful_set["metadata"]["namespace"]
        name = f"{template['metadata']['name']}-{pod_name}"
        if self.storage.get(VOLUME_CLAIM, VOLUME_CLAIM.key(namespace, name)) is not None:
            return
        claim = {
            "metadata": {
                "name": name,
                "labels": dict(stateful_set["spec"]["selector"].get("matchLabels") or {}),
            },
            "spec": copy(template["spec"]),
        }
        retention = stateful_set["spec"]["persistentVolumeClaimRetentionPolicy"]
        if retention["whenDeleted"] == "Delete":
            claim["metadata"]["ownerReferences"] = [owner_reference(stateful_set)]
        self.registry.create(VOLUME_CLAIM, namespace, claim)

    def _delete(self, stateful_set: Object, pod: Object) -> None:
        metadata = pod["metadata"]
        self.registry.delete(
            POD, metadata["namespace"], metadata["name"], DeleteOptions(uid=metadata["uid"])
        )
        self._say(stateful_set, "SuccessfulDelete", "delete", metadata["name"])

    def _say(self, stateful_set: Object, reason: str, verb: str, pod_name: str) -> None:
        name = stateful_set["metadata"]["name"]
        message = f"{verb} Pod {pod_name} in StatefulSet {name} successful"
        self.recorder.record(stateful_set, "Normal", reason, message, _COMPONENT)

    def _report(self, entry: Entry, current: str, update: str) -> None:
        stateful_set = entry.object
        min_ready = stateful_set["spec"].get("minReadySeconds", 0)
        pods = list(self._pods(stateful_set).values())
        alive = [pod for pod in pods if not is_terminating(pod)]
        updated = sum(labels_of(pod).get(REVISION_HASH) == update for pod in alive)
        replicas = stateful_set["spec"]["replicas"]
        ready = sum(map(is_ready, pods))
        if updated == replicas == len(pods) == ready:
            current = update
        status = less_zeros(
            {
                "observedGeneration": stateful_set["metadata"]["generation"],
                "replicas": len(pods),
                "readyReplicas": ready,
                "currentReplicas": sum(
                    labels_of(pod).get(REVISION_HASH) == current for pod in alive
                ),
                "updatedReplicas": updated,
                "currentRevision": current,
                "updateRevision": update,
                "collisionCount": 0,
                "availableReplicas": sum(is_available(pod, min_ready, self.now()) for pod in pods),
            },
            "replicas",
            "collisionCount",
            "availableReplicas",
        )
        self.registry.set_status(STATEFUL_SET, entry, status)
        later = next_available(pods, min_ready, self.now())
        if later is not None:
            self.enqueue_at(entry.key, later)
        prune(
            self,
            stateful_set,
            {current, update} | {labels_of(pod).get(REVISION_HASH, "") for pod in pods},
        )
