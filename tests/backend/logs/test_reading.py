"""Bytes to lines wherever they are cut, and going on behind the last line read."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs.reading import LINE_BYTES, LineSplitter, Position, parameters
from leviathan_tui.backend.logs.sources import LogRange
from leviathan_tui.backend.logs.stamps import SECOND


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=12))
def test_lines_do_not_depend_on_how_they_arrive(data: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter()
    found: list[bytes] = []
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in pairwise(edges):
        found += splitter.feed(data[start:end])
    found += splitter.finish()
    expected = data.split(b"\n")
    assert found == (expected if expected[-1] else expected[:-1])


def test_a_huge_line_costs_no_more_than_its_limit_and_says_what_is_missing() -> None:
    splitter = LineSplitter()
    size = 5 * LINE_BYTES + 17
    for _ in range(5):
        assert splitter.feed(b"x" * LINE_BYTES) == []
    found = splitter.feed(b"x" * 17 + b"\nnext\n")
    assert len(found) == 2
    assert found[0].endswith(f"({size - LINE_BYTES} more bytes)".encode())
    assert found[1] == b"next"


def test_a_huge_line_in_one_piece_is_cut_as_well() -> None:
    (line,) = LineSplitter().feed(b"x" * (3 * LINE_BYTES) + b"\n")
    assert line.endswith(f"({2 * LINE_BYTES} more bytes)".encode())


@given(
    st.lists(st.integers(1, 8), max_size=20),
    st.lists(st.integers(0, 6), max_size=8),
    st.integers(1, 4),
)
def test_a_log_read_in_pieces_is_read_once(moments: list[int], steps: list[int], size: int) -> None:
    """Each request brings everything of the last line's second again, in pieces of some size."""
    log = [(moment * SECOND // 4, b"%d" % number) for number, moment in enumerate(sorted(moments))]
    position = Position()
    found: list[bytes] = []
    written = 0
    for step in [*steps, len(log)]:
        written = min(len(log), written + step)
        position.resume()
        since = position.stamp // SECOND * SECOND
        sent = [line for line in log[:written] if line[0] >= since]
        for start in range(0, len(sent), size):
            piece = sent[start : start + size]
            _, texts, gap = position.take([one for one, _ in piece], [text for _, text in piece])
            assert gap == 0
            found += texts
    assert found == [text for _, text in log]


def test_a_last_line_that_is_not_there_any_more_is_a_gap() -> None:
    position = Position()
    position.resume()
    position.take([10 * SECOND], [b"a"])
    position.resume()
    assert position.take([12 * SECOND], [b"b"])[2] == 10 * SECOND


def test_but_not_in_the_next_runs_log() -> None:
    position = Position()
    position.resume(0)
    position.take([10 * SECOND], [b"a"])
    position.resume(1)
    assert position.take([12 * SECOND], [b"b"])[2] == 0
    position.resume(1)
    assert position.take([13 * SECOND], [b"c"])[2] == 12 * SECOND


def test_parameters() -> None:
    position = Position()
    asked = parameters("app", LogRange(tail=5), position, follow=True, previous=False)
    assert asked == {
        "container": "app",
        "timestamps": "true",
        "follow": "true",
        "tailLines": "5",
    }
    position.take([1_700_000_000 * SECOND + 5], [b"x"])
    asked = parameters("app", LogRange(tail=5), position, follow=False, previous=True)
    assert asked == {
        "container": "app",
        "timestamps": "true",
        "previous": "true",
        "sinceTime": "2023-11-14T22:13:20Z",
    }
