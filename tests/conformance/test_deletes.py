"""Deletes: propagation, preconditions, finalizers, grace periods."""

from typing import Any

import pytest

from tests.conformance.api import (
    APPS,
    BATCH,
    CORE,
    Api,
    config_map,
    deployment,
    job,
    pod,
    rolled_out,
)

Object = dict[str, Any]


def test_a_delete_says_what_it_deleted(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("gone", 0))
    response = api.delete(api.path(APPS, "deployments", "gone"))
    assert response.status_code == 200
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": "gone",
            "group": "apps",
            "kind": "deployments",
            "uid": created["metadata"]["uid"],
        },
    }
    assert api.get(api.path(APPS, "deployments", "gone")).status_code == 404


def test_some_kinds_answer_with_the_object(api: Api) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front"},
        "spec": {"ports": [{"port": 80}]},
    }
    api.create(CORE, "services", body)
    response = api.delete(api.path(CORE, "services", "front"))
    assert response.json()["kind"] == "Service"


@pytest.mark.parametrize(
    ("field", "word"), [("uid", "UID"), ("resourceVersion", "ResourceVersion")]
)
def test_preconditions(api: Api, field: str, word: str) -> None:
    created = api.create(APPS, "deployments", deployment("kept", 0))
    path = api.path(APPS, "deployments", "kept")
    wrong = {"preconditions": {field: "1" if field == "resourceVersion" else "someone-else"}}
    response = api.delete(path, wrong)
    assert response.status_code == 409
    body = response.json()
    assert body["reason"] == "Conflict"
    assert f"the {word} in the precondition" in body["message"]
    assert body["message"].startswith(
        'Operation cannot be fulfilled on Deployment.apps "kept": the'
    )
    assert body["details"] == {"name": "kept", "group": "apps", "kind": "Deployment"}
    now = api.read(path)["metadata"]
    assert now["uid"] == created["metadata"]["uid"]
    right = {"preconditions": {"uid": now["uid"]}}
    assert api.delete(path, right).status_code == 200


def test_options_in_the_query_count_only_without_a_body(api: Api) -> None:
    path = api.path(CORE, "configmaps", "kept")
    api.create(CORE, "configmaps", config_map("kept"))
    assert api.delete(path, dryRun="All").status_code == 200
    assert api.get(path).status_code == 200
    assert api.delete(path, {"dryRun": ["All"]}).status_code == 200
    assert api.get(path).status_code == 200
    # Beware: this deletes.
    assert api.delete(path, {"propagationPolicy": "Background"}, dryRun="All").status_code == 200
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("options", "field", "words"),
    [
        ({"dryRun": ["Some"]}, "dryRun", 'Unsupported value: ["Some"]: supported values: "All"'),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            "propagationPolicy",
            "orphanDependents and deletionPropagation cannot be both set",
        ),
    ],
)
def test_options_that_make_no_sense(api: Api, options: Object, field: str, words: str) -> None:
    api.create(CORE, "configmaps", config_map("kept"))
    response = api.delete(api.path(CORE, "configmaps", "kept"), options)
    assert response.status_code == 422
    assert response.json()["message"].startswith(
        f'DeleteOptions.meta.k8s.io "" is invalid: {field}:'
    )
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [
        (None, ["a.b/c"]),
        ("Background", ["a.b/c"]),
        ("Foreground", ["a.b/c", "foregroundDeletion"]),
        ("Orphan", ["a.b/c", "orphan"]),
    ],
)
def test_a_dry_delete_shows_what_would_hold_the_object(
    api: Api, policy: str | None, finalizers: list[str]
) -> None:
    body = deployment("held", 0)
    body["metadata"]["finalizers"] = ["a.b/c"]
    api.create(APPS, "deployments", body)
    path = api.path(APPS, "deployments", "held")
    before = api.read(path)["metadata"]
    options: Object = {"dryRun": ["All"], "propagationPolicy": policy}
    response = api.delete(path, options)
    assert response.status_code == 200
    shown = response.json()["metadata"]
    assert "deletionTimestamp" in shown
    assert shown["generation"] == 2
    assert sorted(shown["finalizers"]) == finalizers
    after = api.read(path)["metadata"]
    assert (after["generation"], after["finalizers"]) == (1, before["finalizers"])
    assert "deletionTimestamp" not in after
    api.patched(path, {"metadata": {"finalizers": None}})


def test_a_dry_delete_honours_preconditions(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("kept"))
    path = api.path(CORE, "configmaps", "kept")
    wrong: Object = {"preconditions": {"resourceVersion": "1"}, "dryRun": ["All"]}
    assert api.delete(path, wrong).status_code == 409


