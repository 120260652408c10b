"""Status words as `kubectl get` prints them; the conformance suite holds them against a server's."""

from typing import Any

import pytest

from tests.backend.fleet.objects import NOW, crashing, pod, record, stamp


def waiting(reason: str) -> dict[str, Any]:
    return {
        "name": "main",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
    }


def ended(**more: Any) -> dict[str, Any]:
    return {"name": "main", "ready": False, "restartCount": 0, "state": {"terminated": more}}


@pytest.mark.parametrize(
    ("status", "word", "ready"),
    [
        ({}, "Running", 1),
        ({"phase": "Pending", "containerStatuses": None, "conditions": None}, "Pending", 0),
        ({"containerStatuses": [waiting("ContainerCreating")]}, "ContainerCreating", 0),
        ({"containerStatuses": crashing()}, "CrashLoopBackOff", 0),
        ({"containerStatuses": [waiting("ImagePullBackOff")]}, "ImagePullBackOff", 0),
        ({"containerStatuses": [ended(exitCode=137, reason="OOMKilled")]}, "OOMKilled", 0),
        ({"containerStatuses": [ended(exitCode=3)]}, "ExitCode:3", 0),
        ({"containerStatuses": [ended(exitCode=0, signal=9)]}, "Signal:9", 0),
        (
            {"phase": "Succeeded", "containerStatuses": [ended(exitCode=0, reason="Completed")]},
            "Completed",
            0,
        ),
        ({"phase": "Failed", "reason": "Evicted", "containerStatuses": None}, "Evicted", 0),
        (
            {
                "phase": "Pending",
                "containerStatuses": None,
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
                ],
            },
            "SchedulingGated",
            0,
        ),
    ],
)
def test_words(status: dict[str, Any], word: str, ready: int) -> None:
    found = record("Pod", pod("a", **status))
    assert (found.status, found.ready, found.total) == (word, ready, 1)


def with_inits(*states: dict[str, Any], sidecar: bool = False) -> dict[str, Any]:
    document = pod(
        "a", phase="Pending", conditions=None, containerStatuses=[waiting("PodInitializing")]
    )
    document["spec"]["initContainers"] = [
        {"name": f"i{n}"} | ({"restartPolicy": "Always"} if sidecar else {})
        for n in range(len(states))
    ]
    document["status"]["initContainerStatuses"] = [
        {"name": f"i{n}", "restartCount": 0, **state} for n, state in enumerate(states)
    ]
    return document


DONE = {"state": {"terminated": {"exitCode": 0}}}
RUNNING: dict[str, Any] = {"state": {"running": {}}}


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (with_inits(RUNNING, {"state": {}}), "Init:0/2"),
        (with_inits(DONE, RUNNING), "Init:1/2"),
        (with_inits({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}), "Init:Error"),
        (with_inits({"state": {"terminated": {"exitCode": 2}}}), "Init:ExitCode:2"),
        (
            with_inits({"state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
            "Init:CrashLoopBackOff",
        ),
        (with_inits(DONE), "PodInitializing"),
    ],
)
def test_init_containers(document: dict[str, Any], word: str) -> None:
    assert record("Pod", document).status == word


def test_a_started_sidecar_counts_as_a_container() -> None:
    document = with_inits(
        {**RUNNING, "started": True, "ready": True, "restartCount": 2}, sidecar=True
    )
    document["status"] |= {
        "phase": "Running",
        "containerStatuses": pod("a")["status"]["containerStatuses"],
    }
    found = record("Pod", document)
    assert (found.status, found.ready, found.total, found.restarts) == ("Running", 2, 2, 2)


def test_a_deleted_pod_is_terminating_with_its_finalizer() -> None:
    document = pod("a")
    document["metadata"] |= {"deletionTimestamp": stamp(NOW), "finalizers": ["example.org/keep"]}
    found = record("Pod", document)
    assert (found.status, found.finalizer) == ("Terminating", "example.org/keep")


def test_a_finished_container_beside_a_running_one() -> None:
    both = [ended(exitCode=0, reason="Completed"), pod("a")["status"]["containerStatuses"][0]]
    assert record("Pod", pod("a", containerStatuses=both)).status == "Running"
    assert record("Pod", pod("a", containerStatuses=both, conditions=[])).status == "NotReady"


def test_the_reason_says_how_it_ended_or_what_it_waits_for() -> None:
    assert record("Pod", pod("a", containerStatuses=crashing())).reason == "exit 1"
    oom = crashing()
    oom[0]["lastState"]["terminated"] |= {"exitCode": 137, "reason": "OOMKilled"}
    assert record("Pod", pod("a", containerStatuses=oom)).reason == "OOMKilled, exit 137"
    unschedulable = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}
    pending = pod("a", phase="Pending", containerStatuses=None, conditions=[unschedulable])
    assert record("Pod", pending).reason == "0/3 nodes"


def test_hostile_words_are_cleaned_where_they_enter() -> None:
    document = pod("a\x1b[31m", containerStatuses=[waiting("\x1b]0;x\x07")])
    found = record("Pod", document)
    assert "\x1b" not in found.name + found.status + found.search
    assert found.name == "a␛[31m"
