"""Daemon sets: one pod on every node that fits.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, less_zeros, owned, owner_key
from leviathan_sandbox.controllers.deployment_status import resolve
from leviathan_sandbox.controllers.revisions import current_revision, prune
from leviathan_sandbox.controllers.scheduler import tolerates
from leviathan_sandbox.controllers.templates import (
    REVISION_HASH,
    create_pod,
    delete_pod,
    is_available,
    is_ready,
    next_available,
    pod_from,
)
from leviathan_sandbox.kinds import DAEMON_SET, NODE, POD
from leviathan_sandbox.objects import Object, copy, is_terminating, labels_of
from leviathan_sandbox.storage import Change, Entry

_COMPONENT: Final = "daemonset-controller"
_GENERATION: Final = "pod-template-generation"


def fits(daemon_set: Object, node: Object) -> bool:
    """Whether a daemon set should run on a node: by its node selector and its tolerations."""
    spec = daemon_set["spec"]["template"]["spec"]
    labels = labels_of(node)
    selected = all(
        labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items()
    )
    tolerations = [*(spec.get("tolerations") or ()), *_tolerations()]
    return selected and all(
        taint.get("effect") == "PreferNoSchedule" or tolerates(tolerations, taint)
        for taint in node["spec"].get("taints") or ()
    )


def _tolerations() -> list[Object]:
    """Return the tolerations that every daemon's pod is given."""
    tolerations = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoExecute"}
        for name in ("not-ready", "unreachable")
    ]
    return tolerations + [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoSchedule"}
        for name in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ]


def daemon_pod(daemon_set: Object, node_name: str, revision: str) -> Object:
    """Return a daemon set's pod for one node."""
    pod = pod_from(
        daemon_set, daemon_set["spec"]["template"], prefix=daemon_set["metadata"]["name"] + "-"
    )
    generation = (
        daemon_set["metadata"]
        .get("annotations", {})
        .get("deprecated.daemonset.template.generation", "1")
    )
    pod["metadata"]["labels"] = {
        **pod["metadata"].get("labels", {}),
        REVISION_HASH: revision,
        _GENERATION: generation,
    }
    spec = pod["spec"]
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}]
    affinity = copy(spec.get("affinity") or {})
    affinity["nodeAffinity"] = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
    }
    spec["affinity"] = affinity
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *_tolerations()]
    return pod


def node_of(pod: Object) -> str:
    """Return the node that a daemon's pod is on, or meant for."""
    name = pod["spec"].get("nodeName")
    if name:
        return str(name)
    required = pod["spec"]["affinity"]["nodeAffinity"]
    terms = required["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return str(terms[0]["matchFields"][0]["values"][0])


class DaemonSets(Controller):
    """Creates and deletes the pods of daemon sets."""

    def observe(self, change: Change) -> None:
        """Look at daemon sets that changed, or whose pods did; at all when the nodes change."""
        if change.kind is DAEMON_SET and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is POD:
            for key in owner_key(change, DAEMON_SET):
                self.enqueue(key)
        elif change.kind is NODE:
            for entry in self.storage.all(DAEMON_SET):
                self.enqueue(entry.key)

    def sync(self, key: str) -> None:
        """Bring the pods in line with the nodes and the template, and the status with the pods."""
        entry = self.storage.get(DAEMON_SET, key)
        if entry is None:
            return
        daemon_set = entry.object
        revision_object = current_revision(self, daemon_set, REVISION_HASH)
        revision = labels_of(revision_object)[REVISION_HASH]
        if not is_terminating(daemon_set):
            self._place(daemon_set, revision)
        self._report(entry, revision)
        hashes = {labels_of(pod).get(REVISION_HASH, "") for pod in self._pods(daemon_set)}
        name = daemon_set["metadata"]["name"]
        prune(self, daemon_set, {f"{name}-{value}" for value in {*hashes, revision}})

    def _pods(self, daemon_set: Object) -> list[Object]:
        return [entry.object for entry in owned(self.storage, daemon_set, POD)]

    def _place(self, daemon_set: Object, revision: str) -> None:
        by_node: dict[str, list[Object]] = {}
        for pod in self._pods(daemon_set):
            by_node.setdefault(node_of(pod), []).append(pod)
        for entry in self.storage.all(NODE):
            node = entry.object["metadata"]["name"]
            pods = by_node.pop(node, [])
            if not fits(daemon_set, entry.object):
                by_node[node] = pods
            elif not pods:
                pod = daemon_pod(daemon_set, node, revision)
                create_pod(self, daemon_set, pod, _COMPONENT)
            elif pods[0]["status"].get("phase") in ("Failed", "Succeeded"):
                delete_pod(self, daemon_set, pods[0], _COMPONENT)
        for pods in by_node.values():
            for pod in pods:
                if not is_terminating(pod):
                    delete_pod(self, daemon_set, pod, _COMPONENT)
        if daemon_set["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            self._roll(daemon_set, revision)

    def _roll(self, daemon_set: Object, revision: str) -> None:
        """Replace outdated pods, as many at once as may be unavailable."""
        pods = self._pods(daemon_set)
        rolling = daemon_set["spec"]["updateStrategy"].get("rollingUpdate") or {}
        allowed = max(1, resolve(rolling.get("maxUnavailable", 1), len(pods), up=True))
        min_ready = daemon_set["spec"].get("minReadySeconds", 0)
        now = self.now()
        outdated = [
            pod
            for pod in pods
            if labels_of(pod).get(REVISION_HASH) != revision and not is_terminating(pod)
        ]
        unavailable = [pod for pod in pods if not is_available(pod, min_ready, now)]
        for pod in [item for item in outdated if item in unavailable]:
            delete_pod(self, daemon_set, pod, _COMPONENT)
        room = allowed - len(unavailable)
        for pod in [item for item in outdated if item not in unavailable][: max(0, room)]:
            delete_pod(self, daemon_set, pod, _COMPONENT)

    def _report(self, entry: Entry, revision: str) -> None:
        daemon_set = entry.object
        min_ready, now = daemon_set["spec"].get("minReadySeconds", 0), self.now()
        wanted = {
            node.object["metadata"]["name"]
            for node in self.storage.all(NODE)
            if fits(daemon_set, node.object)
        }
        pods = [pod for pod in self._pods(daemon_set) if node_of(pod) in wanted]
        available = sum(is_available(pod, min_ready, now) for pod in pods)
        status = less_zeros(
            {
                "currentNumberScheduled": len({node_of(pod) for pod in pods}),
                "numberMisscheduled": 0,
                "desiredNumberScheduled": len(wanted),
                "numberReady": sum(map(is_ready, pods)),
                "observedGeneration": daemon_set["metadata"]["generation"],
                "updatedNumberScheduled": sum(
                    labels_of(pod).get(REVISION_HASH) == revision for pod in pods
                ),
                "numberAvailable": available,
                "numberUnavailable": len(wanted) - available,
            },
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        )
        self.registry.set_status(DAEMON_SET, entry, status)
        later = next_available(pods, min_ready, now)
        if later is not None:
            self.enqueue_at(entry.key, later)
