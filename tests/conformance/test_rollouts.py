"""Deployments, stateful sets and daemon sets: rollouts, pauses, revisions."""

from typing import Any

from tests.conformance.api import (
    APPS,
    CORE,
    IMAGE,
    JSON_PATCH,
    STRATEGIC,
    Api,
    container,
    deployment,
    has_condition,
    ready,
    rolled_out,
)

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 1; done"


def owned(api: Api, plural: str, owner: Object) -> list[Object]:
    root = CORE if plural == "pods" else APPS
    items = api.read(api.path(root, plural))["items"]
    uid = owner["metadata"]["uid"]
    return [
        it
        for it in items
        if any(ref["uid"] == uid for ref in it["metadata"].get("ownerReferences") or ())
    ]


def condition(obj: Object, kind: str) -> Object:
    found: Object = next(
        (it for it in obj["status"].get("conditions") or () if it["type"] == kind), {}
    )
    return found


def test_a_deployment_rolls_out(api: Api) -> None:
    api.create(APPS, "deployments", deployment("fresh", 2, minReadySeconds=1))
    done = api.wait(APPS, "deployments", "fresh", rolled_out)
    assert done["metadata"]["annotations"] == {REVISION: "1"}
    assert done["metadata"]["generation"] == 1
    assert done["status"]["readyReplicas"] == 2
    assert "unavailableReplicas" not in done["status"]
    done = api.wait(
        APPS,
        "deployments",
        "fresh",
        lambda it: condition(it, "Progressing").get("reason") == "NewReplicaSetAvailable",
    )
    assert condition(done, "Available")["reason"] == "MinimumReplicasAvailable"
    (replica_set,) = owned(api, "replicasets", done)
    metadata, labels = replica_set["metadata"], replica_set["metadata"]["labels"]
    hashed = labels["pod-template-hash"]
    assert metadata["name"] == f"fresh-{hashed}"
    assert labels == {"app": "fresh", "pod-template-hash": hashed}
    assert replica_set["spec"]["selector"]["matchLabels"] == labels
    assert metadata["annotations"] == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "3",
    }
    (reference,) = metadata["ownerReferences"]
    assert (reference["kind"], reference["controller"], reference["blockOwnerDeletion"]) == (
        "Deployment",
        True,
        True,
    )
    pods = owned(api, "pods", replica_set)
    assert len(pods) == 2
    for pod in pods:
        assert pod["metadata"]["name"].startswith(f"fresh-{hashed}-")
        assert pod["metadata"]["generateName"] == f"fresh-{hashed}-"
        assert pod["metadata"]["labels"] == labels
    events = api.read(api.path(CORE, "events"), fieldSelector="involvedObject.kind=Deployment")[
        "items"
    ]
    assert f"Scaled up replica set fresh-{hashed} from 0 to 2" in {it["message"] for it in events}


def test_scaling_keeps_the_replica_set(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("sized", 1))
    api.wait(APPS, "deployments", "sized", rolled_out)
    path = api.path(APPS, "deployments", "sized")
    api.patched(f"{path}/scale", {"spec": {"replicas": 3}})
    api.wait(APPS, "deployments", "sized", rolled_out)
    api.patched(f"{path}/scale", {"spec": {"replicas": 1}})
    api.wait(APPS, "deployments", "sized", rolled_out)
    assert len(owned(api, "replicasets", created)) == 1
    api.wait_list(CORE, "pods", lambda items: len(items) == 1)


