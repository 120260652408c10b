"""Eight minutes of the real controller: the jobs that it makes are exactly those that were foretold.

Twenty-eight cron jobs run beside each other. Most of their jobs are suspended, so that they make no
pods; what is foretold for them comes from the rule alone, and from what is done to them meanwhile. Where
a job has to end before the next one starts, the rule is asked at the times at which it did.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from leviathan_tui.backend.changes import crons
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.kinds import CRON_JOB, JOB
from leviathan_tui.backend.schedules import parse, zone
from leviathan_tui.backend.schedules.controller import most_recent, next_look, outlook, starts_at
from tests.backend.changes.conftest import IMAGE, Bench

MINUTES: Final = 8
"""Minutes that are foretold."""

LATE: Final = 40
"""Seconds that the controller may take for what is due, on a machine that has other things to do."""

STAMP: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"


@dataclass
class Cron:
    """A cron job, what is done to it, and what it makes."""

    name: str
    spec: dict[str, Any]
    change: "Callable[[Watched, Cron], Awaitable[None]] | None" = None
    """What is done to it."""
    after: int = 0
    """Seconds from the beginning after which that is."""
    looks: bool = False
    """Whether the controller looks at it for that change."""
    missed: list[datetime | None] = field(default_factory=list)
    """The run that the console said would start late, at the change."""

    created: int = 0
    changed: int = 0
    before: dict[str, Any] = field(default_factory=dict)
    """What of its spec was different before the change."""
    ref: Ref | None = None

    def foretold(self, until: int) -> list[int]:
        """Return the times of the runs that start until a time, by the rule alone."""
        steps = [(self.created, self.before, True), (self.changed, {}, self.looks)]
        runs: list[int] = []
        anchor = self.created
        for number, (begin, before, looks) in enumerate(steps if self.changed else steps[:1]):
            end = self.changed if number == 0 and self.changed else until
            spec = {**self.spec, **before}
            if spec.get("suspend"):
                continue
            schedule, where = parse(spec["schedule"]), zone(spec.get("timeZone", "UTC"))
            deadline = spec.get("startingDeadlineSeconds")
            now: int | None = begin if looks else next_look(schedule, where, anchor, begin)
            while now is not None and now <= end:
                run = starts_at(schedule, where, anchor, now, deadline)
                if run is not None:
                    runs.append(run)
                    anchor = run
                now = next_look(schedule, where, anchor, now)
        return runs


@dataclass
class Made:
    """A job that the controller made; times are in Unix seconds."""

    cron: str
    run: int
    created: int
    ended: int | None = None


class Watched:
    """The cluster, and all jobs that were seen in it."""

    def __init__(self, bench: Bench, begin: int) -> None:
        self.bench = bench
        self.begin = begin
        self.made: dict[str, Made] = {}

    async def look(self) -> None:
        """Write down what jobs there are: those that ended go by and by."""
        answer = await self.bench.client.read(JOB.path(self.bench.namespace))
        for job in msgspec.json.decode(answer)["items"]:
            metadata, status = job["metadata"], job.get("status") or {}
            ends = [
                seconds(one["lastTransitionTime"])
                for one in status.get("conditions") or ()
                if one["type"] in ("Complete", "Failed") and one["status"] == "True"
            ]
            self.made[metadata["uid"]] = Made(
                metadata["ownerReferences"][0]["name"],
                seconds(metadata["annotations"][STAMP]),
                seconds(metadata["creationTimestamp"]),
                ends[0] if ends else None,
            )

    async def until(self, moment: float) -> None:
        """Look on until a time has come."""
        while (left := moment - time.time()) > 0:
            await self.look()
            await asyncio.sleep(min(left, 2.0))
        await self.look()

    def of(self, cron: Cron) -> list[Made]:
        """Return what a cron job has made, the earliest run first."""
        found = [one for one in self.made.values() if one.cron == cron.name]
        return sorted(found, key=lambda one: one.run)


def seconds(stamp: str) -> int:
    """Return a server's time stamp in Unix seconds."""
    return int(datetime.fromisoformat(stamp).timestamp())


async def resume(watched: Watched, cron: Cron) -> None:
    """Resume a cron job that was created paused."""
    await _change(watched, cron, {"suspend": False})


