"""The store: joins in any order, one diff a tick, counts, resets."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leviathan_tui.backend.fleet.connection import Freshness, Status
from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.messages import (
    Delete,
    Message,
    Phase,
    Problem,
    Proof,
    Reset,
    Scope,
    State,
    Upsert,
    Usage,
)
from leviathan_tui.backend.fleet.rows import AppRow, CronRow, Diff, PodRow
from leviathan_tui.backend.fleet.store import Store
from tests.backend.fleet.objects import (
    NOW,
    crashing,
    cron_job,
    deployment,
    job,
    pod,
    record,
    replica_set,
    stamp,
)


class Fed:
    """A store with a settable clock that is fed documents."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.store = Store(lambda: self.now)
        self._numbers = itertools.count(1)

    def send(self, make: Callable[[int], Message]) -> None:
        self.store.apply([make(next(self._numbers))])

    def upsert(self, kind: str, *documents: dict[str, Any]) -> None:
        records = [record(kind, document) for document in documents]
        self.send(lambda n: Upsert(number=n, scope=Scope(kind), records=records))

    def delete(self, kind: str, *names: str) -> None:
        uids = [f"uid-{name}" for name in names]
        self.send(lambda n: Delete(number=n, scope=Scope(kind), uids=uids))

    def state(self, kind: str, phase: Phase, at: float = 0.0, namespace: str = "") -> None:
        problem = Problem("refused") if phase in (Phase.BROKEN, Phase.REFUSED) else None
        self.send(
            lambda n: State(
                number=n, scope=Scope(kind, namespace), phase=phase, at=at, problem=problem
            )
        )

    def app(self, name: str) -> AppRow:
        self.store.flush()
        row = self.store.rows("apps")[f"uid-{name}"]
        assert isinstance(row, AppRow)
        return row

    def cron(self, name: str) -> CronRow:
        self.store.flush()
        row = self.store.rows("crons")[f"uid-{name}"]
        assert isinstance(row, CronRow)
        return row


PARTS = [
    ("Deployment", deployment("web", ready=1)),
    ("ReplicaSet", replica_set("web-1", "web")),
    ("Pod", pod("web-1-a", ("ReplicaSet", "web-1"), containerStatuses=crashing(3))),
    ("Pod", pod("web-1-b", ("ReplicaSet", "web-1"))),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(PARTS)))))
@pytest.mark.parametrize("flush_between", [False, True])
def test_pods_join_their_app_in_any_order(order: tuple[int, ...], flush_between: bool) -> None:
    fed = Fed()
    for position in order:
        fed.upsert(*PARTS[position])
        if flush_between:
            fed.store.flush()
    row = fed.app("web")
    assert (row.state, row.pods, row.restarts) == (AppState.FAILING, 2, 3)
    assert row.reason == "1/2 ready: CrashLoopBackOff, exit 1"


def test_a_deleted_pod_leaves_its_app() -> None:
    fed = Fed()
    for part in PARTS:
        fed.upsert(*part)
    fed.app("web")
    fed.delete("Pod", "web-1-a")
    assert (fed.app("web").pods, fed.app("web").state) == (1, AppState.PROGRESSING)


def test_listeners_hear_one_diff_a_tick_and_only_of_what_looks_different() -> None:
    fed = Fed()
    diffs: list[Diff] = []
    end = fed.store.subscribe("apps", diffs.append)
    for part in PARTS:
        fed.upsert(*part)
    fed.store.flush()
    assert [len(diff.upserted) for diff in diffs] == [1]
    fed.upsert("Deployment", PARTS[0][1])
    fed.upsert("Pod", PARTS[3][1])
    assert fed.store.flush() is False
    assert len(diffs) == 1
    fed.delete("Deployment", "web")
    fed.store.flush()
    assert diffs[-1].removed == ["uid-web"]
    end()
    fed.upsert(*PARTS[0])
    fed.store.flush()
    assert len(diffs) == 2


def test_what_no_list_shows_can_wait_and_is_not_lost() -> None:
    fed = Fed()
    diffs: list[Diff] = []
    fed.store.subscribe("pods", diffs.append)
    for part in PARTS:
        fed.upsert(*part)
    assert fed.store.flush(heard_only=True) is True
    assert [len(diff.upserted) for diff in diffs] == [2]
    assert fed.store.rows("apps") == {}
    assert fed.store.tally("apps").rows == 0
    assert fed.store.flush() is True
    assert fed.store.tally("apps").rows == 1
    assert fed.app("web").pods == 2
    assert len(diffs) == 1


