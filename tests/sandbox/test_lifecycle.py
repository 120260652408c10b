"""The lives of pods, by a clock that the tests move."""

from typing import Any

import pytest

from leviathan_sandbox import BEHAVIOUR
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.kinds import EVENT, POD
from leviathan_sandbox.objects import Object, has_condition
from leviathan_sandbox.pods.lifecycle import back_off_seconds
from leviathan_sandbox.server.pod_cells import pod_cells
from leviathan_sandbox.server.serving import advance

PROBE = {"httpGet": {"port": 80}}


def start(cluster: Cluster, behaviour: str = "", **spec: Any) -> Object:
    """Create a pod and return it as it is then."""
    metadata: Object = {"name": "it"}
    if behaviour:
        metadata["annotations"] = {BEHAVIOUR: behaviour}
    container: Object = {"name": "app", "image": "registry.example.com/app:1"}
    container |= spec.pop("container", {})
    body = {"metadata": metadata, "spec": {"containers": [container], **spec}}
    return cluster.registry.create(POD, "default", body).object


def pod(cluster: Cluster) -> Object:
    return cluster.registry.find(POD, "default", "it").object


def word(cluster: Cluster) -> str:
    return pod_cells(pod(cluster), cluster.agenda.now()).status


def container(cluster: Cluster) -> Object:
    status: Object = pod(cluster)["status"]["containerStatuses"][0]
    return status


def reasons(cluster: Cluster) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in cluster.storage.all(EVENT, "default"):
        found[entry.object["reason"]] = found.get(entry.object["reason"], 0) + entry.object["count"]
    return found


def history(cluster: Cluster, seconds: int) -> list[str]:
    """Move the clock second by second; return each status word as it came up."""
    seen: list[str] = []
    for _ in range(seconds):
        advance(cluster, 1)
        if not seen or seen[-1] != word(cluster):
            seen.append(word(cluster))
    return seen


def test_a_healthy_pod(cluster: Cluster) -> None:
    assert start(cluster)["status"]["phase"] == "Pending"
    assert history(cluster, 10) == ["ContainerCreating", "Running"]
    assert has_condition(pod(cluster), "Ready")
    assert reasons(cluster) == {
        "Scheduled": 1,
        "Pulling": 1,
        "Pulled": 1,
        "Created": 1,
        "Started": 1,
    }
    # Nothing is planned for a pod at rest.
    before = cluster.agenda.planned()
    advance(cluster, 100)
    assert cluster.agenda.planned() <= before


def test_an_image_is_pulled_once_per_node(cluster: Cluster) -> None:
    start(cluster, nodeName="node-1")
    advance(cluster, 10)
    cluster.registry.create(
        POD,
        "default",
        {
            "metadata": {"name": "other"},
            "spec": {
                "nodeName": "node-1",
                "containers": [{"name": "app", "image": "registry.example.com/app:1"}],
            },
        },
    )
    advance(cluster, 10)
    assert reasons(cluster)["Pulling"] == 1
    assert reasons(cluster)["Pulled"] == 2


def test_back_off_grows_to_five_minutes() -> None:
    waits = [back_off_seconds(restarts, 5) for restarts in range(9)]
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300, 300]
    assert back_off_seconds(5, 601) == 0


def test_a_crashing_pod_is_started_less_and_less_often(cluster: Cluster) -> None:
    start(cluster, "crash=2")
    assert history(cluster, 45)[:6] == [
        "ContainerCreating",
        "Running",
        "Error",
        "Running",
        "Error",
        "CrashLoopBackOff",
    ]
    status = container(cluster)
    assert status["restartCount"] >= 2
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert not has_condition(pod(cluster), "Ready")
    advance(cluster, 3600)
    status = container(cluster)
    assert 12 <= status["restartCount"] <= 20
    assert status["state"]["waiting"]["message"].startswith("back-off 5m0s restarting failed")
    assert reasons(cluster)["BackOff"] >= 10


