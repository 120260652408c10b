"""The types of the fields that the sandbox works with, checked before anything relies on them.

A real API server refuses a body whose JSON types do not fit the kind's schema with 400; what is not
named here is kept as it was sent.
"""

from typing import Any, Final

import msgspec

from leviathan_sandbox.kinds import (
    ACCESS_REVIEW,
    AUTOSCALER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    INGRESS,
    JOB,
    POD,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    RULES_REVIEW,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)
from leviathan_sandbox.objects import Object
from leviathan_sandbox.status import bad_request


class _Shape(msgspec.Struct, rename="camel"):
    """A JSON object of which only the fields of interest are typed."""


class _Owner(_Shape):
    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")
    controller: bool | None = None


class _Metadata(_Shape):
    name: str | None = None
    namespace: str | None = None
    generate_name: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    owner_references: list[_Owner] | None = None


class _Resources(_Shape):
    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class _Named(_Shape):
    name: str = ""


class _Port(_Shape):
    name: str | None = None
    container_port: int | None = None
    port: int | None = None


class _Mount(_Shape):
    name: str = ""
    mount_path: str = ""


class _Variable(_Shape):
    name: str = ""
    value: str | None = None
    value_from: dict[str, Any] | None = None


class _Probe(_Shape):
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    http_get: dict[str, Any] | None = None


class _Container(_Shape):
    name: str = ""
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    ports: list[_Port] | None = None
    volume_mounts: list[_Mount] | None = None
    resources: _Resources | None = None
    readiness_probe: _Probe | None = None
    liveness_probe: _Probe | None = None
    startup_probe: _Probe | None = None
    restart_policy: str | None = None


class _PodSpec(_Shape):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    volumes: list[dict[str, Any]] | None = None
    node_name: str | None = None
    node_selector: dict[str, str] | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    service_account_name: str | None = None
    tolerations: list[dict[str, Any]] | None = None


class _Template(_Shape):
    metadata: _Metadata | None = None
    spec: _PodSpec | None = None


class _Expression(_Shape):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(_Shape):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Expression] | None = None


class _RollingUpdate(_Shape):
    max_surge: int | str | None = None
    max_unavailable: int | str | None = None
    partition: int | None = None


class _Strategy(_Shape):
    type: str | None = None
    rolling_update: _RollingUpdate | None = None


class _WorkloadSpec(_Shape):
    """Deployments, replica sets, stateful sets, daemon sets and jobs."""

    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None
    strategy: _Strategy | None = None
    update_strategy: _Strategy | None = None
    paused: bool | None = None
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None
    progress_deadline_seconds: int | None = None
    service_name: str | None = None
    pod_management_policy: str | None = None
    volume_claim_templates: list[dict[str, Any]] | None = None
    completions: int | None = None
    parallelism: int | None = None
    backoff_limit: int | None = None
    suspend: bool | None = None
    completion_mode: str | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    manual_selector: bool | None = None


class _JobTemplate(_Shape):
    metadata: _Metadata | None = None
    spec: _WorkloadSpec | None = None


class _CronJobSpec(_Shape):
    schedule: str | None = None
    time_zone: str | None = None
    suspend: bool | None = None
    concurrency_policy: str | None = None
    starting_deadline_seconds: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    job_template: _JobTemplate | None = None


class _ScaleTarget(_Shape):
    kind: str = ""
    name: str = ""
    api_version: str | None = None


class _AutoscalerSpec(_Shape):
    scale_target_ref: _ScaleTarget | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: list[dict[str, Any]] | None = None


class _ServiceSpec(_Shape):
    type: str | None = None
    selector: dict[str, str] | None = None
    ports: list[_Port] | None = None
    cluster_ip: str | None = msgspec.field(name="clusterIP", default=None)


class _Any(_Shape):
    metadata: _Metadata | None = None
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None


class _Pod(_Any):
    spec: _PodSpec | None = None  # type: ignore[assignment]


class _Workload(_Any):
    spec: _WorkloadSpec | None = None  # type: ignore[assignment]


class _CronJob(_Any):
    spec: _CronJobSpec | None = None  # type: ignore[assignment]


class _Autoscaler(_Any):
    spec: _AutoscalerSpec | None = None  # type: ignore[assignment]


class _Service(_Any):
    spec: _ServiceSpec | None = None  # type: ignore[assignment]


class _Data(_Any):
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None
    string_data: dict[str, str] | None = None


class _Event(_Any):
    involved_object: dict[str, Any] | None = None
    reason: str | None = None
    message: str | None = None
    type: str | None = None
    count: int | None = None
    source: dict[str, Any] | None = None


class _Rule(_Shape):
    verbs: list[str] | None = None
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None
    non_resource_urls: list[str] | None = msgspec.field(name="nonResourceURLs", default=None)


class _Role(_Any):
    rules: list[_Rule] | None = None


class _RoleRef(_Shape):
    api_group: str | None = None
    kind: str | None = None
    name: str | None = None


class _Subject(_RoleRef):
    namespace: str | None = None


class _Binding(_Any):
    role_ref: _RoleRef | None = None
    subjects: list[_Subject] | None = None


class _ResourceAttributes(_Shape):
    namespace: str = ""
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


class _PathAttributes(_Shape):
    path: str = ""
    verb: str = ""


class _AccessReviewSpec(_Shape):
    resource_attributes: _ResourceAttributes | None = None
    non_resource_attributes: _PathAttributes | None = None


class _AccessReview(_Any):
    spec: _AccessReviewSpec | None = None  # type: ignore[assignment]


class _RulesReviewSpec(_Shape):
    namespace: str = ""


class _RulesReview(_Any):
    spec: _RulesReviewSpec | None = None  # type: ignore[assignment]


_SHAPES: Final[dict[Kind, type[_Any]]] = {
    POD: _Pod,
    DEPLOYMENT: _Workload,
    REPLICA_SET: _Workload,
    STATEFUL_SET: _Workload,
    DAEMON_SET: _Workload,
    JOB: _Workload,
    CRON_JOB: _CronJob,
    AUTOSCALER: _Autoscaler,
    SERVICE: _Service,
    CONFIG_MAP: _Data,
    SECRET: _Data,
    EVENT: _Event,
    INGRESS: _Any,
    ROLE: _Role,
    CLUSTER_ROLE: _Role,
    ROLE_BINDING: _Binding,
    CLUSTER_ROLE_BINDING: _Binding,
    ACCESS_REVIEW: _AccessReview,
    RULES_REVIEW: _RulesReview,
}


def check_shape(kind: Kind, obj: Object) -> None:
    """Refuse an object whose JSON types do not fit its kind.

    Raises StatusError (400).
    """
    try:
        msgspec.convert(obj, _SHAPES.get(kind, _Any))
    except msgspec.ValidationError as error:
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}:'
            f" json: {error}"
        ) from error
