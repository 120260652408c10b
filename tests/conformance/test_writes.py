"""Updates and patches: conflicts, generations, dry runs, scale."""

from typing import Any

import pytest

from tests.conformance.api import (
    APPS,
    BATCH,
    CORE,
    IMAGE,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Api,
    config_map,
    container,
    cron_job,
    deployment,
)

Object = dict[str, Any]


def test_an_update_needs_no_version_and_honours_one(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("contested", a="1"))
    path = api.path(CORE, "configmaps", "contested")
    fresh = api.put(path, config_map("contested", a="2"))
    assert fresh.status_code == 200
    stale = {**created, "data": {"a": "3"}}
    response = api.put(path, stale)
    assert response.status_code == 409
    body = response.json()
    assert body["reason"] == "Conflict"
    assert body["details"] == {"name": "contested", "kind": "configmaps"}
    assert body["message"] == (
        'Operation cannot be fulfilled on configmaps "contested": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )
    stale["metadata"]["resourceVersion"] = fresh.json()["metadata"]["resourceVersion"]
    assert api.put(path, stale).json()["data"] == {"a": "3"}


def test_a_patch_honours_the_version_in_it(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("raced", 0))
    path = api.path(APPS, "deployments", "raced")
    old = created["metadata"]["resourceVersion"]
    api.patched(path, {"metadata": {"labels": {"moved": "on"}}})
    for media_type in (MERGE, STRATEGIC):
        patch: Object = {"metadata": {"resourceVersion": old}, "spec": {"replicas": 1}}
        response = api.patch(path, patch, media_type)
        assert response.status_code == 409
        assert "please apply your changes to the latest version" in response.json()["message"]
    operations = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": old},
        {"op": "replace", "path": "/spec/replicas", "value": 1},
    ]
    assert api.patch(path, operations, JSON_PATCH).status_code == 409
    assert api.read(path)["spec"]["replicas"] == 0


