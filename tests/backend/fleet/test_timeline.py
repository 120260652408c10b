"""The time line: what ran, what was missed, what nobody saw, what is due and what overlaps."""

from datetime import UTC, datetime

import pytest

from leviathan_tui.backend.fleet.messages import Delete, Message, Phase, Proof, Scope, State, Upsert
from leviathan_tui.backend.fleet.records import CronJob, Job
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.fleet.timeline import Timeline, Track, Window, build, gather
from leviathan_tui.backend.schedules.minutes import Tally, lengthened, overlapping, positions

NOON = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp())
HOUR = 3600


class Fleet:
    """A store with cron jobs, and the time line from six hours before noon to six after it."""

    def __init__(self, listed: float = NOON - 100 * HOUR) -> None:
        self.now = float(NOON)
        self.store = Store(lambda: self.now)
        self._number = 0
        self.listed(listed)

    def listed(self, at: float) -> None:
        self._live = True
        for kind in ("CronJob", "Job"):
            for phase in (Phase.LISTED, Phase.LIVE):
                self._tell(State(number=0, scope=Scope(kind), phase=phase, at=at))

    def broken(self, at: float) -> None:
        self._heard(at)
        self._live = False
        for kind in ("CronJob", "Job"):
            self._tell(State(number=0, scope=Scope(kind), phase=Phase.BROKEN, at=at))

    def cron(self, name: str, schedule: str, **fields: object) -> None:
        known = {"created": NOON - 1000 * HOUR, "schedule": schedule} | fields
        record = CronJob(uid=name, namespace="shop", name=name, **known)  # type: ignore[arg-type]
        self._tell(Upsert(number=0, scope=Scope("CronJob"), records=[record]))

    def run(self, cron: str, due: int, seconds: int = 30, **fields: object) -> None:
        known = {
            "created": due,
            "scheduled": due,
            "started": due + 1,
            "finished": due + 1 + seconds,
            "outcome": "succeeded",
        } | fields
        name = f"{cron}-{due}"
        record = Job(uid=name, namespace="shop", name=name, owner_uid=cron, **known)  # type: ignore[arg-type]
        self._tell(Upsert(number=0, scope=Scope("Job"), records=[record]))

    def deleted(self, cron: str, due: int) -> None:
        self._tell(Delete(number=0, scope=Scope("Job"), uids=[f"{cron}-{due}"]))

    def _heard(self, at: float) -> None:
        for kind in ("CronJob", "Job") if self._live else ():
            self._tell(Proof(number=0, scope=Scope(kind), at=at))

    def _tell(self, message: Message) -> None:
        self.store.apply([message])

    @property
    def line(self) -> Timeline:
        self._heard(self.now)
        window = Window(NOON - 6 * HOUR, 12 * 60)
        uids = [cron.uid for cron in self.store.records("CronJob")]
        return build(window, gather(self.store, uids, self.now), self.now)

    def track(self, name: str) -> Track:
        return self.line.tracks[name]


def hours(bits: int) -> list[int]:
    """The set minutes as hours of the day; all of them are whole hours."""
    assert all(minute % 60 == 0 for minute in positions(bits))
    return [6 + minute // 60 for minute in positions(bits)]


def test_what_is_due_is_on_the_line_and_what_ran_is_neither_missed_nor_unseen() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 */2 * * *", last_schedule=NOON - 2 * HOUR)
    for due in (6, 8, 10):
        fleet.run("hourly", NOON + (due - 12) * HOUR)
    track = fleet.track("hourly")
    assert hours(track.due) == [6, 8, 10, 12, 14, 16]
    assert (track.missed, track.unseen) == (0, 0)
    assert [run.scheduled for run in track.runs] == [NOON + (due - 12) * HOUR for due in (6, 8, 10)]
    assert (track.typical, track.measured) == (30, 3)


def test_a_deleted_job_is_not_a_missed_run() -> None:
    fleet = Fleet(listed=NOON - 60)
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - HOUR)
    fleet.run("hourly", NOON - HOUR)
    track = fleet.track("hourly")
    assert hours(track.unseen) == [6, 7, 8, 9, 10]
    assert not track.missed


def test_what_the_controller_did_not_start_since_its_last_run_is_missed() -> None:
    fleet = Fleet(listed=NOON - 60)
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 4 * HOUR)
    track = fleet.track("hourly")
    assert hours(track.missed) == [9, 10, 11]
    assert hours(track.unseen) == [6, 7, 8]


def test_a_run_that_was_skipped_while_the_jobs_were_watched_is_missed() -> None:
    fleet = Fleet(listed=NOON - 4.5 * HOUR)
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - HOUR)
    fleet.run("hourly", NOON - 4 * HOUR, seconds=10_000)
    fleet.run("hourly", NOON - HOUR)
    track = fleet.track("hourly")
    assert hours(track.missed) == [9, 10]
    assert hours(track.unseen) == [6, 7]


def test_what_was_due_after_the_watch_broke_is_not_known() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 3 * HOUR)
    for due in (6, 7, 8, 9):
        fleet.run("hourly", NOON + (due - 12) * HOUR)
    fleet.broken(NOON - 2.5 * HOUR)
    track = fleet.track("hourly")
    assert not track.missed
    assert hours(track.unseen) == [10, 11]


def test_a_watch_that_began_anew_knows_nothing_of_the_time_between() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - HOUR)
    fleet.broken(NOON - 3.5 * HOUR)
    fleet.listed(NOON - 1.5 * HOUR)
    fleet.run("hourly", NOON - HOUR)
    track = fleet.track("hourly")
    assert not track.missed
    assert hours(track.unseen) == [6, 7, 8, 9, 10]


