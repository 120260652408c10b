"""The status of a deployment: how many, how far, and whether it is stuck.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from datetime import datetime
from typing import Final, NamedTuple

from leviathan_sandbox.controllers.base import less_zeros
from leviathan_sandbox.objects import (
    Object,
    find_condition,
    moment,
    timestamp,
)

_NO_DEADLINE: Final = 2**31 - 1


class Numbers(NamedTuple):
    """The sizes that a rollout keeps to."""

    replicas: int
    max_unavailable: int
    maximum: int
    """Pods that there may be at most: `replicas` and the surge."""


def resolve(value: int | str, total: int, *, up: bool) -> int:
    """Return a number of pods that is given as such or as a percentage of `total`."""
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * total
    return -(-share // 100) if up else share // 100


def wanted_replicas(deployment: Object) -> Numbers:
    """Return the sizes that a deployment's rollout keeps to."""
    spec = deployment["spec"]
    replicas: int = spec["replicas"]
    strategy = spec["strategy"]
    if strategy["type"] != "RollingUpdate":
        return Numbers(replicas, 0, replicas)
    rolling = strategy["rollingUpdate"]
    surge = resolve(rolling["maxSurge"], replicas, up=True)
    unavailable = resolve(rolling["maxUnavailable"], replicas, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Numbers(replicas, min(unavailable, replicas), replicas + surge)


def _sum(replica_sets: list[Object], field: str) -> int:
    return sum((item.get("status") or {}).get(field, 0) for item in replica_sets)


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether a rollout has reached its end."""
    wanted: int = deployment["spec"]["replicas"]
    observed: int = status.get("observedGeneration", 0)
    return (
        status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
        and observed >= int(deployment["metadata"]["generation"])
    )


def status_of(
    deployment: Object, replica_sets: list[Object], newest: Object | None, now: datetime
) -> tuple[Object, float | None]:
    """Return a deployment's status, and when it has to be looked at again for its deadline."""
    old: Object = deployment.get("status") or {}
    wanted = deployment["spec"]["replicas"]
    available = _sum(replica_sets, "availableReplicas")
    asked_for = sum(item["spec"]["replicas"] for item in replica_sets)
    status = less_zeros(
        {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": _sum(replica_sets, "replicas"),
            "updatedReplicas": _sum([newest], "replicas") if newest else 0,
            "readyReplicas": _sum(replica_sets, "readyReplicas"),
            "availableReplicas": available,
            "unavailableReplicas": max(0, asked_for - available),
            "terminatingReplicas": _sum(replica_sets, "terminatingReplicas"),
        },
        "terminatingReplicas",
    )
    if "collisionCount" in old:
        status["collisionCount"] = old["collisionCount"]
    enough = available >= wanted - wanted_replicas(deployment).max_unavailable
    verb = "has" if enough else "does not have"
    conditions = put_condition(
        list(old.get("conditions") or []),
        "Available",
        "True" if enough else "False",
        f"MinimumReplicas{'Available' if enough else 'Unavailable'}",
        f"Deployment {verb} minimum availability.",
        now,
    )
    conditions, look_again = _progress(deployment, old, status, newest, conditions, now)
    if conditions:
        status["conditions"] = conditions
    return status, look_again


def put_condition(
    conditions: list[Object],
    kind: str,
    status: str,
    reason: str,
    message: str,
    now: datetime,
    *,
    again: bool = False,
) -> list[Object]:
    """Return the conditions with one set.

    The same one as before changes nothing, unless `again` asks for its time to be renewed.
    """
    old = find_condition(conditions, kind)
    same_status = old is not None and old["status"] == status
    if old is not None and same_status and old["reason"] == reason and not again:
        return conditions
    new: Object = {
        "type": kind,
        "status": status,
        "lastUpdateTime": timestamp(now),
        "lastTransitionTime": timestamp(now),
        "reason": reason,
        "message": message,
    }
    if old is not None and same_status:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    return [item for item in conditions if item["type"] != kind] + [new]


def _progress(
    deployment: Object,
    old: Object,
    status: Object,
    newest: Object | None,
    conditions: list[Object],
    now: datetime,
) -> tuple[list[Object], float | None]:
    """Return the conditions with that of progress, and when the rollout would be too late."""
    spec, name = deployment["spec"], deployment["metadata"]["name"]
    deadline = spec.get("progressDeadlineSeconds", _NO_DEADLINE)
    if deadline == _NO_DEADLINE:
        return [item for item in conditions if item["type"] != "Progressing"], None
    current = find_condition(conditions, "Progressing")
    reason = current["reason"] if current else ""
    subject = f'ReplicaSet "{newest["metadata"]["name"]}"' if newest else f'Deployment "{name}"'

    def put(state: str, why: str, message: str, *, again: bool = False) -> list[Object]:
        return put_condition(conditions, "Progressing", state, why, message, now, again=again)

    if spec.get("paused"):
        if reason == "ProgressDeadlineExceeded":
            return conditions, None
        return put("Unknown", "DeploymentPaused", "Deployment is paused"), None
    if reason == "DeploymentPaused":
        conditions = put("Unknown", "DeploymentResumed", "Deployment is resumed")
    if reason == "NewReplicaSetAvailable" and status.get("replicas", 0) == status.get(
        "updatedReplicas", 0
    ):
        return conditions, None
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return put("True", "NewReplicaSetAvailable", message), None
    if current is None or _has_progressed(old, status):
        conditions = put("True", "ReplicaSetUpdated", f"{subject} is progressing.", again=True)
    current = find_condition(conditions, "Progressing")
    if current is None or current["reason"] in (
        "ProgressDeadlineExceeded",
        "NewReplicaSetAvailable",
    ):
        return conditions, None
    late_at = moment(current["lastUpdateTime"]).timestamp() + deadline
    if now.timestamp() < late_at:
        return conditions, late_at
    message = f"{subject} has timed out progressing."
    return put("False", "ProgressDeadlineExceeded", message), None


def _has_progressed(old: Object, status: Object) -> bool:
    def old_pods(state: Object) -> int:
        return int(state.get("replicas", 0)) - int(state.get("updatedReplicas", 0))

    return (
        status.get("updatedReplicas", 0) > old.get("updatedReplicas", 0)
        or old_pods(status) < old_pods(old)
        or status.get("readyReplicas", 0) > old.get("readyReplicas", 0)
        or status.get("availableReplicas", 0) > old.get("availableReplicas", 0)
    )
