"""Properties over generated schedules: croniter, counting minute by minute, and the two paths."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from leviathan_tui.backend.schedules import CronSchedule, ScheduleError, parse, zone
from leviathan_tui.backend.schedules.minutes import positions

LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
CHANGING_ZONES = [
    "America/New_York",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Europe/London",
]
STEADY_ZONES = ["UTC", "Asia/Kathmandu", "Asia/Tokyo", "America/Phoenix"]


@st.composite
def part(draw: st.DrawFn, low: int, high: int) -> str:
    """A part of a field that croniter and the controller read alike."""
    kind = draw(st.sampled_from(["value", "range", "range/step", "*/step"]))
    if kind == "*/step":
        return f"*/{draw(st.integers(2, max(2, (high - low) // 2)))}"
    if kind == "value":
        return str(draw(st.integers(low, high)))
    start = draw(st.integers(low, high - 1))  # croniter takes "0-0" for a star
    end = draw(st.integers(start + 1, high))
    if kind == "range":
        return f"{start}-{end}"
    return f"{start}-{end}/{draw(st.integers(1, max(1, end - start)))}"


@st.composite
def field(draw: st.DrawFn, low: int, high: int) -> str:
    if draw(st.booleans()):
        return "*"
    return ",".join(draw(st.lists(part(low, high), min_size=1, max_size=3)))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    return " ".join(draw(field(low, high)) for low, high in LIMITS)


moments = st.integers(
    int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()),
    int(datetime(2035, 1, 1, tzinfo=UTC).timestamp()),
).map(lambda unix: datetime.fromtimestamp(unix, UTC))


def schedule_of(expression: str) -> CronSchedule:
    schedule = parse(expression)
    assert isinstance(schedule, CronSchedule)
    return schedule


def alike_to_both(schedule: CronSchedule) -> bool:
    """Whether croniter joins the days as the controller does.

    It takes a field that holds every value for a star, however it is written; the controller asks
    only whether a star stands there.
    """
    return all(
        day.star or day.mask != sum(1 << value for value in range(low, high + 1))
        for day, (low, high) in zip(
            (schedule.day_of_month, schedule.day_of_week), (LIMITS[2], LIMITS[4]), strict=True
        )
    )


def same_to_croniter(expression: str, start: datetime) -> list[datetime]:
    following = croniter(expression, start, max_years_between_matches=20)
    return [following.get_next(datetime) for _ in range(5)]


@given(expressions(), moments, st.sampled_from(STEADY_ZONES))
@example("0 0 */3 * 1-3", datetime(2020, 1, 1, tzinfo=UTC), "UTC")
def test_agrees_with_croniter_where_the_clocks_stand(
    expression: str, start: datetime, name: str
) -> None:
    where = zone(name)
    moment = start.astimezone(where)
    schedule = schedule_of(expression)
    assume(alike_to_both(schedule))
    if schedule.next_after(moment, where) is None:
        return  # croniter searches further ahead than the controller does
    found = []
    for _ in range(5):
        following = schedule.next_after(moment, where)
        if following is None:
            break
        moment = following
        found.append(following)
    assert found == same_to_croniter(expression, start.astimezone(where))[: len(found)]


def test_a_field_of_every_value_is_no_star_to_the_controller() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    schedule = schedule_of("0 0 */2 * 0-6")
    assert not alike_to_both(schedule)
    following = schedule.next_after(start, UTC)
    assert following == datetime(2020, 1, 2, tzinfo=UTC)
    assert same_to_croniter("0 0 */2 * 0-6", start)[0] == datetime(2020, 1, 3, tzinfo=UTC)


@given(expressions(), st.integers(2020, 2035), st.integers(0, 86400 * 60))
def test_agrees_with_croniter_between_two_changes_of_clocks(
    expression: str, year: int, seconds: int
) -> None:
    where = zone("America/New_York")
    start = datetime(year, 4, 1, tzinfo=where) + timedelta(seconds=seconds)
    end = datetime(year, 10, 1, tzinfo=where)
    schedule = schedule_of(expression)
    assume(alike_to_both(schedule))
    found = list(schedule.runs_between(start, end, where, limit=5))
    if found:
        just_before = start - timedelta(seconds=1)
        assert found == same_to_croniter(expression, just_before)[: len(found)]


@settings(max_examples=60)
@given(expressions(), moments, st.sampled_from(STEADY_ZONES))
def test_agrees_with_a_walk_from_minute_to_minute(
    expression: str, start: datetime, name: str
) -> None:
    where = zone(name)
    schedule = schedule_of(expression)
    minute = start.replace(second=0, microsecond=0).astimezone(where)
    end = minute + timedelta(days=2)
    matching = []
    while minute < end:
        if minute >= start and schedule.masks.matches(minute):
            matching.append(minute)
        minute += timedelta(minutes=1)
    assert list(schedule.runs_between(start, end, where)) == matching


@settings(max_examples=200)
@given(expressions(), moments, st.sampled_from(CHANGING_ZONES), st.integers(1, 300))
def test_the_fast_path_gives_what_single_searches_give(
    expression: str, start: datetime, name: str, count: int
) -> None:
    where = zone(name)
    schedule = schedule_of(expression)
    at_once = list(schedule.runs_between(start, start + timedelta(days=250), where, limit=count))
    moment = start - timedelta(microseconds=1)
    for run in at_once:
        following = schedule.next_after(moment, where)
        assert following == run
        moment = run
    # As seconds: two datetimes of one zone compare by their wall clocks, which turn back in autumn.
    seconds = [run.timestamp() for run in at_once]
    assert all(earlier < later for earlier, later in pairwise(seconds))


@settings(max_examples=200)
@given(
    expressions() | st.integers(20, 20_000).map(lambda seconds: f"@every {seconds}s"),
    moments,
    st.sampled_from(CHANGING_ZONES),
    st.integers(1, 24 * 30),
    st.none() | st.integers(0, 86400 * 3),
)
def test_the_minutes_are_those_of_the_runs(
    expression: str, start: datetime, zone_name: str, hours: int, since: int | None
) -> None:
    schedule = parse(expression)
    first = int(start.timestamp()) // 60 * 60
    last = first + hours * 3600
    anchor = None if since is None else datetime.fromtimestamp(first + 86400 - since, UTC)
    begin, end = (datetime.fromtimestamp(unix, UTC) for unix in (first, last))
    chunks = schedule.chunks_between(begin, end, zone(zone_name), anchor)
    expected = sorted({(unix - first) // 60 for chunk in chunks for unix in chunk})
    bits = schedule.minutes_between(first, last, zone(zone_name), anchor)
    assert positions(bits) == expected


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        schedule = parse(text, allow_zone_prefix=True)
    except ScheduleError:
        return
    assert schedule.expression == text
