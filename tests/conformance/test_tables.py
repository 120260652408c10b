"""Server-side Tables: the columns and cells that `kubectl get` prints."""

from typing import Any

import pytest

from tests.conformance.api import APPS, BATCH, CORE, Api, config_map, cron_job, deployment

Object = dict[str, Any]
AUTOSCALING = "/apis/autoscaling/v2"
NETWORKING = "/apis/networking.k8s.io/v1"

WORKLOAD = ["Containers", "Images", "Selector"]
COLUMNS = {
    (CORE, "pods"): [
        "Name", "Ready", "Status", "Restarts", "Age",
        "IP", "Node", "Nominated Node", "Readiness Gates",
    ],
    (CORE, "services"): [
        "Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector",
    ],
    (CORE, "configmaps"): ["Name", "Data", "Age"],
    (CORE, "secrets"): ["Name", "Type", "Data", "Age"],
    (CORE, "serviceaccounts"): ["Name", "Age"],
    (CORE, "persistentvolumeclaims"): [
        "Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass",
        "VolumeAttributesClass", "Age", "VolumeMode",
    ],
    (CORE, "events"): [
        "Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message",
        "First Seen", "Count", "Name",
    ],
    (APPS, "deployments"): ["Name", "Ready", "Up-to-date", "Available", "Age", *WORKLOAD],
    (APPS, "replicasets"): ["Name", "Desired", "Current", "Ready", "Age", *WORKLOAD],
    (APPS, "statefulsets"): ["Name", "Ready", "Age", "Containers", "Images"],
    (APPS, "daemonsets"): [
        "Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector",
        "Age", *WORKLOAD,
    ],
    (APPS, "controllerrevisions"): ["Name", "Controller", "Revision", "Age"],
    (BATCH, "jobs"): ["Name", "Status", "Completions", "Duration", "Age", *WORKLOAD],
    (BATCH, "cronjobs"): [
        "Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age", *WORKLOAD,
    ],
    (AUTOSCALING, "horizontalpodautoscalers"): [
        "Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age",
    ],
    (NETWORKING, "ingresses"): ["Name", "Class", "Hosts", "Address", "Ports", "Age"],
}  # fmt: skip


def cells(table: Object, row: int = 0) -> dict[str, object]:
    names = [it["name"] for it in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][row]["cells"], strict=True))


@pytest.mark.parametrize(("where", "expected"), COLUMNS.items(), ids=lambda it: it[1])
def test_columns(api: Api, where: tuple[str, str], expected: list[str]) -> None:
    table = api.table(api.path(*where))
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["metadata"]["resourceVersion"]
    definitions = table["columnDefinitions"]
    assert [it["name"] for it in definitions] == expected
    assert definitions[0]["format"] == ("" if where[1] == "events" else "name")
    assert all({"type", "format", "description", "priority"} <= set(it) for it in definitions)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces", ["Name", "Status", "Age"]),
        (
            "/api/v1/nodes",
            [
                "Name", "Status", "Roles", "Age", "Version", "Internal-IP", "External-IP",
                "OS-Image", "Kernel-Version", "Container-Runtime",
            ],
        ),
    ],
)  # fmt: skip
def test_columns_of_what_is_in_no_namespace(api: Api, path: str, expected: list[str]) -> None:
    table = api.table(path)
    assert [it["name"] for it in table["columnDefinitions"]] == expected
    assert cells(table)["Status"] in ("Active", "Terminating", "Ready")


def test_wide_columns_have_a_lower_priority(api: Api) -> None:
    definitions = api.table(api.path(CORE, "pods"))["columnDefinitions"]
    assert {it["name"]: it["priority"] for it in definitions} == {
        "Name": 0, "Ready": 0, "Status": 0, "Restarts": 0, "Age": 0,
        "IP": 1, "Node": 1, "Nominated Node": 1, "Readiness Gates": 1,
    }  # fmt: skip


def test_rows_carry_the_metadata_of_their_objects(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("shown", {"a": "b"}, x="1", y="2"))
    path = api.path(CORE, "configmaps")
    table = api.table(path, labelSelector="a=b")
    (row,) = table["rows"]
    assert row["cells"][:2] == ["shown", 2]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["apiVersion"] == "meta.k8s.io/v1"
    assert row["object"]["metadata"]["uid"] == created["metadata"]["uid"]
    assert "data" not in row["object"]
    (row,) = api.table(path, labelSelector="a=b", includeObject="Object")["rows"]
    assert row["object"]["data"] == {"x": "1", "y": "2"}
    (row,) = api.table(path, labelSelector="a=b", includeObject="None")["rows"]
    assert not row.get("object")
    one = api.table(f"{path}/shown")
    assert one["rows"][0]["cells"][0] == "shown"


