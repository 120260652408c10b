"""Jobs and cron jobs: runs on schedule and by hand, outcomes, history."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conformance.api import BATCH, CORE, Api, cron_job, has_condition, job

Object = dict[str, Any]
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def completed(obj: Object) -> bool:
    return has_condition(obj, "Complete")


def failed(obj: Object) -> bool:
    return has_condition(obj, "Failed")


def conditions(obj: Object) -> dict[str, tuple[str, str]]:
    return {it["type"]: (it["status"], it.get("reason", "")) for it in obj["status"]["conditions"]}


def pods_of(api: Api, name: str) -> list[Object]:
    items: list[Object] = api.read(
        api.path(CORE, "pods"), labelSelector=f"batch.kubernetes.io/job-name={name}"
    )["items"]
    return items


def wait_for_events(api: Api, name: str, messages: set[str]) -> None:
    """Wait until all of `messages` have been recorded about an object."""

    def told(events: list[Object]) -> bool:
        found = {it["message"] for it in events if it["involvedObject"]["name"] == name}
        return messages <= found

    api.wait_list(CORE, "events", told)


def test_a_job_completes(api: Api) -> None:
    api.create(BATCH, "jobs", job("once", "echo working; sleep 1"))
    done = api.wait(BATCH, "jobs", "once", completed)
    status = done["status"]
    assert conditions(done) == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"),
        "Complete": ("True", "CompletionsReached"),
    }
    assert (status["succeeded"], status["ready"], status["terminating"]) == (1, 0, 0)
    assert status["startTime"] < status["completionTime"]
    assert status["uncountedTerminatedPods"] == {}
    assert "active" not in status
    (pod,) = pods_of(api, "once")
    assert pod["status"]["phase"] == "Succeeded"
    assert "finalizers" not in pod["metadata"]
    assert pod["metadata"]["generateName"] == "once-"
    row = api.table(api.path(BATCH, "jobs", "once"))["rows"][0]["cells"]
    assert row[:3] == ["once", "Complete", "1/1"]
    wait_for_events(api, "once", {f"Created pod: {pod['metadata']['name']}", "Job completed"})


def test_a_job_runs_several_pods(api: Api) -> None:
    api.create(BATCH, "jobs", job("many", "sleep 1", completions=3, parallelism=2))
    done = api.wait(BATCH, "jobs", "many", completed)
    assert done["status"]["succeeded"] == 3
    assert len(pods_of(api, "many")) == 3


def test_a_job_fails(api: Api) -> None:
    api.create(BATCH, "jobs", job("broken", "exit 3", backoffLimit=0))
    done = api.wait(BATCH, "jobs", "broken", failed)
    assert conditions(done) == {
        "FailureTarget": ("True", "BackoffLimitExceeded"),
        "Failed": ("True", "BackoffLimitExceeded"),
    }
    (message,) = {it["message"] for it in done["status"]["conditions"]}
    assert message == "Job has reached the specified backoff limit"
    assert done["status"]["failed"] == 1
    assert "completionTime" not in done["status"]
    row = api.table(api.path(BATCH, "jobs", "broken"))["rows"][0]["cells"]
    assert row[:3] == ["broken", "Failed", "0/1"]


def test_a_job_tries_again(api: Api) -> None:
    api.create(BATCH, "jobs", job("again", "exit 3", backoffLimit=1))
    done = api.wait(BATCH, "jobs", "again", failed)
    assert done["status"]["failed"] == 2
    assert len(pods_of(api, "again")) == 2


def test_a_job_may_take_too_long(api: Api) -> None:
    api.create(BATCH, "jobs", job("slow", "sleep 600", activeDeadlineSeconds=2))
    done = api.wait(BATCH, "jobs", "slow", failed)
    assert conditions(done)["Failed"] == ("True", "DeadlineExceeded")


def test_a_suspended_job(api: Api) -> None:
    api.create(BATCH, "jobs", job("later", "exit 0", suspend=True))
    held = api.wait(BATCH, "jobs", "later", lambda it: has_condition(it, "Suspended"))
    assert conditions(held) == {"Suspended": ("True", "JobSuspended")}
    assert "startTime" not in held["status"]
    assert pods_of(api, "later") == []
    api.patched(api.path(BATCH, "jobs", "later"), {"spec": {"suspend": False}})
    done = api.wait(BATCH, "jobs", "later", completed)
    assert conditions(done)["Suspended"] == ("False", "JobResumed")


def test_a_finished_job_is_swept_away(api: Api) -> None:
    api.create(BATCH, "jobs", job("swept", "exit 0", ttlSecondsAfterFinished=1))
    api.wait_gone(BATCH, "jobs", "swept")
    api.wait_list(CORE, "pods", lambda items: not items, "job-name=swept")


def run_now(cron: Object, name: str) -> Object:
    """The job that `kubectl create job --from` makes."""
    metadata, template = cron["metadata"], cron["spec"]["jobTemplate"]
    annotations = {"cronjob.kubernetes.io/instantiate": "manual"}
    annotations |= template["metadata"].get("annotations") or {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": annotations,
            "labels": template["metadata"].get("labels") or {},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": template["spec"],
    }


def test_a_run_by_hand(api: Api) -> None:
    body = cron_job("yearly", "0 0 1 1 *", "echo by hand", suspend=True)
    body["spec"]["jobTemplate"]["metadata"] = {"annotations": {"note": "kept"}}
    cron = api.create(BATCH, "cronjobs", body)
    created = api.create(BATCH, "jobs", run_now(cron, "yearly-by-hand"))
    assert created["metadata"]["annotations"] == {
        "cronjob.kubernetes.io/instantiate": "manual",
        "note": "kept",
    }
    api.wait(BATCH, "jobs", "yearly-by-hand", completed)
    (pod,) = pods_of(api, "yearly-by-hand")
    api.wait_log(pod["metadata"]["name"], "by hand\n")
    after = api.wait(BATCH, "cronjobs", "yearly", lambda it: "lastSuccessfulTime" in it["status"])
    assert "lastScheduleTime" not in after["status"]
    assert "active" not in after["status"]
    api.delete(api.path(BATCH, "cronjobs", "yearly"), {"propagationPolicy": "Background"})
    api.wait_gone(BATCH, "jobs", "yearly-by-hand")


def test_a_run_on_schedule(api_before_the_minute: Api) -> None:
    api = api_before_the_minute
    created = api.create(BATCH, "cronjobs", cron_job("minutely", "* * * * *", "sleep 2"))
    started = api.wait(BATCH, "cronjobs", "minutely", lambda it: bool(it["status"].get("active")))
    (active,) = started["status"]["active"]
    scheduled = started["status"]["lastScheduleTime"]
    moment = datetime.fromisoformat(scheduled)
    assert moment.second == 0
    waited = moment - datetime.fromisoformat(created["metadata"]["creationTimestamp"])
    assert timedelta(0) <= waited <= timedelta(minutes=1)
    name = f"minutely-{int(moment.timestamp()) // 60}"
    assert (active["kind"], active["name"], active["apiVersion"]) == ("Job", name, "batch/v1")
    run = api.read(api.path(BATCH, "jobs", name))
    assert run["metadata"]["annotations"] == {SCHEDULED: scheduled}
    assert run["metadata"]["uid"] == active["uid"]
    (reference,) = run["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["controller"]) == ("CronJob", True)
    api.wait(BATCH, "jobs", name, completed)
    after = api.wait(BATCH, "cronjobs", "minutely", lambda it: "lastSuccessfulTime" in it["status"])
    assert "active" not in after["status"] or after["status"]["active"][0]["name"] != name
    row = api.table(api.path(BATCH, "cronjobs", "minutely"))["rows"][0]["cells"]
    assert row[:4] == ["minutely", "* * * * *", "<none>", "False"]
    seen = f"Saw completed job: {name}, condition: Complete"
    wait_for_events(api, "minutely", {f"Created job {name}", seen})


@pytest.mark.parametrize(("limit", "left"), [(1, 1), (0, 0)])
def test_history_is_pruned(api: Api, limit: int, left: int) -> None:
    body = cron_job("kept", "0 0 1 1 *", "exit 0", suspend=True, successfulJobsHistoryLimit=limit)
    cron = api.create(BATCH, "cronjobs", body)
    for number in range(2):
        api.create(BATCH, "jobs", run_now(cron, f"kept-{number}"))
    api.wait_list(
        BATCH, "jobs", lambda items: len(items) == left and all(completed(it) for it in items)
    )