def test_another_uid_is_a_conflict(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("self"))
    body = config_map("self")
    body["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555"
    response = api.put(api.path(CORE, "configmaps", "self"), body)
    assert response.status_code == 409
    assert "UID in precondition" in response.json()["message"]


def test_a_patch_cannot_make_another_object(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("self"))
    path, uid = api.path(CORE, "configmaps", "self"), "11111111-2222-3333-4444-555555555555"
    replace = [{"op": "replace", "path": "/metadata/uid", "value": uid}]
    for response in (
        api.patch(path, {"metadata": {"uid": uid}}, MERGE),
        api.patch(path, {"metadata": {"uid": uid}}, STRATEGIC),
        api.patch(path, replace, JSON_PATCH),
    ):
        assert response.status_code == 422
        assert response.json()["message"] == (
            f'ConfigMap "self" is invalid: metadata.uid: Invalid value: "{uid}": field is immutable'
        )


def test_a_patch_can_test_what_it_presumes(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("presumed"))["metadata"]
    path = api.path(CORE, "configmaps", "presumed")

    def patch(uid: str) -> list[Object]:
        return [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/data", "value": {"a": "1"}},
        ]

    response = api.patch(path, patch("another"), JSON_PATCH)
    assert response.status_code == 422
    assert response.json()["message"] == (
        "the server rejected our request due to an error in our request"
    )
    assert api.patched(path, patch(created["uid"]), JSON_PATCH)["data"] == {"a": "1"}


def test_writes_that_change_nothing_move_nothing(api: Api) -> None:
    created = api.create(CORE, "configmaps", config_map("still", {"a": "b"}, key="value"))
    path = api.path(CORE, "configmaps", "still")
    version = created["metadata"]["resourceVersion"]
    for again in (
        api.patched(path, {"data": {"key": "value"}}),
        api.patched(path, [], JSON_PATCH),
        api.patched(path, {"metadata": {"labels": {"a": "b"}}}, STRATEGIC),
        api.put(path, config_map("still", {"a": "b"}, key="value")).json(),
    ):
        assert again["metadata"]["resourceVersion"] == version


def test_generation_counts_changes_of_the_spec(api: Api) -> None:
    api.create(APPS, "deployments", deployment("counted", 0))
    path = api.path(APPS, "deployments", "counted")

    def after(patch: Object) -> int:
        generation: int = api.patched(path, patch)["metadata"]["generation"]
        return generation

    assert after({"metadata": {"labels": {"x": "y"}}}) == 1
    assert after({"spec": {"minReadySeconds": 1}}) == 2
    assert after({"spec": {"minReadySeconds": 1}}) == 2
    # A deployment counts its annotations too, which its replica sets copy.
    assert after({"metadata": {"annotations": {"note": "one"}}}) == 3
    created = api.create(BATCH, "cronjobs", cron_job("counted", "0 0 1 1 *", "exit 0"))
    path = api.path(BATCH, "cronjobs", "counted")
    assert created["metadata"]["generation"] == 1
    assert after({"metadata": {"annotations": {"note": "one"}}}) == 1
    assert after({"spec": {"suspend": True}}) == 2


def test_spec_and_status_are_written_apart(api: Api) -> None:
    body = cron_job("apart", "0 0 1 1 *", "exit 0", suspend=True)
    api.create(BATCH, "cronjobs", body)
    path = api.path(BATCH, "cronjobs", "apart")
    seen = "2026-01-01T00:00:00Z"
    api.patched(path, {"status": {"lastScheduleTime": seen}})
    assert "lastScheduleTime" not in api.read(path)["status"]
    written = api.patched(
        f"{path}/status", {"status": {"lastScheduleTime": seen}, "spec": {"suspend": False}}
    )
    assert written["status"]["lastScheduleTime"] == seen
    assert written["spec"]["suspend"] is True
    assert written["metadata"]["generation"] == 1
    assert api.read(f"{path}/status")["status"]["lastScheduleTime"] == seen


def test_merge_patches_remove_with_null_and_replace_lists(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("merged", {"a": "1", "b": "2"}, x="1", y="2"))
    path = api.path(CORE, "configmaps", "merged")
    changed = api.patched(
        path, {"metadata": {"labels": {"a": None, "c": "3"}}, "data": {"x": None}}
    )
    assert changed["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert changed["data"] == {"y": "2"}
    api.create(APPS, "deployments", deployment("merged", 0))
    path = api.path(APPS, "deployments", "merged")
    replaced = api.patched(
        path,
        {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": IMAGE}]}}}},
    )
    assert [it["name"] for it in replaced["spec"]["template"]["spec"]["containers"]] == ["other"]


def test_strategic_patches_merge_containers_by_name(api: Api) -> None:
    body = deployment("strategic", 0)
    containers = [
        container("sleep 1", "first", env=[{"name": "A", "value": "1"}]),
        container("sleep 2", "second"),
    ]
    body["spec"]["template"]["spec"]["containers"] = containers
    api.create(APPS, "deployments", body)
    path = api.path(APPS, "deployments", "strategic")

    def patched(*items: Object, **more: object) -> list[Object]:
        spec = {"containers": list(items), **more}
        changed = api.patched(path, {"spec": {"template": {"spec": spec}}}, STRATEGIC)
        found: list[Object] = changed["spec"]["template"]["spec"]["containers"]
        return found

    first, second = patched({"name": "second", "image": "busybox:1.35"})
    assert (first["image"], second["image"]) == (IMAGE, "busybox:1.35")
    assert second["command"] == ["sh", "-c", "sleep 2"]
    first, _ = patched({"name": "first", "env": [{"name": "B", "value": "2"}]})
    assert sorted(it["name"] for it in first["env"]) == ["A", "B"]
    first, _ = patched({"name": "first", "env": [{"name": "A", "$patch": "delete"}]})
    assert [it["name"] for it in first["env"]] == ["B"]
    (only,) = patched({"name": "second", "$patch": "delete"})
    assert only["name"] == "first"
    ordered = patched(
        {"name": "zero", "image": IMAGE},
        **{"$setElementOrder/containers": [{"name": "zero"}, {"name": "first"}]},
    )
    assert [it["name"] for it in ordered] == ["zero", "first"]
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    restarted = api.patched(
        path, {"spec": {"template": {"metadata": {"annotations": annotations}}}}, STRATEGIC
    )
    assert restarted["spec"]["template"]["metadata"]["annotations"] == annotations


def test_json_patches_do_what_they_say(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("scripted", a="1", b="2"))
    path = api.path(CORE, "configmaps", "scripted")
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "one"},
        {"op": "add", "path": "/data/dotted.key", "value": "x"},
        {"op": "remove", "path": "/data/b"},
        {"op": "copy", "from": "/data/a", "path": "/data/c"},
        {"op": "move", "from": "/data/c", "path": "/data/d"},
    ]
    changed = api.patched(path, operations, JSON_PATCH)
    assert changed["data"] == {"a": "one", "dotted.key": "x", "d": "one"}
    more: list[Object] = [
        {"op": "replace", "path": "/data/new", "value": "y"},
        {"op": "add", "path": "/metadata/labels", "value": {"with/slash": "1"}},
        {"op": "replace", "path": "/metadata/labels/with~1slash", "value": "2"},
    ]
    changed = api.patched(path, more, JSON_PATCH)
    assert changed["data"]["new"] == "y"
    assert changed["metadata"]["labels"] == {"with/slash": "2"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/data/a", "value": "2"},
        {"op": "remove", "path": "/data/absent"},
        {"op": "replace", "path": "/absent/deep", "value": "x"},
        {"op": "add", "path": "/absent/deep", "value": "x"},
    ],
)
def test_a_json_patch_that_does_not_fit(api: Api, operation: Object) -> None:
    api.create(CORE, "configmaps", config_map("fixed", a="1"))
    path = api.path(CORE, "configmaps", "fixed")
    response = api.patch(path, [operation], JSON_PATCH)
    assert response.status_code == 422
    assert response.json()["reason"] == "Invalid"
    assert api.read(path)["data"] == {"a": "1"}


