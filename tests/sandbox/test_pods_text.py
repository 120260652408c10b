"""What containers write: scripts, chatter, and where lines come from."""

from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leviathan_sandbox.pods.chatter import STYLES, numbered_line, style_name
from leviathan_sandbox.pods.lines import Chatter, Line, Script
from leviathan_sandbox.pods.shell import NotUnderstoodError, Shell


def run(script: str, **environment: str) -> tuple[list[Line], int | None, float]:
    shell = Shell(script, environment)
    lines = [line for line in islice(shell.run(), 200) if line is not None]
    return lines, shell.exit_code, shell.ended_at


@pytest.mark.parametrize(
    ("script", "expected", "code", "ended"),
    [
        ("echo one; echo two >&2; sleep 2; exit 3", ["one", "two"], 3, 2.0),
        ("echo 'a  b' \"c $X\" d$X", ["a  b c x dx"], 0, 0.0),
        ("false || echo so; true && echo yes; false && echo no", ["so", "yes"], 1, 0.0),
        ("for i in 1 2 3; do echo n$i; sleep 0.5; done", ["n1", "n2", "n3"], 0, 1.5),
        ("for i in $(seq 2 4); do echo $i; done", ["2", "3", "4"], 0, 0.0),
        ("i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done; exit $i", ["0", "1", "2"], 3, 0.0),
        ("until true; do echo never; done; echo done", ["done"], 0, 0.0),
        ("if [ $X = x ]; then echo same; else echo other; fi", ["same"], 0, 0.0),
        ("if false; then echo a; else echo b; fi; echo c", ["b", "c"], 0, 0.0),
        ("printf 'x=%s\\n' 7; # a comment", ["x=7"], 0, 0.0),
        ("echo a\necho b", ["a", "b"], 0, 0.0),
        ("exec sleep 1m", [], 0, 60.0),
        ("set -e; echo $((6*7))", ["42"], 0, 0.0),
        ("", [], 0, 0.0),
    ],
)
def test_scripts(script: str, expected: list[str], code: int, ended: float) -> None:
    lines, exit_code, ended_at = run(script, X="x")
    assert [line.text for line in lines] == expected
    assert (exit_code, ended_at) == (code, ended)


def test_an_endless_script_has_no_end() -> None:
    lines, exit_code, _ = run("while true; do echo tick; sleep 2; done")
    assert exit_code is None
    assert [line.at for line in lines[:3]] == [0.0, 2.0, 4.0]


def test_who_asks_for_sigterm() -> None:
    asks, ignores = Shell("trap 'exit 0' TERM; true"), Shell("sleep 5")
    for shell in (asks, ignores):
        assert list(shell.run()) == []
    assert asks.handles_term
    assert not ignores.handles_term


@pytest.mark.parametrize(
    "script",
    ["curl http://x", "echo $(curl x)", "echo $((1/0))", "while true; do echo", "cat <<EOF", "a &"],
)
def test_scripts_that_are_not_understood(script: str) -> None:
    with pytest.raises(NotUnderstoodError):
        run(script)


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=25)
@given(first=st.floats(0, 600), more=st.floats(0, 60))
def test_later_lines_do_not_change_earlier_ones(style: str, first: float, more: float) -> None:
    chatter = Chatter(STYLES[style][1], numbered_line(style, "seed", 0.0))
    end = first + more
    early, late = chatter.between(-1, first), chatter.between(-1, end)
    assert early + chatter.between(first, end) == late
    assert chatter.tail(5, end) == late[-5:]
    assert chatter.tail(0, end) == []
    times = [line.at for line in late]
    assert times == sorted(times)
    following = chatter.next_after(first)
    assert following is not None
    assert following > first
    if len(late) > len(early):
        assert late[len(early)].at == following


@pytest.mark.parametrize("style", STYLES)
def test_a_long_log_is_rotated(style: str) -> None:
    period = STYLES[style][1]
    chatter = Chatter(period, numbered_line(style, "seed", 0.0))
    kept = chatter.between(-1, 10_000_000 * period)
    assert 3000 <= len(kept) < 40_000
    assert kept[0].at > 9_000_000 * period


def test_logs_hold_stack_traces_and_more() -> None:
    def text(style: str) -> str:
        chatter = Chatter(STYLES[style][1], numbered_line(style, "seed", 0.0))
        return "\n".join(line.text for line in chatter.between(-1, 3000 * STYLES[style][1]))

    assert "Traceback (most recent call last):" in text("python")
    assert "\tat com.example" in text("java")
    assert "goroutine 1 [running]:" in text("go")
    assert '"level":"error"' in text("json")
    assert ' HTTP/1.1" 200 ' in text("access")


@pytest.mark.parametrize(
    ("image", "style"),
    [("nginx:1.27", "access"), ("registry.example.com/x/postgres:17", "postgres")],
)
def test_an_image_chooses_its_look(image: str, style: str) -> None:
    assert style_name(image) == style


def test_a_script_is_read_no_further_than_asked() -> None:
    numbers = count()
    script = Script(Line(float(number), str(number)) for number in numbers)
    assert [line.text for line in script.between(-1, 3)] == ["0", "1", "2", "3"]
    assert script.next_after(3) == 4.0
    assert next(numbers) <= 200
