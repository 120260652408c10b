"""Kubernetes objects for tests, as a server would send them, and their records."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from leviathan_tui.backend.fleet.convert import CODECS
from leviathan_tui.backend.fleet.records import Interner

NOW = 1_800_000_000


def stamp(seconds: float) -> str:
    """Return a time as Kubernetes writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(kind: str, document: dict[str, Any]) -> Any:
    """Send a document through the wire struct and the converter."""
    codec = CODECS[kind]
    wire = msgspec.json.decode(msgspec.json.encode(document), type=codec.struct)
    return codec.convert(wire, Interner())


def metadata(name: str, owner: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Return metadata; the uid is the name's, `owner` is (kind, name)."""
    found: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "creationTimestamp": stamp(NOW - 3600),
        **more,
    }
    if owner is not None:
        kind, owner_name = owner
        found["ownerReferences"] = [
            {"kind": kind, "name": owner_name, "uid": f"uid-{owner_name}", "controller": True}
        ]
    return found


def pod(name: str, owner: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Return a ready pod; `more` replaces parts of its status."""
    return {
        "metadata": metadata(name, owner),
        "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": "r.example/web:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}}
            ],
            **more,
        },
    }


def crashing(restarts: int = 7) -> list[dict[str, Any]]:
    """Return the status of a container in CrashLoopBackOff."""
    return [
        {
            "name": "main",
            "ready": False,
            "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }
    ]


def deployment(name: str, replicas: int = 2, ready: int = 2, **more: Any) -> dict[str, Any]:
    """Return a Deployment that has rolled out; `more` goes into the status."""
    return {
        "metadata": metadata(name, generation=1),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": "main", "image": f"{name}:1"}]}},
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            **more,
        },
    }


def replica_set(name: str, deployment_name: str, revision: int = 1) -> dict[str, Any]:
    """Return a ReplicaSet of a Deployment."""
    return {
        "metadata": metadata(
            name,
            ("Deployment", deployment_name),
            annotations={"deployment.kubernetes.io/revision": str(revision)},
        ),
        "spec": {"replicas": 2, "template": {"spec": {"containers": []}}},
        "status": {"replicas": 2, "readyReplicas": 2},
    }


def cron_job(name: str, schedule: str = "*/5 * * * *", **more: Any) -> dict[str, Any]:
    """Return a cron job; `last` is its last schedule time in seconds since the epoch."""
    last = more.pop("last", None)
    return {
        "metadata": metadata(name),
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": {}}}, **more},
        "status": {"lastScheduleTime": stamp(last)} if last else {},
    }


def job(name: str, cron: str, scheduled: int, outcome: str = "Complete") -> dict[str, Any]:
    """Return a job of a cron job; `outcome` is a condition's type, or empty while it runs."""
    return {
        "metadata": metadata(
            name,
            ("CronJob", cron),
            annotations={"batch.kubernetes.io/cronjob-scheduled-timestamp": stamp(scheduled)},
        ),
        "spec": {},
        "status": {
            "startTime": stamp(scheduled),
            "conditions": [
                {"type": outcome, "status": "True", "lastTransitionTime": stamp(scheduled + 5)}
            ]
            if outcome
            else [],
        },
    }


def unready(name: str, age: float = 3600, **more: Any) -> dict[str, Any]:
    """A pod that runs and whose container is not ready."""
    found = pod(name, conditions=[{"type": "Ready", "status": "False"}], **more)
    for container in found["status"]["containerStatuses"] or ():
        container["ready"] = False
    found["metadata"]["creationTimestamp"] = stamp(NOW - age)
    return found


def waiting_for(reason: str) -> list[dict[str, Any]]:
    state = {"waiting": {"reason": reason, "message": f"details of {reason}"}}
    return [{"name": "main", "ready": False, "restartCount": 0, "state": state}]
