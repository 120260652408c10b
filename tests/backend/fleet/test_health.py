"""Whether an app is well, and the one line that says why not."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet.health import AppState, Health, app_health
from tests.backend.fleet.objects import NOW, crashing, deployment, pod, record, stamp


def health(app: dict[str, Any], *pods: dict[str, Any]) -> Health:
    return app_health(record("Deployment", app), [record("Pod", item) for item in pods], NOW)


def test_a_crashing_app_says_how_its_pods_end() -> None:
    found = health(
        deployment("billing", ready=0),
        pod("a", containerStatuses=crashing()),
        pod("b", containerStatuses=crashing()),
    )
    assert found.state is AppState.FAILING
    assert found.reason == "0/2 ready: CrashLoopBackOff, exit 1"
    assert found.words == "CrashLoopBackOff, exit 1"


def test_a_new_release_that_crashes_beside_a_serving_old_one_is_failing() -> None:
    app = deployment("web", replicas=3, ready=3, updatedReplicas=1)
    found = health(app, pod("old"), pod("new", containerStatuses=crashing()))
    assert (found.state, found.reason) == (AppState.FAILING, "3/3 ready: CrashLoopBackOff, exit 1")


def test_an_evicted_pod_that_was_replaced_does_no_harm() -> None:
    gone = pod("gone", phase="Failed", reason="Evicted", containerStatuses=None)
    assert health(deployment("web"), pod("a"), pod("b"), gone).state is AppState.HEALTHY


def test_a_pod_that_no_node_takes() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    pending = pod("a", phase="Pending", containerStatuses=None, conditions=[condition])
    found = health(deployment("web", ready=1), pod("b"), pending)
    assert (found.state, found.words) == (AppState.FAILING, "Pending, Insufficient cpu")


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ({"updatedReplicas": 1}, AppState.PROGRESSING, "rolling out: 1/2 updated"),
        ({"observedGeneration": 0}, AppState.PROGRESSING, "rolling out: 2/2 updated"),
        ({"readyReplicas": 1}, AppState.PROGRESSING, "starting"),
        ({}, AppState.HEALTHY, "ready"),
        (
            {
                "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
                ]
            },
            AppState.FAILING,
            "the rollout exceeded its deadline",
        ),
        (
            {
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
                ]
            },
            AppState.FAILING,
            "exceeded quota",
        ),
    ],
)
def test_states_of_a_rollout(status: dict[str, Any], state: AppState, words: str) -> None:
    found = health(deployment("web", **status))
    assert (found.state, found.words) == (state, words)


def test_paused_is_not_idle() -> None:
    idle = deployment("web", replicas=0, ready=0)
    assert health(idle).state is AppState.IDLE
    idle["metadata"]["annotations"] = {
        "leviathan.dev/paused-replicas": "3",
        "leviathan.dev/paused-by": "alice",
    }
    found = health(idle)
    assert (found.state, found.reason) == (AppState.PAUSED, "paused by alice, 3 replicas before")
    idle["spec"]["replicas"] = 1
    assert health(idle).state is not AppState.PAUSED


def test_a_paused_rollout_is_said() -> None:
    app = deployment("web")
    app["spec"]["paused"] = True
    assert health(app).reason == "2/2 ready: rollout paused"


def test_deletion_names_the_finalizer() -> None:
    app = deployment("web")
    app["metadata"] |= {"deletionTimestamp": stamp(NOW), "finalizers": ["foregroundDeletion"]}
    found = health(app)
    assert (found.state, found.words) == (
        AppState.DELETING,
        "Terminating (finalizer foregroundDeletion)",
    )


def test_what_is_not_ready_for_long_is_failing_and_not_starting() -> None:
    unready = pod("a", conditions=[{"type": "Ready", "status": "False"}])
    unready["status"]["containerStatuses"][0]["ready"] = False
    found = health(deployment("web", replicas=1, ready=0), unready)
    assert (found.state, found.words) == (AppState.FAILING, "running, but not ready")
    unready["metadata"]["creationTimestamp"] = stamp(NOW - 30)
    assert health(deployment("web", replicas=1, ready=0), unready).state is AppState.PROGRESSING
