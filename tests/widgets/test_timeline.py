"""The line of time as cells."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from leviathan_tui.backend.fleet.runs import Run
from leviathan_tui.backend.fleet.timeline import Track
from leviathan_tui.widgets.timeline import DAY, Ruler, load_line, ruler_at, times_over, track_line
from tests.backend.fleet.test_timeline import Fleet

NOON = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True, params=["UTC", "Asia/Kathmandu", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The terminal's time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def drawn(track: Track, ruler: Ruler, now: float = NOON) -> str:
    spans = track_line(track, ruler, now)
    assert len(spans) == ruler.width
    return "".join(text for text, _ in spans)


@pytest.mark.parametrize("width", [8, 24, 35, 72, 144, 1000])
@pytest.mark.parametrize("minutes", [DAY, 7 * DAY])
def test_a_ruler_shows_at_least_what_was_asked_for_a_third_of_it_past(
    width: int, minutes: int
) -> None:
    ruler = ruler_at(NOON, minutes, width)
    if width >= minutes // DAY:
        assert ruler.window.minutes >= minutes
    assert ruler.cell_of(NOON) == width // 3
    first = datetime.fromtimestamp(ruler.start).astimezone()
    assert (first.hour * 60 + first.minute) % ruler.step == 0


def test_the_times_stand_over_their_cells(zone: str) -> None:
    ruler = ruler_at(NOON, DAY, 72)
    words = times_over(ruler, NOON)
    assert len(words) == 72
    assert words[24] == "▼"
    local = datetime.fromtimestamp(NOON).astimezone()
    hour = local.hour // 3 * 3 + 3
    at = words.index(f"{hour:02}:00")
    moment = datetime.fromtimestamp(ruler.start + at * ruler.step * 60).astimezone()
    assert (moment.hour, moment.minute) == (hour, 0 if ruler.step < 60 else moment.minute)
    assert "Mon 1" in words or "Tue 2" in words


def test_the_mark_of_now_leaves_the_day_readable() -> None:
    midnight = int(datetime.fromtimestamp(NOON).astimezone().replace(hour=0, minute=0).timestamp())
    ruler = Ruler(midnight - 6 * 3600, 60, 24)
    assert times_over(ruler, midnight)[6:12] == "▼Mon 1"


def test_the_mark_of_now_stands_in_no_time() -> None:
    noon = int(datetime.fromtimestamp(NOON).astimezone().replace(hour=12, minute=40).timestamp())
    ruler = ruler_at(noon, DAY, 72)
    words = times_over(ruler, noon)
    assert words[24] == "▼"
    assert "12" not in words[16:30]


def test_runs_of_each_kind_have_their_sign() -> None:
    ruler = Ruler(NOON - 6 * 3600, 30, 24)
    runs = (
        Run("a", NOON - 5 * 3600, "succeeded", False, NOON - 5 * 3600, NOON - 5 * 3600 + 60),
        Run("b", NOON - 4 * 3600, "failed", False, NOON - 4 * 3600, NOON - 3 * 3600),
        Run("c", NOON - 3600, "running", True, NOON - 3600, 0),
    )
    due = 1 << 7 * 60 | 1 << 8 * 60 | 1 << 8 * 60 + 5 | 1 << 9 * 60
    track = Track(due=due, missed=1 << 300 - 60, unseen=1, overlaps=1 << 9 * 60, runs=runs)
    assert drawn(track, ruler) == "· ✓ ✗━━ ! ▸━━ ○ ◉ ×     "


def test_the_worst_of_a_cell_is_shown() -> None:
    ruler = Ruler(NOON - 6 * 3600, 60, 12)
    good = Run("a", NOON - 3600, "succeeded", False, NOON - 3600, NOON - 3500)
    bad = Run("b", NOON - 1800, "failed", False, NOON - 1800, NOON - 1700)
    assert drawn(Track(runs=(good, bad)), ruler)[5] == "✗"
    assert drawn(Track(runs=(good, bad), missed=1 << 5 * 60), ruler)[5] == "!"


def test_a_run_that_is_expected_to_take_long_reaches_on() -> None:
    ruler = Ruler(NOON - 6 * 3600, 30, 24)
    track = Track(due=1 << 8 * 60, typical=5400)
    assert drawn(track, ruler)[16:20] == "○┄┄┄"


def test_the_load_is_the_most_of_each_cell() -> None:
    fleet = Fleet()
    for number in range(14):
        fleet.cron(f"many-{number}", "0 14 * * *")
    fleet.cron("one", "0 16 * * *")
    ruler = Ruler(NOON - 6 * 3600, 30, 24)
    text = "".join(text for text, _ in load_line(fleet.line, ruler, NOON))
    assert text == " " * 16 + "█" + "   ▁   "
