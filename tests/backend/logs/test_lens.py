"""Filters and searches: bit by bit they find what looking at every line finds."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.query import Query, QueryError, parse_query, parse_term
from leviathan_tui.backend.logs.ring import NOTE, Batch, Line, Ring

WORDS = [b"alpha", b"beta", b"ALPHA beta", b"gamma 42", b"", b"beta gamma", b"\xff alpha"]
NAMES = ["shop/web-1/app", "shop/web-2/app", "shop/job-3/side"]
QUERIES = [
    "alpha",
    "!alpha",
    "ALPHA & beta",
    "beta & !gamma",
    "/^beta/",
    "/a$/",
    "!/[0-9]+/",
    "@web",
    "!@web-1 & beta",
    "@job & alpha",
    "nothing has this",
]


def ring_of(lines: Sequence[tuple[bytes, int, int]], ring: Ring | None = None) -> Ring:
    ring = Ring() if ring is None else ring
    texts = [text for text, _, _ in lines]
    levels = bytes(level for _, level, _ in lines)
    ring.append(Batch(list(range(len(lines))), [source for *_, source in lines], levels, texts))
    return ring


def meets(line: Line, query: str, level: int) -> bool:
    """Whether a line meets a query, worked out another way."""
    if line.level < level:
        return False
    for part in re.split(r"\s+&\s+", query):
        inverse, part = part.startswith("!"), part.removeprefix("!")
        if part.startswith("/"):
            hit = re.search(part.strip("/").encode(), line.text, re.IGNORECASE) is not None
        elif part.startswith("@"):
            hit = part[1:].lower() in NAMES[line.source & ~NOTE]
        else:
            hit = part.lower().encode() in line.text.lower()
        if hit == inverse:
            return False
    return True


Lines = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 6), st.integers(0, 2)), max_size=40
)


@settings(deadline=None)
@given(
    st.lists(Lines, min_size=1, max_size=4),
    st.sampled_from(QUERIES),
    st.sampled_from([0, 4, 5]),
    st.integers(0, 3),
    st.integers(0, 3),
)
@example([[(b"alpha", 4, 0)], [], [(b"alpha", 0, 0)]], "alpha", 4, 1, 1)
def test_a_lens_finds_what_looking_at_each_line_finds(
    batches: list[list[tuple[bytes, int, int]]], query: str, level: int, context: int, late: int
) -> None:
    ring = Ring()
    lens: Lens | None = None
    for position, lines in enumerate(batches):
        if position == min(late, len(batches) - 1):
            lens = Lens(ring, parse_query(query, Level(level)), NAMES, context)
        ring_of(lines, ring)
        if lens is not None:
            lens.step(0.0)
    assert lens is not None
    while lens.step(1.0):
        pass
    every = [line for number in range(ring.end) if (line := ring.line(number)) is not None]
    hits = [line.number for line in every if meets(line, query, level)]
    shown = sorted(
        {near for hit in hits for near in range(hit - context, hit + context + 1)}
        & set(range(ring.end))
    )
    assert [lens[position] for position in range(len(lens))] == shown
    assert lens.hits == len(hits)
    assert lens.is_complete
    assert [number for number in shown if lens.is_hit(number)] == hits
    for number in range(ring.end):
        behind = [one for one in shown if one > number]
        ahead = [one for one in shown if one < number]
        assert lens.after(number) == (behind[0] if behind else None)
        assert lens.before(number) == (ahead[-1] if ahead else None)


def test_what_goes_from_the_ring_goes_from_the_lens() -> None:
    ring = Ring(3_000)
    lens = Lens(ring, parse_query("7"), NAMES)
    for start in range(0, 30_000, 500):
        texts = [b"%d" % number for number in range(start, start + 500)]
        ring.append(Batch([0] * 500, [0] * 500, bytes(500), texts))
        while lens.step(1.0):
            pass
    expected = [number for number in range(ring.first, ring.end) if "7" in str(number)]
    lens.step(1.0)
    assert [lens[position] for position in range(len(lens))] == expected
    assert lens.after(0) == expected[0]


def test_the_newest_are_looked_at_first() -> None:
    ring = Ring()
    for _ in range(20):
        ring_of([(b"alpha", 0, 0)] * 1_000, ring)
    lens = Lens(ring, parse_query("alpha"), NAMES)
    assert lens.step(0.0)
    assert 0 < len(lens) < 20_000
    assert lens[len(lens) - 1] == 19_999
    assert not lens.is_complete


def test_no_filter_is_the_whole_ring() -> None:
    ring = ring_of([(b"a", 0, 0)] * 5)
    lens = Lens(ring, Query(), NAMES)
    assert len(lens) == 5
    assert [lens[position] for position in range(5)] == [0, 1, 2, 3, 4]
    assert lens.index(3) == 3
    assert lens.after(4) is None


def test_spilled_lines_are_found_too() -> None:
    ring = Ring(2_000, spill=True)
    for start in range(0, 20_000, 1_000):
        texts = [b"%d" % number for number in range(start, start + 1_000)]
        ring.append(Batch([0] * 1_000, [0] * 1_000, bytes(1_000), texts))
    lens = Lens(ring, parse_query("/^1?7$/"), NAMES)
    while lens.step(1.0):
        pass
    assert [lens[position] for position in range(len(lens))] == [7, 17]
    ring.close()


def test_a_bad_expression_is_told() -> None:
    with pytest.raises(QueryError, match="Not a regular expression"):
        parse_query("/(/")


def test_terms() -> None:
    assert parse_term("Plain").needle == b"plain"
    assert parse_term("!no").inverse
    assert parse_term("!").needle == b"!"
    assert parse_term("/").needle == b"/"
    assert parse_term("@Web").source == "web"
    assert len(parse_query("a & b & !c").terms) == 3
    assert parse_query("a&b").terms[0].needle == b"a&b"
    assert parse_query("  ").is_empty
