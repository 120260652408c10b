"""The scheduler: gives each pod a node that has room for it.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

from collections import Counter
from functools import lru_cache
from typing import Final

import msgspec

from leviathan_sandbox import quantities
from leviathan_sandbox.controllers.base import Controller, Manager
from leviathan_sandbox.kinds import NODE, POD
from leviathan_sandbox.objects import Object, is_terminating, labels_of, lookup, timestamp
from leviathan_sandbox.pods.behaviours import Behaviour, behaviour_of
from leviathan_sandbox.pods.statuses import scheduled_condition
from leviathan_sandbox.storage import Change, Entry

_COMPONENT: Final = "default-scheduler"


class Load(msgspec.Struct):
    """What is asked for on a node, or by a pod: thousandths of cores, bytes, pods."""

    cpu: int = 0
    memory: int = 0
    pods: int = 0


@lru_cache(4096)
def _cpu(text: str) -> int:
    return quantities.milli(text)


@lru_cache(4096)
def _memory(text: str) -> int:
    return quantities.whole(text)


def requests_of(pod: Object) -> Load:
    """Return what a pod's containers request together."""
    load = Load(pods=1)
    for container in pod["spec"]["containers"]:
        requests = lookup(container, "resources", "requests") or {}
        load.cpu += _cpu(str(requests.get("cpu", "0")))
        load.memory += _memory(str(requests.get("memory", "0")))
    return load


def tolerates(tolerations: list[Object] | None, taint: Object) -> bool:
    """Whether one of a pod's tolerations takes a taint into account."""
    for toleration in tolerations or ():
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        if not toleration.get("key") and toleration.get("operator") == "Exists":
            return True
        if toleration.get("key") != taint["key"]:
            continue
        same = toleration.get("value", "") == taint.get("value", "")
        if toleration.get("operator") == "Exists" or same:
            return True
    return False


def _wanted_node(pod: Object) -> str | None:
    """Return the one node that a daemon set's pod is meant for."""
    terms = lookup(
        pod,
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
    )
    for term in (terms or {}).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name":
                return str(field["values"][0])
    return None


