"""Cron jobs with a past: the jobs that are still listed, and their pods."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from leviathan_sandbox.controllers.cronjobs import job_from
from leviathan_sandbox.controllers.events import reference_to
from leviathan_sandbox.defaults import name_suffix
from leviathan_sandbox.fleet.specs import Cron
from leviathan_sandbox.fleet.workbench import Workbench
from leviathan_sandbox.kinds import CRON_JOB, JOB
from leviathan_sandbox.objects import Object, owner_reference, timestamp
from leviathan_sandbox.pods.behaviours import BEHAVIOUR
from leviathan_sandbox.registry import select_own_pods
from leviathan_tui.backend.schedules import parse

_KEPT_SUCCESSES: Final = 3
_KEPT_FAILURES: Final = 1
_SPANS: Final = (0.3, 6.0, 24.0 * 5, 24.0 * 70)
"""Hours to look back for runs; the first span that holds enough of them is taken."""


def past_runs(cron: Cron, now: datetime, wanted: int) -> list[datetime]:
    """Return the last `wanted` scheduled times of a cron job, newest first."""
    schedule = parse(cron.schedule)
    zone = ZoneInfo(cron.zone or "UTC")
    runs: list[datetime] = []
    for hours in _SPANS:
        start = now - timedelta(hours=min(hours, cron.age))
        anchor = now - timedelta(hours=cron.age)
        found = list(schedule.runs_between(start, now, zone, anchor=anchor))
        runs = [run for run in reversed(found) if run <= now]
        if len(runs) >= wanted:
            break
    return runs[:wanted]


class CronBuilder:
    """Builds cron jobs.

    Parameters:
        bench: the tools.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def build(self, cron: Cron) -> None:
        """Build a cron job and the jobs that are still there."""
        bench = self._bench
        bench.namespace(cron.namespace)
        until = bench.now
        if cron.suspended:
            until -= timedelta(days=3)
        metadata = bench.metadata(
            CRON_JOB,
            cron.namespace,
            cron.name,
            bench.ago(cron.age),
            labels={"app.kubernetes.io/name": cron.name},
        )
        cron_job = CRON_JOB.stamp(
            bench.complete(CRON_JOB, {"metadata": metadata, "spec": self._spec(cron)})
        )
        runs = past_runs(cron, until, 12)
        status: Object = {}
        if runs:
            status["lastScheduleTime"] = timestamp(runs[0])
        # Loaded before its jobs, so that they find their owner.
        successes = failures = 0
        for index, run in enumerate(runs):
            if index == 0 and cron.running:
                job = self._running(cron, cron_job, run)
                status["active"] = [reference_to(job)]
                continue
            ended = run + timedelta(seconds=cron.seconds + 3)
            if ended > bench.now:
                job = self._running(cron, cron_job, run)
                status["active"] = [reference_to(job)]
                continue
            failed = cron.fails[index % len(cron.fails)]
            if failed and failures < _KEPT_FAILURES:
                failures += 1
                self._ended(cron, cron_job, run, failed=True)
            elif not failed and successes < _KEPT_SUCCESSES:
                successes += 1
                self._ended(cron, cron_job, run, failed=False)
                status.setdefault(
                    "lastSuccessfulTime", timestamp(run + timedelta(seconds=cron.seconds + 1))
                )
        cron_job["status"] = status
        bench.load(CRON_JOB, cron_job)

    def _spec(self, cron: Cron) -> Object:
        word = "fail" if cron.fails[0] else "complete"
        template = {
            "metadata": {
                "labels": {"app.kubernetes.io/name": cron.name},
                "annotations": {BEHAVIOUR: f"{word}={cron.seconds:g}"},
            },
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": cron.name,
                        "image": cron.image,
                        "args": ["run", f"--task={cron.name}"],
                        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
                    }
                ],
            },
        }
        spec: Object = {
            "schedule": cron.schedule,
            "concurrencyPolicy": cron.concurrency,
            "suspend": cron.suspended,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": template}},
        }
        if cron.zone:
            spec["timeZone"] = cron.zone
        if cron.deadline is not None:
            spec["startingDeadlineSeconds"] = cron.deadline
        return spec

    def _job(self, cron: Cron, cron_job: Object, run: datetime) -> Object:
        bench = self._bench
        body = job_from(cron_job, run)
        made = body["metadata"]
        body["metadata"] = bench.metadata(
            JOB,
            cron.namespace,
            made["name"],
            run.astimezone(UTC),
            annotations=made["annotations"],
            ownerReferences=made["ownerReferences"],
        )
        bench.complete(JOB, body)
        select_own_pods(body)
        return JOB.stamp(body)

    def _pod(self, job: Object, created: datetime, *, tracked: bool) -> Object:
        bench = self._bench
        namespace = job["metadata"]["namespace"]
        model = bench.pod_template(namespace, job["spec"]["template"])
        fields: Object = {"ownerReferences": [owner_reference(job)]}
        if tracked:
            fields["finalizers"] = ["batch.kubernetes.io/job-tracking"]
        name = f"{job['metadata']['name']}-{name_suffix(bench.rng)}"
        return bench.pod(model, name, created, **fields)

    def _running(self, cron: Cron, cron_job: Object, run: datetime) -> Object:
        """Keep a job whose pod is running."""
        bench = self._bench
        job = self._job(cron, cron_job, run)
        started = run.astimezone(UTC)
        job["status"] = {
            "startTime": timestamp(started),
            "active": 1,
            "ready": 1,
            "terminating": 0,
            "uncountedTerminatedPods": {},
        }
        kept = bench.load(JOB, job)
        pod = self._pod(kept, started, tracked=True)
        if cron.running:
            # It takes longer than the others: that is why it is still there.
            pod["metadata"]["annotations"] = {BEHAVIOUR: "complete=5400"}
        address = bench.place(pod)
        bench.moving.append(bench.settle(pod, bench.states.running(pod, address, started)))
        return kept

    def _ended(self, cron: Cron, cron_job: Object, run: datetime, *, failed: bool) -> None:
        """Keep a job that has ended, and its pod."""
        bench = self._bench
        job = self._job(cron, cron_job, run)
        started = run.astimezone(UTC)
        ended = started + timedelta(seconds=cron.seconds + 1)
        job["status"] = self._ended_status(started, ended, failed=failed)
        kept = bench.load(JOB, job)
        pod = self._pod(kept, started, tracked=False)
        address = bench.place(pod)
        status = bench.states.ended(
            pod, address, started + timedelta(seconds=1), cron.seconds, int(failed)
        )
        bench.settle(pod, status)

    @staticmethod
    def _ended_status(started: datetime, ended: datetime, *, failed: bool) -> Object:
        if failed:
            reason, message = (
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
            types = ("FailureTarget", "Failed")
        else:
            reason, message = "CompletionsReached", "Reached expected number of succeeded pods"
            types = ("SuccessCriteriaMet", "Complete")
        status: Object = {
            "conditions": [
                {
                    "type": kind,
                    "status": "True",
                    "lastProbeTime": timestamp(ended),
                    "lastTransitionTime": timestamp(ended),
                    "reason": reason,
                    "message": message,
                }
                for kind in types
            ],
            "startTime": timestamp(started),
        }
        if not failed:
            status["completionTime"] = timestamp(ended)
        return status | {
            "failed" if failed else "succeeded": 1,
            "ready": 0,
            "terminating": 0,
            "uncountedTerminatedPods": {},
        }
