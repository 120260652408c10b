"""What belongs to an app beside its pods: Service, Ingress, autoscaler, ConfigMap, Secret."""

import base64

from leviathan_sandbox.fleet.specs import App, State
from leviathan_sandbox.fleet.templates import labels_of
from leviathan_sandbox.fleet.workbench import Workbench
from leviathan_sandbox.kinds import AUTOSCALER, CONFIG_MAP, INGRESS, SECRET, SERVICE
from leviathan_sandbox.objects import Object, timestamp


def add_related(bench: Workbench, app: App, workload: Object) -> None:
    """Keep what belongs to an app."""
    if app.port:
        _service(bench, app)
    if app.host:
        _ingress(bench, app)
    if app.max_replicas:
        _autoscaler(bench, app, workload)
    if app.config and app.state is not State.MISCONFIGURED:
        _config(bench, app)


def _service(bench: Workbench, app: App) -> None:
    address = "None" if app.kind == "StatefulSet" else bench.service_address()
    service = {
        "metadata": bench.metadata(
            SERVICE,
            app.namespace,
            app.name,
            bench.ago(app.releases[0].age),
            labels=labels_of(app),
        ),
        "spec": {
            "selector": labels_of(app),
            "ports": [{"name": "http", "port": app.port, "targetPort": "http"}],
            "clusterIP": address,
            "clusterIPs": [address],
        },
    }
    bench.load(SERVICE, bench.complete(SERVICE, service))


def _ingress(bench: Workbench, app: App) -> None:
    backend = {"service": {"name": app.name, "port": {"name": "http"}}}
    ingress = {
        "metadata": bench.metadata(
            INGRESS,
            app.namespace,
            app.name,
            bench.ago(app.releases[0].age),
            labels=labels_of(app),
        ),
        "spec": {
            "ingressClassName": "public",
            "rules": [
                {
                    "host": app.host,
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }
            ],
            "tls": [{"hosts": [app.host], "secretName": f"{app.name}-tls"}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
    }
    bench.load(INGRESS, ingress)


def _autoscaler(bench: Workbench, app: App, workload: Object) -> None:
    created = bench.ago(app.releases[0].age)
    metadata = bench.metadata(AUTOSCALER, app.namespace, app.name, created, labels=labels_of(app))
    target = {"type": "Utilization", "averageUtilization": 70}
    autoscaler: Object = {
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {
                "apiVersion": workload["apiVersion"],
                "kind": workload["kind"],
                "name": app.name,
            },
            "minReplicas": max(1, app.replicas // 2),
            "maxReplicas": app.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
    bench.complete(AUTOSCALER, autoscaler)
    autoscaler["status"] = bench.cluster.autoscalers.status_of(autoscaler)
    for condition in autoscaler["status"]["conditions"]:
        condition["lastTransitionTime"] = timestamp(created)
    bench.load(AUTOSCALER, autoscaler)


def _config(bench: Workbench, app: App) -> None:
    created = bench.ago(app.releases[0].age)
    settings = f"[server]\nport = 8080\nname = {app.name}\n\n[cache]\nttl = 300\n"
    bench.load(
        CONFIG_MAP,
        {
            "metadata": bench.metadata(
                CONFIG_MAP, app.namespace, f"{app.name}-config", created, labels=labels_of(app)
            ),
            "data": {"app.ini": settings},
        },
    )
    value = base64.b64encode(b"not-a-real-secret").decode()
    bench.load(
        SECRET,
        {
            "metadata": bench.metadata(
                SECRET, app.namespace, f"{app.name}-secrets", created, labels=labels_of(app)
            ),
            "type": "Opaque",
            "data": {"DATABASE_PASSWORD": value, "API_KEY": value},
        },
    )
