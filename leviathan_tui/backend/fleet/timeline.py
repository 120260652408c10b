"""All cron jobs on one line of time: what ran, what was missed, what is due, and what overlaps.

Planned runs come from the schedules, past ones from the jobs that were seen. Kubernetes deletes
finished jobs, so a run that was due and of which no job is there is missed only where the
controller says so, or where the jobs were watched all along; elsewhere nobody knows.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import median
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.records import CronJob
from leviathan_tui.backend.fleet.runs import GRACE, REMEMBERED, Plan, Run
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.schedules import zone
from leviathan_tui.backend.schedules.minutes import Tally, lengthened, overlapping

MINUTE: Final = 60

LONGEST: Final = 7 * 24 * 60
"""Minutes before a window in which a run may begin that reaches into it."""

BUSIEST: Final = 3
"""How many of the busiest minutes are named."""


class Window(msgspec.Struct, frozen=True):
    """The stretch of time that is looked at."""

    start: int
    """Seconds since the epoch, a whole minute."""
    minutes: int

    @property
    def end(self) -> int:
        """The first second after it."""
        return self.start + self.minutes * MINUTE

    def minute_of(self, moment: float) -> int:
        """Return the number of a moment's minute, which may lie outside."""
        return int(moment - self.start) // MINUTE

    def before(self, moment: float) -> int:
        """Return, as bits, the minutes of the window that began before a moment."""
        return (1 << min(max(0, -int((self.start - moment) // MINUTE)), self.minutes)) - 1


class Planned(msgspec.Struct, frozen=True):
    """What the store knows of a cron job's runs."""

    cron: CronJob
    plan: Plan
    runs: list[Run]
    listed: float
    """Since when its jobs have been watched without a break, in seconds since the epoch."""
    in_force: float
    """When its schedule changed or it was resumed, where that was seen; else 0."""
    seen: float
    """Until when the cron job was watched."""


class Track(msgspec.Struct, frozen=True):
    """One cron job in a window. Minutes are bits, the window's first the lowest."""

    due: int = 0
    """When runs are due; none of a suspended cron job."""
    missed: int = 0
    """When one was due and none was started."""
    unseen: int = 0
    """When one was due and nobody knows whether it was started."""
    overlaps: int = 0
    """When one is due while the run before it is expected to go on."""
    running: int = 0
    """When one is due or, by the length of those before, goes on."""
    runs: tuple[Run, ...] = ()
    """The runs that were seen in the window, the oldest first."""
    typical: int = 0
    """How many seconds a run takes: the median of those seen; 0 where none was."""
    measured: int = 0
    """Of how many runs that is the median."""


class Timeline(msgspec.Struct, frozen=True):
    """All cron jobs in a window."""

    window: Window
    tracks: dict[str, Track]
    """By the cron job's uid."""
    now: float
    """When it was known to be so, in seconds since the epoch."""
    running: list[int]
    """For each minute, how many cron jobs are planned to have a run in it."""
    starting: list[int]
    """For each minute, how many are due."""

    @property
    def ahead(self) -> range:
        """The minutes that are still to come, or all where none is."""
        first = max(0, self.window.minute_of(self.now))
        return range(first if first < self.window.minutes else 0, self.window.minutes)

    @property
    def busiest(self) -> list[tuple[int, int]]:
        """The minutes ahead in which most start together, and how many; the busiest first.

        A minute in which only one starts is not busy.
        """
        starting = self.starting
        several = [(-starting[minute], minute) for minute in self.ahead if starting[minute] > 1]
        return [(minute, -count) for count, minute in sorted(several)[:BUSIEST]]

    @property
    def most(self) -> tuple[int, int]:
        """The first minute ahead in which most run at once, and how many."""
        minute = max(self.ahead, key=self.running.__getitem__, default=0)
        return minute, self.running[minute] if self.running else 0

    def together(self, moment: float) -> list[str]:
        """Return the uids of the cron jobs that are due in a moment's minute."""
        minute = self.window.minute_of(moment)
        if not 0 <= minute < self.window.minutes:
            return []
        return [uid for uid, track in self.tracks.items() if track.due >> minute & 1]


def gather(store: Store, uids: Iterable[str], now: float) -> list[Planned]:
    """Return what the store knows of these cron jobs. To be called in the store's thread."""
    found = []
    for uid in uids:
        cron = store.record(kinds.CRON_JOB.name, uid)
        if not isinstance(cron, CronJob):
            continue
        found.append(
            Planned(
                cron,
                store.crons.plan_of(cron),
                store.crons.seen_runs(uid),
                store.connection.listed_at(kinds.JOB.name, cron.namespace, now),
                store.crons.in_force_since(uid),
                store.connection.seen(kinds.CRON_JOB.name, cron.namespace, now),
            )
        )
    return found


def build(window: Window, planned: Iterable[Planned], now: float) -> Timeline:
    """Return the time line of a window, as it is known at `now` (seconds since the epoch)."""
    starting, running = Tally(), Tally()
    tracks = {}
    for one in planned:
        track = tracks[one.cron.uid] = _track(window, one, now)
        starting.add(track.due)
        running.add(track.running)
    return Timeline(
        window, tracks, now, running.counts(window.minutes), starting.counts(window.minutes)
    )


def _minutes(seconds: int) -> int:
    return max(1, -(-seconds // MINUTE))


def _track(window: Window, one: Planned, now: float) -> Track:
    cron, schedule = one.cron, one.plan.schedule
    took = [run.finished - run.started for run in one.runs if run.started and run.finished]
    typical = int(median(took)) if took else 0
    inside = tuple(
        run
        for run in one.runs
        if run.scheduled < window.end and (run.finished or now) >= window.start
    )
    track = Track(runs=inside, typical=typical, measured=len(took))
    if schedule is None or cron.suspended or cron.deleting:
        return track
    last = cron.last_schedule or cron.created
    length = _minutes(typical)
    # What began before the window may reach into it.
    lead = min(length, LONGEST)
    planned = schedule.minutes_between(
        window.start - lead * MINUTE,
        window.end,
        zone(cron.time_zone or "UTC"),
        anchor=datetime.fromtimestamp(last, UTC) if last else None,
    )
    whole = (1 << window.minutes) - 1
    due = planned >> lead & ~window.before(cron.created)
    ran = 0
    for run in inside:
        minute = window.minute_of(run.scheduled)
        if 0 <= minute < window.minutes and not run.manual:
            ran |= 1 << minute
    # What was due after the last run was not started, by the controller's own word.
    told = max(one.in_force, min(last + 1, one.listed))
    if len(one.runs) >= REMEMBERED:
        # Of what was before the oldest that is remembered, nothing can be said any more.
        told = max(told, one.runs[0].scheduled)
    past = due & ~ran & window.before(now)
    missed = past & window.before(min(one.seen, now) - GRACE) & ~window.before(told)
    coming = due & ~window.before(now)
    return Track(
        due=due,
        missed=missed,
        unseen=past & ~missed,
        overlaps=overlapping(planned, length) >> lead & coming,
        running=lengthened(planned, length) >> lead & whole,
        runs=inside,
        typical=typical,
        measured=len(took),
    )
