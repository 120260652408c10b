"""Cron jobs: a job each time the schedule says so.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""

from datetime import datetime, timedelta, tzinfo
from email.utils import format_datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leviathan_sandbox.controllers.base import Controller, Manager, owned, owner_key
from leviathan_sandbox.controllers.events import reference_to
from leviathan_sandbox.controllers.jobs import is_finished
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import CRON_JOB, JOB
from leviathan_sandbox.objects import (
    Object,
    copy,
    has_condition,
    is_terminating,
    moment,
    owner_reference,
    timestamp,
)
from leviathan_sandbox.storage import Change
from leviathan_tui.backend.schedules import Schedule, ScheduleError, parse

SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_COMPONENT: Final = "cronjob-controller"
_DELTA: Final = 0.1
"""Seconds that the controller looks late, so that it never looks early."""
_MANY: Final = 100


def job_from(cron_job: Object, scheduled: datetime) -> Object:
    """Return the job that a cron job starts for a scheduled time (in the cron job's zone)."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    minutes = int(scheduled.timestamp()) // 60
    shown = scheduled.isoformat(timespec="seconds").replace("+00:00", "Z")
    job: Object = {
        "metadata": {
            "name": f"{cron_job['metadata']['name']}-{minutes}",
            "annotations": {**(metadata.get("annotations") or {}), SCHEDULED_AT: shown},
            "ownerReferences": [owner_reference(cron_job)],
        },
        "spec": copy(template["spec"]),
    }
    if metadata.get("labels"):
        job["metadata"]["labels"] = dict(metadata["labels"])
    return job


def _next(schedule: Schedule, after: datetime, zone: tzinfo, anchor: datetime) -> datetime | None:
    return schedule.next_after(after, zone, anchor=anchor)


def most_recent(
    schedule: Schedule, earliest: datetime, now: datetime, zone: tzinfo, anchor: datetime
) -> tuple[datetime | None, int]:
    """Return the last scheduled time between `earliest` and `now`, and about how many there were."""
    first = _next(schedule, earliest, zone, anchor)
    if first is None or first > now:
        return None, 0
    second = _next(schedule, first, zone, anchor)
    if second is None or second > now:
        return first, 1
    # Long ago, the times in between are not looked at one by one.
    step = max((second - first).total_seconds(), 1.0)
    missed = int((now - first).total_seconds() // step) + 1
    probe = first + timedelta(seconds=(missed - 2) * step)
    last = first
    found = _next(schedule, min(probe, now - timedelta(seconds=step)), zone, anchor)
    while found is not None and found <= now:
        last = found
        found = _next(schedule, found, zone, anchor)
    return last, missed


class CronJobs(Controller):
    """Starts jobs on schedule, and forgets the oldest of them.

    Parameters:
        live: whether schedules are kept to; otherwise jobs are started by hand only.
    """

    def __init__(self, manager: Manager, *, live: bool) -> None:
        super().__init__(manager)
        self._live = live

    def observe(self, change: Change) -> None:
        """Look at cron jobs that changed, or whose jobs did."""
        if change.kind is CRON_JOB and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is JOB:
            for key in owner_key(change, CRON_JOB):
                self.enqueue(key)

    def sync(self, key: str) -> None:
        """Start what is due, and bring the status in line with the jobs."""
        entry = self.storage.get(CRON_JOB, key)
        if entry is None:
            return
        cron_job = copy(entry.object)
        jobs = [item.object for item in owned(self.storage, cron_job, JOB)]
        self._prune(cron_job, jobs)
        self._update_active(cron_job, jobs)
        if not is_terminating(cron_job) and not cron_job["spec"].get("suspend") and self._live:
            self._start_due(cron_job)
        current = self.storage.get(CRON_JOB, key)
        if current is not None:
            self.registry.set_status(CRON_JOB, current, cron_job["status"])

    def _say(self, cron_job: Object, kind: str, reason: str, message: str) -> None:
        self.recorder.record(cron_job, kind, reason, message, _COMPONENT)

    def _update_active(self, cron_job: Object, jobs: list[Object]) -> None:
        """Bring `status.active` and `lastSuccessfulTime` in line with the jobs, in place."""
        status = cron_job.setdefault("status", {})
        by_uid = {job["metadata"]["uid"]: job for job in jobs}
        active = []
        for reference in status.get("active") or ():
            job = by_uid.get(reference["uid"])
            name = reference["name"]
            if job is None:
                self._say(cron_job, "Normal", "MissingJob", f"Active job went missing: {name}")
            elif is_finished(job):
                outcome = "Complete" if has_condition(job, "Complete") else "Failed"
                message = f"Saw completed job: {name}, condition: {outcome}"
                self._say(cron_job, "Normal", "SawCompletedJob", message)
            else:
                active.append(reference)
        if active:
            status["active"] = active
        else:
            status.pop("active", None)
        completed = [
            job["status"]["completionTime"] for job in jobs if has_condition(job, "Complete")
        ]
        if completed:
            status["lastSuccessfulTime"] = max([*completed, status.get("lastSuccessfulTime", "")])

    def _start_due(self, cron_job: Object) -> None:
        metadata, spec, status = cron_job["metadata"], cron_job["spec"], cron_job["status"]
        try:
            schedule = parse(spec["schedule"], allow_zone_prefix=True)
            zone = ZoneInfo(spec.get("timeZone") or "UTC")
        except (ScheduleError, ZoneInfoNotFoundError, ValueError) as error:
            message = f'unparseable schedule: "{spec["schedule"]}" : {error}'
            self._say(cron_job, "Warning", "UnparseableSchedule", message)
            return
        now = self.now()
        anchor = moment(status.get("lastScheduleTime") or metadata["creationTimestamp"])
        earliest = anchor
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None:
            earliest = max(earliest, now - timedelta(seconds=deadline))
        scheduled, missed = most_recent(schedule, earliest, now, zone, anchor)
        if missed > _MANY:
            message = (
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or"
                " check clock skew"
            )
            self._say(cron_job, "Warning", "TooManyMissedTimes", message)
        if scheduled is not None:
            self._start(cron_job, scheduled, now)
        upcoming = _next(schedule, now, zone, anchor)
        if upcoming is not None:
            key = CRON_JOB.key(metadata["namespace"], metadata["name"])
            self.enqueue_at(key, upcoming.timestamp() + _DELTA)

    def _start(self, cron_job: Object, scheduled: datetime, now: datetime) -> None:
        """Start the job of a scheduled time, unless the policy or the deadline forbids it."""
        spec, status = cron_job["spec"], cron_job["status"]
        namespace = cron_job["metadata"]["namespace"]
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and scheduled + timedelta(seconds=deadline) < now:
            shown = format_datetime(scheduled)
            message = f"Missed scheduled time to start a job: {shown}"
            self._say(cron_job, "Warning", "MissSchedule", message)
            return
        active = status.get("active") or []
        if active and spec["concurrencyPolicy"] == "Forbid":
            message = (
                "Not starting job because prior execution is running and concurrency policy is"
                " Forbid"
            )
            self._say(cron_job, "Normal", "JobAlreadyActive", message)
            return
        if active and spec["concurrencyPolicy"] == "Replace":
            for reference in active:
                self._delete(cron_job, reference["name"])
            active = []
        body = job_from(cron_job, scheduled)
        name = body["metadata"]["name"]
        if self.storage.get(JOB, JOB.key(namespace, name)) is None:
            job = self.registry.create(JOB, namespace, body).object
            self._say(cron_job, "Normal", "SuccessfulCreate", f"Created job {name}")
            active = [*active, reference_to(job)]
        if active:
            status["active"] = active
        else:
            status.pop("active", None)
        status["lastScheduleTime"] = timestamp(scheduled)

    def _delete(self, cron_job: Object, name: str) -> None:
        namespace = cron_job["metadata"]["namespace"]
        if self.storage.get(JOB, JOB.key(namespace, name)) is not None:
            self.registry.delete(JOB, namespace, name, DeleteOptions(propagation="Background"))
            self._say(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {name}")

    def _prune(self, cron_job: Object, jobs: list[Object]) -> None:
        """Delete the oldest finished jobs beyond the history limits."""
        for condition, field in (
            ("Complete", "successfulJobsHistoryLimit"),
            ("Failed", "failedJobsHistoryLimit"),
        ):
            limit = cron_job["spec"].get(field)
            if limit is None:
                continue
            finished = [job for job in jobs if has_condition(job, condition)]
            finished.sort(
                key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"])
            )
            for job in finished[: max(0, len(finished) - limit)]:
                if not is_terminating(job):
                    self._delete(cron_job, job["metadata"]["name"])
