"""The parts of Kubernetes objects that the console reads, as structs for msgspec.

Everything else in an answer (managedFields alone is a third of a pod) is skipped while parsing.
Fields may be absent or null in any object a server sends, hence the defaults. Source:
https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.37/
"""

from datetime import datetime
from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no such object."""


class Wire(msgspec.Struct, rename="camel", gc=False):
    """Base of all wire structs: camelCase names, unknown fields ignored."""


class OwnerReference(Wire):
    """Who made an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


_NOTHING: Final = OwnerReference()


class Metadata(Wire):
    """The metadata that every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None

    @property
    def controller(self) -> OwnerReference:
        """What controls the object; a reference to nothing where nothing does.

        Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
        """
        for reference in self.owner_references or ():
            if reference.controller:
                return reference
        return _NOTHING


class AnnotatedMetadata(Metadata):
    """Metadata of the kinds whose annotations the console reads."""

    annotations: dict[str, str] | None = None
    generation: int = 0
    managed_fields: msgspec.Raw = msgspec.Raw()
    """Left unread: who wants to know of one object decodes it then, and nobody keeps it."""


class Condition(Wire):
    """One entry of a status' conditions."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: datetime | None = None


class Container(Wire):
    """A container of a pod's spec."""

    name: str = ""
    image: str = ""
    restart_policy: str | None = None


class ContainerWaiting(Wire):
    """Why a container has not started."""

    reason: str | None = None
    message: str | None = None


class ContainerRunning(Wire):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerTerminated(Wire):
    """How a container ended."""

    exit_code: int = 0
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Wire):
    """Exactly one of the three is set."""

    waiting: ContainerWaiting | None = None
    running: ContainerRunning | None = None
    terminated: ContainerTerminated | None = None


class ContainerStatus(Wire):
    """What the kubelet last said of a container."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    started: bool | None = None
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class ReadinessGate(Wire):
    """A condition that has to be true before a pod counts as ready."""

    condition_type: str = ""


class PodSpec(Wire):
    """The pod spec's shown part; also a template's."""

    containers: list[Container] = []
    init_containers: list[Container] | None = None
    node_name: str = ""
    readiness_gates: list[ReadinessGate] | None = None


class PodStatus(Wire):
    """The pod status' shown part."""

    phase: str = ""
    reason: str | None = None
    message: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(Wire):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class LabelSelector(Wire):
    """The part of a selector that joins by equality."""

    match_labels: dict[str, str] | None = None


class TemplateMetadata(Wire):
    """A template's own metadata."""

    annotations: dict[str, str] | None = None


class PodTemplate(Wire):
    """The template from which pods are made."""

    metadata: TemplateMetadata = msgspec.field(default_factory=TemplateMetadata)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)


class RollingUpdate(Wire):
    """How a rolling update goes; the partition is a StatefulSet's."""

    partition: int | None = None


class UpdateStrategy(Wire):
    """How pods of an old release are replaced, in a StatefulSet or DaemonSet."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(Wire):
    """The spec of a Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    replicas: int | None = None
    paused: bool | None = None
    min_ready_seconds: int | None = None
    update_strategy: UpdateStrategy | None = None
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    template: PodTemplate = msgspec.field(default_factory=PodTemplate)


class WorkloadStatus(Wire):
    """The status of a Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    updated_number_scheduled: int = 0
    conditions: list[Condition] | None = None


class Workload(Wire):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    metadata: AnnotatedMetadata
    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)
    status: WorkloadStatus = msgspec.field(default_factory=WorkloadStatus)


class JobSpec(Wire):
    """The spec of a Job."""

    completions: int | None = None
    parallelism: int | None = None
    suspend: bool | None = None
    template: PodTemplate = msgspec.field(default_factory=PodTemplate)


class JobStatus(Wire):
    """The status of a Job."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    failed_indexes: str | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: list[Condition] | None = None


class Job(Wire):
    """A Job."""

    metadata: AnnotatedMetadata
    spec: JobSpec = msgspec.field(default_factory=JobSpec)
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class JobTemplate(Wire):
    """The template from which a cron job's jobs are made."""

    spec: JobSpec = msgspec.field(default_factory=JobSpec)


class CronJobSpec(Wire):
    """The spec of a CronJob."""

    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None
    concurrency_policy: str = "Allow"
    starting_deadline_seconds: int | None = None
    job_template: JobTemplate = msgspec.field(default_factory=JobTemplate)


class ActiveReference(Wire):
    """A running job as a cron job's status names it."""

    uid: str = ""


class CronJobStatus(Wire):
    """The status of a CronJob."""

    active: list[ActiveReference] | None = None
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJob(Wire):
    """A CronJob."""

    metadata: AnnotatedMetadata
    spec: CronJobSpec = msgspec.field(default_factory=CronJobSpec)
    status: CronJobStatus = msgspec.field(default_factory=CronJobStatus)


class NamespaceStatus(Wire):
    """`Active` or `Terminating`."""

    phase: str = ""


class Namespace(Wire):
    """A namespace."""

    metadata: Metadata
    status: NamespaceStatus = msgspec.field(default_factory=NamespaceStatus)


class NodeSpec(Wire):
    """Whether a node takes new pods."""

    unschedulable: bool | None = None


class NodeInfo(Wire):
    """What runs on a node."""

    kubelet_version: str = ""


class NodeStatus(Wire):
    """The status of a node."""

    conditions: list[Condition] | None = None
    node_info: NodeInfo = msgspec.field(default_factory=NodeInfo)
    allocatable: dict[str, str] | None = None


class Node(Wire):
    """A node."""

    metadata: Metadata
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class ObjectReference(Wire):
    """What an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class EventSeries(Wire):
    """A repeated event in the newer form."""

    count: int = 0
    last_observed_time: datetime | None = None


class EventSource(Wire):
    """Who reported an event in the older form."""

    component: str | None = None


class Event(Wire):
    """An event; the older form has counts and timestamps, the newer `eventTime` and `series`."""

    metadata: Metadata
    involved_object: ObjectReference = msgspec.field(default_factory=ObjectReference)
    type: str = ""
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource = msgspec.field(default_factory=EventSource)
    reporting_component: str | None = None


class ListMetadata(Wire):
    """A list's own metadata."""

    resource_version: str = ""
    continue_: str | None = msgspec.field(default=None, name="continue")
    remaining_item_count: int | None = None


class RawList(Wire):
    """A page of a list whose items are decoded one by one.

    Nothing has a default: what lacks any of these is no list, and must not pass for an empty one.
    """

    kind: str
    metadata: ListMetadata
    items: list[msgspec.Raw] | None
    """Null where a server writes an empty list so."""


class WatchEvent(Wire):
    """One line of a watch."""

    type: str
    object: msgspec.Raw
