"""Whether an app is well, and the one line that says why not."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet.health import AppState, Circumstances, Health, app_health
from leviathan_tui.backend.fleet.prose import clock
from tests.backend.fleet.objects import (
    NOW,
    crashing,
    deployment,
    pod,
    record,
    stamp,
    unready,
    waiting_for,
)


def health(
    app: dict[str, Any], *pods: dict[str, Any], kind: str = "Deployment", unmoved: float = 0
) -> Health:
    """Judge an app that has got no nearer for so many seconds."""
    records = [record("Pod", item) for item in pods]
    return app_health(record(kind, app), records, Circumstances(NOW, NOW - unmoved))


LONG = 3600
"""Seconds for which nobody has patience."""


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
        ({"readyReplicas": 1, "availableReplicas": 1}, AppState.PROGRESSING, "starting"),
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
    replicas: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    idle["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": replicas}]
    assert health(idle).state is AppState.IDLE
    idle["metadata"]["managedFields"][0]["manager"] = "leviathan"
    found = health(idle)
    assert (found.state, found.reason) == (AppState.PAUSED, "paused by alice, 3 replicas before")
    idle["metadata"]["annotations"]["leviathan.dev/paused-at"] = stamp(NOW)
    assert health(idle).reason == f"paused by alice at {clock(NOW)[:-3]}, 3 replicas before"
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
    app = deployment("web", replicas=1, ready=0)
    found = health(app, unready("a"), unmoved=LONG)
    assert (found.state, found.words) == (AppState.FAILING, "running, but not ready")
    assert health(app, unready("a")).state is AppState.PROGRESSING


# A rule, not a list of words


def gated(name: str, age: float = 3600) -> dict[str, Any]:
    """A pod that is ready but for a readiness gate."""
    gate = {
        "type": "example.org/target",
        "status": "False",
        "message": "Health checks failed: [503]",
    }
    found = unready(name, age)
    found["spec"]["readinessGates"] = [{"conditionType": "example.org/target"}]
    found["status"]["conditions"].append(gate)
    found["status"]["containerStatuses"][0]["ready"] = True
    return found


@pytest.mark.parametrize(
    "reason", ["ImageInspectError", "CreatePodSandboxError", "ErrImagePull", "SomethingNew"]
)
def test_whatever_a_container_waits_for_but_its_preparation_is_trouble(reason: str) -> None:
    found = health(
        deployment("web", replicas=1, ready=0),
        unready("a", 5, phase="Pending", containerStatuses=waiting_for(reason)),
    )
    assert (found.state, found.words) == (AppState.FAILING, f"{reason}, details of {reason}")
    for usual in ("ContainerCreating", "PodInitializing"):
        one = unready("a", 5, phase="Pending", containerStatuses=waiting_for(usual))
        assert health(deployment("web", replicas=1, ready=0), one).state is AppState.PROGRESSING


@pytest.mark.parametrize(
    "reason", ["OutOfnvidia.com/gpu", "NodeShutdown", "Terminated", "Preempting"]
)
def test_a_failed_pod_is_trouble_whatever_its_reason_until_it_is_replaced(reason: str) -> None:
    gone = unready(
        "a", phase="Failed", reason=reason, message="It says why.", containerStatuses=None
    )
    assert record("Pod", gone).failing
    found = health(deployment("web", replicas=1, ready=0), gone)
    assert (found.state, found.words) == (AppState.FAILING, f"{reason}, It says why.")
    assert health(deployment("web", replicas=1, ready=1), pod("b"), gone).words == "ready"
    replaced = health(deployment("web", replicas=1, ready=0), unready("b", 5), gone)
    assert (replaced.state, replaced.words) == (AppState.PROGRESSING, "starting")


def test_a_blocked_readiness_gate_is_named() -> None:
    found = health(deployment("web", ready=1), pod("a"), gated("b"), unmoved=LONG)
    assert (found.state, found.words) == (
        AppState.FAILING,
        "readiness gate example.org/target: Health checks failed: [503]",
    )
    assert health(deployment("web", ready=1), pod("a"), gated("b", 5)).words == "starting"


def test_a_sidecar_that_crashes_is_trouble() -> None:
    sidecar = {**crashing()[0], "name": "proxy", "started": False}
    one = unready("a", initContainerStatuses=[sidecar])
    one["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}]
    one["status"]["conditions"].append({"type": "Initialized", "status": "True"})
    found = health(deployment("web", replicas=1, ready=0), one)
    assert (found.state, found.words) == (AppState.FAILING, "Init:CrashLoopBackOff, exit 1")


def stateful(**spec: Any) -> dict[str, Any]:
    """A StatefulSet of three that has rolled out; `status` goes into the status."""
    status = spec.pop("status", {})
    found = deployment("db", replicas=3, ready=3, **status)
    found["spec"] |= spec
    return found


def test_what_an_update_strategy_leaves_as_it_is_is_no_rollout() -> None:
    one, two = {"updatedReplicas": 1}, {"updatedReplicas": 2}
    on_delete = {"type": "OnDelete"}
    held = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    pods = [pod(f"db-{number}") for number in range(3)]
    found = health(stateful(updateStrategy=on_delete, status=one), *pods)
    assert (found.state, found.reason) == (
        AppState.HEALTHY,
        "3/3 ready: 2 pods keep the old release until deleted",
    )
    found = health(stateful(updateStrategy=on_delete, status=two), *pods)
    assert found.words == "1 pod keeps the old release until deleted"
    found = health(stateful(updateStrategy=held, status=one), *pods)
    assert (found.state, found.words) == (
        AppState.HEALTHY,
        "1/3 updated, as the partition has it",
    )
    held["rollingUpdate"] = {"partition": 1}
    found = health(stateful(updateStrategy=held, status=one), *pods)
    assert (found.state, found.words) == (AppState.PROGRESSING, "rolling out: 1/3 updated")


def test_a_daemon_set_that_no_node_matches_and_one_that_waits_for_deletion() -> None:
    def daemon(wanted: int, updated: int, **strategy: str) -> Health:
        app = deployment("agent")
        app["spec"]["updateStrategy"] = strategy
        app["status"] = {
            "observedGeneration": 1,
            **dict.fromkeys(("desiredNumberScheduled", "numberReady", "numberAvailable"), wanted),
            "updatedNumberScheduled": updated,
        }
        return health(app, kind="DaemonSet")

    assert daemon(0, 0).reason == "no node matches"
    assert daemon(1, 0, type="OnDelete").words == "1 pod keeps the old release until deleted"
    assert daemon(1, 1).words == "ready"


def test_ready_is_not_yet_available() -> None:
    app = deployment("web", availableReplicas=0)
    app["spec"]["minReadySeconds"] = 3600
    found = health(app, pod("a"), pod("b"))
    assert (found.state, found.words) == (AppState.PROGRESSING, "ready, available after 3600 s")
    late = health(app, pod("a"), pod("b"), unmoved=4000)
    assert (late.state, late.words) == (AppState.FAILING, "2 not available")


def test_a_rollout_whose_new_pod_is_never_ready_is_failing_without_a_deadline() -> None:
    app = deployment("web", replicas=3, ready=3, updatedReplicas=1)
    app["status"]["replicas"] = 4
    pods = [pod("a"), pod("b"), pod("c"), unready("d")]
    found = health(app, *pods, unmoved=LONG)
    assert (found.state, found.words) == (
        AppState.FAILING,
        "rolling out: 1/3 updated, running, but not ready",
    )
    assert health(app, *pods).words == "rolling out: 1/3 updated"
