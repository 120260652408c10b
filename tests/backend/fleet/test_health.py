"""Whether an app is well, and the one line that says why not."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet.health import AppState, Health, app_health
from leviathan_tui.backend.fleet.messages import Scope, Upsert
from leviathan_tui.backend.fleet.rows import AppRow, CronRow
from leviathan_tui.backend.fleet.store import Store
from tests.backend.fleet.objects import (
    NOW,
    crashing,
    cron_job,
    deployment,
    job,
    metadata,
    pod,
    record,
    stamp,
)


def health(app: dict[str, Any], *pods: dict[str, Any], kind: str = "Deployment") -> Health:
    """Judge an app whose counts have just moved."""
    return app_health(record(kind, app), [record("Pod", item) for item in pods], NOW, NOW)


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


# A rule, not a list of words


def unready(name: str, age: float = 3600, **more: Any) -> dict[str, Any]:
    """A pod that runs and whose container is not ready."""
    found = pod(name, conditions=[{"type": "Ready", "status": "False"}], **more)
    for container in found["status"]["containerStatuses"] or ():
        container["ready"] = False
    found["metadata"]["creationTimestamp"] = stamp(NOW - age)
    return found


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


def waiting_for(reason: str) -> list[dict[str, Any]]:
    state = {"waiting": {"reason": reason, "message": f"details of {reason}"}}
    return [{"name": "main", "ready": False, "restartCount": 0, "state": state}]


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
    found = health(deployment("web", ready=1), pod("a"), gated("b"))
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
    late = app_health(record("Deployment", app), [record("Pod", pod("a"))] * 2, NOW, NOW - 4000)
    assert (late.state, late.words) == (AppState.FAILING, "2 not available")


def test_a_rollout_whose_new_pod_is_never_ready_is_failing_without_a_deadline() -> None:
    app = deployment("web", replicas=3, ready=3, updatedReplicas=1)
    app["status"]["replicas"] = 4
    found = health(app, pod("a"), pod("b"), pod("c"), unready("d"))
    assert (found.state, found.words) == (
        AppState.FAILING,
        "rolling out: 1/3 updated, running, but not ready",
    )
    assert health(app, pod("a"), unready("d", 5)).words == "rolling out: 1/3 updated"


def told(store: Store) -> tuple[AppState, str]:
    """What the only app's row says."""
    store.flush()
    (row,) = store.rows("apps").values()
    assert isinstance(row, AppRow)
    return row.state, row.status


def upsert(kind: str, *documents: dict[str, Any]) -> Upsert:
    records = [record(kind, document) for document in documents]
    return Upsert(scope=Scope(kind), number=0, records=records)


def node(status: str, message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "message": message}
    return {"metadata": metadata("n1"), "status": {"conditions": [condition]}}


def test_pods_on_a_lost_node_are_told_by_the_node() -> None:
    clock = float(NOW)
    store = Store(lambda: clock)
    one = unready("db-0", 7200)
    one["metadata"] |= metadata("db-0", ("StatefulSet", "db"))
    app = deployment("db", replicas=1, ready=0)
    store.apply([upsert("Node", node("True")), upsert("StatefulSet", app), upsert("Pod", one)])
    assert told(store) == (AppState.FAILING, "running, but not ready")
    store.apply([upsert("Node", node("Unknown", "Kubelet stopped posting node status."))])
    lost = "node n1, which is Unknown: Kubelet stopped posting node status."
    assert told(store) == (AppState.FAILING, f"db-0 is on {lost}")
    one["metadata"]["deletionTimestamp"] = stamp(NOW - 600)
    store.apply([upsert("Pod", one)])
    assert told(store) == (AppState.FAILING, f"db-0 does not end on {lost}")
    store.apply([upsert("Node", node("True"))])
    assert told(store) == (AppState.FAILING, "db-0 does not end")


def test_pods_that_are_never_created_are_missed_when_patience_is_over() -> None:
    clock = float(NOW)
    store = Store(lambda: clock)
    app = deployment("db", replicas=2, ready=2)
    pods = [pod(f"db-{number}", ("StatefulSet", "db")) for number in range(2)]
    store.apply([upsert("StatefulSet", app), upsert("Pod", *pods)])
    assert told(store) == (AppState.HEALTHY, "ready")
    app["spec"]["replicas"] = 5
    store.apply([upsert("StatefulSet", app)])
    assert told(store)[0] is AppState.PROGRESSING
    clock += 200
    assert told(store) == (AppState.FAILING, "3 pods are not created")
    # One more has come: it gets nearer, so patience begins anew.
    more = pod("db-2", ("StatefulSet", "db"))
    app["status"] |= dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), 3)
    store.apply([upsert("StatefulSet", app), upsert("Pod", more)])
    assert told(store)[0] is AppState.PROGRESSING


def test_what_was_broken_before_the_console_came_is_told_at_once() -> None:
    store = Store(lambda: float(NOW))
    store.apply([upsert("StatefulSet", deployment("db", replicas=2, ready=0))])
    assert told(store) == (AppState.FAILING, "2 pods are not created")


# Jobs and cron jobs


def condition(kind: str, reason: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": stamp(NOW)}


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (
            {"conditions": [condition("FailureTarget", "PodFailurePolicy")]},
            "failed",
            "PodFailurePolicy",
        ),
        ({"conditions": [condition("SuccessCriteriaMet")]}, "succeeded", ""),
        (
            {"conditions": [condition("Failed", "FailedIndexes")], "failedIndexes": "3,7"},
            "failed",
            "FailedIndexes 3,7",
        ),
        ({"conditions": [{"type": "FailureTarget", "status": "False"}]}, "running", ""),
    ],
)
def test_what_a_job_comes_to_is_told_before_its_pods_have_ended(
    status: dict[str, Any], outcome: str, reason: str
) -> None:
    document = {"metadata": metadata("j"), "status": {"startTime": stamp(NOW), **status}}
    found = record("Job", document)
    assert (found.outcome, found.reason) == (outcome, reason)


def test_a_run_that_gets_nowhere_is_told_by_its_cron_job() -> None:
    store = Store(lambda: float(NOW))
    stuck = unready("x", 600, phase="Pending", containerStatuses=waiting_for("ImagePullBackOff"))
    stuck["metadata"] |= metadata("x", ("Job", "run"))
    store.apply(
        [
            upsert("CronJob", cron_job("backup", last=NOW - 60)),
            upsert("Job", job("run", "backup", NOW - 60, outcome="")),
            upsert("Pod", stuck),
        ]
    )

    def row() -> CronRow:
        store.flush()
        (found,) = store.rows("crons").values()
        assert isinstance(found, CronRow)
        return found

    assert row().trouble == "ImagePullBackOff, details of ImagePullBackOff"
    assert row().failing
    assert store.tally("crons").failing == 1
    # Only the pod changes, and the cron job's row with it.
    fine = pod("x", ("Job", "run"))
    store.apply([upsert("Pod", fine)])
    assert (row().trouble, store.tally("crons").failing) == ("", 0)


def test_a_cron_job_that_has_missed_runs_is_counted_as_missed() -> None:
    store = Store(lambda: float(NOW))
    store.apply([upsert("CronJob", cron_job("late", last=NOW - 3600))])
    store.flush()
    assert (store.tally("crons").missed, store.tally("crons").failing) == (1, 0)
    store.apply([upsert("Job", job("run", "late", NOW - 3600, outcome="Failed"))])
    store.flush()
    assert (store.tally("crons").missed, store.tally("crons").failing) == (1, 1)
