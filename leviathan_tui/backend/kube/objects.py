"""An object as the server sends it, read without trusting its shape.

Any field may be absent or null in what a server answers; what is missing reads as nothing.
"""

from typing import Any, Final, TypeVar

import msgspec

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, NotFound, Unreachable, not_kubernetes
from leviathan_tui.backend.kube.wire import UNREADABLE

T = TypeVar("T")

Document = dict[str, Any]
"""An object as the server sends it."""

_SAID: Final = "the server did not answer as Kubernetes does"


def decoded_as(body: bytes | msgspec.Raw, struct: type[T]) -> T:
    """Return an answer as what was asked for. Raises `Unreachable` where it is something else."""
    try:
        return msgspec.json.decode(body, type=struct)
    except UNREADABLE as error:
        raise not_kubernetes(bytes(body), _SAID) from error


def decoded(body: bytes | msgspec.Raw) -> Document:
    """Return an object from an answer. Raises `Unreachable` where it is none."""
    document: Document = decoded_as(body, dict)
    if not isinstance(document.get("metadata", {}), dict):
        raise Unreachable(_SAID)
    return document


async def lacks_namespace(client: KubeClient, name: str) -> bool:
    """Whether the server says that there is no such namespace; False where it may not be asked.

    Raises `Unreachable` where the server does not answer.
    """
    try:
        await client.read(kinds.NAMESPACE.path("", name))
    except ApiError as refusal:
        return isinstance(refusal, NotFound)
    return False


async def read_object(client: KubeClient, path: str) -> Document:
    """Return one object. Raises `KubeError`."""
    return decoded(await client.read(path))


def metadata_of(document: Document) -> dict[str, Any]:
    """Return the object's metadata; an object without any has empty ones."""
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def uid_of(document: Document) -> str:
    """Return the object's uid."""
    return str(metadata_of(document).get("uid") or "")


def annotations_of(document: Document) -> dict[str, str]:
    """Return the object's annotations."""
    found = metadata_of(document).get("annotations")
    return found if isinstance(found, dict) else {}


def annotate(document: Document, values: dict[str, str | None]) -> None:
    """Set annotations in place; None takes one away."""
    metadata = document.setdefault("metadata", {})
    annotations = dict(metadata.get("annotations") or {})
    for name, value in values.items():
        if value is None:
            annotations.pop(name, None)
        else:
            annotations[name] = value
    if annotations or "annotations" in metadata:
        metadata["annotations"] = annotations


def controller_of(document: Document) -> dict[str, Any]:
    """Return the owner reference of what controls the object; empty where nothing does.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
    """
    for owner in metadata_of(document).get("ownerReferences") or ():
        if isinstance(owner, dict) and owner.get("controller"):
            return owner
    return {}


def terminating(document: Document) -> str:
    """Return in words that an object is being deleted, and what that waits for; else nothing."""
    metadata = metadata_of(document)
    if not metadata.get("deletionTimestamp"):
        return ""
    finalizers = metadata.get("finalizers") or []
    return f"terminating (finalizer {finalizers[0]})" if finalizers else "terminating"


def whole(number: Any) -> int:
    """Return a count of a spec; 0 for anything that is none."""
    return number if isinstance(number, int) and not isinstance(number, bool) else 0


def replicas_of(document: Document) -> int:
    """Return the wanted replicas; absent means one, as Kubernetes defaults it."""
    found = (document.get("spec") or {}).get("replicas")
    return 1 if found is None else whole(found)


def pod_labels_of(document: Document) -> dict[str, str]:
    """Return the labels that an app gives its pods."""
    template = (document.get("spec") or {}).get("template") or {}
    found = metadata_of(template).get("labels")
    return found if isinstance(found, dict) else {}


def pod_spec_of(document: Document) -> dict[str, Any]:
    """Return the pod spec inside an app, a cron job or a job."""
    spec = document.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}).get("spec") or spec
    found = (spec.get("template") or {}).get("spec")
    return found if isinstance(found, dict) else {}


def containers_of(pod_spec: dict[str, Any]) -> dict[str, str]:
    """Return what each container of a pod is, by name: nothing special, an init container, a sidecar.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    found = {str(item.get("name", "")): "" for item in pod_spec.get("containers") or ()}
    for item in pod_spec.get("initContainers") or ():
        goes_on = item.get("restartPolicy") == "Always"
        found[str(item.get("name", ""))] = "sidecar" if goes_on else "init container"
    return found


def container_named(pod_spec: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a container by name; without a name, the only one that is no init container."""
    containers = pod_spec.get("containers") or []
    if not name:
        return containers[0] if len(containers) == 1 else None
    every = [*containers, *(pod_spec.get("initContainers") or [])]
    return next((item for item in every if item.get("name") == name), None)
