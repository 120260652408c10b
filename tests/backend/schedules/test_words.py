"""Prose, intervals and zone names."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.schedules import (
    IntervalSchedule,
    ScheduleError,
    describe,
    parse,
    zone,
)
from tests.backend.schedules.test_properties import expressions

SAID = [
    ("* * * * *", "Every minute"),
    ("*/15 * * * *", "Every 15 minutes"),
    ("30 2 * * 1-5", "At 02:30, Monday through Friday"),
    ("0 0 13 * 5", "At 00:00, on day 13 of the month, or on Friday"),
    ("0 0 13 * */1", "At 00:00, on day 13 of the month"),
    ("0 0 1,* * 1", "At 00:00, only on Monday"),
    ("*/90 * * * *", "Every hour"),
    ("0 8/30 * * *", "At 08:00"),
    ("*-5 ? * * ?", "Every minute"),
    ("1,,2 +5 * * *", "At 1 and 2 minutes past the hour, at 05:00"),
    ("0 0 , * 1", "At 00:00, only on Monday"),
    ("@daily", "At 00:00"),
    ("@weekly", "At 00:00, only on Sunday"),
    ("@hourly", "Every hour"),
    ("@every 90m", "Every 1 hour 30 minutes"),
    ("@every 1h", "Every hour"),
    ("@every 30s", "Every 30 seconds, but one job a minute"),
    ("*/20 * * * *", "Every 20 minutes"),
    ("*/45 * * * *", "At 0 and 45 minutes past the hour"),
    ("*/16 9-17 * * *", "At 0, 16, 32, and 48 minutes past the hour, between 09:00 and 17:59"),
    ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00"),
    ("0 */6 * * *", "Every 6 hours"),
    ("10/20 * * * *", "Every 20 minutes, starting at 10 minutes past the hour"),
    ("10/25 * * * *", "At 10 and 35 minutes past the hour"),
    ("0 0 * * */2", "At 00:00, only on Sunday, Tuesday, Thursday, and Saturday"),
    ("0 0 1 */5 *", "At 00:00, on day 1 of the month, only in January, June, and November"),
    ("0 0 */2 * *", "At 00:00, every 2 days from the first of the month"),
    ("@every 36h1s", "Every 1 day 12 hours 1 second"),
    ("0 0 31 2 *", "Never runs"),
    (", * * * *", "Never runs"),
    ("0 0 30 2 1", "At 00:00, on day 30 of the month, or on Monday, only in February"),
]


@pytest.mark.parametrize(("expression", "words"), SAID)
def test_says(expression: str, words: str) -> None:
    assert describe(parse(expression)) == words


def test_names_the_zone_of_an_old_prefix() -> None:
    schedule = parse("TZ=Asia/Tokyo @daily", allow_zone_prefix=True)
    assert describe(schedule) == "At 00:00 (Asia/Tokyo)"


@given(expressions())
def test_has_words_for_every_schedule(expression: str) -> None:
    schedule = parse(expression)
    words = describe(schedule)
    if words == "Never runs":
        assert schedule.next_after(datetime(2026, 1, 1, tzinfo=UTC), zone("UTC")) is None
    else:
        assert words[0].isupper()


DURATIONS = [
    ("90m", 5400),
    ("1h30m", 5400),
    ("1.5h", 5400),
    (".5m", 30),
    ("1.s", 1),
    ("1500ms", 1),
    ("100ms", 1),
    ("1h1us1µs1μs1ns", 3600),
    ("0", 1),
    ("-3m", 1),
    ("+5m", 300),
    ("2562047h", 2562047 * 3600),
]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_reads_an_interval(text: str, seconds: int) -> None:
    assert parse(f"@every {text}") == IntervalSchedule(f"@every {text}", seconds)


def test_an_interval_counts_from_its_anchor() -> None:
    schedule, utc = parse("@every 90m"), zone("UTC")
    anchor = datetime(2026, 5, 1, 0, 10, 20, tzinfo=UTC)
    first = anchor + timedelta(minutes=90)
    assert schedule.next_after(anchor, utc, anchor) == first
    assert schedule.next_after(anchor - timedelta(days=3), utc, anchor) == first
    assert schedule.next_after(first, utc, anchor) == first + timedelta(minutes=90)
    late = anchor + timedelta(minutes=90 * 16 + 1)
    assert schedule.next_after(late, utc, anchor) == anchor + timedelta(minutes=90 * 17)
    assert schedule.next_after(anchor, utc) == first
    day = list(schedule.runs_between(anchor, anchor + timedelta(days=1), utc, anchor=anchor))
    assert day == [anchor + timedelta(minutes=90 * count) for count in range(1, 16)]


def test_an_interval_of_centuries_has_no_next_run() -> None:
    schedule = parse("@every 2562047h")
    moment = datetime(9900, 1, 1, tzinfo=UTC)
    assert schedule.next_after(moment, zone("UTC"), moment) is None
    assert list(schedule.runs_between(moment, moment, zone("UTC"), anchor=moment)) == []


def test_knows_the_zones_and_offers_the_nearest() -> None:
    assert zone("Europe/Berlin").key == "Europe/Berlin"
    with pytest.raises(ScheduleError, match="did you mean Europe/Berlin"):
        zone("europe/berlin")
    with pytest.raises(ScheduleError, match="did you mean America/New_York"):
        zone("America/NewYork")


@given(st.text(max_size=100))
def test_any_other_zone_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ScheduleError, match="Kubernetes accepts IANA names"):
        zone(f"{name}/nowhere")


@pytest.mark.parametrize("name", ["Local", "", "../UTC", "/etc/localtime", "America", "UTC\0"])
def test_a_name_that_is_a_path_or_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ScheduleError, match="is unknown"):
        zone(name)