class Scheduler(Controller):
    """Gives pods their nodes."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager)
        self._loads: dict[str, Load] = {}
        self._waiting: set[str] = set()

    def observe(self, change: Change) -> None:
        """Look at new pods; look again at those that wait whenever there may be more room."""
        if change.kind is NODE:
            self._retry()
        if change.kind is not POD:
            return
        freed = self._count(change)
        pod = change.entry.object
        if change.type == "DELETED":
            self._waiting.discard(change.entry.key)
        elif change.type == "ADDED" and not pod["spec"].get("nodeName"):
            self.enqueue(change.entry.key)
        if freed:
            self._retry()

    def load(self, pod: Object) -> None:
        """Count a pod that has a node already."""
        node = pod["spec"].get("nodeName")
        if node and pod["status"].get("phase") not in ("Succeeded", "Failed"):
            self._add(node, requests_of(pod), 1)

    def wait(self, key: str) -> None:
        """Count a pod among those that no node takes."""
        self._waiting.add(key)

    def _retry(self) -> None:
        for key in self._waiting:
            self.enqueue(key)

    def _add(self, node: str, asked: Load, sign: int) -> None:
        load = self._loads.setdefault(node, Load())
        load.cpu += sign * asked.cpu
        load.memory += sign * asked.memory
        load.pods += sign * asked.pods

    def _count(self, change: Change) -> bool:
        """Keep the nodes' loads up to date; return whether there is more room now."""
        was = _occupied(change.previous)
        now = None if change.type == "DELETED" else _occupied(change.entry)
        if was == now:
            return False
        if was is not None and change.previous is not None:
            self._add(was, requests_of(change.previous.object), -1)
        if now is not None:
            self._add(now, requests_of(change.entry.object), 1)
        return now is None

    def sync(self, key: str) -> None:
        """Give a pod a node, or say why it cannot have one."""
        entry = self.storage.get(POD, key)
        if entry is None or entry.object["spec"].get("nodeName") or is_terminating(entry.object):
            self._waiting.discard(key)
            return
        node, problem = self._choose(entry.object)
        if node is None:
            self._refuse(entry, problem)
            return
        self._waiting.discard(key)
        pod = entry.object
        conditions = [
            item for item in pod["status"].get("conditions") or () if item["type"] != "PodScheduled"
        ]
        conditions.append(scheduled_condition(pod, self.now()))
        bound = {
            **pod,
            "metadata": dict(pod["metadata"]),
            "spec": {**pod["spec"], "nodeName": node},
            "status": {**pod["status"], "conditions": conditions},
        }
        self.storage.write(POD, bound)
        metadata = pod["metadata"]
        message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self.recorder.record(bound, "Normal", "Scheduled", message, _COMPONENT)

    def _choose(self, pod: Object) -> tuple[str | None, str]:
        asked, wanted = requests_of(pod), _wanted_node(pod)
        hopeless = behaviour_of(pod).behaviour is Behaviour.PENDING
        problems: Counter[str] = Counter()
        best: tuple[float, str] | None = None
        nodes = self.storage.all(NODE)
        for entry in nodes:
            node = entry.object
            name = node["metadata"]["name"]
            problem = self._problem(pod, node, asked, wanted)
            if problem is None and hopeless:
                problem = "Insufficient cpu"
            if problem is not None:
                problems[problem] += 1
                continue
            load = self._loads.get(name, Load())
            room = lookup(node, "status", "allocatable") or {}
            score = load.cpu / max(_cpu(str(room.get("cpu", "1"))), 1) + load.pods / 1000
            if best is None or (score, name) < best:
                best = (score, name)
        if best is not None:
            return best[1], ""
        return None, _explain(problems, len(nodes))

    def _problem(self, pod: Object, node: Object, asked: Load, wanted: str | None) -> str | None:
        """Return why a node cannot take a pod, in the scheduler's words; None when it can."""
        spec, tolerations = node["spec"], pod["spec"].get("tolerations")
        if wanted is not None and node["metadata"]["name"] != wanted:
            return "node(s) didn't satisfy plugin(s) [NodeAffinity]"
        cordon = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if spec.get("unschedulable") and not tolerates(tolerations, cordon):
            return "node(s) were unschedulable"
        for taint in spec.get("taints") or ():
            if taint.get("effect") != "PreferNoSchedule" and not tolerates(tolerations, taint):
                value = taint.get("value", "")
                return f"node(s) had untolerated taint {{{taint['key']}: {value}}}"
        selector = pod["spec"].get("nodeSelector") or {}
        if any(labels_of(node).get(key) != value for key, value in selector.items()):
            return "node(s) didn't match Pod's node affinity/selector"
        load = self._loads.get(node["metadata"]["name"], Load())
        room = lookup(node, "status", "allocatable") or {}
        if load.pods + 1 > int(room.get("pods", "110")):
            return "Too many pods"
        if asked.cpu and load.cpu + asked.cpu > _cpu(str(room.get("cpu", "0"))):
            return "Insufficient cpu"
        if asked.memory and load.memory + asked.memory > _memory(str(room.get("memory", "0"))):
            return "Insufficient memory"
        return None

    def _refuse(self, entry: Entry, problem: str) -> None:
        pod = entry.object
        self._waiting.add(entry.key)
        condition: Object = {
            "type": "PodScheduled",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": timestamp(self.now()),
            "reason": "Unschedulable",
            "message": problem,
        }
        old = pod["status"].get("conditions") or []
        if old and old[0].get("message") == problem:
            return
        if old:
            condition["lastTransitionTime"] = old[0]["lastTransitionTime"]
        status = {**pod["status"], "phase": "Pending", "conditions": [condition]}
        self.registry.set_status(POD, entry, status)
        self.recorder.record(pod, "Warning", "FailedScheduling", problem, _COMPONENT)


def _occupied(entry: Entry | None) -> str | None:
    """Return the node on which a pod takes up room."""
    if entry is None or lookup(entry.object, "status", "phase") in ("Succeeded", "Failed"):
        return None
    node: str | None = entry.object["spec"].get("nodeName")
    return node


def _explain(problems: Counter[str], nodes: int) -> str:
    if not nodes:
        return "no nodes available to schedule pods"
    reasons = ", ".join(sorted(f"{count} {problem}" for problem, count in problems.items()))
    fitting = sum(
        count for problem, count in problems.items() if problem.startswith(("Insuff", "Too many"))
    )
    preemption = []
    if fitting:
        preemption.append(f"{fitting} No preemption victims found for incoming pod")
    if nodes - fitting:
        preemption.append(f"{nodes - fitting} Preemption is not helpful for scheduling")
    return (
        f"0/{nodes} nodes are available: {reasons}. preemption: 0/{nodes} nodes are available:"
        f" {', '.join(sorted(preemption))}."
    )
