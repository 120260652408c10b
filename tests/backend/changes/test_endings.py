"""What is said of a run whose job is gone before anybody saw it end."""

import re
from typing import Any

from leviathan_sandbox import Refused
from leviathan_sandbox.status import StatusError
from leviathan_tui.backend.changes import crons
from leviathan_tui.backend.changes.endings import ending
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.preview import Outcome
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import Bench, cron

KIND = kinds.CRON_JOB
TTL = "ttlSecondsAfterFinished is 0"


async def planned(
    bench: Bench, name: str, script: str, *, ttl: int | None = None, **spec: Any
) -> Ref:
    """Make a cron job that runs a shell script when it is told to."""
    body = cron(name, **spec)
    job = body["spec"]["jobTemplate"]["spec"]
    job["backoffLimit"] = 0
    if ttl is not None:
        job["ttlSecondsAfterFinished"] = ttl
    job["template"]["spec"]["containers"][0]["command"] = ["sh", "-c", script]
    return await bench.create(KIND, body)


async def run_away(bench: Bench, ref: Ref) -> Outcome:
    """Run a cron job whose jobs do not stay, and wait until the job is gone."""
    outcome = await bench.do(crons.RunNow(KIND, ref))
    assert outcome.done, outcome.words
    await bench.gone(kinds.JOB, outcome.entry.ref)
    return outcome


async def test_a_run_that_is_gone_by_its_time_to_live_has_ended_as_it_did(bench: Bench) -> None:
    ref = await planned(bench, "well", "exit 0", ttl=0)
    outcome = await run_away(bench, ref)
    end = await bench.follow(outcome)
    assert (end.done, end.failed) == (True, False)
    name = outcome.entry.name
    assert end.words == f"{name} has succeeded; its job is gone already ({TTL})."

    ref = await planned(bench, "badly", "exit 3", ttl=0)
    outcome = await run_away(bench, ref)
    end = await bench.follow(outcome)
    assert (end.done, end.failed) == (False, True)
    assert end.words == (
        f"{outcome.entry.name} has failed: Job has reached the specified backoff limit "
        f"(BackoffLimitExceeded); its job is gone already ({TTL})."
    )


async def test_so_has_one_of_which_its_cron_job_keeps_none(bench: Bench) -> None:
    ref = await planned(bench, "well", "exit 0", successfulJobsHistoryLimit=0)
    end = await bench.follow(await run_away(bench, ref))
    assert end.done
    assert end.words.endswith("is gone already (successfulJobsHistoryLimit is 0).")
    ref = await planned(bench, "badly", "exit 3", failedJobsHistoryLimit=0)
    outcome = await run_away(bench, ref)
    end = await bench.follow(outcome)
    assert end.failed
    assert "(BackoffLimitExceeded); its job is gone already (failedJobs" in end.words


async def test_a_deadline_and_a_retry_are_told_too(bench: Bench) -> None:
    ref = await planned(bench, "slow", "sleep 60", failedJobsHistoryLimit=1)
    await bench.patch(KIND, ref, {"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": 1}}}})
    outcome = await bench.do(crons.RunNow(KIND, ref))
    assert (await bench.follow(outcome)).failed
    await bench.patch(KIND, ref, {"spec": {"failedJobsHistoryLimit": 0}})
    await bench.gone(kinds.JOB, outcome.entry.ref)
    end = await bench.follow(outcome)
    assert end.failed
    assert "(DeadlineExceeded)" in end.words

    ref = await planned(bench, "again", "exit 0", successfulJobsHistoryLimit=1)
    first = await bench.do(crons.RunNow(KIND, ref))
    assert (await bench.follow(first)).done
    await bench.patch(KIND, ref, {"spec": {"successfulJobsHistoryLimit": 0}})
    await bench.gone(kinds.JOB, first.entry.ref)
    await bench.patch(KIND, ref, {"spec": {"successfulJobsHistoryLimit": 1}})
    second = await bench.do(crons.RunNow(KIND, ref))
    assert (await bench.follow(second)).done
    await bench.patch(KIND, ref, {"spec": {"successfulJobsHistoryLimit": 0}})
    await bench.gone(kinds.JOB, second.entry.ref)
    assert (await bench.follow(second)).done


async def test_what_somebody_deletes_while_it_runs_has_not_failed(bench: Bench) -> None:
    ref = await planned(bench, "long", "sleep 600", ttl=0)
    outcome = await bench.do(crons.RunNow(KIND, ref))
    await bench.until(kinds.JOB, outcome.entry.ref, lambda job: job.get("status", {}).get("active"))
    assert (await bench.do(Delete(kinds.JOB, outcome.entry.ref))).done
    await bench.gone(kinds.JOB, outcome.entry.ref)
    end = await bench.follow(outcome)
    assert (end.done, end.failed, end.unknown) == (False, False, True)
    name = outcome.entry.name
    assert end.words == f"{name} is gone already ({TTL}), and nothing tells how it ended."
    assert bench.steps[0].words == f"{name} is gone; looking up how it ended."


async def test_without_a_right_to_events_the_cron_job_tells(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    denied = StatusError(403, "Forbidden", "you may not")
    ref = await planned(faulty, "well", "exit 0", ttl=0)
    outcome = await run_away(faulty, ref)
    await faulty.until(KIND, ref, lambda it: it.get("status", {}).get("lastSuccessfulTime"))
    faulty.sandbox.inject(Refused(error=denied, verb="list", resource="events"))
    end = await faulty.follow(outcome)
    assert end.done, end.words
    assert re.search(
        r"; the last success of well was at \S+Z, after this was started\.$", end.words
    )
    # Another run has begun since: it may be the one.
    cron_job = await faulty.get(KIND, ref)
    cron_job["status"]["lastScheduleTime"] = cron_job["status"]["lastSuccessfulTime"]
    await faulty.client.send("PUT", KIND.path(ref.namespace, ref.name, "status"), cron_job)
    told = await ending(faulty.client, outcome.entry)
    assert told.succeeded is None
    assert "the last success of well was at" in told.words
    # And of one that failed, nothing tells.
    ref = await planned(faulty, "badly", "exit 3", ttl=0)
    end = await faulty.follow(await run_away(faulty, ref))
    assert (end.failed, end.unknown) == (False, True)


async def test_a_server_that_is_away_is_waited_for(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await planned(faulty, "well", "exit 0", ttl=0)
    outcome = await run_away(faulty, ref)
    busy = StatusError(503, "ServiceUnavailable", "try later")
    faulty.sandbox.inject(Refused(error=busy, verb="list", resource="events", times=2))
    end = await faulty.follow(outcome)
    assert end.done
    assert any("waiting for the server" in step.words for step in faulty.steps)


async def test_that_its_job_does_not_stay_is_said_before(bench: Bench) -> None:
    ref = await planned(bench, "well", "exit 0", ttl=0)
    notes = (await bench.try_(crons.RunNow(KIND, ref))).change.notes
    assert f"Its job, and its logs, may be gone as soon as it ends: {TTL}." in notes
    ref = await planned(bench, "kept", "exit 0", ttl=3600)
    notes = (await bench.try_(crons.RunNow(KIND, ref))).change.notes
    assert not any("may be gone" in note for note in notes)
