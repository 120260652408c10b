"""From wire structs to records: where every text of a cluster is cleaned, once."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet import pausing, records
from leviathan_tui.backend.fleet.records import Interner, Record, Ref, seconds, seconds_at
from leviathan_tui.backend.fleet.status import pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.untrusted import clean

DIGITS: Final = 7
"""Digits of an image's digest that are shown."""

LONGEST_REASON: Final = 200
"""Characters of a job's reason; the indexes of its failed pods may be a long list."""

Convert = Callable[[Any, Interner], Record]


def _common(metadata: wire.Metadata, keep: Interner) -> dict[str, Any]:
    return {
        "uid": metadata.uid,
        "namespace": keep.text(metadata.namespace),
        "name": clean(metadata.name),
        "created": seconds(metadata.creation_timestamp),
        "deleting": seconds(metadata.deletion_timestamp),
        "labels": keep.labels(metadata.labels),
        "finalizer": keep.text(metadata.finalizers[0])
        if metadata.finalizers and metadata.deletion_timestamp
        else "",
    }


def _images(containers: list[wire.Container]) -> str:
    """Return the first container's image without its registry, and how many more there are.

    Of a digest, the first digits stay: often it is all that tells two releases apart.
    """
    if not containers:
        return ""
    short, _, digest = containers[0].image.rpartition("/")[2].partition("@")
    if digest:
        short += f"@{digest.rpartition(':')[2][:DIGITS]}"
    return short if len(containers) == 1 else f"{short} +{len(containers) - 1}"


def pod(item: wire.Pod, keep: Interner) -> records.Pod:
    """Make a pod's record."""
    owner = item.metadata.controller
    state = pod_status(item)
    readiness = _condition(item.status.conditions, "Ready")
    namespace = keep.text(item.metadata.namespace)
    name = clean(item.metadata.name)
    word = keep.text(state.word)
    node = keep.text(item.spec.node_name)
    image = keep.text(_images(item.spec.containers))
    return records.Pod(
        uid=item.metadata.uid,
        namespace=namespace,
        name=name,
        created=seconds(item.metadata.creation_timestamp),
        deleting=seconds(item.metadata.deletion_timestamp),
        labels=keep.labels(item.metadata.labels),
        finalizer=keep.text(item.metadata.finalizers[0])
        if item.metadata.finalizers and item.metadata.deletion_timestamp
        else "",
        owner_uid=owner.uid,
        owner_kind=keep.text(owner.kind),
        owner_name=keep.text(owner.name),
        status=word,
        failing=state.failing,
        reason=keep.text(state.reason),
        phase=keep.text(item.status.phase),
        is_ready=readiness is not None and readiness.status == "True",
        readied=seconds(readiness.last_transition_time) if readiness is not None else 0,
        ready=state.ready,
        total=state.total,
        restarts=state.restarts,
        restarted_at=state.restarted_at,
        node=node,
        ip=clean(item.status.pod_ip or ""),
        image=image,
        containers=tuple(keep.text(container.name) for container in item.spec.containers),
        search=f"{namespace}\n{name}\n{word}\n{node}\n{image}".lower(),
    )


def _condition(conditions: list[wire.Condition] | None, kind: str) -> wire.Condition | None:
    for condition in conditions or ():
        if condition.type == kind:
            return condition
    return None


def _true(conditions: list[wire.Condition] | None, *kinds_of_it: str) -> wire.Condition | None:
    """Return the first of some conditions that is true."""
    found = (_condition(conditions, kind) for kind in kinds_of_it)
    return next((one for one in found if one is not None and one.status == "True"), None)


def _stalled(conditions: list[wire.Condition] | None) -> str:
    """Return why a workload gets no further, as its controller says it."""
    failure = _condition(conditions, "ReplicaFailure")
    if failure is not None and failure.status == "True":
        return failure.message or failure.reason or "pods cannot be created"
    progress = _condition(conditions, "Progressing")
    if progress is not None and progress.reason == "ProgressDeadlineExceeded":
        return "the rollout exceeded its deadline"
    return ""


