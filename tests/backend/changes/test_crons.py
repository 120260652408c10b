"""What the cron manager does, on the sandbox and the real cluster."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from leviathan_tui.backend.changes import crons
from leviathan_tui.backend.changes.jobs import Delete, Retry
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import Bench, cron

KIND = kinds.CRON_JOB


async def test_pause_and_resume(bench: Bench) -> None:
    ref = await bench.create(KIND, cron("nightly"))
    assert (await bench.do(crons.Suspend(KIND, ref))).done
    assert (await bench.get(KIND, ref))["spec"]["suspend"] is True
    with pytest.raises(NotPossible, match="paused already"):
        await bench.try_(crons.Suspend(KIND, ref))
    assert (await bench.do(crons.Resume(KIND, ref))).done
    assert not (await bench.get(KIND, ref))["spec"].get("suspend")


async def test_run_now_is_what_kubectl_makes(bench: Bench) -> None:
    ref = await bench.create(KIND, cron("nightly"))
    outcome = await bench.do(crons.RunNow(KIND, ref))
    assert outcome.done
    job = await bench.get(kinds.JOB, outcome.entry.ref)
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["uid"] == ref.uid
    assert owner["controller"] is True
    assert "blockOwnerDeletion" not in owner
    assert (await bench.follow(outcome)).done

    again = await bench.do(Retry(kinds.JOB, outcome.entry.ref))
    assert again.done, again.words
    assert (await bench.follow(again)).done
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, kinds.JOB, bench.client.target.cluster.server))).done
    await bench.gone(kinds.JOB, again.entry.ref)


async def test_the_schedule_is_changed_and_taken_back(bench: Bench) -> None:
    ref = await bench.create(KIND, cron("nightly"))
    assert (await bench.do(crons.Reschedule(KIND, ref, "0 4 * * *", "Europe/Berlin"))).done
    spec = (await bench.get(KIND, ref))["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 4 * * *", "Europe/Berlin")
    with pytest.raises(NotPossible, match=r"Schedule not changed: .*no number"):
        await bench.try_(crons.Reschedule(KIND, ref, "0 0 L * *"))
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, KIND, bench.client.target.cluster.server))).done
    spec = (await bench.get(KIND, ref))["spec"]
    assert (spec["schedule"], spec.get("timeZone")) == ("0 3 1 1 *", None)


async def test_deleting_takes_the_jobs_and_their_pods(bench: Bench) -> None:
    ref = await bench.create(KIND, cron("nightly"))
    job = (await bench.do(crons.RunNow(KIND, ref))).entry.ref
    assert (await bench.do(Delete(KIND, ref))).done
    await bench.gone(KIND, ref)
    await bench.gone(kinds.JOB, job)
    (entry,) = [one for one in latest(bench.entries, "alice") if one.kind == "CronJob"]
    assert (await bench.do(undo(entry, KIND, bench.client.target.cluster.server))).done
    again = Ref("CronJob", bench.namespace, "nightly")
    assert (await bench.get(KIND, again))["metadata"]["uid"] != ref.uid


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"schedule": "0 * * * *"}, "2026-11-24T07:00:00Z", "2026-11-24T09:00:00+00:00"),
        ({"schedule": "0 * * * *"}, "2026-11-24T09:00:00Z", None),
        (
            {"schedule": "0 * * * *", "startingDeadlineSeconds": 600},
            "2026-11-24T07:00:00Z",
            None,
        ),
        ({"schedule": "nonsense"}, "2026-11-24T07:00:00Z", None),
    ],
)
def test_the_missed_run_that_a_resume_starts(
    spec: dict[str, object], status: str, expected: str | None
) -> None:
    now = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
    document = {"metadata": {}, "spec": spec, "status": {"lastScheduleTime": status}}
    found = crons.missed_run(document, now)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("spec", "active", "expected"),
    [
        ({}, 0, "The run of 2026-11-24 .*, which was missed, starts at once."),
        (
            {"concurrencyPolicy": "Forbid"},
            1,
            "The run of .*, starts once the running job has ended (concurrencyPolicy: Forbid).",
        ),
        ({"concurrencyPolicy": "Forbid"}, 0, "The run of .*, starts at once."),
        (
            {"concurrencyPolicy": "Replace"},
            1,
            "The run of .*, starts at once in place of the running job (concurrencyPolicy: Replace).",
        ),
    ],
)
def test_what_becomes_of_a_late_run_beside_a_running_one(
    spec: dict[str, object], active: int, expected: str
) -> None:
    missed = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    document = {"spec": spec, "status": {"active": [{}] * active}}
    said = crons.late_start(document, missed, "at once")
    assert re.fullmatch(re.escape(expected).replace(r"\.\*", ".*"), said)


@pytest.mark.parametrize(
    ("policy", "active", "expected"),
    [
        ("Forbid", 0, ""),
        ("Allow", 2, ""),
        (
            "Forbid",
            1,
            "A job of it is running. Its schedule would start none beside it (Forbid); "
            "this one runs beside it.",
        ),
        (
            "Replace",
            2,
            "2 of its jobs are running. Its schedule would end them first (Replace); "
            "this one runs beside them.",
        ),
    ],
)
def test_what_a_run_by_hand_does_beside_others(policy: str, active: int, expected: str) -> None:
    document = {"spec": {"concurrencyPolicy": policy}, "status": {"active": [{}] * active}}
    assert crons.run_beside(document) == expected


async def test_a_new_schedule_says_what_it_starts_late(bench: Bench) -> None:
    now = datetime.now(UTC)
    earlier, later = now - timedelta(hours=2), now + timedelta(hours=2)
    ref = await bench.create(KIND, cron("moved", schedule=f"0 {later.hour} * * *"))
    last = (later - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    await bench.client.send(
        "PATCH",
        f"{KIND.path(ref.namespace, ref.name)}/status",
        {"status": {"lastScheduleTime": stamp(last)}},
        content_type="application/merge-patch+json",
    )
    preview = await bench.try_(crons.Reschedule(KIND, ref, f"0 {earlier.hour} * * *"))
    (warning,) = preview.change.warnings
    assert warning.endswith(
        ", which was missed, starts when the controller looks next: at any change of the cron job, "
        "or when the old schedule is due."
    )
    assert (await bench.changes.send(bench.client, preview)).done
    # Not at once: the first change of anything else makes it look.
    await bench.patch(KIND, ref, {"metadata": {"annotations": {"looked": "at"}}})
    started = await bench.until(
        KIND, ref, lambda found: found["status"].get("lastScheduleTime") != stamp(last)
    )
    at = earlier.replace(minute=0, second=0, microsecond=0)
    assert started["status"]["lastScheduleTime"] == stamp(at)


def stamp(moment: datetime) -> str:
    """A time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
