"""What is said of jobs, and of cron jobs by their runs and pods."""

from typing import Any

import pytest

from leviathan_tui.backend.fleet import runs
from leviathan_tui.backend.fleet.messages import Scope, Upsert
from leviathan_tui.backend.fleet.rows import CronRow
from leviathan_tui.backend.fleet.store import Store
from tests.backend.fleet.objects import (
    NOW,
    cron_job,
    job,
    metadata,
    pod,
    record,
    stamp,
    unready,
    waiting_for,
)


def upsert(kind: str, *documents: dict[str, Any]) -> Upsert:
    records = [record(kind, document) for document in documents]
    return Upsert(scope=Scope(kind), number=0, records=records)


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


def test_a_pod_that_failed_before_its_job_succeeded_is_listed_and_not_counted() -> None:
    store = Store(lambda: float(NOW))
    left = pod("x", ("Job", "run"))
    left["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low."}
    store.apply(
        [
            upsert("CronJob", cron_job("backup", last=NOW - 60)),
            upsert("Job", job("run", "backup", NOW - 60)),
            upsert("Pod", left),
        ]
    )
    store.flush()
    (row,) = store.rows("crons").values()
    assert isinstance(row, CronRow)
    assert (row.trouble, row.last_outcome, row.broken) == ("", "succeeded", False)
    assert store.tally("crons").failing == 0
    (listed,) = store.rows("pods").values()
    assert getattr(listed, "failing", None)


def test_a_run_that_no_node_takes_is_told_when_patience_is_over() -> None:
    now = float(NOW)
    store = Store(lambda: now)
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    pending = pod("x", ("Job", "run"), phase="Pending", conditions=[condition])
    pending["status"]["containerStatuses"] = None
    pending["metadata"]["creationTimestamp"] = stamp(NOW)
    store.apply(
        [
            upsert("CronJob", cron_job("backup", "0 0 1 1 *")),
            upsert("Job", job("run", "backup", NOW, outcome="")),
            upsert("Pod", pending),
        ]
    )
    store.flush()
    assert store.tally("crons").failing == 0
    now += 130
    store.flush()
    (row,) = store.rows("crons").values()
    assert isinstance(row, CronRow)
    assert row.trouble == "Pending, Insufficient cpu"
    now += 130
    assert not store.flush(), "it is looked at no more"


def test_a_cron_job_that_has_missed_runs_is_counted_as_missed() -> None:
    store = Store(lambda: float(NOW))
    store.apply([upsert("CronJob", cron_job("late", last=NOW - 3600))])
    store.flush()
    assert (store.tally("crons").missed, store.tally("crons").failing) == (1, 0)
    store.apply([upsert("Job", job("run", "late", NOW - 3600, outcome="Failed"))])
    store.flush()
    assert (store.tally("crons").missed, store.tally("crons").failing) == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "late", "missed"), [(5, False, 0), (12, True, 0), (70, True, 1)]
)
def test_a_run_is_late_before_it_is_missed(seconds: int, late: bool, missed: int) -> None:
    due = NOW - NOW % 3600
    cron = record("CronJob", cron_job("hourly", "0 * * * *", last=due - 3600))
    now = due + seconds
    plan = runs.plan("0 * * * *", "")
    assert runs.is_late(cron, plan, now) is late
    assert runs.missed_runs(cron, plan, now) == missed