def _paused_size(item: wire.Workload, notes: dict[str, str]) -> int:
    """Return what a paused app had before; 0 where it is not paused by this console."""
    text = notes.get(records.PAUSED_REPLICAS)
    if not text or item.spec.replicas != 0:
        return 0
    ours = pausing.set_by_us(item.metadata.managed_fields)
    return pausing.written_size(text) if ours else 0


def workload(kind: str) -> Callable[[wire.Workload, Interner], records.Workload]:
    """Return the converter for one of the app kinds."""
    daemon = kind == kinds.DAEMON_SET.name

    def convert(item: wire.Workload, keep: Interner) -> records.Workload:
        status, spec = item.status, item.spec
        notes = item.metadata.annotations or {}
        strategy = spec.update_strategy or wire.UpdateStrategy()
        rolling = strategy.rolling_update
        size = _paused_size(item, notes)
        return records.Workload(
            **_common(item.metadata, keep),
            kind=kind,
            desired=status.desired_number_scheduled
            if daemon
            else (1 if spec.replicas is None else spec.replicas),
            ready=status.number_ready if daemon else status.ready_replicas,
            updated=status.updated_number_scheduled if daemon else status.updated_replicas,
            available=status.number_available if daemon else status.available_replicas,
            total=status.desired_number_scheduled if daemon else status.replicas,
            image=keep.text(_images(spec.template.spec.containers)),
            generation=item.metadata.generation,
            observed=status.observed_generation >= item.metadata.generation,
            rollout_paused=bool(spec.paused),
            on_delete=strategy.type == "OnDelete",
            partition=max(rolling.partition or 0, 0) if rolling is not None else 0,
            min_ready_seconds=max(spec.min_ready_seconds or 0, 0),
            paused_replicas=keep.text(str(size)) if size else "",
            paused_by=keep.text(notes.get(records.PAUSED_BY)) if size else "",
            paused_at=records.seconds_at(notes.get(records.PAUSED_AT)) if size else 0,
            stalled=keep.text(_stalled(status.conditions)),
            revision=keep.text(notes.get(records.REVISION)),
            selector=keep.labels(spec.selector.match_labels),
        )

    return convert


def replica_set(item: wire.Workload, keep: Interner) -> records.ReplicaSet:
    """Make a ReplicaSet's record."""
    notes = item.metadata.annotations or {}
    return records.ReplicaSet(
        **_common(item.metadata, keep),
        owner_uid=item.metadata.controller.uid,
        revision=records.release_number(notes.get(records.REVISION)),
        image=keep.text(_images(item.spec.template.spec.containers)),
        cause=keep.text(notes.get(records.CHANGE_CAUSE)),
        desired=1 if item.spec.replicas is None else item.spec.replicas,
        ready=item.status.ready_replicas,
        total=item.status.replicas,
    )


def cron_job(item: wire.CronJob, keep: Interner) -> records.CronJob:
    """Make a cron job's record."""
    spec, status = item.spec, item.status
    return records.CronJob(
        **_common(item.metadata, keep),
        schedule=keep.text(spec.schedule),
        time_zone=keep.text(spec.time_zone),
        suspended=bool(spec.suspend),
        active=len(status.active or ()),
        last_schedule=seconds(status.last_schedule_time),
        last_success=seconds(status.last_successful_time),
        deadline=spec.starting_deadline_seconds,
        concurrency=keep.text(spec.concurrency_policy),
        image=keep.text(_images(spec.job_template.spec.template.spec.containers)),
    )


