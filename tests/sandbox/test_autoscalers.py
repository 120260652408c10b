"""Autoscalers: bounds, and what switches them off."""

from typing import Any

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.kinds import AUTOSCALER, DEPLOYMENT, EVENT
from leviathan_sandbox.objects import Object, find_condition
from leviathan_sandbox.server.serving import advance


def make(cluster: Cluster, replicas: int, low: int, high: int) -> None:
    labels = {"app": "it"}
    container = {
        "name": "app",
        "image": "app:1",
        "resources": {"requests": {"cpu": "100m"}},
    }
    cluster.registry.create(
        DEPLOYMENT,
        "default",
        {
            "metadata": {"name": "it"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
    )
    cluster.registry.create(
        AUTOSCALER,
        "default",
        {
            "metadata": {"name": "it"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "it"},
                "minReplicas": low,
                "maxReplicas": high,
            },
        },
    )


def scale(cluster: Cluster, replicas: int) -> None:
    def change(body: Object) -> None:
        body["spec"]["replicas"] = replicas

    cluster.registry.edit(DEPLOYMENT, "default/it", change)


def replicas(cluster: Cluster) -> int:
    found: int = cluster.registry.find(DEPLOYMENT, "default", "it").object["spec"]["replicas"]
    return found


def status(cluster: Cluster) -> Object:
    found: Object = cluster.registry.find(AUTOSCALER, "default", "it").object["status"]
    return found


def condition(cluster: Cluster, kind: str) -> tuple[Any, Any]:
    found = find_condition(status(cluster)["conditions"], kind) or {}
    return found.get("status"), found.get("reason")


def test_it_keeps_its_target_between_the_bounds(cluster: Cluster) -> None:
    make(cluster, 1, 2, 4)
    advance(cluster, 10)
    assert replicas(cluster) == 2
    scale(cluster, 9)
    advance(cluster, 10)
    assert replicas(cluster) == 4
    assert status(cluster)["currentReplicas"] == status(cluster)["desiredReplicas"] == 4
    told = {entry.object["message"] for entry in cluster.storage.all(EVENT, "default")}
    assert "New size: 2; reason: Current number of replicas below Spec.MinReplicas" in told


def test_it_measures(cluster: Cluster) -> None:
    make(cluster, 2, 1, 4)
    advance(cluster, 70)
    (metric,) = status(cluster)["currentMetrics"]
    assert 0 < metric["resource"]["current"]["averageUtilization"] < 120
    assert condition(cluster, "ScalingActive") == ("True", "ValidMetricFound")


def test_zero_switches_it_off(cluster: Cluster) -> None:
    make(cluster, 2, 1, 4)
    advance(cluster, 10)
    scale(cluster, 0)
    advance(cluster, 60)
    assert replicas(cluster) == 0
    assert condition(cluster, "ScalingActive") == ("False", "ScalingDisabled")
    scale(cluster, 1)
    advance(cluster, 60)
    assert condition(cluster, "ScalingActive") == ("True", "ValidMetricFound")


def test_without_a_target(cluster: Cluster) -> None:
    make(cluster, 1, 1, 4)
    cluster.registry.delete(DEPLOYMENT, "default", "it")
    advance(cluster, 60)
    assert condition(cluster, "AbleToScale") == ("False", "FailedGetScale")