def test_a_rollback_replaces_the_whole_template(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("back", 0))
    path = api.path(APPS, "deployments", "back")
    before = created["spec"]["template"]
    extra = {"name": "extra", "image": IMAGE}
    api.patched(path, {"spec": {"template": {"spec": {"containers": [extra]}}}}, STRATEGIC)
    operations = [{"op": "replace", "path": "/spec/template", "value": before}]
    assert api.patched(path, operations, JSON_PATCH)["spec"]["template"] == before


def test_a_patch_of_an_unknown_type(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("typed"))
    response = api.patch(api.path(CORE, "configmaps", "typed"), {}, "text/plain")
    assert response.status_code == 415
    assert response.json()["reason"] == "UnsupportedMediaType"


# Dry runs.


def test_dry_runs_answer_and_store_nothing(api: Api) -> None:
    path = api.path(APPS, "deployments")
    dry = api.create(APPS, "deployments", deployment("dry", 2), dryRun="All")
    assert dry["spec"]["revisionHistoryLimit"] == 10
    assert dry["metadata"]["uid"]
    assert "resourceVersion" not in dry["metadata"]
    assert api.get(f"{path}/dry").status_code == 404
    created = api.create(APPS, "deployments", deployment("dry", 0))
    assert api.post(path, deployment("dry", 0), dryRun="All").status_code == 409
    for answer in (
        api.patched(f"{path}/dry", {"spec": {"minReadySeconds": 9}}, dryRun="All"),
        api.put(
            f"{path}/dry",
            {**created, "spec": created["spec"] | {"minReadySeconds": 9}},
            dryRun="All",
        ).json(),
    ):
        assert answer.get("code", 200) in (200, 409)
        if "spec" in answer:
            assert answer["spec"]["minReadySeconds"] == 9
            assert answer["metadata"]["generation"] == 2
    assert api.delete(f"{path}/dry", dryRun="All").status_code == 200
    now = api.read(f"{path}/dry")
    assert "minReadySeconds" not in now["spec"]
    assert now["metadata"]["uid"] == created["metadata"]["uid"]
    assert "deletionTimestamp" not in now["metadata"]


def test_a_dry_run_of_the_scale(api: Api) -> None:
    api.create(APPS, "deployments", deployment("dry", 0))
    path = api.path(APPS, "deployments", "dry")
    dry = api.patched(f"{path}/scale", {"spec": {"replicas": 2}}, dryRun="All")
    assert dry["spec"] == {"replicas": 2}
    assert api.read(path)["spec"]["replicas"] == 0


def test_a_dry_run_validates(api: Api) -> None:
    body = deployment("dry", -1)
    assert api.post(api.path(APPS, "deployments"), body, dryRun="All").status_code == 422


def test_dry_run_is_all_or_nothing(api: Api) -> None:
    response = api.post(api.path(CORE, "configmaps"), config_map("dry"), dryRun="Some")
    assert response.status_code == 422
    assert response.json()["details"]["causes"][0]["field"] == "dryRun"


# Scale.


def test_scale(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("sized", 0))
    path = api.path(APPS, "deployments", "sized", "scale")
    scale = api.read(path)
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {}
    assert scale["status"] == {"replicas": 0, "selector": "app=sized"}
    assert scale["metadata"]["uid"] == created["metadata"]["uid"]
    grown = api.patched(path, {"spec": {"replicas": 1}})
    assert grown["spec"] == {"replicas": 1}
    whole = api.read(api.path(APPS, "deployments", "sized"))
    assert (whole["spec"]["replicas"], whole["metadata"]["generation"]) == (1, 2)
    back = api.put(path, {"metadata": {"name": "sized", "namespace": api.namespace}, "spec": {}})
    assert back.status_code == 200
    assert api.read(api.path(APPS, "deployments", "sized"))["spec"]["replicas"] == 0


def test_scale_refuses_what_it_must(api: Api) -> None:
    api.create(APPS, "deployments", deployment("sized", 0))
    path = api.path(APPS, "deployments", "sized", "scale")
    assert api.patch(path, {"spec": {"replicas": -1}}).status_code == 422
    stale = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}
    assert api.patch(path, stale).status_code == 409
    api.create(CORE, "configmaps", config_map("sized"))
    assert api.get(api.path(CORE, "configmaps", "sized", "scale")).status_code == 404