def job(item: wire.Job, keep: Interner) -> records.Job:
    """Make a job's record."""
    spec, status = item.spec, item.status
    notes = item.metadata.annotations or {}
    owner = item.metadata.controller
    # What a job comes to is decided before its last pods have ended.
    failed = _true(status.conditions, "Failed", "FailureTarget")
    finished = seconds(status.completion_time)
    outcome, reason = "running", ""
    if _true(status.conditions, "Complete", "SuccessCriteriaMet") is not None:
        outcome = "succeeded"
    elif failed is not None:
        outcome = "failed"
        reason = failed.reason or ""
        if status.failed_indexes:
            reason = clean(f"{reason} {status.failed_indexes}", LONGEST_REASON)
        if failed.type == "Failed":
            finished = finished or seconds(failed.last_transition_time)
    elif spec.suspend:
        outcome = "suspended"
    elif not status.start_time:
        outcome = "pending"
    return records.Job(
        **_common(item.metadata, keep),
        owner_uid=owner.uid if owner.kind == kinds.CRON_JOB.name else "",
        owner_name=clean(owner.name) if owner.kind == kinds.CRON_JOB.name else "",
        scheduled=seconds_at(notes.get(records.SCHEDULED_AT)),
        manual=notes.get(records.INSTANTIATE) == "manual",
        outcome=outcome,
        reason=clean(reason, LONGEST_REASON),
        started=seconds(status.start_time),
        finished=finished,
        succeeded=status.succeeded,
        failed=status.failed,
        active=status.active,
        completions=1 if spec.completions is None else spec.completions,
        image=keep.text(_images(spec.template.spec.containers)),
    )


def namespace(item: wire.Namespace, keep: Interner) -> records.Namespace:
    """Make a namespace's record."""
    return records.Namespace(**_common(item.metadata, keep), phase=keep.text(item.status.phase))


def node(item: wire.Node, keep: Interner) -> records.Node:
    """Make a node's record; its status word is kubectl's."""
    ready = _condition(item.status.conditions, "Ready")
    word = "Unknown"
    if ready is not None:
        word = {"True": "Ready", "False": "NotReady"}.get(ready.status, "Unknown")
    failing = word != "Ready"
    if item.spec.unschedulable:
        word += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    labels = keep.labels(item.metadata.labels)
    size = item.status.allocatable or {}
    return records.Node(
        **_common(item.metadata, keep),
        status=word,
        failing=failing,
        reason=clean(ready.message or "") if ready is not None and failing else "",
        roles=",".join(
            sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))
        ),
        version=keep.text(item.status.node_info.kubelet_version),
        cpu=keep.text(size.get("cpu")),
        memory=keep.text(size.get("memory")),
        pods=keep.text(size.get("pods")),
    )


def event(item: wire.Event, keep: Interner) -> records.Event:
    """Make an event's record; either form of event may lack any of its times."""
    about = item.involved_object
    series = item.series
    last = max(
        seconds(item.last_timestamp),
        seconds(item.event_time),
        seconds(series.last_observed_time) if series is not None else 0,
    )
    return records.Event(
        **_common(item.metadata, keep),
        about=Ref(keep.text(about.kind), keep.text(about.namespace), clean(about.name), about.uid),
        type=keep.text(item.type),
        reason=keep.text(item.reason),
        message=clean(item.message or ""),
        count=max(item.count or 0, series.count if series is not None else 0, 1),
        last=last or seconds(item.first_timestamp) or seconds(item.metadata.creation_timestamp),
        component=keep.text(item.source.component or item.reporting_component),
    )


class Codec(msgspec.Struct, frozen=True):
    """How one kind is read: into which wire struct, and from there into which record."""

    struct: type[Any]
    convert: Convert


CODECS: Final[dict[str, Codec]] = {
    kinds.DEPLOYMENT.name: Codec(wire.Workload, workload(kinds.DEPLOYMENT.name)),
    kinds.STATEFUL_SET.name: Codec(wire.Workload, workload(kinds.STATEFUL_SET.name)),
    kinds.DAEMON_SET.name: Codec(wire.Workload, workload(kinds.DAEMON_SET.name)),
    kinds.REPLICA_SET.name: Codec(wire.Workload, replica_set),
    kinds.POD.name: Codec(wire.Pod, pod),
    kinds.CRON_JOB.name: Codec(wire.CronJob, cron_job),
    kinds.JOB.name: Codec(wire.Job, job),
    kinds.NAMESPACE.name: Codec(wire.Namespace, namespace),
    kinds.NODE.name: Codec(wire.Node, node),
    kinds.EVENT.name: Codec(wire.Event, event),
}
"""By the kind's name."""
