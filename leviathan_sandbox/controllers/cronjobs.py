"""Cron jobs: a job each time the schedule says so.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""

from datetime import datetime, timedelta
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
from leviathan_tui.backend.schedules.controller import Missed, most_recent, next_look

SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_COMPONENT: Final = "cronjob-controller"
_DELTA: Final = 0.1
"""Seconds that the controller looks late, so that it never looks early."""


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


def _read(spec: Object) -> tuple[Schedule, ZoneInfo]:
    return parse(spec["schedule"], allow_zone_prefix=True), ZoneInfo(spec.get("timeZone") or "UTC")


def _times(cron_job: Object) -> tuple[str, str | None]:
    return cron_job["spec"]["schedule"], cron_job["spec"].get("timeZone")


def _anchor(cron_job: Object) -> int:
    """Return the last schedule time, or when it was made, in Unix seconds."""
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    return int(moment(last or cron_job["metadata"]["creationTimestamp"]).timestamp())


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
            before = change.previous
            if before is not None and _times(before.object) != _times(change.entry.object):
                # A new schedule alone is no reason to look at once, nor to forget the old one's time.
                self._look_later(change.entry.object, "rescheduled")
            else:
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
        spec = cron_job["spec"]
        text = spec["schedule"]
        if "TZ" in text:
            message = (
                f'CRON_TZ or TZ used in schedule "{text}" is not officially supported, see'
                " https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            )
            self._say(cron_job, "Warning", "UnsupportedSchedule", message)
        try:
            schedule, zone = _read(spec)
        except (ScheduleError, ZoneInfoNotFoundError, ValueError) as error:
            message = f'unparseable schedule: "{text}" : {error}'
            self._say(cron_job, "Warning", "UnparseableSchedule", message)
            return
        now = self.now()
        unix = int(now.timestamp())
        anchor = _anchor(cron_job)
        recent = most_recent(schedule, zone, anchor, unix, spec.get("startingDeadlineSeconds"))
        if recent.invalid:
            why = "time difference between two schedules is less than 1 second"
            message = f"invalid schedule: {text} : {why}"
            self._say(cron_job, "Warning", "InvalidSchedule", message)
            return
        if recent.time is not None and recent.missed is Missed.MANY:
            message = (
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or"
                " check clock skew"
            )
            self._say(cron_job, "Warning", "TooManyMissedTimes", message)
        if recent.time is not None and recent.time != anchor:
            self._start(cron_job, datetime.fromtimestamp(recent.time, zone), now)
        self._look_later(cron_job)

    def _look_later(self, cron_job: Object, why: str = "") -> None:
        """Look again when the next run is due; in place of what was to come for the same reason."""
        try:
            schedule, zone = _read(cron_job["spec"])
        except (ScheduleError, ZoneInfoNotFoundError, ValueError):
            return
        upcoming = next_look(schedule, zone, _anchor(cron_job), int(self.now().timestamp()))
        if upcoming is not None:
            metadata = cron_job["metadata"]
            key = CRON_JOB.key(metadata["namespace"], metadata["name"])
            self.agenda.put((self, key, why), upcoming + _DELTA, lambda: self.enqueue(key))

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
        there = self.storage.get(JOB, JOB.key(namespace, name))
        if there is None:
            job = self.registry.create(JOB, namespace, body).object
            self._say(cron_job, "Normal", "SuccessfulCreate", f"Created job {name}")
        else:
            job = there.object
            owners = job["metadata"].get("ownerReferences") or ()
            uid = cron_job["metadata"]["uid"]
            if not any(one["uid"] == uid and one.get("controller") for one in owners):
                # Somebody else's job has the name: whoever made it is expected to go on with it.
                return
        if not any(one["uid"] == job["metadata"]["uid"] for one in active):
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
