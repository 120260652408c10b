"""How an object leaves: preconditions, grace periods, finalizers, propagation policies.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from leviathan_sandbox.kinds import JOB, NAMESPACE, POD, Kind
from leviathan_sandbox.objects import Object, copy, is_terminating, lookup, moment, timestamp
from leviathan_sandbox.status import StatusError, precondition_failed
from leviathan_sandbox.storage import Entry

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_POLICIES: Final = ("Orphan", "Background", "Foreground")


class DeleteOptions(msgspec.Struct, frozen=True):
    """What a delete asks for.

    Source: `DeleteOptions` of meta/v1.
    """

    propagation: str | None = None
    """Orphan, Background or Foreground; None leaves it to the kind."""
    cascades: bool = False
    """Whether the old `orphanDependents: false` has asked for the background."""
    grace: int | None = None
    """Seconds; None leaves it to the object."""
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


NO_OPTIONS: Final = DeleteOptions()


class Deletion(msgspec.Struct, frozen=True):
    """The outcome of a delete."""

    entry: Entry
    gone: bool
    """False while finalizers or the grace period keep the object."""


def check_preconditions(kind: Kind, metadata: Object, options: DeleteOptions) -> None:
    """Refuse a delete whose options make no sense or do not fit the object.

    Raises StatusError: 409 when a precondition does not hold, 422 for an unknown policy.
    """
    if options.propagation is not None and options.propagation not in _POLICIES:
        raise StatusError(
            422,
            "Invalid",
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value:'
            f' "{options.propagation}": supported values: "Foreground", "Background", "Orphan",'
            ' "nil"',
            {"group": "meta.k8s.io", "kind": "DeleteOptions"},
        )
    name, version = metadata["name"], metadata["resourceVersion"]
    if options.uid is not None and options.uid != metadata["uid"]:
        raise precondition_failed(kind, name, "UID", options.uid, metadata["uid"])
    if options.resource_version is not None and options.resource_version != version:
        raise precondition_failed(kind, name, "ResourceVersion", options.resource_version, version)


def mark_deleted(
    kind: Kind, obj: Object, options: DeleteOptions, now: datetime
) -> tuple[Object, bool]:
    """Return the object as the delete leaves it, and whether something still keeps it."""
    metadata = obj["metadata"]
    period = metadata.get("deletionGracePeriodSeconds")
    if kind is POD and period and (options.grace is None or options.grace >= period):
        return obj, True
    marked: Object = copy(obj)
    metadata = marked["metadata"]
    finalizers = _finalizers_for(kind, metadata.get("finalizers") or [], options)
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    held = bool(finalizers)
    if kind is NAMESPACE:
        held = held or bool(lookup(marked, "spec", "finalizers"))
        marked["status"] = {**marked["status"], "phase": "Terminating"}
    if kind is POD and (period is None or period > 0):
        grace = _grace_of(marked, options)
        _set_deletion_time(marked, grace, now)
        return marked, held or grace > 0
    if held:
        _set_deletion_time(marked, 0, now)
    return marked, held


def _grace_of(pod: Object, options: DeleteOptions) -> int:
    """Return the seconds that a pod is given to end."""
    spec = pod["spec"]
    if not spec.get("nodeName") or pod["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    grace: int = spec["terminationGracePeriodSeconds"] if options.grace is None else options.grace
    return grace if grace >= 0 else 1


def _set_deletion_time(obj: Object, grace: int, now: datetime) -> None:
    metadata = obj["metadata"]
    if not is_terminating(obj):
        if "generation" in metadata:
            metadata["generation"] += 1
        metadata["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
    elif (period := metadata.get("deletionGracePeriodSeconds", 0)) > grace:
        # The grace period of a deletion that has begun can only be shortened.
        begun = moment(metadata["deletionTimestamp"]) - timedelta(seconds=period)
        due = max(begun + timedelta(seconds=grace), now)
        metadata["deletionTimestamp"] = timestamp(due)
    metadata["deletionGracePeriodSeconds"] = grace


def _finalizers_for(kind: Kind, present: list[str], options: DeleteOptions) -> list[str]:
    """Return the finalizers that an object carries once its deletion has been asked for."""
    policy = options.propagation
    if policy is None:
        if ORPHAN in present:
            policy = "Orphan"
        elif FOREGROUND in present:
            policy = "Foreground"
        else:
            # Jobs keep their pods unless told otherwise: the rule of batch/v1 since its beginning.
            policy = "Orphan" if kind is JOB else "Background"
    kept = [name for name in present if name not in (ORPHAN, FOREGROUND)]
    if policy == "Orphan":
        kept.append(ORPHAN)
    elif policy == "Foreground":
        kept.append(FOREGROUND)
    return kept
