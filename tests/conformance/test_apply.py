"""Server-side apply: who owns what, conflicts, removals, and the lists that are merged."""

from typing import Any

import pytest

from tests.conformance.api import (
    APPLY,
    APPS,
    BATCH,
    CORE,
    IMAGE,
    JSON_PATCH,
    MERGE,
    Api,
    config_map,
    container,
    cron_job,
    deployment,
)

Object = dict[str, Any]


def owners(obj: Object) -> dict[tuple[str, str], Object]:
    """The fields of each manager, by its name and operation."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields", ())
        if entry.get("subresource") != "status"
    }


def empty(name: str, **metadata: object) -> Object:
    """A ConfigMap that says nothing of its data."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def causes(body: Object) -> set[tuple[str, str]]:
    assert {cause["reason"] for cause in body["details"]["causes"]} == {"FieldManagerConflict"}
    return {(cause["field"], cause["message"]) for cause in body["details"]["causes"]}


def with_containers(name: str, *containers: Object, **spec: object) -> Object:
    body = deployment(name, 0)
    body["spec"]["template"]["spec"] = {"containers": list(containers), **spec}
    return body


def test_apply_creates_and_owns_what_it_says(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    response = api.apply(path, deployment("web", 0), "one")
    assert response.status_code == 201
    created = response.json()
    (entry,) = created["metadata"]["managedFields"]
    assert entry.pop("time").endswith("Z")
    template = {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {
            "f:containers": {
                'k:{"name":"main"}': {".": {}, "f:command": {}, "f:image": {}, "f:name": {}}
            },
            "f:terminationGracePeriodSeconds": {},
        },
    }
    assert entry == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": template},
        },
    }
    assert created["spec"]["revisionHistoryLimit"] == 10


def test_a_create_owns_its_defaults_too(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("web", 0), fieldManager="maker")
    assert owners(created) == {
        ("maker", "Update"): {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:progressDeadlineSeconds": {},
                "f:replicas": {},
                "f:revisionHistoryLimit": {},
                "f:selector": {},
                "f:strategy": {
                    "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                    "f:type": {},
                },
                "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {
                        "f:containers": {
                            'k:{"name":"main"}': {
                                ".": {},
                                "f:command": {},
                                "f:image": {},
                                "f:imagePullPolicy": {},
                                "f:name": {},
                                "f:resources": {},
                                "f:terminationMessagePath": {},
                                "f:terminationMessagePolicy": {},
                            }
                        },
                        "f:dnsPolicy": {},
                        "f:restartPolicy": {},
                        "f:schedulerName": {},
                        "f:securityContext": {},
                        "f:terminationGracePeriodSeconds": {},
                    },
                },
            },
        }
    }


