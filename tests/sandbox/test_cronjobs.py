"""Cron jobs, by a clock that the tests move. It begins on Thursday, 1 January 2026, 00:00 UTC."""

from datetime import UTC, datetime
from typing import Any

import pytest

from leviathan_sandbox import BEHAVIOUR
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.kinds import CRON_JOB, EVENT, JOB, POD
from leviathan_sandbox.objects import Object, has_condition
from leviathan_sandbox.server.serving import advance
from tests.sandbox.conftest import new_cluster

MINUTE, HOUR, DAY = 60, 3600, 86400


def cron(cluster: Cluster, schedule: str, behaviour: str = "complete=5", **spec: Any) -> None:
    template = {
        "metadata": {"annotations": {BEHAVIOUR: behaviour}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "app:1"}]},
    }
    body = {
        "metadata": {"name": "it"},
        "spec": {
            "schedule": schedule,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": template}},
            **spec,
        },
    }
    cluster.registry.create(CRON_JOB, "default", body)


def the_cron(cluster: Cluster) -> Object:
    return cluster.registry.find(CRON_JOB, "default", "it").object


def jobs(cluster: Cluster) -> list[Object]:
    return [entry.object for entry in cluster.storage.all(JOB, "default")]


def scheduled(cluster: Cluster) -> list[str]:
    key = "batch.kubernetes.io/cronjob-scheduled-timestamp"
    return [job["metadata"]["annotations"][key] for job in jobs(cluster)]


def messages(cluster: Cluster) -> set[str]:
    return {entry.object["reason"] for entry in cluster.storage.all(EVENT, "default")}


