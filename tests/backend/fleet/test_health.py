"""Whether an app is well, and the one line that says why not."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet.health import AppState, Circumstances, Health, app_health
from leviathan_tui.backend.fleet.messages import Delete, Phase, Scope, State, Upsert
from leviathan_tui.backend.fleet.rows import AppRow, CronRow
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds
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
    app = deployment("web", replicas=1, ready=0)
    found = health(app, unready("a"), unmoved=LONG)
    assert (found.state, found.words) == (AppState.FAILING, "running, but not ready")
    assert health(app, unready("a")).state is AppState.PROGRESSING


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


# What only time tells


class Watched:
    """A store that follows everything, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.store = Store(lambda: self.now)
        self.follow(*kinds.BY_NAME)

    def follow(self, *followed: str) -> None:
        for kind in followed:
            state = State(scope=Scope(kind), number=0, phase=Phase.LIVE, at=self.now)
            self.store.apply([state])

    def give(self, kind: str, *documents: dict[str, Any]) -> None:
        records = [record(kind, document) for document in documents]
        self.store.apply([Upsert(scope=Scope(kind), number=0, records=records)])

    def told(self) -> tuple[AppState, str]:
        """What the only app's row says."""
        self.store.flush()
        (row,) = self.store.rows("apps").values()
        assert isinstance(row, AppRow)
        return row.state, row.status

    def later(self, seconds: float) -> tuple[AppState, str]:
        """What it says when nothing but time has passed."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 30)
            self.follow(*kinds.BY_NAME)
            self.store.flush()
        return self.told()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def node(status: str, message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "message": message}
    return {"metadata": metadata("n1"), "status": {"conditions": [condition]}}


def counted(app: dict[str, Any], count: int, **more: int) -> dict[str, Any]:
    """Have so many pods of an app be ready."""
    names = ("replicas", "readyReplicas", "availableReplicas")
    app["status"] |= dict.fromkeys(names, count) | more
    return app


def test_pods_on_a_lost_node_are_told_by_the_node(watched: Watched) -> None:
    one = unready("db-0", 7200)
    one["metadata"] |= metadata("db-0", ("StatefulSet", "db"))
    watched.give("Node", node("True"))
    watched.give("StatefulSet", deployment("db", replicas=1, ready=0))
    watched.give("Pod", one)
    assert watched.told() == (AppState.FAILING, "running, but not ready")
    watched.give("Node", node("Unknown", "Kubelet stopped posting node status."))
    lost = "node n1, which is Unknown: Kubelet stopped posting node status."
    assert watched.told() == (AppState.FAILING, f"db-0 is on {lost}")
    one["metadata"]["deletionTimestamp"] = stamp(NOW - 600)
    watched.give("Pod", one)
    assert watched.told() == (AppState.FAILING, f"db-0 does not end on {lost}")
    watched.give("Node", node("True"))
    assert watched.told() == (AppState.FAILING, "db-0 does not end")
    watched.store.apply([Delete(scope=Scope("Node"), number=0, uids=["uid-n1"])])
    assert watched.told() == (AppState.FAILING, "db-0 does not end")


def test_a_node_that_joins_makes_no_app_fail(watched: Watched) -> None:
    new = unready("agent-n1", 5, phase="Pending", containerStatuses=waiting_for(""))
    new["metadata"] |= metadata("agent-n1", ("DaemonSet", "agent"))
    new["metadata"]["creationTimestamp"] = stamp(NOW - 5)
    app = deployment("agent")
    counts = {"desiredNumberScheduled": 2, "numberReady": 1, "numberAvailable": 1}
    app["status"] |= counts | {"updatedNumberScheduled": 2}
    watched.give("Node", node("False", "container runtime network not ready"))
    watched.give("DaemonSet", app)
    watched.give("Pod", new)
    assert watched.told()[0] is AppState.PROGRESSING
    assert watched.later(200)[1].startswith("agent-n1 is on node n1, which is NotReady")


def test_no_node_takes_a_pod_for_a_while_before_that_is_trouble(watched: Watched) -> None:
    """The cluster's own autoscaler takes its time to bring another node."""
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    pending = pod("db-0", phase="Pending", containerStatuses=None, conditions=[condition])
    pending["metadata"] |= metadata("db-0", ("StatefulSet", "db"))
    pending["metadata"]["creationTimestamp"] = stamp(NOW)
    watched.give("StatefulSet", deployment("db", replicas=1, ready=0))
    watched.give("Pod", pending)
    assert watched.told() == (AppState.PROGRESSING, "starting: Insufficient cpu")
    assert watched.later(180) == (AppState.FAILING, "Pending, Insufficient cpu")


def test_pods_that_are_never_created_are_missed_when_patience_is_over(watched: Watched) -> None:
    app = deployment("db", replicas=2, ready=2)
    watched.give("StatefulSet", app)
    watched.give("Pod", *(pod(f"db-{number}", ("StatefulSet", "db")) for number in range(2)))
    assert watched.told() == (AppState.HEALTHY, "ready")
    app["spec"]["replicas"] = 5
    watched.give("StatefulSet", app)
    assert watched.told()[0] is AppState.PROGRESSING
    assert watched.later(200) == (AppState.FAILING, "3 pods are not created")
    # One more has come: it gets nearer, so patience begins anew.
    watched.give("StatefulSet", counted(app, 3))
    watched.give("Pod", pod("db-2", ("StatefulSet", "db")))
    assert watched.told()[0] is AppState.PROGRESSING