def test_an_object_recreated_under_its_name_is_another_row() -> None:
    fed = Fed()
    fed.upsert("Deployment", deployment("web"))
    again = deployment("web")
    again["metadata"]["uid"] = "uid-other"
    fed.upsert("Deployment", again)
    fed.delete("Deployment", "web")
    fed.store.flush()
    assert set(fed.store.rows("apps")) == {"uid-other"}


def test_usage_is_summed_over_an_apps_pods() -> None:
    fed = Fed()
    for part in PARTS:
        fed.upsert(*part)
    assert fed.app("web").cpu == -1
    usage = {("shop", "web-1-a"): (10, 100), ("shop", "web-1-b"): (5, 50), ("x", "y"): (1, 1)}
    fed.send(lambda n: Usage(number=n, scope=Scope("Pod"), pods=usage))
    assert (fed.app("web").cpu, fed.app("web").memory) == (15, 150)
    pod_row = fed.store.rows("pods")["uid-web-1-b"]
    assert isinstance(pod_row, PodRow)
    assert pod_row.cpu == 5
    assert fed.store.measured
    fed.send(lambda n: Usage(number=n, scope=Scope("Pod"), pods=None))
    assert fed.app("web").cpu == -1
    assert not fed.store.measured


def test_cron_jobs_know_their_runs() -> None:
    fed = Fed()
    fed.upsert("CronJob", cron_job("report", last=NOW - 60))
    fed.upsert("Job", job("r1", "report", NOW - 360, "Failed"), job("r2", "report", NOW - 60))
    row = fed.cron("report")
    assert (row.history, row.last_outcome, row.missed) == ("fs", "succeeded", 0)
    assert row.next_run == NOW - NOW % 300 + 300
    assert row.words == "Every 5 minutes"


def test_how_a_run_ended_stays_known_when_its_job_is_pruned() -> None:
    fed = Fed()
    fed.upsert("CronJob", cron_job("report", last=NOW - 60))
    fed.upsert("Job", job("r1", "report", NOW - 360, "Failed"), job("r2", "report", NOW - 60, ""))
    fed.delete("Job", "r1", "r2")
    assert fed.cron("report").history == "f"


def test_missed_runs_count_from_the_last_run_and_stop_with_suspension() -> None:
    fed = Fed()
    last = NOW - NOW % 300 - 1500
    fed.upsert("CronJob", cron_job("report", last=last))
    assert fed.cron("report").missed == 4 + (NOW % 300 >= 60)
    assert fed.store.tally("crons").missed == 1
    fed.upsert("CronJob", cron_job("report", last=last, suspend=True))
    assert (fed.cron("report").missed, fed.cron("report").next_run) == (0, 0)
    assert fed.store.tally("crons").missed == 0


def test_a_cron_jobs_row_changes_with_the_clock_alone() -> None:
    fed = Fed()
    fed.upsert("CronJob", cron_job("report", last=NOW - NOW % 300))
    due = fed.cron("report").next_run
    fed.now = due + 1
    assert fed.cron("report").next_run == due + 300
    assert fed.cron("report").missed == 0
    fed.now = due + 62
    assert fed.cron("report").missed == 1


def test_an_unreadable_schedule_is_said_and_counts_as_failing() -> None:
    fed = Fed()
    fed.upsert("CronJob", cron_job("bad", "* * * * 7"))
    assert fed.cron("bad").problem
    assert fed.cron("bad").failing


def test_a_reset_forgets_one_namespace_of_one_kind() -> None:
    fed = Fed()
    other = deployment("api")
    other["metadata"]["namespace"] = "edge"
    fed.upsert("Deployment", deployment("web"), other)
    fed.store.flush()
    assert fed.store.tally("apps", "edge").rows == 1
    fed.send(lambda n: Reset(number=n, scope=Scope("Deployment", "shop")))
    fed.store.flush()
    assert set(fed.store.rows("apps")) == {"uid-api"}
    assert (fed.store.tally("apps").rows, fed.store.tally("apps", "shop").rows) == (1, 0)


