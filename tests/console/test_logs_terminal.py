"""Logs in a real terminal: hostile lines, and bytes where nothing happens."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import ManualClock, Sandbox
from tests.console.terminal import Terminal
from tests.console.test_terminal import HOSTILE


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A fleet of this file's own: its tests write into logs."""
    with Sandbox(live=False, clock=ManualClock()) as made:
        yield made


@pytest.fixture
def terminal(sandbox: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    """A console at the logs of one pod of web."""
    config = str(sandbox.write_kubeconfig(tmp_path / "config"))
    with Terminal("--kubeconfig", config, "-n", "shop", "pods", size=(120, 30)) as terminal:
        terminal.sees("Pods (", "● live")
        terminal.press("/web-\r")
        terminal.until(lambda: re.search(r"Pods \(\d+ of \d+\)", terminal.text), "a filtered list")
        terminal.quiet()
        terminal.press("l")
        terminal.sees("Logs of web-", "● live")
        yield terminal


def pod_of(terminal: Terminal) -> str:
    title = next(line for line in terminal.text.splitlines() if "Logs of " in line)
    return title.partition("Logs of ")[2].partition(" ")[0]


def test_no_line_acts_on_the_terminal(sandbox: Sandbox, terminal: Terminal) -> None:
    pod = pod_of(terminal)
    before = len(terminal.raw)
    for line in (HOSTILE, "\x1b[31mred\x1b[0m", "10%\r100%", "\x1b[2J\x1b[?1049l\x1bc", "its end"):
        sandbox.append_log("shop", pod, line)
    terminal.sees("red", "100%", "its end", "[@click=app.quit]click[/] [/foo] [bold")
    for keys, seen in (("J", "JSON lines"), ("wk", "⏸"), ("\r", "its end")):
        terminal.press(keys)
        terminal.sees(seen)
    terminal.quiet()
    raw = terminal.raw[before:]
    for sequence in (
        b"\x1b]",
        b"\x1bP",
        b"\x1bc",
        b"\x1b[2J",
        b"\x1b[?1049l",
        b"\xc2\x9b",
        b"\xc2\x9d",
        b"\x7f",
        b"\x07",
        "\u202e".encode(),
        "\u200b".encode(),
    ):
        assert sequence not in raw, sequence
    assert "10%" not in terminal.text.replace("100%", "")


def test_a_copy_is_made_only_when_it_is_asked_for(sandbox: Sandbox, terminal: Terminal) -> None:
    sandbox.append_log("shop", pod_of(terminal), "copy me")
    terminal.sees("copy me")
    assert b"\x1b]52;" not in terminal.raw
    terminal.press("c")
    terminal.sees("Copied the line.")
    # "copy me" in base64.
    assert b"\x1b]52;c;Y29weSBtZQ==" in terminal.raw


def test_where_nothing_is_written_nothing_is_sent(terminal: Terminal) -> None:
    terminal.quiet(1.0)
    before = len(terminal.raw)
    terminal.read(3.0)
    assert len(terminal.raw) == before