def test_what_gets_nearer_is_not_failing_however_long_it_takes(watched: Watched) -> None:
    app = deployment("web", replicas=10, ready=10)
    watched.give("Deployment", app)
    assert watched.told()[0] is AppState.HEALTHY
    app["spec"]["replicas"] = 100
    for ready in range(10, 100, 3):
        watched.give("Deployment", counted(app, ready))
        assert watched.later(10)[0] is AppState.PROGRESSING, ready
    watched.give("Deployment", counted(app, 100, updatedReplicas=100))
    assert watched.told()[0] is AppState.HEALTHY


def test_what_begins_again_and_again_gets_no_nearer(watched: Watched) -> None:
    """A pod that is put out and replaced each minute moves all counts, and is never available."""
    app = deployment("web", replicas=1, ready=1)
    watched.give("Deployment", app)
    assert watched.told()[0] is AppState.HEALTHY
    for number in range(6):
        watched.give("Deployment", counted(app, 0, replicas=number % 2))
        watched.later(60)
    assert watched.told()[0] is AppState.FAILING


def test_a_pod_that_has_just_lost_its_readiness_has_time_to_find_it_again(watched: Watched) -> None:
    app, one = deployment("web", replicas=1, ready=1), pod("web-0", ("StatefulSet", "web"))
    watched.give("StatefulSet", app)
    watched.give("Pod", one)
    assert watched.told()[0] is AppState.HEALTHY
    lost = unready("web-0", 7200)
    lost["metadata"] |= metadata("web-0", ("StatefulSet", "web"))
    watched.give("StatefulSet", counted(app, 0, replicas=1))
    watched.give("Pod", lost)
    assert watched.told() == (AppState.PROGRESSING, "starting")
    assert watched.later(200) == (AppState.FAILING, "running, but not ready")


def test_who_is_new_takes_the_time_from_the_pods_condition(watched: Watched) -> None:
    lost = unready("web-0", 7200)
    lost["metadata"] |= metadata("web-0", ("StatefulSet", "web"))
    lost["status"]["conditions"][0]["lastTransitionTime"] = stamp(NOW - 5)
    watched.give("StatefulSet", deployment("web", replicas=1, ready=0))
    watched.give("Pod", lost)
    assert watched.told()[0] is AppState.PROGRESSING
    assert watched.later(200)[0] is AppState.FAILING


def test_a_pod_that_is_ending_is_not_one_that_was_not_created(watched: Watched) -> None:
    going = pod("db-1", ("StatefulSet", "db"))
    going["metadata"]["deletionTimestamp"] = stamp(NOW + 500)
    watched.give("StatefulSet", deployment("db", replicas=2, ready=1))
    watched.give("Pod", pod("db-0", ("StatefulSet", "db")), going)
    assert watched.later(200) == (AppState.FAILING, "db-1 is still ending")


def test_pods_that_nobody_may_read_are_not_said_to_be_missing() -> None:
    watched = Watched.__new__(Watched)
    watched.now = float(NOW)
    watched.store = Store(lambda: watched.now)
    watched.follow("Deployment")
    watched.give("Deployment", deployment("web", replicas=3, ready=2))
    assert watched.told() == (AppState.PROGRESSING, "starting")
    for _ in range(7):
        watched.now += 30
        watched.follow("Deployment")
        watched.store.flush()
    assert watched.told() == (AppState.FAILING, "1 not available")
    watched.follow("Pod", "ReplicaSet")
    watched.give("Deployment", counted(deployment("web", replicas=3), 2))
    assert watched.told() == (AppState.FAILING, "1 pod is not created")


def test_what_was_broken_before_the_console_came_is_told_at_once(watched: Watched) -> None:
    watched.give("StatefulSet", counted(deployment("db", replicas=2), 0))
    assert watched.told() == (AppState.FAILING, "2 pods are not created")


def test_nobody_is_judged_by_time_in_which_nothing_was_heard(watched: Watched) -> None:
    app = deployment("web", replicas=2, ready=2)
    watched.give("Deployment", app)
    watched.told()
    watched.give("Deployment", counted(app, 1))
    assert watched.told()[0] is AppState.PROGRESSING
    broken = State(scope=Scope("Deployment"), number=0, phase=Phase.BROKEN, at=watched.now)
    watched.store.apply([broken])
    watched.now += 9 * 3600
    assert watched.told()[0] is AppState.PROGRESSING
    # It is followed again, and has the patience that anybody has.
    watched.follow(*kinds.BY_NAME)
    assert watched.told()[0] is AppState.PROGRESSING
    assert watched.later(300)[0] is AppState.FAILING


def upsert(kind: str, *documents: dict[str, Any]) -> Upsert:
    records = [record(kind, document) for document in documents]
    return Upsert(scope=Scope(kind), number=0, records=records)


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