async def reschedule(watched: Watched, cron: Cron) -> None:
    """Give a cron job the schedule that it is to have."""
    await _change(watched, cron, {"schedule": cron.spec["schedule"]})


async def reschedule_and_touch(watched: Watched, cron: Cron) -> None:
    """Give it that, and then change something else."""
    await _change(watched, cron, {"schedule": cron.spec["schedule"]})
    assert cron.ref is not None
    await watched.bench.patch(CRON_JOB, cron.ref, {"spec": {"failedJobsHistoryLimit": 2}})


async def _change(watched: Watched, cron: Cron, spec: dict[str, Any]) -> None:
    assert cron.ref is not None
    target = await watched.bench.get(CRON_JOB, cron.ref)
    target["spec"] |= spec
    cron.missed.append(crons.missed_run(target, datetime.now(UTC)))
    await watched.bench.patch(CRON_JOB, cron.ref, {"spec": spec})
    cron.changed = int(time.time())


def all_of_them(begin: int) -> list[Cron]:
    """Return the cron jobs; `begin` is a full minute."""

    def at(*minutes: int, tz: str = "UTC", rest: str = "* * *") -> dict[str, Any]:
        moments = [datetime.fromtimestamp(begin + 60 * one, zone(tz)) for one in minutes]
        written = ",".join(str(one.minute) for one in moments)
        hours = ",".join(sorted({str(one.hour) for one in moments}))
        return {"schedule": f"{written} {hours} {rest}", "timeZone": tz}

    today = datetime.fromtimestamp(begin + 300, UTC)
    other = datetime.fromtimestamp(begin + 300 + 3 * 86_400, UTC)
    far = {"schedule": "0 0 1 1 *" if today.month > 6 else "0 0 1 12 *"}
    paused = {"suspend": True}
    return [
        Cron("minutely", {"schedule": "* * * * *"}),
        Cron("second", {"schedule": "*/2 * * * *"}),
        Cron("seventh", {"schedule": "*/7 * * * *"}),
        Cron("odd", {"schedule": "1-59/2 * * * *"}),
        Cron("question", {"schedule": "? ? ? ? ?"}),
        Cron("every", {"schedule": "@every 1m"}),
        Cron("every-90", {"schedule": "@every 1m30s"}),
        Cron("every-in-time", {"schedule": "@every 1m", "startingDeadlineSeconds": 200}),
        Cron("every-never", {"schedule": "@every 1m", "startingDeadlineSeconds": 10}),
        Cron("in-time", {"schedule": "* * * * *", "startingDeadlineSeconds": LATE}),
        Cron("third", at(3)),
        Cron("two", at(2, 5)),
        Cron("four", at(2, 3, 4, 5)),
        Cron("kolkata", at(4, tz="Asia/Kolkata")),
        Cron("chatham", at(3, tz="Pacific/Chatham")),
        Cron("york", at(4, tz="America/New_York")),
        Cron("today", at(5, rest=f"{today.day} {today:%b} *")),
        Cron("weekday", at(5, rest=f"* * {today:%a}")),
        Cron("other-day", at(4, rest=f"{other.day} * *")),
        Cron("paused", {"schedule": "* * * * *", **paused}),
        Cron("resumed", {"schedule": "* * * * *"}, resume, 205, True, before=paused),
        Cron(
            "resumed-late",
            at(1) | {"startingDeadlineSeconds": 60},
            resume,
            210,
            True,
            before=paused,
        ),
        # The second is so close behind the first that the controller takes many for missed, and finds none.
        Cron("resumed-uneven", at(1, 2), resume, 325, True, before=paused),
        Cron("moved", {"schedule": "* * * * *"}, reschedule, 145, before=far),
        Cron("moved-behind", at(1, 6), reschedule, 265, before=far),
        Cron("moved-touched", at(1, 6), reschedule_and_touch, 265, True, before=far),
        Cron("forbid", {"schedule": "* * * * *", "concurrencyPolicy": "Forbid"}),
        Cron("replace", {"schedule": "* * * * *", "concurrencyPolicy": "Replace"}),
    ]


