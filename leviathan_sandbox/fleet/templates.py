"""The pod templates of the fleet's apps."""

from typing import Final

from leviathan_sandbox.fleet.specs import App, Release, State
from leviathan_sandbox.objects import Object
from leviathan_sandbox.pods.behaviours import BEHAVIOUR, LOG

_BEHAVIOURS: Final = {
    State.CRASHING: "crash",
    State.PENDING: "pending",
    State.STUCK: "image-pull",
    State.ROLLING: "slow-start=30",
    State.OOM: "oom=1800",
    State.UNREADY: "unready",
    State.FLAPPING: "flapping=75",
    State.INIT_CRASH: "init-crash",
    State.MISCONFIGURED: "config-error",
}


def labels_of(app: App) -> dict[str, str]:
    """Return the labels by which an app's pods are selected."""
    return {"app.kubernetes.io/name": app.name}


def template_of(app: App, release: Release) -> Object:
    """Return the pod template of one of an app's releases."""
    newest = release is app.releases[-1]
    annotations = {}
    # Only the newest release is broken: what it replaced had been running.
    if newest and app.state in _BEHAVIOURS:
        annotations[BEHAVIOUR] = _BEHAVIOURS[app.state]
    if app.log:
        annotations[LOG] = app.log
    labels = labels_of(app) | {"app.kubernetes.io/part-of": app.namespace}
    metadata: Object = {"labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _pod_spec(app, release)}


def _pod_spec(app: App, release: Release) -> Object:
    spec: Object = {"containers": [_container(app, release)]}
    if app.state is State.INIT_CRASH:
        spec["initContainers"] = [
            {
                "name": "migrate",
                "image": release.image,
                "args": ["migrate", "--wait"],
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            }
        ]
    if app.sidecar:
        spec["containers"].append(
            {
                "name": app.sidecar.rpartition("/")[2].partition(":")[0],
                "image": app.sidecar,
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            }
        )
    if app.kind == "DaemonSet":
        spec["tolerations"] = [{"operator": "Exists"}]
        if app.namespace == "kube-system":
            spec["priorityClassName"] = "system-node-critical"
    if app.state is State.PENDING:
        spec["nodeSelector"] = {"accelerator": "gpu"}
    if app.config:
        spec["volumes"] = [{"name": "config", "configMap": {"name": f"{app.name}-config"}}]
        spec["containers"][0]["volumeMounts"] = [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True}
        ]
        spec["containers"][0]["envFrom"] = [{"secretRef": {"name": f"{app.name}-secrets"}}]
    return spec


def _container(app: App, release: Release) -> Object:
    container: Object = {
        "name": app.name,
        "image": release.image,
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "resources": {
            "requests": {"cpu": app.cpu, "memory": app.memory},
            "limits": {"memory": app.memory},
        },
    }
    if app.port:
        container["ports"] = [{"name": "http", "containerPort": 8080}]
        container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": "http"}}
    if app.storage:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/var/lib/data"}]
    return container
