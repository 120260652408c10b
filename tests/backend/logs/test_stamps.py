"""Moments in front of lines, and moments that somebody types."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs.stamps import (
    SECOND,
    StampReader,
    duration,
    moment,
    rfc3339,
    since_time,
)

NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC).timestamp()


@given(st.lists(st.integers(0, 4_000_000_000 * SECOND), min_size=1))
def test_what_is_written_is_read(stamps: list[int]) -> None:
    lines = [b"%b text %d" % (rfc3339(stamp).encode(), stamp) for stamp in stamps]
    found, texts = StampReader().split(lines)
    assert found == stamps
    assert texts == [b"text %d" % stamp for stamp in stamps]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"2026-11-24T09:41:07.123456789Z x", "2026-11-24T09:41:07.123456789Z"),
        (b"2026-11-24T09:41:07.5Z x", "2026-11-24T09:41:07.500000000Z"),
        (b"2026-11-24T09:41:07Z x", "2026-11-24T09:41:07.000000000Z"),
        (b"2026-11-24T10:41:07.123456789+01:00 x", "2026-11-24T09:41:07.123456789Z"),
        (b"2026-11-24T05:11:07.123456789-04:30 x", "2026-11-24T09:41:07.123456789Z"),
    ],
)
def test_fractions_and_zones(line: bytes, text: str) -> None:
    stamps, texts = StampReader().split([line])
    assert rfc3339(stamps[0]) == text
    assert texts == [b"x"]


@pytest.mark.parametrize(
    "line",
    [
        b"unable to retrieve container logs for containerd://abc",
        b"",
        b"2026-13-45T99:99:99.123456789Z x",
        b"2026-11-24T09:41:07.12345678xZ x",
        b"\xff" * 40,
    ],
)
def test_a_line_without_a_moment_keeps_its_text(line: bytes) -> None:
    assert StampReader().split([line]) == ([-1], [line])


def test_an_empty_line_has_a_moment() -> None:
    assert StampReader().split([b"2026-11-24T09:41:07.000000000Z "])[1] == [b""]


def test_since_time_is_the_whole_second() -> None:
    assert since_time(int(NOW * SECOND) + 999_999_999) == "2026-11-24T14:30:00Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1.5h", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 apples", "1h 5", "-5m"])
def test_no_durations(text: str) -> None:
    assert duration(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", datetime(2026, 11, 24, 14, 20, tzinfo=UTC)),
        ("14:05", datetime(2026, 11, 24, 14, 5, tzinfo=UTC)),
        ("14:05:30", datetime(2026, 11, 24, 14, 5, 30, tzinfo=UTC)),
        # Not yet today: yesterday's.
        ("15:00", datetime(2026, 11, 23, 15, 0, tzinfo=UTC)),
        ("2026-11-24T09:41", datetime(2026, 11, 24, 9, 41, tzinfo=UTC)),
        (
            "2026-11-24T09:41:07+02:00",
            datetime(2026, 11, 24, 9, 41, 7, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment(text, NOW, UTC) == expected.timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "12", "2026-99-01"])
def test_no_moments(text: str) -> None:
    assert moment(text, NOW, UTC) is None