def test_what_is_being_deleted_can_be_neither_made_nor_held_longer(api: Api) -> None:
    body = config_map("leaving", a="1")
    body["metadata"]["finalizers"] = ["a.b/c"]
    api.create(CORE, "configmaps", body)
    path = api.path(CORE, "configmaps", "leaving")
    assert "deletionTimestamp" in api.delete(path).json()["metadata"]
    again = api.post(api.path(CORE, "configmaps"), body)
    assert again.status_code == 409
    assert again.json()["message"] == (
        'object is being deleted: configmaps "leaving" already exists'
    )
    assert api.patched(path, {"data": {"a": "2"}})["data"] == {"a": "2"}
    more = {"metadata": {"finalizers": ["a.b/c", "d.e/f"]}}
    assert api.patch(path, more).status_code == 422
    released = {"metadata": {"finalizers": None}}
    assert "finalizers" not in api.patched(path, released, dryRun="All")["metadata"]
    assert api.get(path).status_code == 200
    api.patched(path, released)
    assert api.get(path).status_code == 404


def test_an_unknown_policy(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("kept"))
    path = api.path(CORE, "configmaps", "kept")
    response = api.delete(path, {"propagationPolicy": "Sideways"})
    assert response.status_code == 422
    assert 'propagationPolicy: Unsupported value: "Sideways"' in response.json()["message"]
    assert api.get(path).status_code == 200


