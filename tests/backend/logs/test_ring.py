"""The newest lines are kept, older ones are dropped in blocks or lie in a file."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs.ring import BLOCK_LINES, Batch, Ring


def batch(texts: Sequence[bytes], first: int = 0) -> Batch:
    count = len(texts)
    numbers = range(first, first + count)
    return Batch(list(numbers), [number % 3 for number in numbers], bytes(count), texts)


@given(st.lists(st.lists(st.binary(max_size=5).map(lambda t: t.replace(b"\n", b""))), max_size=8))
def test_lines_come_back_as_they_were_put_in(batches: list[list[bytes]]) -> None:
    ring = Ring()
    everything: list[bytes] = []
    for texts in batches:
        ring.append(batch(texts, len(everything)))
        everything += texts
    assert ring.end == len(ring) == len(everything)
    for number, text in enumerate(everything):
        line = ring.line(number)
        assert line is not None
        assert (line.text, line.stamp, line.source) == (text, number, number % 3)
    assert ring.line(len(everything)) is None


def test_the_oldest_go_and_the_others_keep_their_numbers() -> None:
    ring = Ring(5_000)
    for start in range(0, 50_000, 700):
        ring.append(batch([b"%d" % n for n in range(start, start + 700)], start))
    assert 5_000 <= len(ring) <= 5_000 + 2 * BLOCK_LINES
    assert ring.first + len(ring) == ring.end
    assert ring.dropped == ring.first
    assert ring.line(ring.first - 1) is None
    for number in (ring.first, ring.end - 1, (ring.first + ring.end) // 2):
        line = ring.line(number)
        assert line is not None
        assert line.text == b"%d" % number


def test_huge_lines_are_bounded_by_bytes() -> None:
    ring = Ring(size=4 * 1024 * 1024)
    for number in range(200):
        ring.append(batch([b"x" * 200_000], number))
    assert ring.size < 5 * 1024 * 1024
    assert ring.end == 200
    assert len(ring) < 30


def test_what_is_spilled_is_read_back() -> None:
    ring = Ring(3_000, spill=True)
    for start in range(0, 40_000, 1_000):
        ring.append(batch([b"%d" % n for n in range(start, start + 1_000)], start))
    assert ring.first == 0
    assert ring.dropped == 0
    for number in range(0, 40_000, 777):
        line = ring.line(number)
        assert line is not None
        assert (line.text, line.stamp) == (b"%d" % number, number)
    ring.close()


def test_a_full_file_lets_the_oldest_go() -> None:
    ring = Ring(3_000, spill=True, spill_size=400_000)
    for start in range(0, 100_000, 1_000):
        ring.append(batch([b"%d" % n for n in range(start, start + 1_000)], start))
    assert 0 < ring.first < 97_000
    assert ring.dropped == ring.first
    line = ring.line(ring.first)
    assert line is not None
    assert line.text == b"%d" % ring.first
    ring.close()


def test_the_first_line_of_a_moment_is_found() -> None:
    ring = Ring()
    ring.append(Batch([10, 20, 20, 30], [0] * 4, bytes(4), [b""] * 4))
    found = [ring.at_or_after(stamp) for stamp in (5, 10, 11, 20, 30, 31)]
    assert found == [0, 0, 1, 1, 3, 4]


def test_the_gravest_level_of_a_part() -> None:
    ring = Ring(2_000, spill=True)
    levels = bytearray(10_000)
    levels[1_500], levels[9_000], levels[9_999] = 5, 4, 6
    for start in range(0, 10_000, 500):
        texts = [b"x"] * 500
        part = levels[start : start + 500]
        ring.append(Batch([0] * 500, [0] * 500, part, texts))
    assert ring.worst(8_500, 9_500) == 4
    assert ring.worst(9_001, 9_999) == 0
    assert ring.worst(9_001, 10_000) == 6
    # What lies in the file is known block by block.
    assert ring.worst(0, 3_000) == 5
    ring.close()
