"""Creates: metadata, names, and the defaults that the server fills in."""

import re
from typing import Any

from tests.conformance.api import (
    APPS,
    BATCH,
    CORE,
    Api,
    config_map,
    cron_job,
    deployment,
    job,
    pod,
)

Object = dict[str, Any]


def test_a_new_object_gets_its_metadata(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("fresh", {"a": "b"}, key="value"))
    metadata = created["metadata"]
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["namespace"] == api.namespace
    assert int(metadata["resourceVersion"]) > 0
    assert "generation" not in metadata
    assert created["data"] == {"key": "value"}
    assert list(created)[:3] == ["kind", "apiVersion", "metadata"]


def test_kind_and_version_may_be_left_out(api: Api) -> None:
    created = api.create(CORE, "configmaps", {"metadata": {"name": "terse"}})
    assert (created["kind"], created["apiVersion"]) == ("ConfigMap", "v1")


def test_a_generated_name(api: Api) -> None:
    body = config_map("")
    body["metadata"] = {"generateName": "made-"}
    first, second = (api.create(CORE, "configmaps", body)["metadata"]["name"] for _ in range(2))
    assert re.fullmatch(r"made-[bcdfghjklmnpqrstvwxz2456789]{5}", first)
    assert first != second


def test_a_name_can_be_taken_once(api: Api) -> None:
    api.create(APPS, "deployments", deployment("only", 0))
    response = api.post(api.path(APPS, "deployments"), deployment("only", 0))
    assert response.status_code == 409
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "only" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "only", "group": "apps", "kind": "deployments"},
        "code": 409,
    }


def test_defaults_of_a_deployment(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("plain", 0))
    spec = created["spec"]
    assert created["metadata"]["generation"] == 1
    assert created["status"] == {}
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    pod_spec = spec["template"]["spec"]
    assert pod_spec["restartPolicy"] == "Always"
    assert pod_spec["dnsPolicy"] == "ClusterFirst"
    assert pod_spec["schedulerName"] == "default-scheduler"
    assert pod_spec["securityContext"] == {}
    only = pod_spec["containers"][0]
    assert only["imagePullPolicy"] == "IfNotPresent"
    assert only["terminationMessagePath"] == "/dev/termination-log"
    assert only["resources"] == {}
    assert "creationTimestamp" not in spec["template"]["metadata"]


def test_defaults_of_a_pod(api: Api) -> None:
    created = api.create(CORE, "pods", pod("plain", "sleep 600"))
    spec, status = created["spec"], created["status"]
    assert (status["phase"], status["qosClass"]) == ("Pending", "BestEffort")
    assert created["metadata"]["generation"] == 1
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert spec["enableServiceLinks"] is True
    assert {item["key"] for item in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"


def test_requests_follow_limits_and_decide_the_quality_of_service(api: Api) -> None:
    limits = {"cpu": "10m", "memory": "16Mi"}
    body = pod("bounded", "sleep 600")
    body["spec"]["containers"][0]["resources"] = {"limits": limits}
    created = api.create(CORE, "pods", body)
    assert created["spec"]["containers"][0]["resources"]["requests"] == limits
    assert created["status"]["qosClass"] == "Guaranteed"


def test_defaults_of_a_job_and_a_cron_job(api: Api) -> None:
    created = api.create(BATCH, "jobs", job("once", "exit 0", suspend=True))
    spec, uid = created["spec"], created["metadata"]["uid"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)
    assert spec["completionMode"] == "NonIndexed"
    assert spec["podReplacementPolicy"] == "TerminatingOrFailed"
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = spec["template"]["metadata"]["labels"]
    assert labels == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "once",
        "controller-uid": uid,
        "job-name": "once",
    }
    assert created["metadata"]["labels"] == labels
    timed = api.create(BATCH, "cronjobs", cron_job("timed", "0 0 1 1 *", "exit 0"))["spec"]
    assert (timed["concurrencyPolicy"], timed["suspend"]) == ("Allow", False)
    assert (timed["successfulJobsHistoryLimit"], timed["failedJobsHistoryLimit"]) == (3, 1)


def test_defaults_of_stateful_and_daemon_sets(api: Api) -> None:
    body = deployment("set", 0)
    del body["spec"]["replicas"]
    stateful = api.create(
        APPS, "statefulsets", {**body, "kind": "StatefulSet", "metadata": {"name": "set"}}
    )
    assert stateful["spec"]["replicas"] == 1
    assert stateful["spec"]["podManagementPolicy"] == "OrderedReady"
    assert stateful["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"partition": 0, "maxUnavailable": 1},
    }
    assert stateful["spec"]["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }
    assert stateful["status"] == {"replicas": 0, "availableReplicas": 0}
    nowhere = {**body, "kind": "DaemonSet", "metadata": {"name": "set"}}
    nowhere["spec"]["template"]["spec"]["nodeSelector"] = {"no": "where"}
    daemon = api.create(APPS, "daemonsets", nowhere)
    assert daemon["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    assert daemon["metadata"]["annotations"] == {"deprecated.daemonset.template.generation": "1"}


def test_defaults_of_a_service(api: Api) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front"},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]},
    }
    spec = api.create(CORE, "services", body)["spec"]
    assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")
    assert spec["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 80}]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+", spec["clusterIP"])


def test_a_secret_takes_plain_strings(api: Api) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hidden"},
        "stringData": {"password": "hunter2"},
    }
    created = api.create(CORE, "secrets", body)
    assert created["type"] == "Opaque"
    assert created["data"] == {"password": "aHVudGVyMg=="}
    assert "stringData" not in created


def test_a_status_cannot_be_created(api: Api) -> None:
    body = deployment("bold", 0)
    body["status"] = {"replicas": 7}
    assert api.create(APPS, "deployments", body)["status"] == {}
