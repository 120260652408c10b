"""What of a deleted volume claim's data does not come back with it.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming
"""

from typing import Any, Final

from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, read_object
from leviathan_tui.backend.names import leads_elsewhere
from leviathan_tui.backend.untrusted import clean

VOLUME: Final = Kind("PersistentVolume", "persistentvolumes", namespaced=False)


async def lost_with(client: KubeClient, claim: Document) -> str:
    """Return what became of the data of a deleted claim, as the end of a sentence.

    Empty where it was bound to no volume, and so held nothing. Raises `Unreachable` where the server
    does not answer.
    """
    spec: dict[str, Any] = claim.get("spec") or {}
    name = str(spec.get("volumeName") or "")
    source = spec.get("dataSourceRef") or spec.get("dataSource") or {}
    if source:
        whose = f"{source.get('kind')} {source.get('name')}"
        return f"filled from {clean(whose, 120)} anew, and without what was written since"
    if leads_elsewhere(name):
        return ""
    said = clean(name, 120)
    try:
        volume = await read_object(client, VOLUME.path("", name))
    except NotFound:
        return f"empty, for its volume {said} is gone, with its data"
    except ApiError:
        # Volumes are the cluster's own, and seldom to be read.
        return f"empty, and its data is gone, unless its volume {said} is kept (Retain)"
    if (volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") == "Retain":
        return f"empty; its data stays on the volume {said} (Retain), to be given to it by hand"
    return f"empty, for its volume {said} is deleted, with its data"


def deleted_with(app: Document) -> bool:
    """Whether a StatefulSet's claims are deleted together with it."""
    spec: dict[str, Any] = app.get("spec") or {}
    policy = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(spec.get("volumeClaimTemplates")) and policy.get("whenDeleted") == "Delete"