def owned_by(parent: Object, name: str, *, block: bool = True) -> Object:
    body = config_map(name)
    body["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": parent["metadata"]["name"],
            "uid": parent["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
    ]
    return body


def test_dependents_go_in_the_background(api: Api) -> None:
    parent = api.create(CORE, "configmaps", config_map("parent"))
    child = api.create(CORE, "configmaps", owned_by(parent, "child"))
    api.create(CORE, "configmaps", owned_by(child, "grandchild"))
    response = api.delete(
        api.path(CORE, "configmaps", "parent"), {"propagationPolicy": "Background"}
    )
    assert response.status_code == 200
    assert api.get(api.path(CORE, "configmaps", "parent")).status_code == 404
    api.wait_gone(CORE, "configmaps", "child")
    api.wait_gone(CORE, "configmaps", "grandchild")


def test_dependents_go_first_in_the_foreground(api: Api) -> None:
    parent = api.create(CORE, "configmaps", config_map("parent"))
    child = owned_by(parent, "child")
    child["metadata"]["finalizers"] = ["example.com/hold"]
    api.create(CORE, "configmaps", child)
    response = api.delete(
        api.path(CORE, "configmaps", "parent"), {"propagationPolicy": "Foreground"}
    )
    assert response.status_code == 200
    left = response.json()
    assert left["kind"] == "ConfigMap"
    assert left["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert left["metadata"]["deletionTimestamp"]
    api.wait(CORE, "configmaps", "child", lambda it: "deletionTimestamp" in it["metadata"])
    assert api.get(api.path(CORE, "configmaps", "parent")).status_code == 200
    api.patched(api.path(CORE, "configmaps", "child"), {"metadata": {"finalizers": None}})
    api.wait_gone(CORE, "configmaps", "child")
    api.wait_gone(CORE, "configmaps", "parent")


def test_dependents_stay_as_orphans(api: Api) -> None:
    parent = api.create(CORE, "configmaps", config_map("parent"))
    api.create(CORE, "configmaps", owned_by(parent, "child"))
    # A garbage collector that has not heard of the child yet would find nobody to set free.
    api.wait(CORE, "configmaps", "child", lambda it: bool(it["metadata"]["ownerReferences"]))
    response = api.delete(api.path(CORE, "configmaps", "parent"), {"propagationPolicy": "Orphan"})
    assert response.status_code == 200
    api.wait_gone(CORE, "configmaps", "parent")
    child = api.wait(
        CORE, "configmaps", "child", lambda it: "ownerReferences" not in it["metadata"]
    )
    assert "deletionTimestamp" not in child["metadata"]


def test_an_object_without_its_owner_goes_too(api: Api) -> None:
    parent = api.create(CORE, "configmaps", config_map("parent"))
    api.delete(api.path(CORE, "configmaps", "parent"))
    api.create(CORE, "configmaps", owned_by(parent, "late"))
    api.wait_gone(CORE, "configmaps", "late")


def test_finalizers_hold_an_object(api: Api) -> None:
    body = config_map("held")
    body["metadata"]["finalizers"] = ["example.com/one", "example.com/two"]
    api.create(CORE, "configmaps", body)
    path = api.path(CORE, "configmaps", "held")
    held = api.delete(path).json()
    assert held["metadata"]["deletionTimestamp"]
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    again = api.delete(path).json()
    assert again["metadata"]["deletionTimestamp"] == held["metadata"]["deletionTimestamp"]
    more = {"metadata": {"finalizers": ["example.com/one", "example.com/three"]}}
    response = api.patch(path, more)
    assert response.status_code == 422
    assert "no new finalizers can be added" in response.json()["message"]
    less = api.patched(path, {"metadata": {"finalizers": ["example.com/two"]}})
    assert less["metadata"]["finalizers"] == ["example.com/two"]
    last = api.patched(path, {"metadata": {"finalizers": []}})
    assert last["metadata"]["name"] == "held"
    assert api.get(path).status_code == 404


def test_a_running_pod_is_given_time(api: Api) -> None:
    body = pod("patient", "trap '' TERM; while true; do sleep 1; done")
    body["spec"]["terminationGracePeriodSeconds"] = 5
    created = api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "patient", lambda it: it["status"]["phase"] == "Running")
    path = api.path(CORE, "pods", "patient")
    marked = api.delete(path).json()
    assert marked["kind"] == "Pod"
    assert marked["metadata"]["deletionTimestamp"]
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 5
    assert marked["metadata"]["generation"] == created["metadata"]["generation"] + 1
    still = api.get(path)
    assert still.status_code == 200
    assert api.table(path)["rows"][0]["cells"][2] == "Terminating"
    longer = api.delete(path, {"gracePeriodSeconds": 500}).json()
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 5
    api.wait_gone(CORE, "pods", "patient")


def test_no_grace_at_all(api: Api) -> None:
    api.create(CORE, "pods", pod("abrupt", "sleep 600"))
    api.wait(CORE, "pods", "abrupt", lambda it: it["status"]["phase"] == "Running")
    path = api.path(CORE, "pods", "abrupt")
    response = api.delete(path, {"gracePeriodSeconds": 0})
    assert response.status_code == 200
    assert response.json()["kind"] == "Pod"
    assert api.get(path).status_code == 404


def test_an_ended_or_unscheduled_pod_goes_at_once(api: Api) -> None:
    api.create(CORE, "pods", pod("ended", "exit 0"))
    api.wait(CORE, "pods", "ended", lambda it: it["status"]["phase"] == "Succeeded")
    homeless = pod("homeless", "exit 0", nodeSelector={"no": "where"})
    api.create(CORE, "pods", homeless)
    for name in ("ended", "homeless"):
        path = api.path(CORE, "pods", name)
        assert api.delete(path).status_code == 200
        assert api.get(path).status_code == 404


def test_a_deployment_takes_its_pods_along(api: Api) -> None:
    api.create(APPS, "deployments", deployment("family", 2))
    api.wait(APPS, "deployments", "family", rolled_out)
    api.delete(api.path(APPS, "deployments", "family"))
    api.wait_list(APPS, "replicasets", lambda items: not items)
    api.wait_list(CORE, "pods", lambda items: not items)


def test_a_job_leaves_its_pods_unless_told_otherwise(api: Api) -> None:
    api.create(BATCH, "jobs", job("kept", "exit 0"))
    api.wait(BATCH, "jobs", "kept", lambda it: it["status"].get("succeeded") == 1)
    path = api.path(BATCH, "jobs", "kept")
    response = api.delete(path)
    assert "child pods are preserved by default" in response.headers["Warning"]
    api.wait_gone(BATCH, "jobs", "kept")
    (orphan,) = api.wait_list(
        CORE,
        "pods",
        lambda items: all("ownerReferences" not in it["metadata"] for it in items),
        "job-name=kept",
    )
    assert orphan["status"]["phase"] == "Succeeded"
    api.create(BATCH, "jobs", job("swept", "exit 0"))
    api.wait(BATCH, "jobs", "swept", lambda it: it["status"].get("succeeded") == 1)
    response = api.delete(api.path(BATCH, "jobs", "swept"), {"propagationPolicy": "Background"})
    assert "Warning" not in response.headers
    api.wait_list(CORE, "pods", lambda items: not items, "job-name=swept")


def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for number in range(4):
        parity = "even" if number % 2 == 0 else "odd"
        api.create(CORE, "configmaps", config_map(f"c{number}", {"parity": parity}))
    path = api.path(CORE, "configmaps")
    response = api.delete(path, labelSelector="parity=even")
    assert response.status_code == 200
    body = response.json()
    assert body["kind"] == "ConfigMapList"
    assert [it["metadata"]["name"] for it in body["items"]] == ["c0", "c2"]
    left = {it["metadata"]["name"] for it in api.read(path)["items"]}
    assert left == {"c1", "c3", "kube-root-ca.crt"}


def test_a_namespace_is_emptied_first(api: Api) -> None:
    body = config_map("held")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    api.create(CORE, "configmaps", body)
    api.create(CORE, "configmaps", config_map("plain"))
    path = f"{CORE}/namespaces/{api.namespace}"
    marked = api.delete(path).json()
    assert marked["status"]["phase"] == "Terminating"
    assert marked["spec"]["finalizers"] == ["kubernetes"]
    api.wait_gone(CORE, "configmaps", "plain")
    refused = api.post(api.path(CORE, "configmaps"), config_map("late"))
    assert refused.status_code == 403
    cause = refused.json()["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("NamespaceTerminating", "metadata.namespace")
    assert "because it is being terminated" in refused.json()["message"]
    api.patched(api.path(CORE, "configmaps", "held"), {"metadata": {"finalizers": None}})
    version = api.read(f"{CORE}/namespaces")["metadata"]["resourceVersion"]
    if api.get(path).status_code == 404:
        return
    selector = f"metadata.name={api.namespace}"
    with api.watch(f"{CORE}/namespaces", fieldSelector=selector, resourceVersion=version) as events:
        assert any(event["type"] == "DELETED" for event in events)
