"""Daylight saving, as the controller's walk over the clock meets it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leviathan_tui.backend.schedules import ScheduleError, parse, zone
from leviathan_tui.backend.schedules.minutes import positions

NEW_YORK = "America/New_York"


def clock(expression: str, name: str, start: str, count: int) -> list[str]:
    """The next runs as the clocks show them, one search after the other."""
    where = zone(name)
    moment: datetime | None = datetime.fromisoformat(start).replace(tzinfo=where)
    shown = []
    for _ in range(count):
        assert moment is not None
        moment = parse(expression).next_after(moment, where)
        shown.append(moment.isoformat() if moment else "never")
    return shown


def test_a_skipped_hour_skips_the_day() -> None:
    assert clock("30 2 * * *", NEW_YORK, "2026-03-07T12:00", 2) == [
        "2026-03-09T02:30:00-04:00",
        "2026-03-10T02:30:00-04:00",
    ]


def test_a_repeated_hour_runs_twice() -> None:
    assert clock("30 1 * * *", NEW_YORK, "2026-10-31T12:00", 3) == [
        "2026-11-01T01:30:00-04:00",
        "2026-11-01T01:30:00-05:00",
        "2026-11-02T01:30:00-05:00",
    ]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Africa/Cairo", "2026-04-24"),
        ("America/Havana", "2026-03-08"),
        ("America/Santiago", "2026-09-06"),
    ],
)
def test_a_skipped_midnight_skips_the_daily_run(name: str, day: str) -> None:
    before = datetime.fromisoformat(day) - timedelta(hours=12)
    after = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
    (found,) = clock("@daily", name, before.isoformat(), 1)
    assert found.startswith(f"{after}T00:00:00")


def test_the_date_is_not_looked_at_again_behind_a_skipped_midnight() -> None:
    # The controller's hour loop waits for 00:00 to start over; this night has none.
    first, second, third = clock("0 5 23 4 *", "Africa/Cairo", "2026-04-22T12:00", 3)
    assert first.startswith("2026-04-23T05:00")
    assert second.startswith("2026-04-24T05:00")
    assert third.startswith("2027-04-23T05:00")


def test_a_half_hour_change_is_walked_through() -> None:
    runs = clock("0,30 * * * *", "Australia/Lord_Howe", "2026-10-04T01:20", 3)
    assert [run[11:16] for run in runs] == ["01:30", "02:30", "03:00"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Asia/Colombo", "2006-04-14T18:30Z"),
        ("Asia/Pyongyang", "2015-08-14T15:00Z"),
        ("Asia/Pyongyang", "2018-05-04T15:00Z"),
        ("America/Caracas", "2007-12-09T07:00Z"),
        ("America/Caracas", "2016-05-01T07:00Z"),
        ("Pacific/Norfolk", "2015-10-03T14:30Z"),
    ],
)
@pytest.mark.parametrize(
    "expression",
    ["*/5 * * * *", "0 0 * * *", "15 0 * * *", "30 23 * * *", "45 23 * * *", "20 2 * * *"],
)
def test_a_half_hour_change_is_the_same_on_the_time_line_and_in_a_search(
    name: str, change: str, expression: str
) -> None:
    where, schedule = zone(name), parse(expression)
    middle = datetime.fromisoformat(change)
    assert (middle - timedelta(seconds=1)).astimezone(where).utcoffset() != (
        middle.astimezone(where).utcoffset()
    )
    start, end = middle - timedelta(days=1), middle + timedelta(days=1)
    found, moment = [], schedule.next_after(start - timedelta(seconds=1), where)
    while moment is not None and moment < end:
        found.append(int(moment.timestamp()))
        moment = schedule.next_after(moment, where)
    first = int(start.timestamp())
    minutes = positions(schedule.minutes_between(first, int(end.timestamp()), where))
    assert [first + 60 * minute for minute in minutes] == found
    assert [int(run.timestamp()) for run in schedule.runs_between(start, end, where)] == found


def test_a_missing_day_ends_no_search() -> None:
    runs = clock("@weekly", "Pacific/Apia", "2011-12-29T02:00", 2)
    assert [run[:10] for run in runs] == ["2012-01-01", "2012-01-08"]


def test_an_interval_takes_no_notice_of_the_clocks() -> None:
    start = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)  # half an hour before the change
    runs = parse("@every 1h").runs_between(
        start, start + timedelta(hours=4), zone(NEW_YORK), anchor=start
    )
    assert [run.astimezone(UTC).hour for run in runs] == [7, 8, 9]


ANSWERS = json.loads(Path(__file__).with_name("controller_answers.json").read_text("utf-8"))
"""Expression, zone, start, and the next runs in Unix seconds (null: refused), as recorded from
robfig/cron v3.0.1 with the time zone database of Go 1.26. Past moments only: they stay true."""


@pytest.mark.parametrize(("expression", "name", "start", "runs"), ANSWERS)
def test_answers_what_the_controllers_parser_answered(
    expression: str, name: str, start: int, runs: list[int] | None
) -> None:
    if runs is None:
        with pytest.raises(ScheduleError):
            parse(expression)
        return
    schedule, where = parse(expression), zone(name)
    anchor = moment = datetime.fromtimestamp(start, UTC)
    found = []
    for _ in runs:
        following = schedule.next_after(moment, where, anchor)
        assert following is not None
        moment = following
        found.append(int(moment.timestamp()))
    assert found == runs
    if runs:
        end = moment.astimezone(UTC) + timedelta(seconds=1)
        at_once = schedule.runs_between(anchor + timedelta(seconds=1), end, where, anchor=anchor)
        assert [int(run.timestamp()) for run in at_once] == runs
    else:
        assert schedule.next_after(moment, where, anchor) is None
