"""What only a real terminal shows: start, resize, quit, hang-up, bytes on the wire, hostile text."""

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from leviathan_sandbox import Sandbox
from tests.console.terminal import PROGRAM, TIMEOUT, Terminal

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h")
"""Back from the alternate screen, and the cursor shown."""

HOSTILE = (
    "\x1b]0;owned\x07"  # the window's title
    "\x1b]52;c;b3duZWQ=\x07"  # the clipboard
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07"
    "\x1bP1$r\x1b\\"
    "\x9b31m\x9d0;x\x9c"
    "\r\x08\x7f\u202e\u200b"
    "[@click=app.quit]click[/] [/foo] [bold"
)


@pytest.fixture(scope="session")
def kubeconfig(still_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of the sandbox in which nothing changes."""
    return still_sandbox.write_kubeconfig(tmp_path_factory.mktemp("sandbox") / "config")


@pytest.fixture
def terminal(kubeconfig: Path) -> Iterator[Terminal]:
    with Terminal("--kubeconfig", str(kubeconfig), "-A") as terminal:
        terminal.sees("Apps (24)", "● live")
        yield terminal


def test_start_use_and_quit_restore_the_terminal(terminal: Terminal) -> None:
    terminal.press("j")
    terminal.press("\r")
    terminal.sees("Pods of ")
    terminal.press("\x1b")
    terminal.sees("Apps (24)")
    terminal.press("\x03")
    assert terminal.ended() == 0
    for sequence in RESTORED:
        assert sequence in terminal.raw[-2000:]
    assert "Traceback" not in terminal.text


def test_resizing_draws_the_new_size(terminal: Terminal) -> None:
    terminal.screen.resize(40, 140)
    terminal.child.setwinsize(40, 140)
    terminal.sees("Deployment ─")
    assert terminal.screen.display[39].strip().startswith("p pause")
    terminal.screen.resize(12, 40)
    terminal.child.setwinsize(12, 40)
    terminal.sees("Leviathan needs 60×15 cells.")
    terminal.screen.resize(24, 80)
    terminal.child.setwinsize(24, 80)
    terminal.sees("Apps (24)")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it(terminal: Terminal, number: signal.Signals) -> None:
    os.kill(terminal.pid, number)
    terminal.ended()


def test_a_terminal_that_nobody_reads_does_not_keep_it_alive(kubeconfig: Path) -> None:
    with Terminal("--kubeconfig", str(kubeconfig), "-A", size=(200, 60)) as terminal:
        terminal.sees("Apps (24)")
        # Each of these draws the whole screen; nobody reads what is written.
        for _ in range(60):
            terminal.press("\t")
        os.kill(terminal.pid, signal.SIGHUP)
        terminal.wait_gone(reading=False)


def test_moving_a_row_sends_few_bytes_and_resting_none(terminal: Terminal) -> None:
    terminal.quiet(1.5)
    terminal.press("j")
    first = terminal.read(5.0)
    while more := terminal.read(0.3):
        first += more
    assert 0 < len(first) < 600
    # Between two seconds' ticks, and over them, nothing changes: nothing is sent.
    assert terminal.read(3.0) == b""


def test_no_byte_of_hostile_text_acts_on_the_terminal(tmp_path: Path) -> None:
    with Sandbox(apps=0) as sandbox:
        note = {"evil": HOSTILE}
        pod = {
            "kind": "Pod",
            "metadata": {"name": "p", "annotations": note},
            "spec": {"containers": [{"name": "c", "image": f"x/{HOSTILE}"}]},
        }
        sandbox.create(pod)
        sandbox.create(
            {
                "kind": "Deployment",
                "metadata": {
                    "name": "web",
                    "annotations": note
                    | {"leviathan.dev/paused-replicas": "1"}
                    | {"leviathan.dev/paused-by": HOSTILE},
                },
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "c", "image": f"y/{HOSTILE}"}]},
                    },
                },
            }
        )
        sandbox.create(
            {
                "kind": "Event",
                "metadata": {"name": "e", "namespace": "default"},
                "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
                "type": "Warning",
                "reason": f"R{HOSTILE}",
                "message": HOSTILE,
            }
        )
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        with Terminal("--kubeconfig", config, "-A", size=(160, 50)) as terminal:
            terminal.sees("Apps (1)", "paused by ␛")
            for keys, seen, unseen in (
                (":pods\r", "Pods (1)", "Apps ("),
                (":events\r", "R␛]0;owned␇", "Pods ("),
                (":pods\r", "Pods (1)", "Events ("),
                ("d", "─ Pod ─ describe", "Pods ("),
                ("/evil\r", "/evil:", "Reading"),
                ("\x1b", "─ Pod ─ describe", "/evil:"),
                ("\x1b", "Pods (1)", "describe ─"),
                ("y", "apiVersion: v1", "Pods ("),
                ("\x1b", "Pods (1)", "─ Pod ─ yaml"),
                ("x", "─ Pod ─ explain", "Pods ("),
                ("\x1b", "Pods (1)", "─ Pod ─ explain"),
            ):
                terminal.press(keys)
                terminal.sees(seen)
                terminal.until(lambda gone=unseen: gone not in terminal.text, f"no {unseen}")  # type: ignore[misc]
            terminal.press("\x03")
            terminal.ended()
    raw = terminal.raw
    for sequence in (
        b"\x1b]0;",
        b"\x1b]52;",
        b"\x1b]8;",
        b"\x1bP",
        b"\xc2\x9b",
        b"\xc2\x9d",
        b"\x7f",
    ):
        assert sequence not in raw
    assert "\u202e".encode() not in raw
    assert "\u200b".encode() not in raw
    assert b"[@click=app.quit]click[/] [/foo] [bold" in re.sub(rb"\x1b\[[0-9;]*[mH]", b"", raw)


def test_without_colour_no_colour_is_sent(kubeconfig: Path) -> None:
    environment = {"NO_COLOR": "1"}
    with Terminal("--kubeconfig", str(kubeconfig), "-A", environment=environment) as terminal:
        terminal.sees("Apps (24)", "✗")
        terminal.quiet()
    codes = re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw)
    colours = [
        code for code in codes if re.search(rb"(^|;)(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;|$)", code)
    ]
    greys = [code for code in colours if not re.fullmatch(rb"(.*;)?[34]8;(5|2);.*", code)]
    assert greys == []


def test_the_mouse_can_be_off(kubeconfig: Path) -> None:
    environment = {"LEVIATHAN_MOUSE": "false"}
    with Terminal("--kubeconfig", str(kubeconfig), "-A", environment=environment) as terminal:
        terminal.sees("Apps (24)")
    assert b"\x1b[?1000h" not in terminal.raw


@pytest.mark.parametrize("words", [("-A",), ("demo",)])
def test_without_a_terminal_it_says_so_and_ends(kubeconfig: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("leviathan: The full screen needs a terminal")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_without_a_kubeconfig_the_demo_is_offered(tmp_path: Path) -> None:
    with Terminal(environment={"KUBECONFIG": str(tmp_path / "none")}) as terminal:
        assert terminal.ended() == 1
        assert "No kubeconfig at" in terminal.text
        assert "leviathan demo" in terminal.text


def test_a_cluster_that_is_away_at_the_start_comes_by_itself(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        sandbox.stop_serving()
        with Terminal("--kubeconfig", config, "-A", size=(160, 40)) as terminal:
            terminal.sees(
                "○ offline since", "The cluster cannot be read: no connection to 127.0.0.1"
            )
            sandbox.resume_serving()
            terminal.sees("Apps (24)", "● live")


def test_a_crash_leaves_a_report_and_no_traceback(kubeconfig: Path, tmp_path: Path) -> None:
    start = (
        "import sys, leviathan_tui.screens.base as base\n"
        "def broken(self): raise RuntimeError('Bearer abcdefghijklmnop')\n"
        "base.BaseScreen.update_header = broken\n"
        "from leviathan_tui.__main__ import main\n"
        "sys.exit(main())\n"
    )
    script = tmp_path / "start.py"
    script.write_text(start)
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm-256color"}
    arguments = [str(script), "--kubeconfig", str(kubeconfig)]
    child: pexpect.spawn[bytes] = pexpect.spawn(
        sys.executable, arguments, env=environment, timeout=TIMEOUT
    )
    child.expect(pexpect.EOF)
    child.wait()
    child.close()
    assert child.exitstatus == 1
    assert isinstance(child.before, bytes)
    text = child.before.decode(errors="replace")
    assert "The console has a defect" in text
    assert "Traceback" not in text
    (report,) = (tmp_path / "leviathan").glob("crash-*.txt")
    assert report.stat().st_mode & 0o077 == 0
    written = report.read_text()
    assert "RuntimeError" in written
    assert "abcdefghijklmnop" not in written


def test_quitting_gives_back_the_line_settings(kubeconfig: Path) -> None:
    with Terminal("--kubeconfig", str(kubeconfig), "-A") as terminal:
        before = termios.tcgetattr(terminal.child.child_fd)
        terminal.sees("Apps (24)")
        terminal.press("\x03")
        assert terminal.ended() == 0
        assert (
            termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO == before[3] & termios.ECHO
        )
