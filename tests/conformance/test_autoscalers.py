"""What an autoscaler does to an app that is paused, or sized by hand."""

from collections.abc import Callable
from typing import Any

from tests.conformance.api import APPS, Api, deployment

Object = dict[str, Any]

AUTOSCALING = "/apis/autoscaling/v2"
PLURAL = "horizontalpodautoscalers"


def autoscaler(name: str, low: int, high: int) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": target, "minReplicas": low, "maxReplicas": high},
    }


def condition(obj: Object, kind: str) -> Object:
    conditions = obj["status"].get("conditions") or []
    return next((it for it in conditions if it["type"] == kind), {})


def has_replicas(number: int) -> Callable[[Object], bool]:
    return lambda obj: bool(obj["spec"]["replicas"] == number)


def test_it_fights_for_its_bounds_and_lets_a_paused_app_be(api: Api) -> None:
    body = deployment("sized", 0)
    body["spec"]["template"]["spec"]["nodeSelector"] = {"test/nowhere": "yes"}
    api.create(APPS, "deployments", body)
    api.create(AUTOSCALING, PLURAL, autoscaler("sized", 2, 3))
    path = api.path(APPS, "deployments", "sized")

    def is_disabled(obj: Object) -> bool:
        return condition(obj, "ScalingActive").get("reason") == "ScalingDisabled"

    paused = api.wait(AUTOSCALING, PLURAL, "sized", is_disabled)
    assert condition(paused, "ScalingActive")["status"] == "False"
    assert condition(paused, "ScalingActive")["message"] == (
        "scaling is disabled since the replica count of the target is zero"
    )
    assert condition(paused, "AbleToScale")["status"] == "True"
    assert api.read(path)["spec"]["replicas"] == 0
    for wanted, kept in ((1, 2), (9, 3)):
        api.patched(path, {"spec": {"replicas": wanted}}, fieldManager="somebody")
        there = api.wait(APPS, "deployments", "sized", has_replicas(kept))
        (scaled,) = (
            it for it in there["metadata"]["managedFields"] if it.get("subresource") == "scale"
        )
        assert scaled["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        assert scaled["operation"] == "Update"
    api.patched(path, {"spec": {"replicas": 0}})
    api.delete(api.path(AUTOSCALING, PLURAL, "sized"))


def test_an_autoscaler_of_nothing(api: Api) -> None:
    api.create(AUTOSCALING, PLURAL, autoscaler("absent", 1, 3))
    lost = api.wait(AUTOSCALING, PLURAL, "absent", lambda obj: bool(condition(obj, "AbleToScale")))
    able = condition(lost, "AbleToScale")
    assert (able["status"], able["reason"]) == ("False", "FailedGetScale")
    assert 'deployments.apps "absent" not found' in able["message"]
