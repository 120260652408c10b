"""How grave lines are, as loggers write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.logs.levels import Level, inherit, level_of, levels_of

LINES = [
    (b"ERROR something broke", Level.ERROR),
    (b"2026-11-24 10:00:00,123 WARNING app: slow", Level.WARN),
    (b"[error] 12#12: *1 open() failed", Level.ERROR),
    (b"time=2026-01-01 level=warn msg=x", Level.WARN),
    (b'{"level":"error","msg":"x"}', Level.ERROR),
    (b'{"msg":"an error in words","level":"info"}', Level.INFO),
    (b'{"level":50,"msg":"pino"}', Level.ERROR),
    (b'{"severity":"CRITICAL","message":"x"}', Level.FATAL),
    (b"E1124 10:00:00.123456       1 main.go:12] failed", Level.ERROR),
    (b"I1124 10:00:00.123456       1 main.go:12] an error occurred", Level.INFO),
    (b"<3>kernel: oops", Level.ERROR),
    (b"\x1b[31mERROR\x1b[0m coloured", Level.ERROR),
    (b"Traceback (most recent call last):", Level.ERROR),
    (b"KeyError: 'STRIPE_KEY'", Level.ERROR),
    (b"java.lang.IllegalStateException: no", Level.ERROR),
    (b"panic: runtime error: index out of range", Level.FATAL),
    (b"error: cannot open file", Level.ERROR),
    (b"DEBUG x", Level.DEBUG),
    (b"INFO x", Level.INFO),
    (b"GET /error/page 200", Level.NONE),
    (b"no errors found", Level.NONE),
    (b"the information desk", Level.NONE),
    (b"", Level.NONE),
    (b"{not json", Level.NONE),
]


@pytest.mark.parametrize(("line", "level"), LINES)
def test_each(line: bytes, level: Level) -> None:
    assert level_of(line) == level


def test_many_at_once_are_judged_as_each_alone() -> None:
    lines = [line for line, _ in LINES] * 3
    assert list(levels_of(lines)) == [level for _, level in LINES] * 3


@given(
    st.lists(st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"")))
    | st.lists(st.sampled_from([b"ERROR", b"x", b" warn:", b"{", b'"level":"', b"[info]"]))
)
def test_looking_for_words_misses_no_level(lines: list[bytes]) -> None:
    assert list(levels_of(lines)) == [level_of(line) for line in lines]


def test_a_trace_has_the_level_of_the_line_it_belongs_to() -> None:
    lines = [b"ERROR x", b"INFO from another", b"\tat a.b", b"    at c", b"INFO y", b"  indented"]
    levels = levels_of(lines)
    inherit(levels, lines, [0, 1, 0, 0, 0, 0])
    assert list(levels) == [5, 3, 5, 5, 3, 0]
