"""What of a hostile line reaches the screen, and what of a coloured one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs import text
from leviathan_tui.backend.logs.text import coloured, fields, pieces, plain, pretty

ATTACKS = [
    b"\x1b]0;title\x07",
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1b]52;c;ZXZpbA==\x1b\\",
    b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    b"\x1bP$q\x1b\\",
    b"\x1b_apc\x1b\\",
    b"\xc2\x9b31m",
    b"\xc2\x9d0;t\xc2\x9c",
    b"\x1b[2J\x1b[1;1H",
    b"\x1b[?1049h",
    b"\x1bc",
    b"\x1b(0",
    b"\x1b[6n",
    b"\x1b]0;never ends",
    b"\x1b[",
    b"\x1b",
    b"a\x08\x08b",
    b"\xe2\x80\xae\xe2\x81\xa6",
    b"\x00\x07\x0e",
    b"\x7f",
    b"[@click=app.quit]x[/] [/foo]",
]

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_a_terminal_acts_on_is_left(attack: bytes) -> None:
    shown = plain(b"before " + attack + b" after")
    assert FORBIDDEN.search(shown) is None
    assert shown.startswith("before ")


@given(st.binary(max_size=200) | st.lists(st.sampled_from(ATTACKS)).map(b"".join))
def test_nor_of_anything_else(line: bytes) -> None:
    line = line.replace(b"\n", b"")
    for shown, style in pieces(line):
        assert FORBIDDEN.search(shown) is None
        assert re.fullmatch(r"(sgr:[a-z0-9#:]+)?", style)
    for row in (fields(line) or [], *(pretty(line) or [])):
        assert all(FORBIDDEN.search(part) is None for part, _ in row)


@given(st.binary(max_size=200) | st.lists(st.sampled_from(ATTACKS)).map(b"".join))
def test_a_terminal_gets_colours_and_nothing_else(line: bytes) -> None:
    left = re.sub(r"\x1b\[[0-9;:]*m", "", coloured(line.replace(b"\n", b"")))
    assert FORBIDDEN.search(left) is None


def test_markup_is_text() -> None:
    assert plain(b"[@click=app.quit]x[/] [/foo]") == "[@click=app.quit]x[/] [/foo]"


def test_colours_are_kept_and_end_where_the_application_ends_them() -> None:
    assert pieces(b"a \x1b[1;31mred\x1b[0m b") == [("a ", ""), ("red", "sgr:bold:f1"), (" b", "")]
    assert pieces(b"\x1b[38;5;208mo\x1b[39mx") == [("o", "sgr:f208"), ("x", "")]
    assert pieces(b"\x1b[48;2;1;2;255mo") == [("o", "sgr:b#0102ff")]
    assert pieces(b"\x1b[91;44;4mx\x1b[24m.") == [("x", "sgr:f9:b4:underline"), (".", "sgr:f9:b4")]
    assert pieces(b"\x1b[mx") == [("x", "")]


def test_a_colour_ends_with_its_line() -> None:
    assert coloured(b"\x1b[31mred").endswith("\x1b[0m")
    assert pieces(b"next") == [("next", "")]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"10%\r50%\r100%", "100%"),
        (b"10%\r50%\r", "50%"),
        (b"text\r", "text"),
        (b"\r\r", ""),
        (b"a\tb", "a    b"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        ("日本".encode(), "日本"),
    ],
)
def test_progress_bars_tabs_and_bytes(line: bytes, shown: str) -> None:
    assert plain(line) == shown


def test_a_huge_line_is_cut_visibly() -> None:
    assert len(plain(b"x" * 1_000_000)) == text.SHOWN
    assert plain(b"x" * 1_000_000).endswith("…")


def test_fields_put_level_and_message_first() -> None:
    shown = fields(b'{"ts":"2026","status":500,"msg":"served","level":"error","path":"/x"}')
    assert shown is not None
    assert "".join(part for part, _ in shown) == "ERROR served  status=500  path=/x"


def test_pretty_has_a_line_for_each_field() -> None:
    shown = pretty(b'{"a":1,"b":{"c":[true,null]}}')
    assert shown is not None
    lines = ["".join(part for part, _ in line) for line in shown]
    assert lines[0] == "{"
    assert '  "a": 1,' in lines
    assert lines[-1] == "}"


@pytest.mark.parametrize(
    "line", [b"text", b"{broken", b"[1,2]", b"{" * 5000 + b"}" * 5000, b'{"a":\xff}']
)
def test_other_lines_are_no_json(line: bytes) -> None:
    assert fields(line) is None
    assert pretty(line) is None
