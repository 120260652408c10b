"""What Kubernetes accepts and what it means, case by case."""

from datetime import UTC, datetime

import pytest

from leviathan_tui.backend.schedules import CronSchedule, ScheduleError, parse, zone
from leviathan_tui.backend.schedules.durations import parse_duration

UTC_ZONE = zone("UTC")


def days(expression: str, count: int = 400) -> set[str]:
    """The dates on which a schedule runs in 2026, in UTC."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    runs = parse(expression).runs_between(start, end, UTC_ZONE, count)
    return {run.date().isoformat() for run in runs}


def test_a_step_above_one_joins_the_days_by_or() -> None:
    found = days("0 0 */2 * 1")
    assert "2026-06-01" in found  # the first, a Monday
    assert "2026-06-03" in found  # odd, a Wednesday
    assert "2026-06-08" in found  # even, a Monday
    assert "2026-06-09" in found
    assert "2026-06-10" not in found


@pytest.mark.parametrize("star", ["*", "?", "*/1", "?/1", "*-5"])
def test_a_star_in_the_day_of_month_leaves_the_day_of_week_to_decide(star: str) -> None:
    assert days(f"0 0 {star} * 1") == days("0 0 * * 1")
    assert len(days(f"0 0 {star} * 1")) == 52


@pytest.mark.parametrize("star", ["*", "?", "*/1", "?/1"])
def test_a_star_in_the_day_of_week_leaves_the_day_of_month_to_decide(star: str) -> None:
    assert days(f"0 0 13 * {star}") == {f"2026-{month:02}-13" for month in range(1, 13)}


def test_a_star_in_a_list_marks_the_whole_field() -> None:
    assert days("0 0 1,* * 1") == days("0 0 * * 1")


def test_two_restricted_day_fields_join_by_or() -> None:
    assert len(days("0 0 13 * 5")) == 52 + 12 - 3  # three Fridays the 13th in 2026


REFUSED = [
    ("* * * * 7", "day of week: “7” goes above 6 (Sunday is 0)"),
    ("* * * * 5-7", "day of week: “5-7” goes above 6"),
    ("* * * * 0,7", "day of week: “7” goes above 6"),
    ("* * * * FRI-MON", "day of week: “FRI-MON” ends before it starts"),
    ("55-5 * * * *", "minute: “55-5” ends before it starts"),
    ("* 22-2 * * *", "hour: “22-2” ends before it starts"),
    ("* * * nov-feb *", "month: “nov-feb” ends before it starts"),
    ("* * L * *", "day of month: “L” holds “L”, which is no number"),
    ("* * * * 5#3", "day of week: “5#3” holds “5#3”"),
    ("* * 15W * *", "day of month: “15W”"),
    ("* * LW * *", "day of month: “LW”"),
    ("0 * * * * *", "schedule: 6 fields; Kubernetes accepts exactly five"),
    ("* * * *", "schedule: 4 fields"),
    ("*", "schedule: 1 field;"),
    ("", "schedule: no fields"),
    ("60 * * * *", "minute: “60” goes above 59; Kubernetes accepts 0-59"),
    ("* 24 * * *", "hour: “24” goes above 23"),
    ("* * 0 * *", "day of month: “0” starts below 1"),
    ("* * 32 * *", "day of month: “32” goes above 31"),
    ("* * * 13 *", "month: “13” goes above 12; Kubernetes accepts 1-12, jan-dec"),
    ("*/0 * * * *", "minute: “*/0” has a step of zero"),
    ("*/x * * * *", "minute: “*/x” holds “x”"),
    ("*/-5 * * * *", "minute: “*/-5” holds “-5”"),
    ("1/2/3 * * * *", "minute: “1/2/3” has too many slashes"),
    ("1-2-3 * * * *", "minute: “1-2-3” has too many hyphens"),
    ("-5 * * * *", "minute: “-5” has no number where one belongs"),
    ("5- * * * *", "minute: “5-” has no number where one belongs"),
    ("1.5 * * * *", "minute: “1.5” holds “1.5”"),
    ("１ * * * *", "minute: “１” holds “１”"),
    (f"{10**400} * * * *", "which is no number that fits"),
    (f"*/{2**63} * * * *", "which is no number that fits"),
    ("*\x1c* * * *", "schedule: 4 fields"),
    ("@Daily", "schedule: “@Daily” is unknown; Kubernetes accepts @yearly"),
    ("@HOURLY", "schedule: “@HOURLY” is unknown"),
    ("@daily ", "schedule: “@daily ” is unknown"),
    (" @daily", "schedule: 1 field;"),
    ("@reboot", "schedule: “@reboot” is unknown"),
    ("@every", "schedule: “@every” is unknown"),
    ("@every 5", "@every: “5” is no duration; Kubernetes accepts forms such as 90s"),
    ("@every  5m", "@every: “ 5m” is no duration"),
    ("@every 5d", "@every: “5d” is no duration"),
    ("@every m", "@every: “m” is no duration"),
    ("@every .s", "@every: “.s” is no duration"),
    ("@every 3000000h", "@every: “3000000h” is no duration"),
    ("@every " + "9" * 5000 + "h", "is no duration"),
    ("TZ=UTC 0 0 * * *", "a TZ= or CRON_TZ= prefix is refused; Kubernetes accepts spec.timeZone"),
    ("CRON_TZ=Europe/Berlin 0 0 * * *", "prefix is refused"),
]


@pytest.mark.parametrize(("expression", "sentence"), REFUSED)
def test_refused_with_a_sentence_that_names_the_field(expression: str, sentence: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(expression)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 250


SAME = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("? ? ? ? ?", "* * * * *"),
    ("1,,2 * * * *", "1,2 * * * *"),
    (",1, * * * *", "1 * * * *"),
    ("*-5 * * * *", "* * * * *"),
    ("*-5-9 * * * *", "* * * * *"),
    ("+5 * * * *", "5 * * * *"),
    ("005 * * * *", "5 * * * *"),
    ("5/+10 * * * *", "5,15,25,35,45,55 * * * *"),
    ("*/90 * * * *", "0 * * * *"),
    ("7-12/90 * * * *", "7 * * * *"),
    ("* * * JAN-Mar,dec SUN", "* * * 1-3,12 0"),
    ("* * * * mon/2", "* * * * 1,3,5"),
    ("\t*  *\u00a0* * *\n", "* * * * *"),
]


@pytest.mark.parametrize(("expression", "plain"), SAME)
def test_means_the_same_as_its_plain_form(expression: str, plain: str) -> None:
    odd, usual = parse(expression), parse(plain)
    assert isinstance(odd, CronSchedule)
    assert isinstance(usual, CronSchedule)
    assert odd.masks == usual.masks


NEVER = ["0 0 31 2 *", "0 0 30 2 ?", "0 0 31 4,6,9,11 *", ", * * * *", "* , * * *", "0 0 , * *"]


@pytest.mark.parametrize("expression", NEVER)
def test_accepted_and_never_runs(expression: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse(expression).next_after(start, UTC_ZONE) is None
    assert list(parse(expression).runs_between(start, start.replace(year=2036), UTC_ZONE)) == []


def test_the_search_ends_after_five_years() -> None:
    leap_day = parse("0 0 29 2 *")
    # 2100 is no leap year: from March 2096 the next one lies eight years ahead.
    assert leap_day.next_after(datetime(2096, 3, 1, tzinfo=UTC), UTC_ZONE) is None
    assert leap_day.next_after(datetime(2097, 3, 1, tzinfo=UTC), UTC_ZONE) is None
    found = leap_day.next_after(datetime(2099, 3, 1, tzinfo=UTC), UTC_ZONE)
    assert found == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 1899, 9990, 9999])
def test_a_moment_at_the_edge_of_the_calendar_has_no_next_run(year: int) -> None:
    moment = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert parse("0 0 * * *").next_after(moment, zone("America/New_York")) is None
    assert list(parse("0 0 * * *").runs_between(moment, moment, UTC_ZONE)) == []


def test_a_run_is_strictly_after_the_moment() -> None:
    schedule = parse("30 4 * * *")
    at = datetime(2026, 5, 1, 4, 30, tzinfo=UTC)
    assert schedule.next_after(at, UTC_ZONE) == at.replace(day=2)
    assert schedule.next_after(at.replace(microsecond=1), UTC_ZONE) == at.replace(day=2)
    just_before = at.replace(minute=29, second=59, microsecond=999_999)
    assert schedule.next_after(just_before, UTC_ZONE) == at


def test_between_includes_the_start_and_excludes_the_end() -> None:
    start, end = datetime(2026, 5, 1, 4, tzinfo=UTC), datetime(2026, 5, 1, 6, tzinfo=UTC)
    runs = list(parse("0 * * * *").runs_between(start, end, UTC_ZONE))
    assert runs == [start, start.replace(hour=5)]
    assert list(parse("0 * * * *").runs_between(start, end, UTC_ZONE, limit=1)) == [start]


def test_a_run_is_told_on_the_clock_of_the_zone() -> None:
    berlin = zone("Europe/Berlin")
    found = parse("30 9 * * *").next_after(datetime(2026, 7, 1, tzinfo=UTC), berlin)
    assert found is not None
    assert found.isoformat() == "2026-07-01T09:30:00+02:00"


@pytest.mark.parametrize("prefix", ["TZ=Asia/Tokyo", "CRON_TZ=Asia/Tokyo"])
def test_an_old_prefix_is_read_on_request_and_wins(prefix: str) -> None:
    schedule = parse(f"{prefix}  30 9 * * *", allow_zone_prefix=True)
    found = schedule.next_after(datetime(2026, 7, 1, 0, 30, tzinfo=UTC), zone("Europe/Berlin"))
    assert found == datetime(2026, 7, 2, 0, 30, tzinfo=UTC)
    assert found.utcoffset() == datetime(2026, 7, 2, tzinfo=zone("Europe/Berlin")).utcoffset()


@pytest.mark.parametrize("expression", ["TZ=UTC", "TZ=Nowhere/City * * * * *"])
def test_a_broken_prefix_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse(expression, allow_zone_prefix=True)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0.3333333333333333h", 1_200_000_000_000),
        ("0.33333333333333333333333333h", 1_200_000_000_000),
        (".1s", 100_000_000),
        ("1.1h", 3_960_000_000_000),
        ("2.675m", 160_500_000_000),
        ("1.0000000001s", 1_000_000_000),
        ("1.5h30.25m", 7_215_000_000_000),
        ("0.007h", 25_200_000_000),
    ],
)
def test_fractions_of_a_unit_are_rounded_as_go_rounds_them(text: str, nanoseconds: int) -> None:
    """The numbers are those of Go's `time.ParseDuration`."""
    assert parse_duration(text) == nanoseconds
