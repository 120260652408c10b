"""How log lines become rows: wrapped, cut, highlighted, coloured."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color

from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.query import parse_term
from leviathan_tui.backend.logs.ring import NOTE, Batch, Line, Ring
from leviathan_tui.backend.logs.stamps import SECOND
from leviathan_tui.widgets.log_bar import bar
from leviathan_tui.widgets.log_lines import (
    JsonView,
    Times,
    body_of,
    highlight,
    pattern_of,
    sgr_style,
    shifted,
    time_text,
    wrapped,
)

Spans = st.lists(st.tuples(st.text("ab 日é本", max_size=8), st.sampled_from(["plain", "bad"])))


def text_of(spans: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in spans)


@given(Spans, st.integers(2, 12))
def test_wrapping_loses_nothing_and_fits(spans: list[tuple[str, str]], width: int) -> None:
    rows = wrapped(spans, width)
    assert "".join(text_of(row) for row in rows) == text_of(spans)
    assert all(cell_len(text_of(row)) <= width for row in rows)


@given(Spans, st.integers(0, 20))
def test_shifting_takes_cells_from_the_front(spans: list[tuple[str, str]], cells: int) -> None:
    left = text_of(shifted(spans, cells))
    assert text_of(spans).endswith(left)
    gone = cell_len(text_of(spans)) - cell_len(left)
    assert gone <= cells or not left or gone <= cells + 1


@given(Spans, st.sampled_from(["a", "b ", "日", "ab"]))
def test_highlighting_changes_styles_only(spans: list[tuple[str, str]], needle: str) -> None:
    found = highlight(spans, re.compile(re.escape(needle)))
    assert text_of(found) == text_of(spans)
    hits = "".join(text if "hit" in names else "\0" * len(text) for text, names in found)
    assert hits.replace("\0", "") == needle * text_of(spans).count(needle)


def line(text: bytes, level: int = 0, source: int = 0) -> Line:
    return Line(0, 0, source, level, text)


def test_levels_and_colours_make_the_style() -> None:
    (row,) = body_of(line(b"x \x1b[1;31mred\x1b[0m", Level.WARN), JsonView.RAW, expanded=False)
    assert row == [("x ", "warn"), ("red", "warn sgr:bold:f1")]
    (row,) = body_of(line(b"gone", Level.ERROR, NOTE), JsonView.RAW, expanded=False)
    assert row == [("── gone", "bad")]


def test_sgr_styles() -> None:
    style = sgr_style("sgr:f1:bold:b#010203:underline")
    assert style.color == Color.from_ansi(1)
    assert style.bgcolor == Color.parse("#010203")
    assert style.bold
    assert style.underline
    assert not style.italic
    assert sgr_style("sgr:bold").bgcolor is None


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        (Times.UTC, "00:00:05.123Z "),
        (Times.AGO, " 50s "),
        (Times.NONE, ""),
    ],
)
def test_times(times: Times, shown: str) -> None:
    assert time_text(5 * SECOND + 123_456_789, times, 55.2) == shown


def test_what_is_highlighted() -> None:
    for typed in ("!not", "@pod"):
        assert pattern_of(parse_term(typed)) is None
    pattern = pattern_of(parse_term("a.b"))
    assert pattern is not None
    assert pattern.search("A.B")
    assert not pattern.search("axb")
    pattern = pattern_of(parse_term("/a.b/"))
    assert pattern is not None
    assert pattern.search("AXB")


def test_the_bar_shows_rate_and_errors() -> None:
    ring = Ring()
    assert bar(ring, 4, 0, 0) == [(" ", "plain")] * 4
    slow = [number * SECOND for number in range(100)]
    fast = [100 * SECOND + number * SECOND // 100 for number in range(300)]
    levels = bytearray(400)
    levels[150], levels[350] = Level.ERROR, Level.WARN
    ring.append(Batch([*slow, *fast], [0] * 400, levels, [b"x"] * 400))
    cells = bar(ring, 4, 390, 399)
    assert [names for _, names in cells] == ["rule", "bad", "rule", "warn cursor"]
    assert cells[0][0] == "▏"
    assert cells[2][0] == "█"
