"""Many sources become one stream in the order of time."""

from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs.merge import HOLD_TIMEOUT, READ_ONCE_HOLD_TIMEOUT, WINDOW, Merger
from leviathan_tui.backend.logs.ring import NOTE


def texts(merger: Merger, now: float, **which: bool) -> list[bytes]:
    batch = merger.release(now, **which)
    return [] if batch is None else list(batch.texts)


def live(*sources: int) -> Merger:
    """Return a merger whose sources have all sent their history."""
    merger = Merger()
    for source in sources:
        merger.begin(source)
        merger.caught_up(source)
    return merger


def test_one_source_waits_for_nobody() -> None:
    merger = live(0)
    merger.add(0, [2, 1, 3], [b"a", b"b", b"c"], 0.0)
    assert texts(merger, 0.0) == [b"a", b"b", b"c"]


def test_lines_wait_a_window_for_earlier_ones_of_others() -> None:
    merger = live(0, 1)
    merger.add(0, [10], [b"later"], 100.0)
    assert texts(merger, 100.0) == []
    merger.add(1, [5], [b"earlier"], 100.0 + WINDOW / 2)
    assert texts(merger, 100.0 + WINDOW * 1.1) == [b"earlier", b"later"]
    assert merger.release(101.0) is None


def test_history_is_let_go_only_as_far_as_all_have_sent_it() -> None:
    merger = Merger()
    merger.begin(0)
    merger.begin(1)
    merger.add(0, [1, 5, 9], [b"a1", b"a5", b"a9"], 0.0)
    assert texts(merger, 0.1) == []
    merger.add(1, [2, 6], [b"b2", b"b6"], 0.1)
    assert texts(merger, 0.2) == [b"a1", b"b2", b"a5", b"b6"]
    merger.caught_up(1)
    assert texts(merger, 0.3) == [b"a9"]


def test_a_source_that_never_sends_holds_the_others_up_for_a_while_only() -> None:
    merger = Merger()
    merger.begin(0)
    merger.begin(1)
    merger.add(0, [1], [b"a"], 10.0)
    assert texts(merger, 10.0 + HOLD_TIMEOUT / 2) == []
    texts(merger, 10.0 + HOLD_TIMEOUT + 0.1)
    assert not merger.is_behind
    merger.add(0, [2], [b"b"], 12.0)
    assert texts(merger, 13.0) + texts(merger, 14.0) == [b"a", b"b"]


def test_what_is_not_followed_has_sent_its_history_only_when_it_ends() -> None:
    merger = Merger(ends=True)
    merger.begin(0)
    merger.begin(1)
    merger.add(0, [5, 9], [b"a5", b"a9"], 0.0)
    merger.seems_caught_up(1)
    assert texts(merger, HOLD_TIMEOUT * 2) == []
    merger.forget(0)
    merger.add(1, [2, 6], [b"b2", b"b6"], HOLD_TIMEOUT * 2)
    assert texts(merger, HOLD_TIMEOUT * 3) == [b"b2", b"a5", b"b6"]
    merger.add(1, [7], [b"b7"], HOLD_TIMEOUT * 3)
    merger.forget(1)
    assert texts(merger, HOLD_TIMEOUT * 4, everything=True) == [b"b7", b"a9"]


def test_what_is_not_followed_does_not_wait_for_what_broke_off() -> None:
    merger = Merger(ends=True)
    merger.begin(0)
    merger.begin(1)
    merger.add(0, [5], [b"a5"], 0.0)
    merger.forget(0)
    merger.caught_up(1)
    assert texts(merger, 0.1) + texts(merger, 0.2 + WINDOW) == [b"a5"]


def test_what_is_not_followed_waits_for_what_is_not_known_yet_but_not_for_ever() -> None:
    merger = Merger(ends=True)
    merger.begin(0)
    merger.add(0, [5], [b"a5"], 0.0)
    merger.forget(0)
    assert texts(merger, READ_ONCE_HOLD_TIMEOUT / 2, unread=True) == []
    late = READ_ONCE_HOLD_TIMEOUT * 1.1
    assert texts(merger, late, unread=True) + texts(merger, late + 1, unread=True) == [b"a5"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.integers(0, 50), min_size=1, max_size=5)),
        max_size=20,
    ),
    st.data(),
)
def test_nothing_is_lost_and_no_sources_order_is_changed(
    pieces: list[tuple[int, list[int]]], data: st.DataObject
) -> None:
    merger = live(0, 1, 2, 3)
    sent: dict[int, list[bytes]] = {0: [], 1: [], 2: [], 3: []}
    came: dict[int, list[bytes]] = {0: [], 1: [], 2: [], 3: []}

    def take(now: float, everything: bool) -> None:
        batch = merger.release(now, everything=everything)
        if batch is not None:
            for source, text in zip(batch.sources, batch.texts, strict=True):
                came[source].append(text)

    now = 0.0
    for source, stamps in pieces:
        lines = [
            data.draw(st.sampled_from([b"x", b"  at y", b"Traceback (most recent call last):"]))
            + b" %d" % len(sent[source])
            for _ in stamps
        ]
        merger.add(source, stamps, lines, now)
        sent[source] += lines
        now += data.draw(st.sampled_from([0.0, 0.05, 0.3]))
        take(now, False)
    take(now, True)
    assert came == sent


def test_the_lines_of_a_trace_stay_with_their_first_line() -> None:
    merger = live(0, 1)
    trace = [b"ERROR x", b"java.lang.X: y", b"\tat a", b"\tat b", b"Caused by: z", b"\t... 3 more"]
    merger.add(0, [10, 11, 12, 14, 16, 18], trace, 0.0)
    merger.add(1, [11, 13, 15, 17], [b"p", b"q", b"r", b"s"], 0.0)
    found = texts(merger, 9.0, everything=True)
    begin = found.index(b"java.lang.X: y")
    assert found[begin : begin + 5] == trace[1:]


def test_a_python_trace_keeps_its_exception() -> None:
    merger = live(0, 1)
    trace = [b"Traceback (most recent call last):", b'  File "a.py"', b"    f()", b"KeyError: 'x'"]
    merger.add(0, [10, 12, 14, 16], trace, 0.0)
    merger.add(1, [11, 13, 15, 17], [b"p", b"q", b"r", b"s"], 0.0)
    assert texts(merger, 9.0, everything=True)[:4] == trace


def test_a_note_stands_behind_its_sources_lines_and_has_its_own_level() -> None:
    merger = live(0, 1)
    merger.add(0, [10, 20], [b"a", b"INFO b"], 0.0)
    merger.add(1, [15, 30], [b"p", b"q"], 0.0)
    merger.add_note(0, 5, b"ended", 5, 0.0)
    batch = merger.release(9.0, everything=True)
    assert batch is not None
    assert list(batch.texts) == [b"a", b"p", b"INFO b", b"ended", b"q"]
    assert list(batch.levels) == [0, 0, 3, 5, 0]
    assert batch.sources[3] == NOTE
