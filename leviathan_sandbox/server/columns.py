"""The columns of each kind's Table, as `kubectl get` and `kubectl get -o wide` show them.

Source: the output of kubectl 1.37 and the column definitions that its API server sends.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from leviathan_sandbox import kinds
from leviathan_sandbox.objects import Object, lookup
from leviathan_sandbox.selectors import selector_text
from leviathan_sandbox.server.cells import (
    access_modes,
    claim_status,
    completions,
    event_count,
    event_first,
    event_message,
    event_object,
    event_seen,
    event_source,
    job_duration,
    job_status,
    kernel,
    last_schedule,
    node_address,
    node_roles,
    node_status,
    revision_owner,
    size,
    suspended,
)
from leviathan_sandbox.server.durations import since
from leviathan_sandbox.server.network_cells import (
    address_of,
    external_ip,
    hosts_text,
    ports_text,
)
from leviathan_sandbox.server.pod_cells import pod_cells
from leviathan_sandbox.server.rbac_cells import role_of, subjects_of
from leviathan_sandbox.server.target_cells import targets_text


class Column(msgspec.Struct, frozen=True):
    """One column, and how its cell is made."""

    name: str
    cell: Callable[[Object, datetime], Any]
    type: str = "string"
    description: str = ""
    priority: int = 0
    """0: always shown; 1: only in the wide output."""

    @property
    def format(self) -> str:
        """The OpenAPI format of the cells."""
        return "name" if self.name == "Name" else ""


def _name(obj: Object, _: datetime) -> str:
    name: str = obj["metadata"]["name"]
    return name


def _age(obj: Object, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def _at(*path: str, default: Any = "") -> Callable[[Object, datetime], Any]:
    def cell(obj: Object, _: datetime) -> Any:
        value = lookup(obj, *path)
        return default if value is None else value

    return cell


def _number(name: str, description: str, *path: str, kind: str = "integer") -> Column:
    return Column(name, _at(*path, default=0), kind, description)


NAME: Final = Column("Name", _name, description="Name of the object, unique in its namespace.")
AGE: Final = Column("Age", _age, description="Time since the object was created.")


def _wide(name: str, cell: Callable[[Object, datetime], Any], description: str = "") -> Column:
    return Column(name, cell, description=description, priority=1)


def _joined(field: str, *path: str) -> Callable[[Object, datetime], str]:
    def cell(obj: Object, _: datetime) -> str:
        return ",".join(item.get(field) or "" for item in lookup(obj, *path) or ())

    return cell


def _selector(*path: str) -> Callable[[Object, datetime], str]:
    return lambda obj, _: selector_text(lookup(obj, *path)) or "<none>"


def _label_text(labels: dict[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def _template_columns(*path: str, selector: tuple[str, ...] | None) -> tuple[Column, ...]:
    containers = (*path, "template", "spec", "containers")
    columns = (
        _wide("Containers", _joined("name", *containers), "Names of the template's containers."),
        _wide("Images", _joined("image", *containers), "Images of the template's containers."),
    )
    if selector is None:
        return columns
    return (*columns, _wide("Selector", _selector(*selector), "Which pods belong to it."))


def _ready_of(obj: Object, _: datetime) -> str:
    status = obj.get("status") or {}
    return f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


def _gates(pod: Object, _: datetime) -> str:
    gates = pod["spec"].get("readinessGates")
    if not gates:
        return "<none>"
    conditions = {
        item["type"]: item["status"] for item in (pod.get("status") or {}).get("conditions") or ()
    }
    passed = sum(conditions.get(gate["conditionType"]) == "True" for gate in gates)
    return f"{passed}/{len(gates)}"


_POD: Final = (
    NAME,
    Column("Ready", lambda pod, now: pod_cells(pod, now).ready, description="Ready containers."),
    Column("Status", lambda pod, now: pod_cells(pod, now).status, description="What it is doing."),
    Column(
        "Restarts",
        lambda pod, now: pod_cells(pod, now).restarts,
        description="Restarts of its containers, and the time since the last one.",
    ),
    AGE,
    _wide("IP", _at("status", "podIP", default="<none>")),
    _wide("Node", _at("spec", "nodeName", default="<none>")),
    _wide("Nominated Node", _at("status", "nominatedNodeName", default="<none>")),
    _wide("Readiness Gates", _gates),
)


_BINDING: Final = (
    NAME,
    Column("Role", role_of, description="Whose rules it gives."),
    AGE,
    _wide("Users", subjects_of("User"), "Users that get them."),
    _wide("Groups", subjects_of("Group"), "Groups that get them."),
    _wide("ServiceAccounts", subjects_of("ServiceAccount"), "Service accounts that get them."),
)


_EVENT: Final = (
    Column("Last Seen", event_seen, description="Time since it happened last."),
    Column("Type", _at("type"), description="Normal or Warning."),
    Column("Reason", _at("reason"), description="Why, in one word."),
    Column("Object", event_object, description="What it is about."),
    _wide("Subobject", _at("involvedObject", "fieldPath")),
    _wide("Source", event_source),
    Column("Message", event_message, description="What happened."),
    _wide("First Seen", event_first),
    _wide("Count", event_count),
    Column("Name", _name, priority=1),
)


COLUMNS: Final[dict[kinds.Kind, tuple[Column, ...]]] = {
    kinds.POD: _POD,
    kinds.DEPLOYMENT: (
        NAME,
        Column("Ready", _ready_of, description="Ready pods of the wanted ones."),
        _number(
            "Up-to-date", "Pods of the newest template.", "status", "updatedReplicas", kind="string"
        ),
        _number(
            "Available",
            "Pods that are ready for long enough.",
            "status",
            "availableReplicas",
            kind="string",
        ),
        AGE,
        *_template_columns("spec", selector=("spec", "selector")),
    ),
    kinds.REPLICA_SET: (
        NAME,
        _number("Desired", "Pods that are wanted.", "spec", "replicas"),
        _number("Current", "Pods that there are.", "status", "replicas"),
        _number("Ready", "Pods that are ready.", "status", "readyReplicas"),
        AGE,
        *_template_columns("spec", selector=("spec", "selector")),
    ),
    kinds.STATEFUL_SET: (
        NAME,
        Column("Ready", _ready_of, description="Ready pods of the wanted ones."),
        AGE,
        *_template_columns("spec", selector=None),
    ),
    kinds.DAEMON_SET: (
        NAME,
        _number("Desired", "Nodes that should run it.", "status", "desiredNumberScheduled"),
        _number("Current", "Nodes that run it.", "status", "currentNumberScheduled"),
        _number("Ready", "Nodes where it is ready.", "status", "numberReady"),
        _number(
            "Up-to-date", "Nodes with the newest template.", "status", "updatedNumberScheduled"
        ),
        _number("Available", "Nodes where it is available.", "status", "numberAvailable"),
        Column(
            "Node Selector",
            lambda obj, _: _label_text(lookup(obj, "spec", "template", "spec", "nodeSelector")),
            description="Which nodes should run it.",
        ),
        AGE,
        *_template_columns("spec", selector=("spec", "selector")),
    ),
    kinds.CONTROLLER_REVISION: (
        NAME,
        Column("Controller", revision_owner, description="Whose revision it is."),
        Column("Revision", _at("revision", default=0), description="Its number."),
        AGE,
    ),
    kinds.JOB: (
        NAME,
        Column("Status", job_status, description="Whether it runs, or how it ended."),
        Column("Completions", completions, description="Pods that have succeeded."),
        Column("Duration", job_duration, description="How long it runs or ran."),
        AGE,
        *_template_columns("spec", selector=("spec", "selector")),
    ),
    kinds.CRON_JOB: (
        NAME,
        Column("Schedule", _at("spec", "schedule"), description="When it runs."),
        Column("Timezone", _at("spec", "timeZone", default="<none>"), description="In which zone."),
        Column("Suspend", suspended, "boolean", "Whether it is paused."),
        Column(
            "Active",
            lambda obj, _: len(lookup(obj, "status", "active") or ()),
            "integer",
            "Jobs that are running.",
        ),
        Column("Last Schedule", last_schedule, description="Time since it was due last."),
        AGE,
        *_template_columns(
            "spec", "jobTemplate", "spec", selector=("spec", "jobTemplate", "spec", "selector")
        ),
    ),
    kinds.SERVICE: (
        NAME,
        Column("Type", _at("spec", "type"), description="How it is reached."),
        Column("Cluster-IP", _at("spec", "clusterIP", default="<none>"), description="Inside."),
        Column("External-IP", external_ip, description="From outside."),
        Column("Port(s)", ports_text, description="Ports, node ports and protocols."),
        AGE,
        _wide("Selector", lambda obj, _: _label_text(obj["spec"].get("selector"))),
    ),
    kinds.INGRESS: (
        NAME,
        Column("Class", _at("spec", "ingressClassName", default="<none>")),
        Column("Hosts", hosts_text, description="Hosts that it answers for."),
        Column("Address", address_of, description="Where it is reached."),
        Column("Ports", lambda obj, _: "80, 443" if obj["spec"].get("tls") else "80"),
        AGE,
    ),
    kinds.NODE: (
        NAME,
        Column("Status", node_status, description="Whether it is ready."),
        Column("Roles", node_roles, description="What it is for."),
        AGE,
        Column(
            "Version", _at("status", "nodeInfo", "kubeletVersion"), description="Its kubelet's."
        ),
        _wide("Internal-IP", node_address("InternalIP")),
        _wide("External-IP", node_address("ExternalIP")),
        _wide("OS-Image", _at("status", "nodeInfo", "osImage", default="<unknown>")),
        _wide("Kernel-Version", kernel),
        _wide(
            "Container-Runtime",
            _at("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"),
        ),
    ),
    kinds.EVENT: _EVENT,
    kinds.EVENT_NEW: _EVENT,
    kinds.NAMESPACE: (
        NAME,
        Column("Status", _at("status", "phase"), description="Active or Terminating."),
        AGE,
    ),
    kinds.SECRET: (
        NAME,
        Column("Type", _at("type"), description="What it is for."),
        Column("Data", size("data"), description="How many values it holds."),
        AGE,
    ),
    kinds.CONFIG_MAP: (
        NAME,
        Column("Data", size("data", "binaryData"), description="How many values it holds."),
        AGE,
    ),
    kinds.SERVICE_ACCOUNT: (NAME, AGE),
    kinds.ROLE_BINDING: _BINDING,
    kinds.CLUSTER_ROLE_BINDING: _BINDING,
    kinds.VOLUME_CLAIM: (
        NAME,
        Column("Status", claim_status, description="Whether it has a volume."),
        Column("Volume", _at("spec", "volumeName"), description="Its volume."),
        Column("Capacity", _at("status", "capacity", "storage"), description="The volume's size."),
        Column("Access Modes", access_modes, description="Who may mount it, and how."),
        Column("StorageClass", _at("spec", "storageClassName"), description="Who made the volume."),
        Column(
            "VolumeAttributesClass",
            _at("spec", "volumeAttributesClassName", default="<unset>"),
        ),
        AGE,
        _wide("VolumeMode", _at("spec", "volumeMode", default="<unset>")),
    ),
    kinds.AUTOSCALER: (
        NAME,
        Column(
            "Reference",
            lambda obj, _: "{kind}/{name}".format_map(obj["spec"]["scaleTargetRef"]),
            description="What it scales.",
        ),
        Column("Targets", targets_text, description="Measured and wanted values."),
        Column("MinPods", lambda obj, _: str(obj["spec"].get("minReplicas", "<unset>"))),
        Column("MaxPods", _at("spec", "maxReplicas", default=0)),
        Column("Replicas", _at("status", "currentReplicas", default=0)),
        AGE,
    ),
}

DEFAULT_COLUMNS: Final = (
    NAME,
    Column(
        "Created At",
        _at("metadata", "creationTimestamp"),
        "date",
        "When the object was created.",
    ),
)
"""For kinds that have no columns of their own."""