def test_freshness_is_that_of_the_worst_scope() -> None:
    fed = Fed()
    connection = fed.store.connection
    assert connection.status(30.0).freshness is Freshness.CONNECTING
    fed.state("Pod", Phase.LISTING)
    fed.state("Deployment", Phase.LIVE)
    assert connection.status(30.0).freshness is Freshness.LISTING
    fed.state("Pod", Phase.LIVE)
    assert connection.status(30.0).freshness is Freshness.LIVE
    fed.state("Pod", Phase.BROKEN, at=10.0)
    fed.state("Pod", Phase.BROKEN, at=20.0)
    status = connection.status(30.0)
    # The age is that of what is known, not that of the trouble with it.
    assert (status.freshness, status.since) == (Freshness.STALE, 0.0)
    assert connection.status(71.0).freshness is Freshness.OFFLINE
    fed.state("Pod", Phase.LIVE, at=20.0)
    assert connection.status(90.0).freshness is Freshness.LIVE
    fed.state("Pod", Phase.REFUSED)
    assert connection.status(30.0).freshness is Freshness.LIVE
    assert len(connection.refusals()) == 1


def test_what_gives_no_sign_of_life_is_stale_from_its_last_one_on() -> None:
    fed = Fed()
    connection = fed.store.connection
    for kind in ("Pod", "Deployment"):
        fed.state(kind, Phase.LISTED, at=100.0)
        fed.state(kind, Phase.LIVE, at=100.0)
    fed.send(lambda n: Proof(number=n, scope=Scope("Pod"), at=150.0))
    assert connection.status(190.0) == Status(Freshness.LIVE, 0.0)
    status = connection.status(191.0)
    assert (status.freshness, status.since) == (Freshness.STALE, 100.0)
    assert status.problem is not None
    assert "nothing has been heard" in status.problem.sentence
    assert connection.status(251.0).freshness is Freshness.OFFLINE
    fed.send(lambda n: Proof(number=n, scope=Scope("Deployment"), at=190.0))
    assert connection.status(191.0).freshness is Freshness.LIVE
    # Each collection has its own: what was watched until when, only its own signs tell.
    assert connection.seen("Pod", "", 200.0) == 200.0
    assert connection.seen("Pod", "", 250.0) == 150.0


def test_a_clock_that_was_set_back_makes_nothing_stale() -> None:
    fed = Fed()
    fed.state("Pod", Phase.LIVE, at=5_000.0)
    assert fed.store.connection.status(100.0).freshness is Freshness.LIVE


def test_what_is_polled_says_how_old_it_is() -> None:
    fed = Fed()
    connection = fed.store.connection
    fed.state("Deployment", Phase.LIVE, at=100.0)
    fed.state("Pod", Phase.LISTED, at=100.0)
    fed.state("Pod", Phase.POLLED, at=100.0)
    assert connection.status(112.0) == Status(Freshness.POLLED, 100.0)
    assert connection.complete("Pod")
    # What came and went between two lists was not seen: no break-free watch, and no later than that.
    assert connection.seen("Pod", "", 112.0) == 100.0
    assert connection.listed_at("Pod", "", 112.0) == 112.0
    fed.state("Pod", Phase.BROKEN, at=120.0)
    status = connection.status(125.0)
    assert (status.freshness, status.since) == (Freshness.STALE, 100.0)


names = st.sampled_from(["a", "b", "c", "d"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["app", "set", "pod", "-app", "-set", "-pod", "flush"]), names)
    )
)
def test_tallies_and_joins_equal_a_store_built_anew(steps: list[tuple[str, str]]) -> None:
    fed = Fed()
    present: dict[tuple[str, str], dict[str, Any]] = {}
    for what, name in steps:
        if what == "flush":
            fed.store.flush()
            continue
        kind = {"app": "Deployment", "set": "ReplicaSet", "pod": "Pod"}[what.lstrip("-")]
        document = {
            "Deployment": deployment(name),
            "ReplicaSet": replica_set(f"{name}-1", name),
            "Pod": pod(f"{name}-1-x", ("ReplicaSet", f"{name}-1"), containerStatuses=crashing()),
        }[kind]
        if what.startswith("-"):
            present.pop((kind, name), None)
            fed.delete(kind, document["metadata"]["name"])
        else:
            present[kind, name] = document
            fed.upsert(kind, document)
    fed.store.flush()
    anew = Fed()
    for (kind, _), document in present.items():
        anew.upsert(kind, document)
    anew.store.flush()
    for view in ("apps", "pods"):
        assert fed.store.rows(view) == anew.store.rows(view)
        assert fed.store.tally(view) == anew.store.tally(view)


def test_a_cluster_that_never_answered_is_offline_at_once() -> None:
    fed = Fed()
    fed.state("Pod", Phase.LISTING)
    fed.state("Pod", Phase.BROKEN, at=10.0)
    assert fed.store.connection.status(11.0).freshness is Freshness.OFFLINE


