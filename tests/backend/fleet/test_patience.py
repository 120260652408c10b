"""How long an app may get no nearer to what it wants, and since when."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.messages import Delete, Phase, Scope, State, Upsert
from leviathan_tui.backend.fleet.rows import AppRow
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds
from tests.backend.fleet.objects import (
    NOW,
    deployment,
    metadata,
    pod,
    record,
    replica_set,
    stamp,
    unready,
    waiting_for,
)


class Watched:
    """A store that follows everything, and a clock that a test moves."""

    def __init__(self, *followed: str) -> None:
        self.now = float(NOW)
        self.store = Store(lambda: self.now)
        self.follow(*followed)

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
    return Watched(*kinds.BY_NAME)


@pytest.mark.parametrize("last", ["Deployment", "ReplicaSet", "Pod"])
def test_what_is_judged_before_all_is_listed_is_judged_again(last: str) -> None:
    watched = Watched()
    given = {
        "Deployment": deployment("web", replicas=1, ready=0),
        "ReplicaSet": replica_set("web-1", "web"),
        "Pod": unready("web-1-a", 7200),
    }
    given["Pod"]["metadata"] |= metadata("web-1-a", ("ReplicaSet", "web-1"))
    for kind in sorted(given, key=lambda kind: kind == last):
        watched.give(kind, given[kind])
        # The screen may be drawn at any moment, as between objects and the end of their list.
        watched.store.flush()
        watched.follow(kind)
    assert watched.told() == (AppState.FAILING, "running, but not ready")


def test_an_app_is_looked_at_again_when_its_pods_are_heard_of_again(watched: Watched) -> None:
    one = unready("db-0", 60)
    one["metadata"]["ownerReferences"] = metadata("", ("StatefulSet", "db"))["ownerReferences"]
    watched.give("StatefulSet", deployment("db", replicas=1, ready=0))
    watched.give("Pod", one)
    state = watched.told()
    assert state[0] is AppState.PROGRESSING
    broken = State(scope=Scope("Pod"), number=0, phase=Phase.BROKEN, at=watched.now)
    watched.store.apply([broken])
    watched.now += 130
    watched.follow(*(kind for kind in kinds.BY_NAME if kind != "Pod"))
    assert watched.told() == state
    watched.follow("Pod")
    assert watched.told()[0] is AppState.FAILING


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
