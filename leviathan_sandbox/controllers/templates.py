"""Pods out of templates, and what controllers ask about pods."""

from datetime import datetime
from typing import Final

from leviathan_sandbox.controllers.base import Controller
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import POD, Kind
from leviathan_sandbox.objects import (
    Object,
    copy,
    find_condition,
    has_condition,
    is_terminating,
    moment,
    owner_reference,
)
from leviathan_sandbox.selectors import selector_matches
from leviathan_sandbox.storage import Entry

HASH: Final = "pod-template-hash"
REVISION_HASH: Final = "controller-revision-hash"


def pod_from(owner: Object, template: Object, *, name: str = "", prefix: str = "") -> Object:
    """Return a new pod of `owner`: called `name`, or `prefix` and a random suffix."""
    metadata: Object = {"name": name} if name else {"generateName": prefix}
    for field in ("labels", "annotations", "finalizers"):
        if template["metadata"].get(field):
            metadata[field] = copy(template["metadata"][field])
    metadata["ownerReferences"] = [owner_reference(owner)]
    return {"metadata": metadata, "spec": copy(template["spec"])}


def is_active(pod: Object) -> bool:
    """Whether a pod counts among those that its controller has."""
    return not is_terminating(pod) and pod["status"].get("phase") not in ("Succeeded", "Failed")


def is_ready(pod: Object) -> bool:
    """Whether a pod is ready."""
    return has_condition(pod, "Ready")


def _available_at(pod: Object, min_ready: int) -> float | None:
    """Return when a ready pod counts as available (seconds since 1970); None when not ready."""
    ready = find_condition(pod["status"].get("conditions"), "Ready")
    if ready is None or ready["status"] != "True":
        return None
    return moment(ready["lastTransitionTime"]).timestamp() + min_ready


def is_available(pod: Object, min_ready: int, now: datetime) -> bool:
    """Whether a pod has been ready for `min_ready` seconds."""
    since = _available_at(pod, min_ready)
    return since is not None and since <= now.timestamp()


def next_available(pods: list[Object], min_ready: int, now: datetime) -> float | None:
    """Return when the next of the ready pods will be available; None when all of them are."""
    dues = (_available_at(pod, min_ready) for pod in pods)
    return min((due for due in dues if due is not None and due > now.timestamp()), default=None)


def removal_rank(pod: Object) -> tuple[object, ...]:
    """Return what a controller sorts by when it has too many pods: the first go first.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
    """
    phase = pod["status"].get("phase")
    restarts = sum(
        status["restartCount"] for status in pod["status"].get("containerStatuses") or ()
    )
    ready = is_ready(pod)
    age = moment(pod["metadata"]["creationTimestamp"]).timestamp()
    return (
        bool(pod["spec"].get("nodeName")),
        {"Pending": 0, None: 0, "Unknown": 1}.get(phase, 2),
        ready,
        -restarts,
        -age,
        pod["metadata"]["name"],
    )


def create_pod(controller: Controller, owner: Object, pod: Object, component: str) -> Entry:
    """Create a pod and record that about its owner."""
    namespace = owner["metadata"]["namespace"]
    entry = controller.registry.create(POD, namespace, pod)
    name = entry.object["metadata"]["name"]
    controller.recorder.record(
        owner, "Normal", "SuccessfulCreate", f"Created pod: {name}", component
    )
    return entry


def delete_pod(controller: Controller, owner: Object, pod: Object, component: str) -> None:
    """Delete a pod and record that about its owner."""
    metadata = pod["metadata"]
    controller.registry.delete(
        POD, metadata["namespace"], metadata["name"], DeleteOptions(uid=metadata["uid"])
    )
    controller.recorder.record(
        owner, "Normal", "SuccessfulDelete", f"Deleted pod: {metadata['name']}", component
    )


def adopt(controller: Controller, owner: Object, kind: Kind) -> None:
    """Take over the objects without a controller that the owner's selector selects."""
    namespace = owner["metadata"]["namespace"]
    for entry in controller.storage.orphans(kind, namespace):
        labels = entry.object["metadata"].get("labels") or {}
        selected = selector_matches(owner["spec"].get("selector"), labels)
        if is_terminating(entry.object) or not selected:
            continue
        adopted = dict(entry.object)
        adopted["metadata"] = {
            **entry.object["metadata"],
            "ownerReferences": [
                *(entry.object["metadata"].get("ownerReferences") or ()),
                owner_reference(owner),
            ],
        }
        controller.storage.write(kind, adopted)
