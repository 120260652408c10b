"""What an API server refuses about the specs of the kinds that the console creates and changes.

Source: the field descriptions in https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leviathan_sandbox import quantities
from leviathan_sandbox.kinds import (
    AUTOSCALER,
    BINDINGS,
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    INGRESS,
    JOB,
    POD,
    REPLICA_SET,
    ROLES,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    VOLUME_CLAIM,
    WORKLOADS,
    Kind,
)
from leviathan_sandbox.objects import Object, copy, lookup, without
from leviathan_sandbox.selectors import selector_matches
from leviathan_sandbox.status import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
)
from leviathan_sandbox.validation import check_immutable, check_labels, check_not_negative
from leviathan_sandbox.validation_data import (
    check_config_map,
    check_data_update,
    check_secret,
    check_volume_claim,
    check_volume_claim_update,
)
from leviathan_sandbox.validation_network import check_ingress, check_service
from leviathan_sandbox.validation_rbac import check_binding, check_rules
from leviathan_tui.backend.schedules import ScheduleError, parse

_LABEL: Final = re.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_METRICS: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
_POD_UPDATES: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
    " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set"
    " to 1 if it was previously negative)"
)
_STATEFUL_UPDATES: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template',"
    " 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and"
    " 'minReadySeconds' are forbidden"
)


def check_spec(kind: Kind, obj: Object) -> list[Cause]:
    """Return the causes for refusing an object's spec."""
    spec = obj.get("spec") or {}
    if kind is POD:
        return _check_pod_spec("spec", spec)
    if kind in WORKLOADS:
        return _check_workload(kind, spec)
    if kind is CRON_JOB:
        return _check_cron_job(spec)
    if kind is AUTOSCALER:
        return _check_autoscaler(spec)
    if kind is SERVICE:
        return check_service(spec)
    if kind is INGRESS:
        return check_ingress(spec)
    if kind is VOLUME_CLAIM:
        return check_volume_claim(spec)
    if kind is CONFIG_MAP:
        return check_config_map(obj)
    if kind is SECRET:
        return check_secret(obj)
    if kind in ROLES:
        return check_rules(kind, obj)
    if kind in BINDINGS:
        return check_binding(kind, obj)
    return []