def test_a_run_is_late_for_a_minute_before_it_is_missed() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - HOUR)
    fleet.run("hourly", NOON - HOUR)
    fleet.now = NOON + 59.0
    assert not positions(fleet.track("hourly").missed)[5:]
    fleet.now = NOON + 61.0
    assert hours(fleet.track("hourly").missed)[-1] == 12


@pytest.mark.parametrize("fields", [{"suspended": True}, {"deleting": NOON}])
def test_what_is_not_started_any_more_is_not_due(fields: dict[str, object]) -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 3 * HOUR, **fields)
    fleet.run("hourly", NOON - 3 * HOUR)
    track = fleet.track("hourly")
    assert (track.due, track.missed, track.unseen) == (0, 0, 0)
    assert len(track.runs) == 1


def test_nothing_is_missed_from_before_it_was_resumed_or_had_this_schedule() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 5 * HOUR, suspended=True)
    fleet.run("hourly", NOON - 5 * HOUR)
    fleet.now = NOON - 1.5 * HOUR
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 5 * HOUR)
    fleet.now = float(NOON)
    assert hours(fleet.track("hourly").missed) == [11]
    fleet.store.flush()
    row = fleet.store.rows("crons")["hourly"]
    assert getattr(row, "missed", None) == 1


def test_nothing_was_due_before_the_cron_job_was_there() -> None:
    fleet = Fleet()
    fleet.cron("new", "0 * * * *", created=NOON - 90 * 60)
    track = fleet.track("new")
    assert hours(track.due) == [11, 12, 13, 14, 15, 16, 17]
    assert hours(track.missed) == [11]


def test_runs_that_take_longer_than_their_interval_overlap() -> None:
    fleet = Fleet()
    fleet.cron("slow", "*/10 * * * *", last_schedule=NOON - 600)
    fleet.cron("quick", "*/10 * * * *", last_schedule=NOON - 600)
    for start in (-1800, -1200, -600):
        fleet.run("slow", NOON + start, seconds=601)
        fleet.run("quick", NOON + start, seconds=600)
    slow, quick = fleet.track("slow"), fleet.track("quick")
    assert [6 * 60 + minute for minute in positions(slow.overlaps)][:2] == [12 * 60, 12 * 60 + 10]
    assert len(positions(slow.overlaps)) == 36
    assert quick.overlaps == 0


def test_the_busiest_minutes_and_how_many_run_at_once() -> None:
    fleet = Fleet()
    for number in range(5):
        fleet.cron(f"noon-{number}", "0 14 * * *")
    fleet.cron("later", "5 14 * * *")
    fleet.cron("alone", "0 9 * * *")
    for number in range(5):
        fleet.run(f"noon-{number}", NOON - 22 * HOUR, seconds=400)
    line = fleet.line
    assert line.busiest == [(8 * 60, 5)]
    assert line.most == (8 * 60 + 5, 6)
    assert set(line.together(NOON + 2 * HOUR)) == {f"noon-{number}" for number in range(5)}


def test_what_is_older_than_what_is_remembered_is_not_known() -> None:
    fleet = Fleet()
    fleet.cron("often", "* * * * *", last_schedule=NOON - 60)
    for minute in range(180, 0, -1):
        fleet.run("often", NOON - 60 * minute, seconds=5)
    track = fleet.track("often")
    assert not track.missed
    assert track.unseen


def test_a_run_that_was_replaced_or_deleted_was_not_missed() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - HOUR, concurrency="Replace")
    for hour in range(6, 0, -1):
        fleet.run("hourly", NOON - hour * HOUR, outcome="running", finished=0)
        if hour > 1:
            fleet.deleted("hourly", NOON - hour * HOUR)
    track = fleet.track("hourly")
    assert not track.missed
    assert len(track.runs) == 6
    fleet.store.flush()
    assert getattr(fleet.store.rows("crons")["hourly"], "history", "") == "r"


def test_a_run_by_hand_does_not_stand_for_one_that_was_due() -> None:
    fleet = Fleet()
    fleet.cron("hourly", "0 * * * *", last_schedule=NOON - 3 * HOUR)
    for hour in (6, 5, 4, 3):
        fleet.run("hourly", NOON - hour * HOUR)
    fleet.run("hourly", NOON - 2 * HOUR, manual=True)
    assert hours(fleet.track("hourly").missed) == [10, 11]


def test_what_began_before_the_window_reaches_into_it() -> None:
    fleet = Fleet()
    fleet.cron("long", "0 5 * * *")
    fleet.run("long", NOON - 31 * HOUR, seconds=2 * HOUR)
    assert fleet.line.running[:61] == [1] * 60 + [0]


def test_an_unreadable_schedule_has_runs_but_no_plan() -> None:
    fleet = Fleet()
    fleet.cron("odd", "every day")
    fleet.run("odd", NOON - HOUR)
    track = fleet.track("odd")
    assert (track.due, track.missed, len(track.runs)) == (0, 0, 1)


def test_sets_of_minutes() -> None:
    assert positions(lengthened(0b1000_0001, 3)) == [0, 1, 2, 7, 8, 9]
    assert positions(overlapping(0b1011, 2)) == [1]
    assert positions(overlapping(0b1011, 1)) == []
    tally = Tally()
    for bits in (0b1, 0b11, 0b111, 0b11, 0b1):
        tally.add(bits)
    assert tally.counts(4) == [5, 3, 1, 0]