def test_memory(cluster: Cluster) -> None:
    start(cluster, "oom=30")
    seen = history(cluster, 40)
    assert "OOMKilled" in seen
    ended = container(cluster)["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


@pytest.mark.parametrize(
    ("behaviour", "last", "phase"),
    [("complete=3", "Completed", "Succeeded"), ("fail=3", "Error", "Failed")],
)
def test_ends(cluster: Cluster, behaviour: str, last: str, phase: str) -> None:
    start(cluster, behaviour, restartPolicy="Never")
    assert history(cluster, 30) == ["ContainerCreating", "Running", last]
    assert pod(cluster)["status"]["phase"] == phase


def test_a_slow_start(cluster: Cluster) -> None:
    start(cluster, "slow-start=20", container={"readinessProbe": PROBE})
    advance(cluster, 15)
    assert word(cluster) == "Running"
    assert container(cluster)["ready"] is False
    advance(cluster, 15)
    assert container(cluster)["ready"] is True


def test_a_pod_that_never_gets_ready(cluster: Cluster) -> None:
    start(cluster, "unready", container={"readinessProbe": PROBE})
    advance(cluster, 120)
    assert container(cluster)["ready"] is False
    assert reasons(cluster)["Unhealthy"] >= 3


def test_a_flapping_pod(cluster: Cluster) -> None:
    start(cluster, "flapping=20")
    seen: set[bool] = set()
    changes = 0
    for _ in range(200):
        advance(cluster, 1)
        if pod(cluster)["status"].get("containerStatuses"):
            ready = container(cluster)["ready"]
            changes += ready not in seen or seen != {ready}
            seen = {ready}
    assert changes >= 6
    assert reasons(cluster)["Unhealthy"] >= 3
    assert container(cluster)["restartCount"] == 0


def test_an_image_that_is_not_there(cluster: Cluster) -> None:
    start(cluster, "image-pull")
    seen = [it for it in history(cluster, 8) if it != "ContainerCreating"]
    assert seen[:2] == ["ErrImagePull", "ImagePullBackOff"]
    advance(cluster, 1800)
    counts = reasons(cluster)
    assert 6 <= counts["Pulling"] <= 16
    assert "Created" not in counts
    assert pod(cluster)["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    ("image", "word_then"),
    [
        ("registry.invalid/app:1", "ImagePullBackOff"),
        ("registry.example.com/app:missing-2", "ImagePullBackOff"),
        ("registry.example.com:5000/app", "Running"),
        ("busybox:1.36", "CrashLoopBackOff"),
    ],
)
def test_images_that_decide(cluster: Cluster, image: str, word_then: str) -> None:
    start(cluster, container={"image": image})
    advance(cluster, 9)
    assert word(cluster) == word_then


def test_a_missing_config(cluster: Cluster) -> None:
    start(cluster, "config-error")
    advance(cluster, 5)
    assert word(cluster) == "CreateContainerConfigError"
    assert reasons(cluster)["Failed"] == 1


def test_no_node_takes_it(cluster: Cluster) -> None:
    start(cluster, "pending")
    advance(cluster, 5)
    assert word(cluster) == "Pending"
    (condition,) = pod(cluster)["status"]["conditions"]
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith("0/6 nodes are available: ")


def test_a_pod_too_large_waits_for_room(cluster: Cluster) -> None:
    half = {"resources": {"requests": {"cpu": "9"}}}
    for number in range(5):
        cluster.registry.create(
            POD,
            "default",
            {
                "metadata": {"name": f"big-{number}"},
                "spec": {"containers": [{"name": "app", "image": "app:1", **half}]},
            },
        )
    start(cluster, container=half)
    advance(cluster, 10)
    assert word(cluster) == "Pending"
    assert "5 Insufficient cpu" in pod(cluster)["status"]["conditions"][0]["message"]
    cluster.registry.delete(POD, "default", "big-0")
    advance(cluster, 40)
    assert word(cluster) == "Running"


def test_an_init_container_that_fails(cluster: Cluster) -> None:
    init = {"name": "first", "image": "app:1"}
    start(cluster, "init-crash=2", initContainers=[init])
    seen = history(cluster, 30)
    assert {"Init:0/1", "Init:Error", "Init:CrashLoopBackOff"} <= set(seen)
    assert pod(cluster)["status"]["phase"] == "Pending"


def test_a_sidecar_runs_beside(cluster: Cluster) -> None:
    sidecar = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
    start(cluster, "complete=5", initContainers=[sidecar])
    advance(cluster, 6)
    cells = pod_cells(pod(cluster), cluster.agenda.now())
    assert (cells.status, cells.ready) == ("Running", "2/2")


def test_an_eviction(cluster: Cluster) -> None:
    start(cluster, "evicted=30")
    advance(cluster, 60)
    assert word(cluster) == "Evicted"
    status = pod(cluster)["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert reasons(cluster)["Evicted"] == 1


@pytest.mark.parametrize(("behaviour", "seconds"), [("", 2), ("stubborn", 30)])
def test_it_is_given_time_to_end(cluster: Cluster, behaviour: str, seconds: int) -> None:
    start(cluster, behaviour)
    advance(cluster, 10)
    cluster.registry.delete(POD, "default", "it")
    advance(cluster, 0)
    assert word(cluster) == "Terminating"
    advance(cluster, seconds - 1.9)
    assert cluster.storage.get(POD, "default/it") is not None
    advance(cluster, 2.5)
    assert cluster.storage.get(POD, "default/it") is None
    assert reasons(cluster)["Killing"] == 1


def test_an_unknown_word_asks_for_nothing(cluster: Cluster) -> None:
    start(cluster, "explode=soon")
    advance(cluster, 10)
    assert word(cluster) == "Running"