def test_the_user_agent_stands_in_for_a_field_manager(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    for agent, manager in (("console/1.2 (linux)", "console"), ("plain", "plain")):
        response = api.client.post(
            path, json=config_map(manager, b="2"), headers={"User-Agent": agent}
        )
        assert response.status_code == 201
        changed = api.client.patch(
            f"{path}/{manager}",
            json={"data": {"a": "1"}},
            headers={"User-Agent": f"other-{agent}", "Content-Type": MERGE},
        ).json()
        assert (f"other-{manager}", "Update") in owners(changed)


def test_applying_the_same_again_moves_nothing(api: Api) -> None:
    path = api.path(CORE, "configmaps", "still")
    first = api.applied(path, config_map("still", {"a": "b"}, key="value"), "one")
    again = api.apply(path, config_map("still", {"a": "b"}, key="value"), "one")
    assert again.status_code == 200
    assert again.json() == first
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "still"},
        "stringData": {"password": "x"},
    }
    path = api.path(CORE, "secrets", "still")
    first = api.applied(path, secret, "one")
    assert first["data"] == {"password": "eA=="}
    again = api.apply(path, secret, "one")
    assert again.json()["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_what_is_no_longer_applied_goes(api: Api) -> None:
    path = api.path(CORE, "configmaps", "shrinking")
    api.applied(path, config_map("shrinking", {"a": "1", "b": "2"}, x="1", y="2"), "one")
    api.patched(path, {"data": {"z": "3"}}, fieldManager="two")
    changed = api.applied(path, config_map("shrinking", {"a": "1"}, x="1"), "one")
    assert changed["metadata"]["labels"] == {"a": "1"}
    assert changed["data"] == {"x": "1", "z": "3"}
    bare = api.applied(path, empty("shrinking"), "one")
    assert "labels" not in bare["metadata"]
    assert bare["data"] == {"z": "3"}
    assert owners(bare) == {("two", "Update"): {"f:data": {"f:z": {}}}}


def test_a_field_that_several_own_stays_while_one_of_them_wants_it(api: Api) -> None:
    path = api.path(CORE, "configmaps", "shared")
    api.applied(path, config_map("shared", a="1", b="2"), "one")
    both = api.applied(path, config_map("shared", a="1"), "two")
    assert owners(both) == {
        ("one", "Apply"): {"f:data": {"f:a": {}, "f:b": {}}},
        ("two", "Apply"): {"f:data": {"f:a": {}}},
    }
    assert api.applied(path, config_map("shared", b="2"), "one")["data"] == {"a": "1", "b": "2"}
    last = api.applied(path, empty("shared"), "two")
    assert last["data"] == {"b": "2"}
    assert list(owners(last)) == [("one", "Apply")]


def test_a_conflict_names_field_and_owner(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    api.applied(path, deployment("web", 0), "one")
    response = api.apply(path, deployment("web", 1), "two")
    assert response.status_code == 409
    body = response.json()
    assert body["reason"] == "Conflict"
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    assert causes(body) == {(".spec.replicas", 'conflict with "one"')}
    assert api.read(path)["spec"]["replicas"] == 0
    assert api.apply(path, deployment("web", 1), "two", force="true", dryRun="All").is_success
    forced = api.applied(path, deployment("web", 1), "two", force="true")
    assert forced["spec"]["replicas"] == 1
    assert "f:replicas" not in owners(forced)["one", "Apply"]["f:spec"]
    assert "f:replicas" in owners(forced)["two", "Apply"]["f:spec"]


def test_updates_take_what_they_write(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    api.applied(path, deployment("web", 0), "one")
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x:2"}]
    api.patched(path, image, JSON_PATCH, fieldManager="one")
    changed = api.patched(f"{path}/scale", {"spec": {"replicas": 1}}, fieldManager="autoscaler")
    assert changed["spec"]["replicas"] == 1
    response = api.apply(path, deployment("web", 0), "one")
    assert response.status_code == 409
    scaled = 'conflict with "autoscaler" with subresource "scale" using apps/v1'
    assert causes(response.json()) == {
        (".spec.replicas", scaled),
        (
            '.spec.template.spec.containers[name="main"].image',
            'conflict with "one" using apps/v1',
        ),
    }
    message = response.json()["message"]
    assert message.startswith("Apply failed with 2 conflicts: conflicts with ")
    assert "\n- .spec.replicas" in message
    # The same value is no conflict: then both own it.
    agreed = deployment("web", 1)
    agreed["spec"]["template"]["spec"]["containers"][0]["image"] = "x:2"
    both = owners(api.applied(path, agreed, "one"))
    assert "f:replicas" in both["one", "Apply"]["f:spec"]
    assert both["autoscaler", "Update"] == {"f:spec": {"f:replicas": {}}}


def test_a_removal_by_an_update_takes_it_from_everybody(api: Api) -> None:
    path = api.path(CORE, "configmaps", "gone")
    api.applied(path, config_map("gone", a="1", b="2"), "one")
    changed = api.patched(path, {"data": {"a": None}}, fieldManager="two")
    assert owners(changed) == {("one", "Apply"): {"f:data": {"f:b": {}}}}
    back = api.applied(path, config_map("gone", a="1", b="2"), "one")
    assert back["data"] == {"a": "1", "b": "2"}


def test_containers_are_merged_by_name_and_their_lists_by_key(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    first = container(
        "sleep 1",
        "first",
        env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        ports=[{"containerPort": 80}],
        volumeMounts=[{"name": "cache", "mountPath": "/cache"}],
    )
    volumes = [{"name": "cache", "emptyDir": {}}]
    api.applied(path, with_containers("web", first, volumes=volumes), "one")
    sidecar = {"name": "sidecar", "image": IMAGE}
    more = {"name": "first", "env": [{"name": "C", "value": "3"}]}
    more["ports"] = [{"containerPort": 80, "protocol": "UDP"}]
    template = {"spec": {"containers": [sidecar, more]}}
    partial: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": template},
    }
    both = api.applied(path, partial, "two")["spec"]["template"]["spec"]
    assert {it["name"] for it in both["containers"]} == {"first", "sidecar"}
    merged = next(it for it in both["containers"] if it["name"] == "first")
    assert [it["name"] for it in merged["env"]] == ["A", "B", "C"]
    assert sorted((it["containerPort"], it["protocol"]) for it in merged["ports"]) == [
        (80, "TCP"),
        (80, "UDP"),
    ]
    first["env"] = [{"name": "B", "value": "2"}]
    del first["volumeMounts"]
    changed = api.applied(path, with_containers("web", first), "one")
    spec = changed["spec"]["template"]["spec"]
    merged = next(it for it in spec["containers"] if it["name"] == "first")
    assert {it["name"] for it in merged["env"]} == {"B", "C"}
    assert "volumes" not in spec
    assert "volumeMounts" not in merged
    mine = owners(changed)["two", "Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert mine['k:{"name":"first"}']["f:ports"] == {
        'k:{"containerPort":80,"protocol":"UDP"}': {
            ".": {},
            "f:containerPort": {},
            "f:protocol": {},
        }
    }


def test_the_order_is_that_of_who_applied_last(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")

    def names(manager: str, *applied: str) -> list[str]:
        containers = [{"name": name, "image": IMAGE} for name in applied]
        changed = api.applied(path, with_containers("web", *containers), manager)
        return [it["name"] for it in changed["spec"]["template"]["spec"]["containers"]]

    assert names("one", "a", "b", "c") == ["a", "b", "c"]
    assert names("two", "c", "x", "a") == ["b", "c", "x", "a"]
    assert names("one", "a", "c") == ["x", "a", "c"]


def test_a_list_that_is_one_value_is_replaced_and_owned_as_a_whole(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    api.applied(path, with_containers("web", container("sleep 1")), "one")
    response = api.apply(path, with_containers("web", container("sleep 2")), "two")
    field = '.spec.template.spec.containers[name="main"].command'
    assert causes(response.json()) == {(field, 'conflict with "one"')}
    forced = api.applied(path, with_containers("web", container("sleep 2")), "two", force="true")
    (only,) = forced["spec"]["template"]["spec"]["containers"]
    assert only["command"] == ["sh", "-c", "sleep 2"]


def test_sets_are_united(api: Api) -> None:
    path = api.path(CORE, "configmaps", "kept")

    def finalizers(manager: str, *names: str) -> Object:
        applied = api.applied(path, empty("kept", finalizers=list(names)), manager)
        metadata: Object = applied["metadata"]
        return metadata

    try:
        assert finalizers("one", "a.b/c")["finalizers"] == ["a.b/c"]
        both = finalizers("two", "d.e/f")
        assert both["finalizers"] == ["a.b/c", "d.e/f"]
        assert both["managedFields"][1]["fieldsV1"] == {
            "f:metadata": {"f:finalizers": {'v:"d.e/f"': {}}}
        }
        assert finalizers("one")["finalizers"] == ["d.e/f"]
    finally:
        api.patched(path, {"metadata": {"finalizers": None}})


def test_service_ports_are_told_apart_by_port_and_protocol(api: Api) -> None:
    path = api.path(CORE, "services", "web")

    def service(*ports: Object) -> Object:
        spec = {"selector": {"app": "web"}, "ports": list(ports)}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}

    api.applied(path, service({"name": "http", "port": 80}), "one")
    both = api.applied(path, service({"name": "dns", "port": 80, "protocol": "UDP"}), "two")
    assert {(it["port"], it["protocol"]) for it in both["spec"]["ports"]} == {
        (80, "TCP"),
        (80, "UDP"),
    }
    again = api.applied(path, service({"name": "http", "port": 80, "targetPort": 8080}), "one")
    ports = {it["protocol"]: it["targetPort"] for it in again["spec"]["ports"]}
    assert ports == {"TCP": 8080, "UDP": 80}


def test_what_has_no_owner_belonged_to_somebody_before(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("orphaned", a="1"))
    path = api.path(CORE, "configmaps", "orphaned")
    bare = api.patched(path, {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in bare["metadata"]
    assert "managedFields" not in api.patched(path, {"data": {"b": "2"}})["metadata"]
    response = api.apply(path, config_map("orphaned", a="9"), "one")
    assert causes(response.json()) == {
        (".data.a", 'conflict with "before-first-apply" using v1'),
    }
    changed = api.applied(path, config_map("orphaned", a="1"), "one")
    assert changed["data"] == {"a": "1", "b": "2"}


def test_an_apply_for_another_object_or_by_nobody(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    body = deployment("web", 0)
    assert api.apply(path, body, "one").status_code == 201
    nobody = api.patch(path, body, APPLY)
    assert nobody.status_code == 422
    assert nobody.json()["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for'
        " apply patch"
    )
    assert api.apply(path, body, "x" * 129).status_code == 422
    forced = api.patch(path, {"spec": {"replicas": 1}}, MERGE, force="true")
    assert forced.status_code == 422
    assert forced.json()["details"]["causes"][0]["field"] == "force"

    def refusal(**changes: object) -> tuple[int, str]:
        response = api.apply(path, {**body, **changes}, "one")
        return response.status_code, response.json()["message"]

    assert refusal(metadata={"name": "other"}) == (
        400,
        "the name of the object (other) does not match the name on the URL (web)",
    )
    assert refusal(metadata={"name": "web", "namespace": "elsewhere"})[0] == 400
    assert refusal(metadata={"name": "web", "managedFields": [{}]}) == (
        400,
        "metadata.managedFields must be nil",
    )
    assert refusal(kind="Job") == (400, "invalid object type: apps/v1, Kind=Job")
    uid = "11111111-2222-3333-4444-555555555555"
    code, message = refusal(metadata={"name": "web", "uid": uid})
    assert (code, "metadata.uid: Invalid value" in message) == (422, True)
    code, message = refusal(metadata={"name": "web", "resourceVersion": "1"})
    assert (code, "please apply your changes to the latest" in message) == (409, True)
    absent = api.path(CORE, "configmaps", "absent")
    body = config_map("absent")
    body["metadata"]["uid"] = uid
    response = api.apply(absent, body, "one")
    assert response.status_code == 409
    assert "no existing object was found" in response.json()["message"]
    assert api.apply(absent, [1], "one").status_code == 400
    broken = api.client.patch(
        absent, content=b"a: [", headers={"Content-Type": APPLY}, params={"fieldManager": "one"}
    )
    assert broken.status_code == 400


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"replica": 1}, ".spec.replica: field not declared in schema"),
        ({"replicas": "x"}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"paused": 1}, ".spec.paused: expected boolean, got &{1}"),
        ({"template": [1]}, ".spec.template: expected map, got &{[1]}"),
        (
            {"template": {"spec": {"containers": [{"name": "main", "image": 5}]}}},
            '.spec.template.spec.containers[name="main"].image: expected string, got'
            " &value.valueUnstructured{Value:5}",
        ),
        (
            {"template": {"spec": {"containers": [{"name": "main"}, {"name": "main"}]}}},
            '.spec.template.spec.containers: duplicate entries for key [name="main"]',
        ),
        (
            {"template": {"spec": {"containers": ["x"]}}},
            ".spec.template.spec.containers: element 0: associative list with keys may not have"
            " non-map elements",
        ),
    ],
)
def test_an_apply_that_does_not_fit_the_type(api: Api, spec: Object, problem: str) -> None:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    response = api.apply(api.path(APPS, "deployments", "web"), {**body, "spec": spec}, "one")
    assert response.status_code == 500
    assert response.json()["message"] == (
        f"failed to create typed patch object (/web; apps/v1, Kind=Deployment): {problem}"
    )


def test_an_apply_is_validated_and_may_be_dry(api: Api) -> None:
    path = api.path(BATCH, "cronjobs", "dry")
    body = cron_job("dry", "not a schedule", "exit 0")
    assert api.apply(path, body, "one").status_code == 422
    response = api.apply(path, cron_job("dry", "0 0 1 1 *", "exit 0"), "one", dryRun="All")
    assert response.status_code == 201
    assert response.json()["spec"]["concurrencyPolicy"] == "Allow"
    assert api.get(path).status_code == 404
    created = api.applied(path, cron_job("dry", "0 0 1 1 *", "exit 0"), "one")
    dry = api.applied(path, cron_job("dry", "0 0 2 1 *", "exit 0"), "one", dryRun="All")
    assert dry["spec"]["schedule"] == "0 0 2 1 *"
    assert dry["metadata"]["generation"] == 2
    now = api.read(path)
    assert now["spec"]["schedule"] == "0 0 1 1 *"
    assert now["metadata"]["managedFields"] == created["metadata"]["managedFields"]


def test_an_apply_may_be_yaml(api: Api) -> None:
    text = b"""
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: written
      annotations: {day: 2026-01-01}
    data:
      script: |
        echo one
        echo two
    """
    path = api.path(CORE, "configmaps", "written")
    response = api.client.patch(
        path, content=text, headers={"Content-Type": APPLY}, params={"fieldManager": "one"}
    )
    assert response.status_code == 201, response.text
    assert response.json()["data"] == {"script": "echo one\necho two\n"}
    assert response.json()["metadata"]["annotations"] == {"day": "2026-01-01"}
