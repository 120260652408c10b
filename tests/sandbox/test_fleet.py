"""The fleet that a sandbox starts with."""

from collections import Counter
from datetime import timedelta

import pytest

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.fleet.company import APPS, CRONS
from leviathan_sandbox.kinds import (
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    KINDS,
    NAMESPACE,
    NODE,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
)
from leviathan_sandbox.objects import Object, has_condition, moment
from leviathan_sandbox.server.pod_cells import pod_cells
from leviathan_sandbox.server.serving import advance, settle
from tests.sandbox.conftest import new_cluster


def everything(cluster: Cluster) -> dict[str, Object]:
    return {
        f"{kind.name}/{entry.key}": entry.object
        for kind in KINDS
        for entry in cluster.storage.all(kind)
    }


def words(cluster: Cluster) -> Counter[str]:
    now = cluster.agenda.now()
    return Counter(pod_cells(entry.object, now).status for entry in cluster.storage.all(POD))


def app_count(cluster: Cluster) -> int:
    return sum(len(cluster.storage.all(kind)) for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET))


@pytest.mark.parametrize("apps", [0, 1, 7, 24, 25, 180])
def test_there_are_as_many_apps_as_asked_for(apps: int) -> None:
    assert app_count(new_cluster(apps, live=False)) == apps


def test_the_same_number_makes_the_same_fleet() -> None:
    assert everything(new_cluster(60, live=False)) == everything(new_cluster(60, live=False))


@pytest.mark.parametrize("apps", [24, 150])
def test_the_controllers_find_nothing_to_do_in_it(apps: int) -> None:
    cluster = new_cluster(apps, live=False)
    before = everything(cluster)
    for controller in cluster.manager.controllers:
        for kind in KINDS:
            for entry in cluster.storage.all(kind):
                # Pods in the middle of something would go on; that is not the controllers' work.
                if controller is not cluster.kubelet:
                    controller.enqueue(entry.key)
    settle(cluster)
    after = everything(cluster)
    changed = {
        key: [(before[key].get(part), after[key].get(part)) for part in ("spec", "status")]
        for key in before
        if key in after and before[key] != after[key]
    }
    assert changed == {}
    assert set(after) == set(before)
    assert cluster.manager.failures == []


def test_it_shows_every_state_that_an_app_can_be_in() -> None:
    cluster = new_cluster(24, live=False)
    expected = {
        "Running",
        "Completed",
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "Init:CrashLoopBackOff",
        "CreateContainerConfigError",
        "Pending",
        "ContainerCreating",
        "Error",
        "Evicted",
    }
    assert expected <= set(words(cluster))
    paused = cluster.registry.find(DEPLOYMENT, "data", "importer").object
    assert paused["spec"]["replicas"] == 0
    assert paused["metadata"]["annotations"]["leviathan.dev/paused-replicas"] == "3"
    frozen = cluster.registry.find(DEPLOYMENT, "ops", "status-page").object
    assert frozen["spec"]["paused"] is True
    killed = [
        status["lastState"]["terminated"]["reason"]
        for entry in cluster.storage.all(POD, "data")
        for status in entry.object["status"].get("containerStatuses") or ()
        if status["lastState"]
    ]
    assert "OOMKilled" in killed


def test_it_has_a_past() -> None:
    cluster = new_cluster(24, live=False)
    now = cluster.agenda.now()
    releases = [
        entry.object
        for entry in cluster.storage.all(REPLICA_SET, "shop")
        if entry.object["metadata"]["name"].startswith("web-")
    ]
    assert {
        it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for it in releases
    } == {"1", "2", "3"}
    images = {it["spec"]["template"]["spec"]["containers"][0]["image"] for it in releases}
    assert len(images) == 3
    for entry in cluster.storage.all(DEPLOYMENT):
        assert moment(entry.object["metadata"]["creationTimestamp"]) < now
    jobs = [entry.object for entry in cluster.storage.all(JOB)]
    assert any(has_condition(job, "Failed") for job in jobs)
    assert sum(has_condition(job, "Complete") for job in jobs) > len(CRONS)
    for job in jobs:
        assert now - timedelta(days=75) < moment(job["metadata"]["creationTimestamp"]) <= now


def test_every_cron_job_of_the_company_is_there() -> None:
    cluster = new_cluster(24, live=False)
    objects = [entry.object for entry in cluster.storage.all(CRON_JOB)]
    assert len(objects) == len(CRONS)
    assert sum(bool(it["spec"]["suspend"]) for it in objects) == 2
    assert any(it["status"].get("active") for it in objects)
    assert any("timeZone" in it["spec"] for it in objects)


def test_a_large_fleet_costs_nothing_while_nothing_happens() -> None:
    cluster = new_cluster(400)
    settle(cluster)
    pods = len(cluster.storage.all(POD))
    moving = sum(
        not has_condition(entry.object, "Ready")
        or bool(entry.object["metadata"].get("annotations"))
        for entry in cluster.storage.all(POD)
    )
    planned = cluster.agenda.planned()
    assert pods > 1000
    assert planned < moving + len(cluster.storage.all(CRON_JOB)) + 20
    assert planned < pods / 3


def test_no_node_is_overbooked() -> None:
    cluster = new_cluster(300, live=False)
    per_node = Counter(
        entry.object["spec"].get("nodeName")
        for entry in cluster.storage.all(POD)
        if entry.object["status"]["phase"] in ("Pending", "Running")
    )
    del per_node[None]
    assert set(per_node) <= {entry.key for entry in cluster.storage.all(NODE)}
    assert max(per_node.values()) <= 110


def test_every_namespace_has_what_namespaces_have() -> None:
    cluster = new_cluster(24, live=False)
    for entry in cluster.storage.all(NAMESPACE):
        assert cluster.namespaces.contents()
        for kind, body in cluster.namespaces.contents():
            cluster.registry.find(kind, entry.key, body["metadata"]["name"])


def test_it_goes_on_living() -> None:
    cluster = new_cluster(24)
    advance(cluster, 3)
    before = everything(cluster)
    advance(cluster, 700)
    after = everything(cluster)
    assert cluster.manager.failures == []
    crashing = [key for key in before if key.startswith("Pod/shop/billing-")]
    assert len(crashing) == 2
    for key in crashing:
        restarts = [
            obj[key]["status"]["containerStatuses"][0]["restartCount"] for obj in (before, after)
        ]
        assert restarts[1] > restarts[0]
    feed = [key for key in after if key.startswith("Job/shop/price-feed-")]
    assert set(feed) - set(before)
    rolling = after["Deployment/shop/checkout"]
    assert rolling["status"]["updatedReplicas"] == rolling["spec"]["replicas"]
    assert rolling["status"]["availableReplicas"] == rolling["spec"]["replicas"]
    healthy = "Deployment/shop/web"
    assert after[healthy]["status"] == before[healthy]["status"]


def test_without_life_it_stays_as_it_is() -> None:
    cluster = new_cluster(24, live=False)
    before = everything(cluster)
    advance(cluster, 3600)
    assert everything(cluster) == before


def test_the_names_of_the_company_are_unique() -> None:
    names = [(app.namespace, app.name) for app in APPS]
    assert len(set(names)) == len(names) == 24
