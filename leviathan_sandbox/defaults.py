"""What the API server fills in when an object leaves it out.

Source: the "defaults to" sentences of https://kubernetes.io/docs/reference/kubernetes-api/, and the
admission plugins that are on by default (service account, default tolerations, priority).
"""

import random
from typing import Any, Final

from leviathan_sandbox import quantities
from leviathan_sandbox.kinds import (
    AUTOSCALER,
    BINDINGS,
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    JOB,
    NAMESPACE,
    NODE,
    POD,
    RBAC_GROUP,
    REPLICA_SET,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    VOLUME_CLAIM,
    WORKLOADS,
    Kind,
)
from leviathan_sandbox.objects import Object

_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)


def name_suffix(rng: random.Random, length: int = 5) -> str:
    """Return the random end of a generated name, from the letters that spell no words."""
    return "".join(rng.choices(_SUFFIX_LETTERS, k=length))


def _fill(target: Object, defaults: Object) -> None:
    for key, value in defaults.items():
        if target.get(key) is None:
            target[key] = value


def fill_defaults(kind: Kind, obj: Object) -> None:
    """Fill in, in place, what does not depend on the request or on other objects."""
    spec: Object = obj.setdefault("spec", {}) if kind.has_status else {}
    match kind:
        case _ if kind is POD:
            fill_pod_spec(spec)
            _fill(spec, {"enableServiceLinks": True})
            _requests_from_limits(spec)
        case _ if kind is DEPLOYMENT:
            _deployment(spec)
        case _ if kind is REPLICA_SET:
            _fill(spec, {"replicas": 1})
        case _ if kind is STATEFUL_SET:
            _stateful_set(spec)
        case _ if kind is DAEMON_SET:
            _daemon_set(spec)
        case _ if kind is JOB:
            _job(spec)
        case _ if kind is CRON_JOB:
            _cron_job(spec)
        case _ if kind is AUTOSCALER:
            _autoscaler(spec)
        case _ if kind is SERVICE:
            _service(spec)
        case _ if kind in (CONFIG_MAP, SECRET):
            for field in ("data", "binaryData"):
                if field in obj and not obj[field]:
                    del obj[field]  # which is how the API server writes an empty map
            if kind is SECRET:
                _fill(obj, {"type": "Opaque"})
        case _ if kind is NAMESPACE:
            _fill(spec, {"finalizers": ["kubernetes"]})
            obj["metadata"].setdefault("labels", {}).setdefault(
                "kubernetes.io/metadata.name", obj["metadata"].get("name", "")
            )
        case _ if kind is VOLUME_CLAIM:
            _fill(spec, {"volumeMode": "Filesystem"})
        case _ if kind is EVENT:
            _event(obj)
        case _ if kind in BINDINGS:
            _binding(obj)
        case _:
            pass
    if kind in WORKLOADS:
        template = spec.setdefault("template", {})
        template.setdefault("metadata", {})
        fill_pod_spec(template.setdefault("spec", {}))


def fill_initial_status(kind: Kind, obj: Object) -> None:
    """Give a new object the status that it starts with, in place."""
    match kind:
        case _ if kind is POD:
            obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj["spec"])}
        case _ if kind is NAMESPACE:
            obj["status"] = {"phase": "Active"}
        case _ if kind is VOLUME_CLAIM:
            obj["status"] = {"phase": "Pending"}
        case _ if kind is SERVICE:
            obj["status"] = {"loadBalancer": {}}
        case _ if kind is REPLICA_SET:
            obj["status"] = {"replicas": 0}
        case _ if kind is STATEFUL_SET:
            obj["status"] = {"replicas": 0, "availableReplicas": 0}
        case _ if kind is DAEMON_SET:
            obj["status"] = {
                "currentNumberScheduled": 0,
                "numberMisscheduled": 0,
                "desiredNumberScheduled": 0,
                "numberReady": 0,
            }
        case _ if kind is AUTOSCALER:
            obj["status"] = {"desiredReplicas": 0, "currentMetrics": None}
        case _ if kind is NODE:
            obj.setdefault("status", {})
        case _ if kind.has_status:
            obj["status"] = {}
        case _:
            pass


