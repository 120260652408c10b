"""The nodes of the sandbox and the namespaces that every cluster has."""

import random
from typing import Final

from leviathan_sandbox.objects import Object

SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
PODS_PER_NODE: Final = 110
_MINIMUM: Final = 6


def node_count(pods: int) -> int:
    """Return how many nodes carry `pods` pods with room to spare."""
    return max(_MINIMUM, -(-pods // 65))


def node(number: int, created: str, rng: random.Random) -> Object:
    """Return node number `number`; the first one is the control plane's."""
    control_plane = number == 0
    name = "control-plane-1" if control_plane else f"node-{number}"
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}",
    }
    spec: Object = {"podCIDR": f"10.244.{number % 250}.0/24"}
    if control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
        spec["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    room = {
        "cpu": "16",
        "ephemeral-storage": "103079215104",
        "memory": "65792236Ki",
        "pods": str(PODS_PER_NODE),
    }
    address = f"10.0.{number // 250}.{number % 250 + 10}"
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "labels": labels, "creationTimestamp": created},
        "spec": spec,
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": {**room, "memory": "64743660Ki"},
            "capacity": room,
            "conditions": _conditions(created),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": f"{rng.getrandbits(128):032x}",
                "containerRuntimeVersion": "containerd://2.4.2",
                "kernelVersion": "6.12.48+deb13-amd64",
                "kubeProxyVersion": "v1.37.2",
                "kubeletVersion": "v1.37.2",
                "machineID": f"{rng.getrandbits(128):032x}",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "systemUUID": f"{rng.getrandbits(128):032x}",
            },
        },
    }


def _conditions(created: str) -> list[Object]:
    pressures = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    conditions: list[Object] = [
        {"type": kind, "status": "False", "reason": reason, "message": message}
        for kind, reason, message in pressures
    ]
    conditions.append(
        {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
    )
    for condition in conditions:
        condition |= {"lastHeartbeatTime": created, "lastTransitionTime": created}
    return conditions