def check_spec_update(kind: Kind, new: Object, old: Object) -> list[Cause]:
    """Return the causes for refusing a change of an object's spec."""
    causes = check_spec(kind, new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if kind in (DEPLOYMENT, REPLICA_SET, DAEMON_SET):
        causes += check_immutable("spec.selector", after.get("selector"), before.get("selector"))
    elif kind is STATEFUL_SET:
        changeable = (
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        )
        if without(after, *changeable) != without(before, *changeable):
            causes.append(forbidden_field("spec", _STATEFUL_UPDATES))
    elif kind is JOB:
        for field in ("selector", "completionMode", "completions"):
            causes += check_immutable(f"spec.{field}", after.get(field), before.get(field))
        if not (before.get("suspend") and not (old.get("status") or {}).get("startTime")):
            causes += check_immutable("spec.template", after.get("template"), before["template"])
    elif kind in (CONFIG_MAP, SECRET):
        causes += check_data_update(kind, new, old)
    elif kind is VOLUME_CLAIM:
        causes += check_volume_claim_update(new, old)
    elif kind is SERVICE and "ExternalName" not in (before.get("type"), after.get("type")):
        addresses = after.get("clusterIPs")
        if addresses != before.get("clusterIPs"):
            problem = "may not change once set"
            causes.append(invalid_value("spec.clusterIPs[0]", addresses, problem))
    elif kind in BINDINGS and new.get("roleRef") != old.get("roleRef"):
        causes.append(invalid_value("roleRef", new.get("roleRef"), "field is immutable"))
    elif kind is POD and _frozen_part(after) != _frozen_part(before):
        causes.append(forbidden_field("spec", _POD_UPDATES))
    return causes


def _frozen_part(spec: Object) -> Object:
    frozen: Object = copy(
        without(spec, "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    )
    for container in [*frozen.get("containers", ()), *frozen.get("initContainers", ())]:
        container.pop("image", None)
    return frozen


def _check_pod_spec(path: str, spec: Object, claims: Iterable[Object] = ()) -> list[Cause]:
    """Return the causes for refusing a pod's spec; `claims` are templates that add volumes."""
    causes = []
    containers = spec.get("containers") or ()
    if not containers:
        causes.append(required(f"{path}.containers"))
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    volumes |= {lookup(claim, "metadata", "name") for claim in claims}
    seen: set[str] = set()
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group) or ()):
            field = f"{path}.{group}[{index}]"
            causes += _check_container(field, container, volumes)
            name = container.get("name")
            if name and name in seen:
                causes.append(duplicate(f"{field}.name", name))
            seen.add(name or "")
    policies = ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in policies:
        causes.append(
            unsupported_value(f"{path}.restartPolicy", spec.get("restartPolicy"), policies)
        )
    return causes + check_labels(f"{path}.nodeSelector", spec.get("nodeSelector"))


def _check_container(field: str, container: Object, volumes: set[Any]) -> list[Cause]:
    causes = []
    name = container.get("name") or ""
    if not name:
        causes.append(required(f"{field}.name"))
    elif len(name) > 63 or not _LABEL.fullmatch(name):
        causes.append(
            invalid_value(
                f"{field}.name",
                name,
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or"
                " '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or"
                " '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            )
        )
    image = container.get("image") or ""
    if not image:
        causes.append(required(f"{field}.image"))
    elif image != image.strip():
        causes.append(
            invalid_value(f"{field}.image", image, "must not have leading or trailing whitespace")
        )
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            causes.append(required(f"{field}.env[{index}].name"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            message = f'Not found: "{mount.get("name", "")}"'
            causes.append(
                Cause(f"{field}.volumeMounts[{index}].name", "FieldValueNotFound", message)
            )
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort")
        if number is None:
            causes.append(required(f"{field}.ports[{index}].containerPort"))
        elif not 0 < number < 65536:
            causes.append(
                invalid_value(
                    f"{field}.ports[{index}].containerPort",
                    number,
                    "must be between 1 and 65535, inclusive",
                )
            )
    return causes + _check_resources(field, container.get("resources") or {})


def _check_resources(field: str, resources: Object) -> list[Cause]:
    causes = []
    parsed: dict[str, dict[str, Any]] = {}
    for group in ("limits", "requests"):
        for name, text in (resources.get(group) or {}).items():
            try:
                parsed.setdefault(group, {})[name] = quantities.parse(text)
            except ValueError:
                causes.append(
                    invalid_value(
                        f"{field}.resources.{group}[{name}]",
                        text,
                        "quantities must match the regular expression"
                        " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                    )
                )
    for name, value in parsed.get("requests", {}).items():
        limit = parsed.get("limits", {}).get(name)
        if limit is not None and value > limit:
            causes.append(
                invalid_value(
                    f"{field}.resources.requests",
                    str(resources["requests"][name]),
                    f"must be less than or equal to {name} limit of {resources['limits'][name]}",
                )
            )
    return causes


def _check_template(kind: Kind, path: str, spec: Object) -> list[Cause]:
    template = spec.get("template") or {}
    pod_spec = template.get("spec") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    causes = check_labels(f"{path}.template.labels", labels)
    claims = spec.get("volumeClaimTemplates") or ()
    causes += _check_pod_spec(f"{path}.template.spec", pod_spec, claims)
    policy = pod_spec.get("restartPolicy")
    field = f"{path}.template.spec.restartPolicy"
    if kind is JOB and policy == "Always":
        causes.append(unsupported_value(field, policy, ("OnFailure", "Never")))
    elif kind is not JOB and policy in ("OnFailure", "Never"):
        causes.append(unsupported_value(field, policy, ("Always",)))
    return causes


def _check_workload(kind: Kind, spec: Object) -> list[Cause]:
    causes = []
    for field in (
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
        "parallelism",
        "completions",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ):
        causes += check_not_negative(f"spec.{field}", spec.get(field))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    selector = spec.get("selector")
    if not selector and kind is not JOB:
        causes.append(required("spec.selector"))
    if (selector or kind is not JOB) and not selector_matches(selector, labels or {}):
        causes.append(
            invalid_value(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            )
        )
    return causes + _check_template(kind, "spec", spec)


def _check_cron_job(spec: Object) -> list[Cause]:
    causes = []
    schedule = spec.get("schedule") or ""
    if not schedule:
        causes.append(required("spec.schedule"))
    else:
        try:
            parse(schedule)
        except ScheduleError as error:
            causes.append(invalid_value("spec.schedule", schedule, str(error)))
    time_zone = spec.get("timeZone")
    if time_zone is not None:
        try:
            ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            causes.append(
                invalid_value("spec.timeZone", time_zone, f"unknown time zone {time_zone}")
            )
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy") not in policies:
        causes.append(
            unsupported_value("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), policies)
        )
    for field in (
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ):
        causes += check_not_negative(f"spec.{field}", spec.get(field))
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    return causes + _check_template(JOB, "spec.jobTemplate.spec", job)


def _check_autoscaler(spec: Object) -> list[Cause]:
    target, metrics = spec.get("scaleTargetRef") or {}, spec.get("metrics") or ()
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    causes = check_not_negative("spec.minReplicas", low)
    if low is not None and high < low:
        problem = "must be greater than or equal to `minReplicas`"
        causes.append(invalid_value("spec.maxReplicas", high, problem))
    if high < 1:
        causes.append(required("spec.maxReplicas"))
    causes += [
        required(f"spec.scaleTargetRef.{field}")
        for field in ("kind", "name")
        if not target.get(field)
    ]
    version = target.get("apiVersion") or ""
    if "/" not in version:
        problem = "apiVersion must specify API group"
        causes.append(invalid_value("spec.scaleTargetRef.apiVersion", version, problem))
    if low == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        problem = (
            "must specify at least one Object or External metric to support scaling to zero"
            " replicas"
        )
        causes.append(forbidden_field("spec.metrics", problem))
    for index, metric in enumerate(metrics):
        causes += _check_metric(f"spec.metrics[{index}]", metric)
    return causes


def _check_metric(field: str, metric: Object) -> list[Cause]:
    kind = metric.get("type")
    if kind not in _METRICS:
        return [unsupported_value(f"{field}.type", kind, _METRICS)]
    if kind != "Resource":
        return []
    target = lookup(metric, "resource", "target") or {}
    field = f"{field}.resource.target.averageUtilization"
    utilization = target.get("averageUtilization")
    if utilization is None and target.get("averageValue") is None:
        problem = "must set either a target raw value or a target utilization"
        return [required(field, problem)]
    if utilization is not None and utilization < 1:
        return [invalid_value(field, utilization, "must be greater than 0")]
    return []