def fill_admission(pod: Object, rng: random.Random) -> None:
    """Add to a new pod, in place, what the API server's admission adds."""
    spec = pod["spec"]
    _fill(spec, {"serviceAccountName": "default"})
    spec["serviceAccount"] = spec["serviceAccountName"]
    _fill(spec, {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"})
    tolerations = spec.setdefault("tolerations", [])
    known = {item.get("key") for item in tolerations}
    if not any(item.get("operator") == "Exists" and not item.get("key") for item in tolerations):
        tolerations += [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            if key not in known
        ]
    if spec.get("automountServiceAccountToken") is not False:
        _mount_token(spec, rng)


def _mount_token(spec: Object, rng: random.Random) -> None:
    volumes = spec.setdefault("volumes", [])
    if any(volume["name"].startswith("kube-api-access-") for volume in volumes):
        return
    name = "kube-api-access-" + name_suffix(rng)
    namespace_field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    volumes.append(
        {
            "name": name,
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {
                        "configMap": {
                            "name": "kube-root-ca.crt",
                            "items": [{"key": "ca.crt", "path": "ca.crt"}],
                        }
                    },
                    {
                        "downwardAPI": {
                            "items": [{"path": "namespace", "fieldRef": namespace_field}]
                        }
                    },
                ],
                "defaultMode": 420,
            },
        }
    )
    for container in [*spec.get("initContainers", ()), *spec["containers"]]:
        mounts = container.setdefault("volumeMounts", [])
        if all(mount["mountPath"] != _TOKEN_PATH for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": _TOKEN_PATH})


def has_latest_tag(image: str) -> bool:
    """Whether an image reference means the tag `latest`, said or unsaid."""
    last = image.rpartition("/")[2]
    return "@" not in image and (":" not in last or last.endswith(":latest"))


def fill_pod_spec(spec: Object) -> None:
    """Fill in, in place, the defaults of a pod's or a template's spec."""
    _fill(
        spec,
        {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
    )
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _container(container)
    for volume in spec.get("volumes") or ():
        if len(volume) == 1:
            volume["emptyDir"] = {}
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if isinstance(volume.get(source), dict):
                _fill(volume[source], {"defaultMode": 420})


def _container(container: Object) -> None:
    pull_policy = "Always" if has_latest_tag(container.get("image", "")) else "IfNotPresent"
    _fill(
        container,
        {
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": pull_policy,
        },
    )
    for port in container.get("ports") or ():
        _fill(port, {"protocol": "TCP"})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(probe), dict):
            _fill(
                container[probe],
                {
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
            )
            if "httpGet" in container[probe]:
                _fill(container[probe]["httpGet"], {"path": "/", "scheme": "HTTP"})
    for variable in container.get("env") or ():
        field = (variable.get("valueFrom") or {}).get("fieldRef")
        if field:
            _fill(field, {"apiVersion": "v1"})


def _requests_from_limits(spec: Object) -> None:
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container["resources"]
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}


def qos_class(spec: Object) -> str:
    """Return a pod's quality-of-service class.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
    """
    containers = [*(spec.get("initContainers") or ()), *spec.get("containers", ())]
    resources = [container.get("resources") or {} for container in containers]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"

    def guaranteed(item: Object) -> bool:
        limits, requests = item.get("limits") or {}, item.get("requests") or {}
        return all(
            name in limits
            and quantities.parse(requests.get(name, limits[name])) == quantities.parse(limits[name])
            for name in ("cpu", "memory")
        )

    return "Guaranteed" if all(guaranteed(item) for item in resources) else "Burstable"


def _deployment(spec: Object) -> None:
    _fill(
        spec,
        {
            "replicas": 1,
            "strategy": {},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
    )
    strategy = spec["strategy"]
    _fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        _fill(strategy, {"rollingUpdate": {}})
        _fill(strategy["rollingUpdate"], {"maxUnavailable": "25%", "maxSurge": "25%"})


def _stateful_set(spec: Object) -> None:
    _fill(
        spec,
        {
            "replicas": 1,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {},
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {},
            "serviceName": "",
        },
    )
    strategy = spec["updateStrategy"]
    if not strategy.get("type"):
        strategy |= {"type": "RollingUpdate"}
        _fill(strategy, {"rollingUpdate": {}})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        _fill(strategy["rollingUpdate"], {"partition": 0, "maxUnavailable": 1})
    retention = spec["persistentVolumeClaimRetentionPolicy"]
    _fill(retention, {"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in spec.get("volumeClaimTemplates") or ():
        claim |= {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
        _fill(claim.setdefault("spec", {}), {"volumeMode": "Filesystem"})
        claim["status"] = {"phase": "Pending"}


def _daemon_set(spec: Object) -> None:
    _fill(spec, {"updateStrategy": {}, "revisionHistoryLimit": 10})
    strategy = spec["updateStrategy"]
    _fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        _fill(strategy, {"rollingUpdate": {}})
        _fill(strategy["rollingUpdate"], {"maxUnavailable": 1, "maxSurge": 0})


def _job(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec |= {"completions": 1, "parallelism": 1}
    replacement = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    _fill(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "podReplacementPolicy": replacement,
            "manualSelector": False,
        },
    )


def _cron_job(spec: Object) -> None:
    _fill(
        spec,
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    )
    template = spec.get("jobTemplate")
    if isinstance(template, dict):
        template.setdefault("metadata", {})
        pod_template = template.setdefault("spec", {}).setdefault("template", {})
        pod_template.setdefault("metadata", {})
        fill_pod_spec(pod_template.setdefault("spec", {}))


def _autoscaler(spec: Object) -> None:
    utilization: dict[str, Any] = {"type": "Utilization", "averageUtilization": 80}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": utilization}}
    _fill(spec, {"minReplicas": 1})
    if not spec.get("metrics"):
        spec["metrics"] = [cpu]


def _event(event: Object) -> None:
    _fill(event, {"reportingComponent": "", "reportingInstance": "", "source": {}})
    for field in ("firstTimestamp", "lastTimestamp", "eventTime"):
        event.setdefault(field, None)


def _binding(binding: Object) -> None:
    if isinstance(binding.get("roleRef"), dict):
        _fill(binding["roleRef"], {"apiGroup": RBAC_GROUP})
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            _fill(subject, {"apiGroup": RBAC_GROUP})


def _service(spec: Object) -> None:
    _fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or ():
        _fill(port, {"protocol": "TCP"})
        _fill(port, {"targetPort": port.get("port")})
    if spec["type"] != "ExternalName":
        _fill(
            spec,
            {
                "internalTrafficPolicy": "Cluster",
            },
        )
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _fill(spec, {"externalTrafficPolicy": "Cluster"})
    if spec["type"] == "LoadBalancer":
        _fill(spec, {"allocateLoadBalancerNodePorts": True})