def test_a_new_template_makes_a_new_revision_and_the_old_one_comes_back(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("moved", 2))
    api.wait(APPS, "deployments", "moved", rolled_out)
    path = api.path(APPS, "deployments", "moved")
    first = created["spec"]["template"]
    restarted = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
    api.patched(path, patch, STRATEGIC)
    done = api.wait(APPS, "deployments", "moved", rolled_out)
    assert done["metadata"]["annotations"][REVISION] == "2"
    by_revision = {
        it["metadata"]["annotations"][REVISION]: it for it in owned(api, "replicasets", done)
    }
    assert set(by_revision) == {"1", "2"}
    assert by_revision["1"]["spec"]["replicas"] == 0
    assert by_revision["2"]["spec"]["replicas"] == 2
    operations = [{"op": "replace", "path": "/spec/template", "value": first}]
    api.patched(path, operations, JSON_PATCH)
    back = api.wait(APPS, "deployments", "moved", rolled_out)
    assert back["metadata"]["annotations"][REVISION] == "3"
    again = {it["metadata"]["name"]: it for it in owned(api, "replicasets", back)}
    assert set(again) == {it["metadata"]["name"] for it in by_revision.values()}
    old = again[by_revision["1"]["metadata"]["name"]]
    assert old["metadata"]["annotations"][REVISION] == "3"
    assert old["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


def test_availability_is_kept_during_a_rollout(api: Api) -> None:
    strategy = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    api.create(APPS, "deployments", deployment("steady", 2, strategy=strategy))
    done = api.wait(APPS, "deployments", "steady", rolled_out)
    collection = api.path(APPS, "deployments")
    version = api.read(collection)["metadata"]["resourceVersion"]
    del done
    patch = {"spec": {"template": {"metadata": {"labels": {"round": "two"}}}}}
    api.patched(api.path(APPS, "deployments", "steady"), patch)
    with api.watch(collection, resourceVersion=version) as events:
        for event in events:
            status = event["object"]["status"]
            assert status.get("availableReplicas", 0) >= 2
            assert status.get("replicas", 0) <= 3
            if rolled_out(event["object"]):
                break


def test_a_rollout_that_cannot_go_on(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("stuck", 2, progressDeadlineSeconds=5))
    api.wait(APPS, "deployments", "stuck", rolled_out)
    path = api.path(APPS, "deployments", "stuck")
    broken = [{"name": "main", "image": "registry.invalid/none:missing"}]
    patch = {"spec": {"template": {"spec": {"containers": broken}}}}
    api.patched(path, patch, STRATEGIC)
    late = api.wait(
        APPS,
        "deployments",
        "stuck",
        lambda it: condition(it, "Progressing").get("reason") == "ProgressDeadlineExceeded",
    )
    assert condition(late, "Progressing")["status"] == "False"
    assert condition(late, "Available")["status"] == "True"
    status = late["status"]
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == (3, 1, 2)
    assert status["unavailableReplicas"] == 1
    template = created["spec"]["template"]
    operations = [{"op": "replace", "path": "/spec/template", "value": template}]
    api.patched(path, operations, JSON_PATCH)
    back = api.wait(APPS, "deployments", "stuck", rolled_out)
    assert condition(back, "Progressing")["status"] == "True"


def test_a_paused_rollout_only_scales(api: Api) -> None:
    api.create(APPS, "deployments", deployment("frozen", 1))
    api.wait(APPS, "deployments", "frozen", rolled_out)
    path = api.path(APPS, "deployments", "frozen")
    patch: Object = {
        "spec": {"paused": True, "template": {"metadata": {"labels": {"round": "two"}}}}
    }
    api.patched(path, patch)
    frozen = api.wait(
        APPS,
        "deployments",
        "frozen",
        lambda it: condition(it, "Progressing").get("reason") == "DeploymentPaused",
    )
    assert condition(frozen, "Progressing")["status"] == "Unknown"
    api.patched(path, {"spec": {"replicas": 2}})
    grown = api.wait(
        APPS, "deployments", "frozen", lambda it: it["status"].get("availableReplicas") == 2
    )
    assert len(owned(api, "replicasets", grown)) == 1
    assert grown["status"].get("updatedReplicas", 0) == 0
    api.patched(path, {"spec": {"paused": False}})
    done = api.wait(APPS, "deployments", "frozen", rolled_out)
    assert done["metadata"]["annotations"][REVISION] == "2"


def test_zero_and_back_keeps_what_was_annotated(api: Api) -> None:
    api.create(APPS, "deployments", deployment("resting", 2))
    running = api.wait(APPS, "deployments", "resting", rolled_out)
    path = api.path(APPS, "deployments", "resting")
    patch: Object = {
        "metadata": {
            "resourceVersion": running["metadata"]["resourceVersion"],
            "annotations": {"leviathan.dev/paused-replicas": "2"},
        },
        "spec": {"replicas": 0},
    }
    api.patched(path, patch)
    resting = api.wait(APPS, "deployments", "resting", rolled_out)
    assert resting["metadata"]["annotations"]["leviathan.dev/paused-replicas"] == "2"
    assert "replicas" not in resting["status"]
    api.wait_list(CORE, "pods", lambda items: not items)
    api.patched(
        path,
        {
            "metadata": {"annotations": {"leviathan.dev/paused-replicas": None}},
            "spec": {"replicas": 2},
        },
    )
    back = api.wait(APPS, "deployments", "resting", rolled_out)
    assert back["metadata"]["annotations"] == {REVISION: "1"}


def test_recreate_ends_the_old_pods_first(api: Api) -> None:
    api.create(APPS, "deployments", deployment("again", 2, strategy={"type": "Recreate"}))
    api.wait(APPS, "deployments", "again", rolled_out)
    collection = api.path(CORE, "pods")
    version = api.read(collection)["metadata"]["resourceVersion"]
    patch = {"spec": {"template": {"metadata": {"labels": {"round": "two"}}}}}
    api.patched(api.path(APPS, "deployments", "again"), patch)
    ended: set[str] = set()
    with api.watch(collection, resourceVersion=version) as events:
        for event in events:
            pod = event["object"]
            if pod["metadata"]["labels"].get("round") == "two":
                assert event["type"] == "ADDED"
                assert len(ended) == 2
                break
            if event["type"] == "DELETED" or pod["status"]["phase"] in ("Succeeded", "Failed"):
                ended.add(pod["metadata"]["name"])
    api.wait(APPS, "deployments", "again", rolled_out)


def test_old_revisions_are_forgotten(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("short", 0, revisionHistoryLimit=1))
    path = api.path(APPS, "deployments", "short")
    for number in range(3):
        label = {"round": str(number)}
        api.patched(path, {"spec": {"template": {"metadata": {"labels": label}}}})
        api.wait(
            APPS,
            "deployments",
            "short",
            lambda it, wanted=str(number + 2): (  # type: ignore[misc]
                it["metadata"].get("annotations", {}).get(REVISION) == wanted and rolled_out(it)
            ),
        )
    uid = created["metadata"]["uid"]

    def ours(items: list[Object]) -> bool:
        mine = [it for it in items if it["metadata"]["ownerReferences"][0]["uid"] == uid]
        return len(mine) == 2

    left = api.wait_list(APPS, "replicasets", ours)
    assert {it["metadata"]["annotations"][REVISION] for it in left} == {"3", "4"}


def test_a_deleted_pod_is_replaced(api: Api) -> None:
    api.create(APPS, "deployments", deployment("whole", 1))
    api.wait(APPS, "deployments", "whole", rolled_out)
    (pod,) = api.read(api.path(CORE, "pods"))["items"]
    api.delete(api.path(CORE, "pods", pod["metadata"]["name"]))
    api.wait_gone(CORE, "pods", pod["metadata"]["name"])
    (other,) = api.wait_list(
        CORE, "pods", lambda items: len(items) == 1 and all(ready(it) for it in items)
    )
    assert other["metadata"]["uid"] != pod["metadata"]["uid"]


def test_orphans_are_adopted(api: Api) -> None:
    created = api.create(APPS, "deployments", deployment("heir", 1))
    api.wait(APPS, "deployments", "heir", rolled_out)
    (before,) = owned(api, "replicasets", created)
    path = api.path(APPS, "deployments", "heir")
    api.delete(path, {"propagationPolicy": "Orphan"})
    api.wait_gone(APPS, "deployments", "heir")
    again = api.create(APPS, "deployments", deployment("heir", 1))
    api.wait(APPS, "deployments", "heir", rolled_out)
    (after,) = owned(api, "replicasets", again)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def stateful_set(name: str, replicas: int) -> Object:
    body = deployment(name, replicas, FOREVER)
    body["kind"] = "StatefulSet"
    body["spec"]["serviceName"] = name
    return body


def test_a_stateful_set_goes_in_order(api: Api) -> None:
    api.create(APPS, "statefulsets", stateful_set("ordered", 2))
    done = api.wait(
        APPS, "statefulsets", "ordered", lambda it: it["status"].get("availableReplicas") == 2
    )
    first = api.read(api.path(CORE, "pods", "ordered-0"))
    second = api.read(api.path(CORE, "pods", "ordered-1"))
    started = condition(first, "Ready")["lastTransitionTime"]
    assert started <= second["metadata"]["creationTimestamp"]
    revision = done["status"]["updateRevision"]
    assert done["status"]["currentRevision"] == revision
    assert first["metadata"]["labels"] == {
        "app": "ordered",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": revision,
        "statefulset.kubernetes.io/pod-name": "ordered-0",
    }
    assert first["spec"]["hostname"] == "ordered-0"
    assert first["spec"]["subdomain"] == "ordered"
    (kept,) = owned(api, "controllerrevisions", done)
    assert kept["metadata"]["name"] == revision
    assert kept["revision"] == 1
    assert kept["data"]["spec"]["template"]["$patch"] == "replace"
    path = api.path(APPS, "statefulsets", "ordered")
    patch = {"spec": {"template": {"metadata": {"annotations": {"round": "two"}}}}}
    api.patched(path, patch)
    moved = api.wait(
        APPS,
        "statefulsets",
        "ordered",
        lambda it: (
            it["status"].get("updatedReplicas") == 2
            and it["status"].get("currentRevision") == it["status"].get("updateRevision")
            and it["status"]["updateRevision"] != revision
        ),
    )
    assert len(owned(api, "controllerrevisions", moved)) == 2
    api.patched(path, {"spec": {"replicas": 1}})
    api.wait_gone(CORE, "pods", "ordered-1")
    assert api.get(api.path(CORE, "pods", "ordered-0")).status_code == 200


def test_a_daemon_set_runs_where_it_fits(api: Api) -> None:
    body = deployment("everywhere", 1, FOREVER)
    body["kind"] = "DaemonSet"
    del body["spec"]["replicas"]
    created = api.create(APPS, "daemonsets", body)

    def settled(it: Object) -> bool:
        status = it["status"]
        return bool(
            status.get("observedGeneration") == it["metadata"]["generation"]
            and status["desiredNumberScheduled"] > 0
            and status["numberReady"]
            == status["currentNumberScheduled"]
            == status["desiredNumberScheduled"]
            == status.get("updatedNumberScheduled")
        )

    done = api.wait(APPS, "daemonsets", "everywhere", settled)
    pods = owned(api, "pods", created)
    assert len({it["spec"]["nodeName"] for it in pods}) == len(pods)
    assert done["status"]["desiredNumberScheduled"] == len(pods)
    (kept,) = owned(api, "controllerrevisions", created)
    hashed = kept["metadata"]["labels"]["controller-revision-hash"]
    assert kept["metadata"]["name"] == f"everywhere-{hashed}"
    assert pods[0]["metadata"]["labels"] == {
        "app": "everywhere",
        "controller-revision-hash": hashed,
        "pod-template-generation": "1",
    }
    path = api.path(APPS, "daemonsets", "everywhere")
    nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"no": "where"}}}}}
    api.patched(path, nowhere)
    api.wait_list(CORE, "pods", lambda items: not items)
    none = api.wait(
        APPS, "daemonsets", "everywhere", lambda it: not it["status"]["desiredNumberScheduled"]
    )
    assert none["metadata"]["annotations"]["deprecated.daemonset.template.generation"] == "2"


def test_images_and_names_of_several_containers_in_a_table(api: Api) -> None:
    body = deployment("twofold", 0)
    body["spec"]["template"]["spec"]["containers"].append(container("sleep 1", "second"))
    api.create(APPS, "deployments", body)
    table = api.table(api.path(APPS, "deployments"))
    cells = dict(
        zip(
            (it["name"] for it in table["columnDefinitions"]),
            table["rows"][0]["cells"],
            strict=True,
        )
    )
    assert cells["Containers"] == "main,second"
    assert cells["Images"] == f"{IMAGE},{IMAGE}"
    assert cells["Selector"] == "app=twofold"
    assert not has_condition(api.read(api.path(APPS, "deployments", "twofold")), "Failed")
