"""What the API says of itself."""

from typing import Any

import pytest

from tests.conformance.api import Api

KINDS: dict[str, dict[str, tuple[str, bool, list[str] | None]]] = {
    "/api/v1": {
        "namespaces": ("Namespace", False, ["ns"]),
        "nodes": ("Node", False, ["no"]),
        "pods": ("Pod", True, ["po"]),
        "events": ("Event", True, ["ev"]),
        "services": ("Service", True, ["svc"]),
        "configmaps": ("ConfigMap", True, ["cm"]),
        "secrets": ("Secret", True, None),
        "serviceaccounts": ("ServiceAccount", True, ["sa"]),
        "persistentvolumeclaims": ("PersistentVolumeClaim", True, ["pvc"]),
    },
    "/apis/apps/v1": {
        "deployments": ("Deployment", True, ["deploy"]),
        "replicasets": ("ReplicaSet", True, ["rs"]),
        "statefulsets": ("StatefulSet", True, ["sts"]),
        "daemonsets": ("DaemonSet", True, ["ds"]),
        "controllerrevisions": ("ControllerRevision", True, None),
    },
    "/apis/batch/v1": {
        "jobs": ("Job", True, None),
        "cronjobs": ("CronJob", True, ["cj"]),
    },
    "/apis/autoscaling/v2": {
        "horizontalpodautoscalers": ("HorizontalPodAutoscaler", True, ["hpa"])
    },
    "/apis/networking.k8s.io/v1": {"ingresses": ("Ingress", True, ["ing"])},
    "/apis/events.k8s.io/v1": {"events": ("Event", True, ["ev"])},
}


@pytest.mark.parametrize("path", KINDS)
def test_resources(api: Api, path: str) -> None:
    body = api.read(path)
    assert (body["kind"], body["groupVersion"]) == (
        "APIResourceList",
        path.removeprefix("/apis/").removeprefix("/api/"),
    )
    found: dict[str, dict[str, Any]] = {it["name"]: it for it in body["resources"]}
    for plural, (kind, namespaced, short) in KINDS[path].items():
        resource = found[plural]
        assert (resource["kind"], resource["namespaced"]) == (kind, namespaced)
        assert resource.get("shortNames") == short
        assert resource["singularName"] == kind.lower()
        expected = {"create", "delete", "get", "list", "patch", "update", "watch"}
        assert expected <= set(resource["verbs"])


def test_subresources(api: Api) -> None:
    found = {it["name"]: it for it in api.read("/apis/apps/v1")["resources"]}
    scale = found["deployments/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert scale["verbs"] == ["get", "patch", "update"]
    assert "daemonsets/scale" not in found
    core = {it["name"]: it for it in api.read("/api/v1")["resources"]}
    assert core["pods/log"]["verbs"] == ["get"]
    assert "all" in core["pods"]["categories"]


def test_groups(api: Api) -> None:
    assert api.read("/api")["versions"] == ["v1"]
    groups = {it["name"]: it for it in api.read("/apis")["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    assert {"apps", "batch", "networking.k8s.io", "events.k8s.io"} <= set(groups)
    one = api.read("/apis/batch")
    assert (one["kind"], one["preferredVersion"]["groupVersion"]) == ("APIGroup", "batch/v1")


def test_version_and_health(api: Api) -> None:
    version = api.read("/version")
    assert (version["major"], version["minor"]) == ("1", "37")
    for path in ("/healthz", "/livez", "/readyz"):
        response = api.get(path)
        assert (response.status_code, response.text) == (200, "ok")


def test_clients_can_tell_that_fields_are_validated(api: Api) -> None:
    index = api.read("/openapi/v3")
    address = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    document = api.read(address)
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "Deployment"
    names = {it.get("name") for it in patch["parameters"]}
    assert {"dryRun", "fieldValidation"} <= names


def test_metrics(api: Api) -> None:
    response = api.get("/apis/metrics.k8s.io/v1beta1/nodes")
    if api.is_cluster and response.status_code in (404, 503):
        pytest.skip("this cluster measures nothing")
    node = response.json()["items"][0]
    assert set(node) >= {"metadata", "timestamp", "window", "usage"}
    assert node["usage"]["cpu"].endswith(("n", "u", "m")) or node["usage"]["cpu"].isdigit()
    # A whole number of MiB is written as such, once in a thousand times.
    assert node["usage"]["memory"].endswith(("Ki", "Mi", "Gi"))
    empty = api.read(f"/apis/metrics.k8s.io/v1beta1/namespaces/{api.namespace}/pods")
    assert (empty["kind"], empty["items"]) == ("PodMetricsList", [])