def test_it_keeps_to_its_schedule_and_prunes(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *")
    advance(cluster, 62 * MINUTE)
    assert scheduled(cluster) == [
        "2026-01-01T00:40:00Z",
        "2026-01-01T00:50:00Z",
        "2026-01-01T01:00:00Z",
    ]
    status = the_cron(cluster)["status"]
    assert status["lastScheduleTime"] == "2026-01-01T01:00:00Z"
    assert status["lastSuccessfulTime"] >= "2026-01-01T01:00:05Z"
    assert {"SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"} <= messages(cluster)
    assert len(cluster.storage.all(POD, "default")) == 3


def test_failures_are_kept_apart(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *", "fail=5", failedJobsHistoryLimit=2)
    advance(cluster, 65 * MINUTE)
    assert len(jobs(cluster)) == 2
    assert all(has_condition(job, "Failed") for job in jobs(cluster))
    assert "lastSuccessfulTime" not in the_cron(cluster)["status"]


@pytest.mark.parametrize(
    ("policy", "running", "reason"),
    [
        ("Allow", 3, "SuccessfulCreate"),
        ("Forbid", 1, "JobAlreadyActive"),
        ("Replace", 1, "SuccessfulDelete"),
    ],
)
def test_runs_that_overlap(cluster: Cluster, policy: str, running: int, reason: str) -> None:
    cron(cluster, "*/10 * * * *", "complete=100000", concurrencyPolicy=policy)
    advance(cluster, 35 * MINUTE)
    active = the_cron(cluster)["status"]["active"]
    assert len(active) == running
    assert len(jobs(cluster)) == running
    newest = scheduled(cluster)[-1]
    assert newest == ("2026-01-01T00:10:00Z" if policy == "Forbid" else "2026-01-01T00:30:00Z")
    assert reason in messages(cluster)


def test_a_suspended_one_catches_up_with_one_run(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *", suspend=True)
    advance(cluster, 55 * MINUTE)
    assert jobs(cluster) == []

    def resume(body: Object) -> None:
        body["spec"]["suspend"] = False

    cluster.registry.edit(CRON_JOB, "default/it", resume)
    advance(cluster, 1)
    assert scheduled(cluster) == ["2026-01-01T00:50:00Z"]


def test_a_deadline_forbids_catching_up(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *", suspend=True, startingDeadlineSeconds=60)
    advance(cluster, 55 * MINUTE)

    def resume(body: Object) -> None:
        body["spec"]["suspend"] = False

    cluster.registry.edit(CRON_JOB, "default/it", resume)
    advance(cluster, 1)
    assert jobs(cluster) == []
    advance(cluster, 5 * MINUTE)
    assert scheduled(cluster) == ["2026-01-01T01:00:00Z"]


def test_a_time_zone(cluster: Cluster) -> None:
    cron(cluster, "30 9 * * *", timeZone="Asia/Tokyo")
    advance(cluster, HOUR)
    assert scheduled(cluster) == ["2026-01-01T09:30:00+09:00"]
    assert the_cron(cluster)["status"]["lastScheduleTime"] == "2026-01-01T00:30:00Z"


def test_an_interval(cluster: Cluster) -> None:
    advance(cluster, 7)
    cron(cluster, "@every 25m")
    advance(cluster, 80 * MINUTE)
    assert scheduled(cluster) == [
        "2026-01-01T00:25:07Z",
        "2026-01-01T00:50:07Z",
        "2026-01-01T01:15:07Z",
    ]


def test_a_day_that_never_comes(cluster: Cluster) -> None:
    cron(cluster, "0 0 31 2 *")
    advance(cluster, 100 * DAY)
    assert jobs(cluster) == []


def test_a_new_schedule_counts_at_once(cluster: Cluster) -> None:
    cron(cluster, "0 12 * * *")
    advance(cluster, HOUR)

    def change(body: Object) -> None:
        body["spec"]["schedule"] = "*/5 * * * *"

    cluster.registry.edit(CRON_JOB, "default/it", change)
    advance(cluster, 6 * MINUTE)
    assert scheduled(cluster)[-1] == "2026-01-01T01:05:00Z"


def change_spec(cluster: Cluster, **fields: Any) -> None:
    def change(body: Object) -> None:
        body["spec"].update(fields)

    cluster.registry.edit(CRON_JOB, "default/it", change)


def test_what_was_missed_is_not_caught_up_with_where_the_controller_does_not_find_it(
    cluster: Cluster,
) -> None:
    cron(cluster, "*/5 8-18 * * *", suspend=True)
    advance(cluster, 20 * HOUR + 11 * MINUTE)
    change_spec(cluster, suspend=False)
    advance(cluster, MINUTE)
    assert jobs(cluster) == []
    assert messages(cluster) == set()


def test_a_new_schedule_whose_run_was_missed_waits_for_the_old_ones_time(cluster: Cluster) -> None:
    cron(cluster, "0 23 * * *")
    advance(cluster, 44 * HOUR)
    assert scheduled(cluster) == ["2026-01-01T23:00:00Z"]
    change_spec(cluster, schedule="0 5 * * *")
    advance(cluster, 2 * HOUR)
    assert len(jobs(cluster)) == 1
    advance(cluster, HOUR + MINUTE)
    assert scheduled(cluster)[-1] == "2026-01-02T05:00:00Z"


def test_a_schedule_that_makes_the_controller_stand_still(cluster: Cluster) -> None:
    cron(cluster, "45 3 * * *", timeZone="Pacific/Chatham")
    advance(cluster, 93 * DAY + 14 * HOUR + 30 * MINUTE)
    assert scheduled(cluster)[-1].startswith("2026-04-04T03:45:00")
    assert "InvalidSchedule" in messages(cluster)
    advance(cluster, 3 * DAY)
    assert scheduled(cluster)[-1].startswith("2026-04-04T03:45:00")


def test_a_zone_in_the_schedule_is_warned_of(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *")
    entry = cluster.registry.find(CRON_JOB, "default", "it")
    old = {**entry.object, "spec": {**entry.object["spec"], "schedule": "TZ=UTC */10 * * * *"}}
    cluster.storage.write(CRON_JOB, old)
    advance(cluster, 21 * MINUTE)
    assert len(jobs(cluster)) == 2
    assert "UnsupportedSchedule" in messages(cluster)


@pytest.mark.parametrize("mine", [True, False])
def test_a_job_of_the_name_is_adopted_where_it_is_its_own(cluster: Cluster, *, mine: bool) -> None:
    cron(cluster, "*/10 * * * *", behaviour="run")
    first = int(datetime(2026, 1, 1, 0, 10, tzinfo=UTC).timestamp())
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "it",
        "uid": the_cron(cluster)["metadata"]["uid"],
        "controller": True,
    }
    body = {
        "metadata": {"name": f"it-{first // MINUTE}", "ownerReferences": [owner] if mine else []},
        "spec": {"template": the_cron(cluster)["spec"]["jobTemplate"]["spec"]["template"]},
    }
    cluster.registry.create(JOB, "default", body)
    advance(cluster, 11 * MINUTE)
    assert len(jobs(cluster)) == 1
    status = the_cron(cluster)["status"]
    assert bool(status.get("active")) is mine
    assert ("lastScheduleTime" in status) is mine


def test_its_jobs_go_with_it(cluster: Cluster) -> None:
    cron(cluster, "*/10 * * * *")
    advance(cluster, 25 * MINUTE)
    assert len(jobs(cluster)) == 2
    cluster.registry.delete(CRON_JOB, "default", "it")
    advance(cluster, 1)
    assert jobs(cluster) == []
    advance(cluster, 5)
    assert cluster.storage.all(POD, "default") == []


def test_without_life_nothing_is_due() -> None:
    cluster = new_cluster(live=False)
    cron(cluster, "* * * * *")
    advance(cluster, HOUR)
    assert jobs(cluster) == []
