"""The steps of a rollout: which replica set grows and which shrinks, and by how much.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
"""

from typing import Protocol

from leviathan_sandbox.controllers.base import owned
from leviathan_sandbox.controllers.deployment_status import wanted_replicas
from leviathan_sandbox.kinds import POD
from leviathan_sandbox.objects import Object
from leviathan_sandbox.storage import Storage


class Scaler(Protocol):
    """Changes the size of replica sets."""

    storage: Storage

    def scale(self, deployment: Object, replica_set: Object, replicas: int) -> Object:
        """Change the size of a replica set of `deployment`; return its new state."""


def _size(replica_set: Object) -> int:
    size: int = replica_set["spec"]["replicas"]
    return size


def _available(replica_set: Object) -> int:
    available: int = (replica_set.get("status") or {}).get("availableReplicas", 0)
    return available


def roll(scaler: Scaler, deployment: Object, newest: Object, others: list[Object]) -> None:
    """Take the next step of a rolling update."""
    numbers = wanted_replicas(deployment)
    total = _size(newest) + sum(map(_size, others))
    if _size(newest) > numbers.replicas:
        scaler.scale(deployment, newest, numbers.replicas)
        return
    if _size(newest) < numbers.replicas:
        room = numbers.maximum - total
        if room > 0:
            grown = min(numbers.replicas, _size(newest) + room)
            scaler.scale(deployment, newest, grown)
            return
    _shrink_others(scaler, deployment, newest, others)


def _shrink_others(
    scaler: Scaler, deployment: Object, newest: Object, others: list[Object]
) -> None:
    """Scale old replica sets down as far as enough pods stay available."""
    numbers = wanted_replicas(deployment)
    active = [item for item in others if _size(item)]
    if not active:
        return
    least = numbers.replicas - numbers.max_unavailable
    total = _size(newest) + sum(map(_size, active))
    may_go = total - least - (_size(newest) - _available(newest))
    if may_go <= 0:
        return
    # Pods that are not available cost nothing: they go first.
    removed = 0
    for index, item in enumerate(active):
        unhealthy = min(may_go - removed, _size(item) - _available(item))
        if unhealthy > 0:
            active[index] = scaler.scale(deployment, item, _size(item) - unhealthy)
            removed += unhealthy
    available = _available(newest) + sum(min(_available(item), _size(item)) for item in active)
    may_go = available - least
    for item in active:
        going = min(_size(item), may_go)
        if going > 0:
            scaler.scale(deployment, item, _size(item) - going)
            may_go -= going


def clear(scaler: Scaler, deployment: Object, others: list[Object]) -> bool:
    """End all pods of old replica sets, as a Recreate does; return whether they are gone."""
    active = [item for item in others if _size(item)]
    for item in active:
        scaler.scale(deployment, item, 0)
    if active:
        return False
    return not any(
        pod.object["status"].get("phase") not in ("Succeeded", "Failed")
        for item in others
        for pod in owned(scaler.storage, item, POD)
    )


def scale_proportionally(
    scaler: Scaler, deployment: Object, newest: Object | None, others: list[Object]
) -> None:
    """Spread a changed size over the replica sets of a rollout that is under way or paused.

    Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling
    """
    numbers = wanted_replicas(deployment)
    active = [item for item in [*others, newest] if item is not None and _size(item)]
    if len(active) <= 1:
        only = active[0] if active else newest or (others[-1] if others else None)
        if only is not None:
            scaler.scale(deployment, only, numbers.replicas)
        return
    total = sum(map(_size, active))
    rolling = deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    allowed = numbers.maximum if rolling and numbers.replicas > 0 else numbers.replicas
    to_add = allowed - total
    # The largest gets the rest of the division; on a tie the newest one when growing.
    active.sort(key=lambda item: (-_size(item), item["metadata"]["creationTimestamp"]))
    shares = []
    left = to_add
    for item in active:
        share = round(_size(item) * allowed / total) - _size(item) if total else 0
        share = max(min(share, left), 0) if to_add > 0 else min(max(share, left), 0)
        shares.append(share)
        left -= share
    shares[0] += left
    for item, share in zip(active, shares, strict=True):
        scaler.scale(deployment, item, max(0, _size(item) + share))