def test_a_refused_credential_is_no_stale_cluster() -> None:
    fed = Fed()
    problem = Problem("expired", "unauthorized")
    fed.send(
        lambda n: State(number=n, scope=Scope("Pod"), phase=Phase.BROKEN, at=1.0, problem=problem)
    )
    assert fed.store.connection.status(2.0).freshness is Freshness.REFUSED


def test_an_app_that_only_starts_becomes_failing_by_the_clock_alone() -> None:
    fed = Fed()
    unready = pod("web-1-a", ("ReplicaSet", "web-1"), conditions=[])
    unready["status"]["containerStatuses"][0]["ready"] = False
    unready["metadata"]["creationTimestamp"] = stamp(NOW - 10)
    fed.upsert("Deployment", deployment("web", replicas=1, ready=0))
    fed.upsert("ReplicaSet", replica_set("web-1", "web"))
    fed.upsert("Pod", unready)
    assert fed.app("web").state is AppState.PROGRESSING
    fed.now += 240
    assert fed.app("web").state is AppState.FAILING


def test_a_pod_that_leaves_its_owner_leaves_the_app() -> None:
    fed = Fed()
    for part in PARTS:
        fed.upsert(*part)
    assert fed.app("web").pods == 2
    fed.upsert("Pod", pod("web-1-a", None, containerStatuses=crashing(3)))
    assert (fed.app("web").pods, fed.app("web").restarts) == (1, 0)


def test_pods_that_came_before_their_replica_set_are_told_again() -> None:
    fed = Fed()
    told: list[str] = []
    fed.store.subscribe("pods", lambda diff: told.extend(row.name for row in diff.upserted))
    fed.upsert("Pod", PARTS[3][1])
    fed.store.flush()
    fed.upsert("ReplicaSet", PARTS[1][1])
    fed.store.flush()
    fed.store.flush()
    assert told == ["web-1-b", "web-1-b"]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "x"])
def test_a_time_that_no_calendar_shows_is_none(text: str) -> None:
    document = job("r1", "report", NOW)
    document["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] = text
    assert record("Job", document).scheduled == 0


def test_the_history_of_what_is_no_cron_job_goes_with_its_jobs() -> None:
    fed = Fed()
    # There are other groups with a kind of this name, and owners that may not be read.
    fed.upsert("Job", job("etl-1", "etl", NOW), job("etl-2", "etl", NOW))
    fed.delete("Job", "etl-1")
    assert len(fed.store.crons.seen_runs("uid-etl")) == 2
    fed.delete("Job", "etl-2")
    assert fed.store.crons.seen_runs("uid-etl") == []


@pytest.mark.parametrize("first", ["the cron job", "its jobs"])
def test_the_history_of_a_deleted_cron_job_goes_with_its_last_job(first: str) -> None:
    fed = Fed()
    fed.upsert("CronJob", cron_job("backup"))
    fed.upsert("Job", job("backup-1", "backup", NOW), job("backup-2", "backup", NOW))
    if first == "its jobs":
        fed.delete("Job", "backup-1", "backup-2")
        assert len(fed.store.crons.seen_runs("uid-backup")) == 2, "pruned jobs stay in the history"
    fed.delete("CronJob", "backup")
    # The garbage collector touches them before it deletes them.
    fed.upsert("Job", job("backup-3", "backup", NOW))
    fed.delete("Job", "backup-1", "backup-2", "backup-3")
    assert fed.store.crons.seen_runs("uid-backup") == []


def test_a_job_that_gets_another_owner_leaves_no_history_behind() -> None:
    fed = Fed()
    fed.upsert("Job", job("one", "first", NOW))
    fed.upsert("Job", job("one", "second", NOW))
    assert fed.store.crons.seen_runs("uid-first") == []
    assert len(fed.store.crons.seen_runs("uid-second")) == 1


def test_a_namespace_is_missing_only_where_all_of_them_are_known() -> None:
    fed = Fed()
    store = fed.store
    assert not store.lacks_namespace("shop")
    fed.upsert("Namespace", {"metadata": {"name": "edge", "uid": "uid-edge"}})
    fed.state("Namespace", Phase.LISTED)
    assert not store.lacks_namespace("shop"), "it is not followed yet"
    fed.state("Namespace", Phase.LIVE)
    assert store.lacks_namespace("shop")
    assert not store.lacks_namespace("edge")
    assert not store.lacks_namespace("")
    fed.state("Namespace", Phase.BROKEN)
    assert not store.lacks_namespace("shop")
    fed.state("Namespace", Phase.REFUSED)
    assert not store.lacks_namespace("shop")
