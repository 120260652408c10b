"""What is refused, and the Status that says so."""

import ssl
from typing import Any

import httpx
import pytest

from tests.conformance.api import (
    APPS,
    BATCH,
    CORE,
    Api,
    config_map,
    container,
    cron_job,
    deployment,
    job,
    pod,
)

Object = dict[str, Any]


def refused(api: Api, root: str, plural: str, body: Object) -> Object:
    response = api.post(api.path(root, plural), body)
    assert response.status_code == 422, response.text
    status: Object = response.json()
    assert (status["kind"], status["status"], status["reason"]) == ("Status", "Failure", "Invalid")
    for cause in status["details"]["causes"]:
        assert f"{cause['field']}: {cause['message']}" in status["message"]
    return status


def fields(status: Object) -> dict[str, str]:
    return {cause["field"]: cause["reason"] for cause in status["details"]["causes"]}


def test_not_found(api: Api) -> None:
    response = api.get(api.path(BATCH, "cronjobs", "absent"))
    assert response.status_code == 404
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'cronjobs.batch "absent" not found',
        "reason": "NotFound",
        "details": {"name": "absent", "group": "batch", "kind": "cronjobs"},
        "code": 404,
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_writes_to_what_is_not_there(api: Api, method: str) -> None:
    path = api.path(CORE, "configmaps", "absent")
    response = {
        "PUT": lambda: api.put(path, config_map("absent")),
        "PATCH": lambda: api.patch(path, {}),
        "DELETE": lambda: api.delete(path),
    }[method]()
    assert response.status_code == 404
    assert response.json()["details"] == {"name": "absent", "kind": "configmaps"}


@pytest.mark.parametrize(
    ("path", "json"),
    [
        ("/api/v1/foos", True),
        ("/apis/apps/v1/foos", True),
        ("/apis/apps/v9/deployments", True),
        ("/api/v1/namespaces/default/pods/x/nosuch", True),
        ("/apis/no.such.group/v1/things", False),
        ("/nonsense", False),
    ],
)
def test_unknown_paths(api: Api, path: str, json: bool) -> None:
    response = api.get(path)
    assert response.status_code == 404
    if json:
        body = response.json()
        assert body["message"] == "the server could not find the requested resource"
        assert (body["reason"], body["details"]) == ("NotFound", {})
    else:
        assert response.text.strip() == "404 page not found"
        assert response.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/api/v1/pods", "/apis", "/version"])
def test_unknown_tokens(api: Api, path: str) -> None:
    response = api.client.get(path, headers={"Authorization": "Bearer wrong"})
    assert response.status_code == 401
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_nobody_is_somebody_who_may_do_little(api: Api) -> None:
    tls = ssl.create_default_context(cadata=api.authority)
    with httpx.Client(base_url=api.url, verify=tls) as nobody:
        assert nobody.get("/version").status_code == 200
        response = nobody.get(api.path(APPS, "deployments", "web"))
        assert response.status_code == 403
        assert response.json()["message"] == (
            'deployments.apps "web" is forbidden: User "system:anonymous" cannot get resource'
            f' "deployments" in API group "apps" in the namespace "{api.namespace}"'
        )
        response = nobody.get("/apis")
        assert response.status_code == 403
        message = 'forbidden: User "system:anonymous" cannot get path "/apis"'
        assert response.json()["message"] == message


def test_methods_that_make_no_sense(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    for response in (
        api.put(path, config_map("x")),
        api.post(f"{path}/x", config_map("x")),
        api.post(f"{CORE}/configmaps", config_map("x")),
        api.delete(f"{CORE}/configmaps"),
        api.delete(f"{CORE}/namespaces"),
    ):
        assert response.status_code == 405
        assert response.json()["reason"] == "MethodNotAllowed"


def test_bodies_that_are_no_such_object(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    json = {"Content-Type": "application/json"}
    for content in (b"{nope", b"[]", b"", b"17"):
        response = api.client.post(path, content=content, headers=json)
        assert response.status_code == 400, content
        assert response.json()["reason"] == "BadRequest"
    html = api.client.post(path, content=b"<p>", headers={"Content-Type": "text/html"})
    assert html.status_code == 415
    assert "application/json" in html.json()["message"]
    other = api.post(path, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}})
    assert other.status_code == 400
    assert 'Pod in version "v1" cannot be handled as a ConfigMap' in other.json()["message"]
    version = api.post(path, {**config_map("x"), "apiVersion": "v7"})
    assert version.status_code == 400
    assert 'no kind "ConfigMap" is registered for version "v7"' in version.json()["message"]