def test_tables_have_pages(api: Api) -> None:
    for number in range(4):
        api.create(CORE, "configmaps", config_map(f"c{number}"))
    path = api.path(CORE, "configmaps")
    first = api.table(path, limit=3)
    assert first["metadata"]["remainingItemCount"] == 2
    rest = api.table(path, limit=3, **{"continue": first["metadata"]["continue"]})
    found = [row["cells"][0] for row in first["rows"] + rest["rows"]]
    assert found == ["c0", "c1", "c2", "c3", "kube-root-ca.crt"]


def test_cells_of_a_deployment(api: Api) -> None:
    api.create(APPS, "deployments", deployment("none", 0))
    shown = cells(api.table(api.path(APPS, "deployments")))
    age = shown.pop("Age")
    assert isinstance(age, str)
    assert age.endswith("s")
    assert shown == {
        "Name": "none",
        "Ready": "0/0",
        "Up-to-date": 0,
        "Available": 0,
        "Containers": "main",
        "Images": "busybox:1.36",
        "Selector": "app=none",
    }


def test_cells_of_a_cron_job(api: Api) -> None:
    api.create(BATCH, "cronjobs", cron_job("timed", "0 0 1 1 *", "exit 0", timeZone="Asia/Tokyo"))
    shown = cells(api.table(api.path(BATCH, "cronjobs")))
    del shown["Age"]
    assert shown == {
        "Name": "timed",
        "Schedule": "0 0 1 1 *",
        "Timezone": "Asia/Tokyo",
        "Suspend": "False",
        "Active": 0,
        "Last Schedule": "<none>",
        "Containers": "main",
        "Images": "busybox:1.36",
        "Selector": "<none>",
    }


def test_cells_of_services_and_ingresses(api: Api) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 53, "protocol": "UDP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front"},
        "spec": {"selector": {"b": "2", "a": "1"}, "ports": ports},
    }
    api.create(CORE, "services", service)
    shown = cells(api.table(api.path(CORE, "services")))
    assert shown["Type"] == "ClusterIP"
    assert shown["External-IP"] == "<none>"
    assert shown["Port(s)"] == "80/TCP,53/UDP"
    assert shown["Selector"] == "a=1,b=2"
    backend = {"service": {"name": "front", "port": {"number": 80}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "door"},
        "spec": {
            "rules": [{"host": f"{name}.example.com", "http": paths} for name in "abcd"],
            "tls": [{"hosts": ["a.example.com"]}],
        },
    }
    api.create(NETWORKING, "ingresses", ingress)
    shown = cells(api.table(api.path(NETWORKING, "ingresses")))
    assert shown["Class"] == "<none>"
    assert shown["Hosts"] == "a.example.com,b.example.com,c.example.com + 1 more..."
    assert shown["Ports"] == "80, 443"


def test_cells_of_an_autoscaler(api: Api) -> None:
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "grows"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent"},
            "maxReplicas": 5,
        },
    }
    created = api.create(AUTOSCALING, "horizontalpodautoscalers", body)
    assert created["metadata"]["generation"] == 1
    assert created["spec"]["minReplicas"] == 1
    shown = cells(api.table(api.path(AUTOSCALING, "horizontalpodautoscalers")))
    del shown["Age"]
    assert shown == {
        "Name": "grows",
        "Reference": "Deployment/absent",
        "Targets": "cpu: <unknown>/80%",
        "MinPods": "1",
        "MaxPods": 5,
        "Replicas": 0,
    }


def test_an_unknown_include(api: Api) -> None:
    response = api.client.get(
        api.path(CORE, "configmaps"),
        params={"includeObject": "Everything"},
        headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
    )
    assert response.status_code == 400
    assert "includeObject" in response.json()["message"]


def test_nothing_acceptable(api: Api) -> None:
    response = api.client.get(api.path(CORE, "pods"), headers={"Accept": "text/html"})
    assert response.status_code == 406
    assert response.json()["reason"] == "NotAcceptable"
