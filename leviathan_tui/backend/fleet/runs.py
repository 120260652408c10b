"""Runs of cron jobs as they were observed.

Kubernetes prunes finished jobs (three successes and one failure are kept by default), so an absent
job proves nothing. Runs are remembered as they are seen, and a run counts as missed only where the
controller's own `lastScheduleTime` or an unbroken watch shows that it did not happen.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.records import CronJob, Job
from leviathan_tui.backend.schedules import Schedule, ScheduleError, describe, parse, zone
from leviathan_tui.backend.schedules.controller import Outlook, outlook

REMEMBERED: Final = 50
"""Runs remembered for one cron job."""

GRACE: Final = 60
"""Seconds the controller may be late before a run counts as missed."""

GONE: Final = "gone"
"""The outcome of a run whose job was deleted before it ended: there was one, and no more is known."""

MOST_MISSED: Final = 100
"""Where counting missed runs stops; the controller itself gives up there."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """One observed run."""

    uid: str
    scheduled: int
    """When it was due, or where nobody planned it, when it was made; seconds since the epoch."""
    outcome: str
    manual: bool
    started: int = 0
    finished: int = 0


class Plan(msgspec.Struct, frozen=True):
    """A cron job's schedule, read once and kept as long as it stays the same."""

    schedule: Schedule | None
    words: str
    error: str


class RunHistory:
    """What was seen of one cron job's runs."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def observe(self, job: Job) -> None:
        """Remember a run, or its newer state."""
        when = job.scheduled or job.created
        self._runs[job.uid] = Run(job.uid, when, job.outcome, job.manual, job.started, job.finished)
        if len(self._runs) > REMEMBERED:
            oldest = min(self._runs.values(), key=lambda run: run.scheduled)
            del self._runs[oldest.uid]

    def vanished(self, uid: str) -> None:
        """The job is gone: how a finished one ended stays known, how others ended never will be."""
        run = self._runs.get(uid)
        if run is not None and run.outcome not in ("succeeded", "failed"):
            self._runs[uid] = msgspec.structs.replace(run, outcome=GONE)

    @property
    def all(self) -> list[Run]:
        """The runs that are remembered, the oldest first."""
        return sorted(self._runs.values(), key=lambda run: run.scheduled)

    def latest(self, count: int) -> list[Run]:
        """Return the newest runs of which more is known than that they were, the oldest first."""
        return [run for run in self.all if run.outcome != GONE][-count:]

    def last_finished(self) -> Run | None:
        """Return the newest run that ended."""
        ended = [run for run in self._runs.values() if run.outcome in ("succeeded", "failed")]
        return max(ended, key=lambda run: run.scheduled, default=None)


def plan(expression: str, time_zone: str) -> Plan:
    """Read a schedule as the controller does; a bad one becomes a plan that says what is wrong."""
    try:
        if time_zone:
            zone(time_zone)
        schedule = parse(expression, allow_zone_prefix=True)
    except ScheduleError as error:
        return Plan(None, "", str(error))
    return Plan(schedule, describe(schedule), "")


def outlook_of(cron: CronJob, plan: Plan, now: float) -> Outlook:
    """Return when the next run is due, or why none ever is; nothing where none is to start."""
    if plan.schedule is None or cron.suspended or cron.deleting:
        return Outlook(None)
    anchor, where = cron.last_schedule or cron.created, zone(cron.time_zone or "UTC")
    return outlook(plan.schedule, where, anchor, int(now), cron.deadline)


def missed_runs(cron: CronJob, plan: Plan, now: float, in_force: float = 0.0) -> int:
    """Return how many runs the controller has not started since the last it did, 100 at most.

    What was due before its schedule came into force, where that is known, is left out. Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
    """
    if plan.schedule is None or cron.suspended or cron.deleting:
        return 0
    anchor = cron.last_schedule or cron.created
    if not anchor:
        return 0
    start = _moment(anchor)
    overdue = plan.schedule.runs_between(
        max(start + timedelta(seconds=1), _moment(in_force)),
        _moment(now - GRACE),
        zone(cron.time_zone or "UTC"),
        limit=MOST_MISSED,
        anchor=start,
    )
    return sum(1 for _ in overdue)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