def template(cron: Cron) -> dict[str, Any]:
    """Return the job of a cron job: one of 75 s where jobs get in each other's way, else a suspended one."""
    works = "concurrencyPolicy" in cron.spec
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "75"]}
    pod = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
    return {"spec": {"suspend": not works, "template": {"spec": pod}}}


@pytest.mark.parametrize(
    "bench", [pytest.param("cluster", marks=pytest.mark.controller)], indirect=True
)
async def test_the_jobs_of_eight_minutes_are_those_that_were_foretold(bench: Bench) -> None:
    # Everything is there for some seconds before the first minute begins.
    begin = (int(time.time()) + 20) // 60 * 60 + 60
    end = begin + 60 * MINUTES
    watched = Watched(bench, begin)
    await watched.until(begin - 30)
    written = all_of_them(begin)
    for cron in written:
        spec = {**cron.spec, **cron.before, "jobTemplate": template(cron)}
        cron.ref = await bench.create(CRON_JOB, {"metadata": {"name": cron.name}, "spec": spec})
        made = await bench.get(CRON_JOB, cron.ref)
        cron.created = seconds(made["metadata"]["creationTimestamp"])
    assert time.time() < begin, "the cron jobs were made in time"
    for cron in sorted((one for one in written if one.change), key=lambda one: one.after):
        await watched.until(begin + cron.after)
        assert cron.change is not None
        await cron.change(watched, cron)
    await watched.until(end + LATE)

    wrong = []
    for cron in written:
        runs = [one.run for one in watched.of(cron) if one.run <= end]
        foretold = (
            _foretold_beside(cron, watched.of(cron), end + LATE)
            if cron.name == "forbid"
            else cron.foretold(end)
        )
        if runs != foretold:
            wrong.append(
                (cron.name, [run - begin for run in runs], [run - begin for run in foretold])
            )
    assert not wrong, f"(name, made, foretold), in seconds from the beginning: {wrong}"
    by_name = {cron.name: cron for cron in written}

    # What was said when it was changed is what came of it.
    for name in ("resumed", "moved-touched"):
        (said,) = by_name[name].missed
        late = [one for one in watched.of(by_name[name]) if one.run < by_name[name].changed]
        assert said is not None
        assert [one.run for one in late] == [int(said.timestamp())]
        assert late[0].created < by_name[name].changed + LATE
    for name in ("resumed-late", "resumed-uneven"):
        assert by_name[name].missed == [None]
        assert watched.of(by_name[name]) == []
    # A new schedule alone does not make the controller look: the run that was missed never starts.
    assert by_name["moved-behind"].missed != [None]
    assert [one.run for one in watched.of(by_name["moved-behind"])] == [begin + 360]

    for name in ("every-never", "other-day", "paused"):
        assert watched.of(by_name[name]) == []
    never = by_name["every-never"]
    schedule = parse(never.spec["schedule"])
    assert outlook(schedule, UTC, never.created, never.created, 10).next_run is None
    assert outlook(schedule, UTC, never.created, never.created).next_run == never.created + 60

    # One that replaces has a job each minute, all but the last of which are gone.
    replaced = [one for one in watched.of(by_name["replace"]) if one.run <= end]
    assert len(replaced) == MINUTES + 1
    assert all(one.ended is None for one in replaced)


def _foretold_beside(cron: Cron, made: list[Made], until: int) -> list[int]:
    """Return the runs until a time of one whose jobs forbid others, by the times at which those ended."""
    schedule, where = parse(cron.spec["schedule"]), zone("UTC")
    assert made
    runs: list[int] = []
    anchor, free = cron.created, cron.created

    def begins_next() -> int:
        due = most_recent(schedule, where, anchor, free).time
        # Where one was missed meanwhile, the newest of them starts as soon as the other has ended.
        missed = due is not None and due > anchor
        begins = free if missed else next_look(schedule, where, anchor, free)
        assert begins is not None
        return begins

    for one in made:
        begins = begins_next()
        assert begins <= one.created <= begins + LATE, f"run {one.run} was made at {one.created}"
        run = starts_at(schedule, where, anchor, one.created)
        assert run is not None
        runs.append(run)
        if one.ended is None:
            assert one is made[-1]
            return runs
        anchor, free = run, one.ended
    assert begins_next() + LATE > until, "the next run is missing"
    return runs
