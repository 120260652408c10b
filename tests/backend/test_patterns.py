"""Expressions that users type: what they mean, and that none of them stops the screen."""

from array import array

import pytest

from leviathan_tui.backend.fleet.filters import FilterError, parse_filter
from leviathan_tui.backend.logs.query import Matcher, QueryError, parse_query
from leviathan_tui.backend.logs.ring import Block
from leviathan_tui.backend.patterns import PatternError, compile_bytes, compile_text


def block_of(*lines: bytes) -> Block:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    count = len(lines)
    text = b"".join(line + b"\n" for line in lines)
    return Block(
        100,
        text,
        array("I", starts),
        array("q", range(count)),
        array("H", [0] * count),
        bytes(count),
    )


def found(query: str, *lines: bytes) -> list[int]:
    matcher = Matcher(parse_query(query), ["web"])
    return [at - 100 for at in matcher.find(block_of(*lines), 100, 100 + len(lines))]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("/err/", [0, 3]),
        ("!/err/", [1, 2, 4]),
        ("/^err/", [3]),
        ("/ms$/", [1, 3]),
        ("/^$/", [2]),
        ("/o[^x]*e/", [0, 4]),
        (r"/\d+/ & !/err/", [1]),
        ("/ÉTÉ/", [4]),
    ],
)
def test_each_line_is_matched_by_itself(query: str, numbers: list[int]) -> None:
    lines = (b"One Err e", b"took 12 ms", b"", b"error 5 ms", "o \xe9t\xe9 e".encode())
    assert found(query, *lines) == numbers


def test_a_part_of_a_block_is_searched_alone() -> None:
    matcher = Matcher(parse_query("/a/"), ["web"])
    assert matcher.find(block_of(b"a", b"b", b"a", b"a"), 101, 103) == [102]


@pytest.mark.parametrize("query", ["/(/", "/[z-a]/", "/(?=x)/", r"/(x)\1/"])
def test_what_is_no_expression_is_said(query: str) -> None:
    with pytest.raises(QueryError, match="Not a regular expression: "):
        parse_query(query)
    with pytest.raises(FilterError, match="Not a regular expression: "):
        parse_filter(query)


def test_an_expression_that_is_too_large_is_refused() -> None:
    with pytest.raises(PatternError):
        compile_text("((x{100}){100}){100}")


@pytest.mark.parametrize(
    "pattern", ["(Y+)+X", "Y+X?Z$", r"\s+$", r"(\w*)*@", ".*foo.*bar", "(a|aa)+$"]
)
def test_no_expression_takes_longer_than_the_text_is(pattern: str) -> None:
    # Python's own engine needs minutes to centuries for each of these.
    line = b"Y" * 262_144 + b" " * 262_144 + b"!"
    assert compile_bytes(pattern).search(line) is None
    assert compile_text(pattern).search(line.decode()) is None
    assert found(f"/{pattern}/", line, b"x") == []