@pytest.mark.parametrize(
    ("root", "plural", "body"),
    [
        (APPS, "deployments", {"metadata": {"name": "x"}, "spec": {"replicas": "three"}}),
        (CORE, "configmaps", {"metadata": {"name": "x", "labels": {"a": 1}}}),
        (CORE, "configmaps", {"metadata": {"name": ["x"]}}),
        (CORE, "configmaps", {"metadata": {"name": "x"}, "data": {"a": {"b": "c"}}}),
        (CORE, "pods", {"metadata": {"name": "x"}, "spec": {"containers": {"name": "x"}}}),
        (BATCH, "cronjobs", {"metadata": {"name": "x"}, "spec": {"suspend": "yes"}}),
    ],
)
def test_fields_of_the_wrong_type(api: Api, root: str, plural: str, body: Object) -> None:
    response = api.post(api.path(root, plural), body)
    assert response.status_code == 400, response.text
    assert "cannot be handled as a" in response.json()["message"]


def test_namespaces_have_to_agree_and_to_exist(api: Api) -> None:
    body = config_map("x")
    body["metadata"]["namespace"] = "another"
    response = api.post(api.path(CORE, "configmaps"), body)
    assert response.status_code == 400
    assert "does not match the namespace" in response.json()["message"]
    nowhere = api.post(f"{CORE}/namespaces/no-such-place/configmaps", config_map("x"))
    assert nowhere.status_code == 404
    assert nowhere.json()["details"] == {"name": "no-such-place", "kind": "namespaces"}


def test_names_have_to_agree(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("one"))
    response = api.put(api.path(CORE, "configmaps", "one"), config_map("two"))
    assert response.status_code == 400
    assert "does not match the name on the URL (one)" in response.json()["message"]


def test_a_version_cannot_be_created(api: Api) -> None:
    body = config_map("x")
    body["metadata"]["resourceVersion"] = "5"
    response = api.post(api.path(CORE, "configmaps"), body)
    assert response.status_code == 500
    assert "resourceVersion should not be set" in response.json()["message"]


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dash-", "x" * 254])
def test_names(api: Api, name: str) -> None:
    status = refused(api, CORE, "configmaps", config_map(name))
    assert fields(status) == {"metadata.name": "FieldValueInvalid"}
    assert status["details"]["name"] == name


def test_a_name_is_needed(api: Api) -> None:
    status = refused(api, CORE, "configmaps", {"metadata": {}})
    assert status["message"] == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


def test_labels_and_annotations(api: Api) -> None:
    body = config_map("x", {"bad key": "v", "good": "bad value!"})
    body["metadata"]["annotations"] = {"also bad": "anything goes here, even !"}
    assert set(fields(refused(api, CORE, "configmaps", body))) == {
        "metadata.labels",
        "metadata.annotations",
    }


def test_a_pod_needs_containers_with_names_and_images(api: Api) -> None:
    assert fields(refused(api, CORE, "pods", {"metadata": {"name": "x"}})) == {
        "spec.containers": "FieldValueRequired"
    }
    body = pod("x", "exit 0")
    body["spec"]["containers"] = [
        {"name": "a", "image": "i"},
        {"name": "a", "image": "i"},
        {"name": "B", "image": "i"},
        {"image": "i"},
        {"name": "c"},
        container("exit 0", "d", volumeMounts=[{"name": "none", "mountPath": "/x"}]),
    ]
    assert fields(refused(api, CORE, "pods", body)) == {
        "spec.containers[1].name": "FieldValueDuplicate",
        "spec.containers[2].name": "FieldValueInvalid",
        "spec.containers[3].name": "FieldValueRequired",
        "spec.containers[4].image": "FieldValueRequired",
        "spec.containers[5].volumeMounts[0].name": "FieldValueNotFound",
    }


def test_quantities(api: Api) -> None:
    body = pod("x", "exit 0")
    body["spec"]["containers"][0]["resources"] = {
        "limits": {"cpu": "100m"},
        "requests": {"cpu": "1"},
    }
    status = refused(api, CORE, "pods", body)
    assert fields(status) == {"spec.containers[0].resources.requests": "FieldValueInvalid"}
    assert "must be less than or equal to cpu limit of 100m" in status["message"]


def test_a_deployment_selects_its_own_pods(api: Api) -> None:
    body = deployment("x")
    body["spec"]["selector"] = {"matchLabels": {"app": "another"}}
    status = refused(api, APPS, "deployments", body)
    assert fields(status) == {"spec.template.metadata.labels": "FieldValueInvalid"}
    assert "`selector` does not match template `labels`" in status["message"]
    del body["spec"]["selector"]
    assert fields(refused(api, APPS, "deployments", body))["spec.selector"] == (
        "FieldValueRequired"
    )


