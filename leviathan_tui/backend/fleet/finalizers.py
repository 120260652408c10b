"""What keeps an object that is being deleted, what that is for, and the way out of it.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
"""

import time
from typing import Any, Final

from leviathan_tui.backend.fleet.prose import Prose, clock, line
from leviathan_tui.backend.fleet.records import LATEST, seconds_at
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.objects import Document, metadata_of, whole
from leviathan_tui.backend.untrusted import clean

PAGE: Final = "https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/"
"""Where Kubernetes says what finalizers are, and when to remove one."""

OF_NAMESPACES: Final = "kubernetes"
"""What stands in a namespace's `spec.finalizers` until everything in it is gone."""

_STAYS: Final = {
    "kubernetes.io/pv-protection": "it keeps a volume to which a claim is still bound, and goes by "
    "itself once that claim is gone",
    "kubernetes.io/pvc-protection": "it keeps a claim that a pod still uses, and goes by itself "
    "once no pod does",
    "kubernetes.io/vac-protection": "it keeps a class that a volume still has, and goes by itself "
    "once none does",
    "resource.kubernetes.io/delete-protection": "it keeps devices that a pod still uses, and goes "
    "by itself once no pod does",
    "scheduling.k8s.io/podgroup-protection": "it keeps a group that pods still belong to, and goes "
    "by itself once none does",
    "orphan": "it is the garbage collector's, which sets free what the object owns; without it, "
    "all of that would be deleted too",
}
"""Finalizers that are never removed here: what they keep is still in use, or meant to be kept.

All of them are the work of Kubernetes' own controller manager, which is always there.
"""

_LEFT_BEHIND: Final = {
    "service.kubernetes.io/load-balancer-cleanup": "The load balancer may stay at the cloud "
    "provider, and be paid for.",
    "external-provisioner.volume.kubernetes.io/finalizer": "The disk behind the volume may stay, "
    "and be paid for.",
    "kubernetes.io/pv-controller": "The disk behind the volume may stay, and be paid for.",
    "batch.kubernetes.io/job-tracking": "The job may not count this pod, and run another in its "
    "place.",
    "foregroundDeletion": "It is the garbage collector's: what the object owns is to go first. "
    "Without it, that is deleted afterwards, and what is stuck there stays stuck.",
    "customresourcecleanup.apiextensions.k8s.io": "The objects of this type are not deleted: they "
    "stay in the cluster's store, and are there again when the type is.",
}
"""What removing a finalizer leaves behind, of those that everybody has."""

END_PATIENCE: Final = 10
"""Seconds beyond a pod's grace period in which its node kills what still runs, and says so."""

_ATTACHER: Final = "external-attacher/"
"""How the finalizers of those begin that attach volumes to nodes; the driver's name follows."""


def of(document: Document) -> list[str]:
    """Return the names of an object's finalizers, in their order."""
    found = metadata_of(document).get("finalizers")
    return [str(name) for name in found] if isinstance(found, list) else []


def why_it_stays(name: str) -> str:
    """Return why a finalizer is never removed here; empty where it may be."""
    return _STAYS.get(name, "")


def left_behind(name: str) -> str:
    """Return what may be left behind when a finalizer is removed, as a sentence."""
    if name.startswith(_ATTACHER):
        return "The volume may stay attached to its node, and be of no use on another."
    return _LEFT_BEHIND.get(
        name,
        "The controller that set it will not clean up: what it manages for this object, outside "
        "the cluster too, may be left behind.",
    )


def grace_ends(document: Document) -> int:
    """Return when a pod's containers are to have ended, in seconds since the epoch.

    0 where the pod is not being deleted, or has been given no time; `LATEST` where that is so long
    that no calendar has its end.
    """
    metadata = metadata_of(document)
    stamp = metadata.get("deletionTimestamp")
    if not stamp or not whole(metadata.get("deletionGracePeriodSeconds")):
        return 0
    # The stamp of a pod's deletion is when its grace is over, not when it was asked for.
    return seconds_at(stamp) or LATEST


def until(ends: int) -> str:
    """Return in words until when a pod's containers may take to end, from `grace_ends`."""
    return "forever" if ends >= LATEST else f"until {clock(ends)}"


def way_out(kind: str, document: Document) -> Prose:
    """Return what an object that is being deleted waits for, and the way out.

    Nothing for an object that is not being deleted.
    """
    metadata = metadata_of(document)
    if not metadata.get("deletionTimestamp"):
        return []
    name = clean(str(metadata.get("name") or ""), 100)
    stamp, ends, held = (
        seconds_at(metadata["deletionTimestamp"]),
        grace_ends(document),
        of(document),
    )
    begun = stamp - whole(metadata.get("deletionGracePeriodSeconds"))
    since = f" (since {clock(begun)})" if 0 < begun < LATEST else ""
    prose: Prose = [(("▲ ", "warn"), (f"{name} is being deleted{since}", "warn"))]
    for one in held:
        shown = clean(one, 200)
        prose.append(line(f"  It waits for the finalizer {shown}."))
        if why := why_it_stays(one):
            prose.append(line(f"  That stays here: {why}.", "dim"))
        else:
            what = left_behind(one)
            prose.append(line(f"  If you remove it: {what[0].lower()}{what[1:]}", "dim"))
    if any(not why_it_stays(one) for one in held):
        prose.append(line("  Look first whether the controller that set it still runs."))
        prose.append(_way("removes one finalizer, for good"))
    if kind == kinds.POD.name and ends:
        prose += _grace(document, ends)
    elif kind == kinds.NAMESPACE.name and not held:
        prose.append(
            line("  Kubernetes empties it first; the way out is at what is left in it.", "dim")
        )
    return prose


def _grace(document: dict[str, Any], ends: int) -> Prose:
    """Return how long a pod's containers may take to end, and what to do where they do not."""
    node = clean(str((document.get("spec") or {}).get("nodeName") or ""), 100)
    where = f" on node {node}" if node else ""
    now = time.time()
    if ends > now:
        prose: Prose = [line(f"  Its containers{where} may take {until(ends)} to end.")]
    elif ends + END_PATIENCE > now:
        return [line(f"  Its containers{where} were to end by {clock(ends)}: they are killed now.")]
    else:
        prose = [
            line(f"  Its containers{where} were to end by {clock(ends)}, and nothing says so."),
            line("  Look first whether that node is well.", "dim"),
        ]
    return [*prose, _way("force deletes it, whether or not they have ended")]


def _way(what: str) -> tuple[tuple[str, str], ...]:
    return (("  Way out: ", "plain"), ("ctrl-x", "key"), (f" {what}.", "plain"))
