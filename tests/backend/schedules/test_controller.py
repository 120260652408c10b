"""The controller's rule, against what the controller's own functions said of the same cases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.schedules import parse, zone
from leviathan_tui.backend.schedules.controller import most_recent, next_look, outlook, starts_at
from leviathan_tui.backend.schedules.wallclock import DAY, HOUR, offset
from leviathan_tui.backend.schedules.zones import names
from tests.backend.schedules.controller.make_cases import cases

LINES = (Path(__file__).parent / "controller/answers.jsonl").read_text("utf-8").splitlines()
ANSWERS: list[list[Any]] = [json.loads(line) for line in LINES]


def test_the_answers_are_those_of_the_cases() -> None:
    assert [tuple(answer[:5]) for answer in ANSWERS] == list(cases())


def test_the_most_recent_time_is_the_controllers() -> None:
    for text, name, anchor, now, deadline, time, missed, invalid, _ in ANSWERS:
        found = most_recent(parse(text), zone(name), anchor, now, deadline)
        assert found == (time, missed, invalid), (text, name, anchor, now, deadline)


def test_it_looks_again_when_the_controller_does() -> None:
    for text, name, anchor, now, _, _, _, _, look in ANSWERS:
        found = next_look(parse(text), zone(name), anchor, now)
        # Go's never is a time long ago.
        assert found == (look if look > 0 else None), (text, name, anchor, now)


WEEK = 7 * DAY
"""No zone's clocks change twice within one."""


def transitions(where: tzinfo) -> Iterator[int]:
    """When the clocks of a zone change from 2020 to 2035, in Unix seconds."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2020, 2036))
    for day in range(first, last, WEEK):
        if offset(day, where) == offset(day + WEEK, where):
            continue
        low, high = day, day + WEEK
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if offset(middle, where) == offset(day, where) else (low, middle)
            )
        yield high


def test_the_runs_around_every_change_of_every_zones_clocks_ascend_and_end() -> None:
    seen = set()
    for name in sorted(names()):
        where = zone(name)
        for change in transitions(where):
            before, after = offset(change - 1, where), offset(change, where)
            shown = (change + before) % DAY, (change + after) % DAY
            # What the clocks show then is what matters, not the year.
            if (key := (*shown, before, after)) in seen:
                continue
            seen.add(key)
            for second in {*shown, shown[0] - HOUR, shown[1] + HOUR}:
                minute = second % DAY // 60
                schedule = parse(f"{minute % 60} {minute // 60} * * *")
                start = datetime.fromtimestamp(change, UTC) - timedelta(days=2)
                runs = schedule.runs_between(start, start + timedelta(days=5), where)
                found = [int(run.timestamp()) for run in runs]
                assert all(one < two for one, two in pairwise(found)), (name, schedule.expression)
                assert len(found) <= 7, (name, schedule.expression)
    assert len(seen) > 50


CHATHAM = zone("Pacific/Chatham")


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_where_the_controller_stands_still_it_is_said() -> None:
    schedule = parse("45 3 * * *")
    last = unix("2026-04-03T14:00:00Z")
    never = outlook(schedule, CHATHAM, last, last)
    assert never.next_run is None
    assert never.why_never.startswith("The controller stands still on 2026-04-05: when clocks")
    assert starts_at(schedule, CHATHAM, last, last + 7 * DAY) is None
    # A deadline lets it forget the time at which it stands.
    later = outlook(schedule, CHATHAM, last, last, deadline=3600)
    assert later.next_run is not None
    assert later.next_run > unix("2026-04-05T00:00:00Z")


@pytest.mark.parametrize("deadline", [2**38, 2**62, 2**63 - 1, -(2**62)])
def test_a_deadline_may_be_any_number(deadline: int) -> None:
    schedule, last = parse("45 3 * * *"), unix("2026-04-03T14:00:00Z")
    for text in ("45 3 * * *", "*/5 * * * *", "@every 1h"):
        starts_at(parse(text), CHATHAM, last, last + 7 * DAY, deadline)
        outlook(parse(text), CHATHAM, last, last + 7 * DAY, deadline)
    if deadline > 0:
        never = outlook(schedule, CHATHAM, last, last, deadline)
        assert never.next_run is None
        assert never.why_never.startswith("The controller stands still on 2026-04-05")


def test_what_starts_late() -> None:
    utc = zone("UTC")
    day = parse("*/5 8-18 * * *")
    assert starts_at(day, utc, unix("2026-03-02T18:55:00Z"), unix("2026-03-03T20:11:00Z")) is None
    nightly, last = parse("0 5 * * *"), unix("2026-03-01T23:00:00Z")
    now = unix("2026-03-02T20:17:00Z")
    assert starts_at(nightly, utc, last, now) == unix("2026-03-02T05:00:00Z")
    assert starts_at(nightly, utc, last, now, deadline=3600) is None
    assert starts_at(nightly, utc, unix("2026-03-02T05:00:00Z"), now) is None


def test_a_deadline_can_be_too_short_for_any_run() -> None:
    utc, now = zone("UTC"), unix("2026-03-02T10:00:30Z")
    last = unix("2026-03-02T10:00:00Z")
    for text, deadline, runs in (
        ("@every 1m", 10, False),
        ("@every 1m", 60, True),
        ("* * * * *", 0, False),
        ("* * * * *", 1, True),
        ("0 0 31 2 *", None, False),
    ):
        found = outlook(parse(text), utc, last, now, deadline)
        assert (found.next_run == last + 60) is runs, text
        assert bool(found.why_never) is not runs, text
        # The rule says the same of the moment at which it would start.
        if text != "0 0 31 2 *":
            assert (starts_at(parse(text), utc, last, last + 60, deadline) is not None) is runs
