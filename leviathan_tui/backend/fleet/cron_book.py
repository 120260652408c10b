"""What is known of cron jobs beside their records: runs, plans, and when each of them is due."""

import heapq
from collections import defaultdict
from typing import Final

from leviathan_tui.backend.fleet import runs
from leviathan_tui.backend.fleet.records import CronJob, Job
from leviathan_tui.backend.fleet.rows import CronRow

MOST_PLANS: Final = 10_000
"""Schedules that are kept after they were read: those of cron jobs that are gone are among them."""

_NO_RUNS: Final = runs.RunHistory()
_LETTER: Final = {"succeeded": "s", "failed": "f", "running": "r"}
_LATE: Final = runs.GRACE + 1


class CronBook:
    """See the module's docstring. Belongs to one store; times are in seconds since the epoch."""

    def __init__(self) -> None:
        self._in_force: dict[str, float] = {}
        """When a cron job's schedule changed or it was resumed, as far as that was seen."""
        self._histories: defaultdict[str, runs.RunHistory] = defaultdict(runs.RunHistory)
        self._plans: dict[tuple[str, str], runs.Plan] = {}
        self._due: list[tuple[float, str]] = []
        self._due_of: dict[str, int] = {}
        self._again: dict[str, float] = {}
        """Cron jobs with a pod that is still given time, and when that is over."""

    def seen_runs(self, uid: str) -> list[runs.Run]:
        """Return a cron job's runs that were seen, gone ones too, the oldest first."""
        return self._histories[uid].all if uid in self._histories else []

    def plan_of(self, cron: CronJob) -> runs.Plan:
        """Return what a cron job's schedule means; each schedule is read once."""
        key = (cron.schedule, cron.time_zone)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = runs.plan(*key)
        return plan

    def in_force_since(self, uid: str) -> float:
        """Return when a cron job's schedule changed or it was resumed; 0 where neither was seen."""
        return self._in_force.get(uid, 0.0)

    def changed(self, before: CronJob, record: CronJob, now: float) -> None:
        """Take in that a cron job is another one than before."""
        if _times(before) != _times(record):
            self._in_force[record.uid] = now

    def observe(self, job: Job) -> None:
        """Take in a run of a cron job."""
        self._histories[job.owner_uid].observe(job)

    def vanished(self, owner: str, uid: str) -> None:
        """Take in that a run is gone; it is remembered."""
        if owner in self._histories:
            self._histories[owner].vanished(uid)

    def forget_runs(self, uid: str) -> None:
        """Give back the history of what is no cron job, or is gone."""
        self._histories.pop(uid, None)

    def forget(self, uid: str) -> None:
        """Forget a cron job that is gone."""
        self.forget_runs(uid)
        self._due_of.pop(uid, None)
        self._in_force.pop(uid, None)
        self._again.pop(uid, None)

    def look_again(self, uid: str, when: float) -> None:
        """Have a cron job looked at again once more when a time is over."""
        self._again[uid] = when

    def due(self, now: float) -> list[str]:
        """Return the uids of cron jobs whose rows the clock has changed since the last time."""
        found = []
        while self._due and self._due[0][0] <= now:
            found.append(heapq.heappop(self._due)[1])
        late = [uid for uid, when in self._again.items() if when <= now]
        for uid in late:
            del self._again[uid]
        return found + late

    def row(self, cron: CronJob, seen: float, now: float, trouble: str) -> CronRow:
        """Return a cron job's row; `seen` is until when its collection was followed, `trouble` its pods'."""
        plan = self.plan_of(cron)
        history = self._histories.get(cron.uid) or _NO_RUNS
        last = history.last_finished()
        outlook = runs.outlook_of(cron, plan, now)
        following = outlook.next_run or 0
        if following and self._due_of.get(cron.uid) != following:
            self._look_at(cron.uid, following, now)
        return CronRow(
            uid=cron.uid,
            namespace=cron.namespace,
            name=cron.name,
            schedule=cron.schedule,
            time_zone=cron.time_zone,
            words=plan.words,
            problem=plan.error,
            suspended=cron.suspended,
            deleting=bool(cron.deleting),
            active=cron.active,
            next_run=following,
            why_never=outlook.why_never,
            last_schedule=cron.last_schedule,
            last_outcome=last.outcome if last is not None else "",
            history="".join(_LETTER.get(run.outcome, "p") for run in history.latest(10)),
            # What was due after the watch ended may well have run.
            missed=runs.missed_runs(cron, plan, seen, self.in_force_since(cron.uid)),
            trouble=trouble,
            concurrency=cron.concurrency,
            image=cron.image,
            created=cron.created,
            labels=cron.labels,
            search=f"{cron.namespace}\n{cron.name}\n{cron.schedule}\n{plan.words}\n{cron.image}".lower(),
        )

    def _look_at(self, uid: str, when: int, now: float) -> None:
        """Remember that a row changes when the run is due, and again when it is late."""
        if len(self._due) > 4 * len(self._due_of) + 1000:
            self._forget_due(now)
        self._due_of[uid] = when
        heapq.heappush(self._due, (float(when), uid))
        heapq.heappush(self._due, (float(when + _LATE), uid))

    def _forget_due(self, now: float) -> None:
        """Leave out when cron jobs would have been due that are gone, or have another schedule."""
        kept = {
            (when, uid)
            for when, uid in self._due
            if uid in self._due_of
            and (when <= now + _LATE or when - self._due_of[uid] in (0.0, _LATE))
        }
        self._due = sorted(kept)


def _times(cron: CronJob) -> tuple[str, str, bool]:
    """What decides when a cron job is due."""
    return cron.schedule, cron.time_zone, cron.suspended