def test_several_problems_are_told_together(api: Api) -> None:
    status = refused(api, APPS, "deployments", {"metadata": {"name": "x"}, "spec": {"replicas": 1}})
    assert status["message"] == (
        'Deployment.apps "x" is invalid: [spec.selector: Required value,'
        " spec.template.metadata.labels: Invalid value: null: `selector` does not match template"
        " `labels`, spec.template.spec.containers: Required value]"
    )


def test_restart_policies(api: Api) -> None:
    body = deployment("x")
    body["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    field = "spec.template.spec.restartPolicy"
    assert fields(refused(api, APPS, "deployments", body)) == {field: "FieldValueNotSupported"}
    body = job("x", "exit 0")
    body["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    assert field in fields(refused(api, BATCH, "jobs", body))


@pytest.mark.parametrize(
    "schedule",
    ["nonsense", "* * * *", "* * * * * *", "61 * * * *", "* * * * 7", "TZ=UTC * * * * *", "@often"],
)
def test_schedules(api: Api, schedule: str) -> None:
    status = refused(api, BATCH, "cronjobs", cron_job("x", schedule, "exit 0"))
    assert fields(status) == {"spec.schedule": "FieldValueInvalid"}
    assert status["details"]["group"] == "batch"


@pytest.mark.parametrize("schedule", ["@every 90m", "0 0 31 2 *", "? 1-5/2 */1 JAN,FEB mon-FRI"])
def test_schedules_that_are_taken(api: Api, schedule: str) -> None:
    body = cron_job("x", schedule, "exit 0", suspend=True)
    assert api.create(BATCH, "cronjobs", body)["spec"]["schedule"] == schedule


def test_other_fields_of_a_cron_job(api: Api) -> None:
    body = cron_job("x" * 53, "* * * * *", "exit 0")
    assert fields(refused(api, BATCH, "cronjobs", body)) == {"metadata.name": "FieldValueInvalid"}
    for field, value, reason in (
        ("timeZone", "Europe/Atlantis", "FieldValueInvalid"),
        ("concurrencyPolicy", "Sometimes", "FieldValueNotSupported"),
        ("startingDeadlineSeconds", -1, "FieldValueInvalid"),
    ):
        body = cron_job("x", "* * * * *", "exit 0", **{field: value})
        assert fields(refused(api, BATCH, "cronjobs", body)) == {f"spec.{field}": reason}


def test_what_may_not_be_changed(api: Api) -> None:
    api.create(APPS, "deployments", deployment("fixed", 0))
    path = api.path(APPS, "deployments", "fixed")
    selector = {"matchLabels": {"app": "fixed", "more": "x"}}
    template = {"metadata": {"labels": {"more": "x"}}}
    response = api.patch(path, {"spec": {"selector": selector, "template": template}})
    assert response.status_code == 422
    assert response.json()["details"]["causes"][0]["field"] == "spec.selector"
    assert "field is immutable" in response.json()["message"]
    api.create(BATCH, "jobs", job("fixed", "exit 0"))
    changed = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}}
    response = api.patch(api.path(BATCH, "jobs", "fixed"), changed)
    assert response.status_code == 422
    assert response.json()["details"]["causes"][0]["field"] == "spec.template"
    api.create(CORE, "pods", pod("fixed", "sleep 600"))
    response = api.patch(api.path(CORE, "pods", "fixed"), {"spec": {"hostNetwork": True}})
    assert response.status_code == 422
    assert "pod updates may not change fields other than" in response.json()["message"]
    stateful = {**deployment("fixed", 0), "kind": "StatefulSet"}
    api.create(APPS, "statefulsets", stateful)
    path = api.path(APPS, "statefulsets", "fixed")
    assert api.patch(path, {"spec": {"serviceName": "other"}}).status_code == 422
    assert api.patch(path, {"spec": {"replicas": 0, "minReadySeconds": 3}}).status_code == 200


def test_system_metadata_is_the_servers(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("own"))
    path = api.path(CORE, "configmaps", "own")
    long_ago = "2001-01-01T00:00:00Z"
    patch = {"metadata": {"creationTimestamp": long_ago, "generation": 77}}
    changed = api.patched(path, patch)["metadata"]
    assert changed["creationTimestamp"] == created["metadata"]["creationTimestamp"]
    assert "generation" not in changed
    response = api.patch(path, {"metadata": {"deletionTimestamp": long_ago}})
    assert response.status_code == 422
    assert response.json()["details"]["causes"][0]["field"] == "metadata.deletionTimestamp"
