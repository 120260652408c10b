"""Credential plugins and contexts as a person at the terminal meets them (ATTACKS 65, 66)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_sandbox import Sandbox
from leviathan_tui.backend.kube.plugins import FIRST_PAUSE
from tests.backend.kube.rig.plugins import V1, count, plugin
from tests.console.terminal import TIMEOUT, Terminal

SAY_AND_WAIT = """
say("\\x1b[33mTo sign in, open https://login.example/device and enter ABCD-1234\\x1b[0m \\x1b]0;x\\a")
(HERE / "pid").write_text(str(os.getpid()))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while not (HERE / "go").exists():
    if (HERE / "fail").exists():
        sys.exit("the code has expired")
    time.sleep(0.02)
answer(token=%r)
"""


def write(path: Path, sandbox: Sandbox, contexts: tuple[str, ...], user: dict[str, Any]) -> None:
    """Write a kubeconfig in which all these contexts are the sandbox."""
    document = sandbox.kubeconfig()
    document["users"][0]["user"] = user
    (entry,) = document["contexts"]
    document["contexts"] = [{**entry, "name": name} for name in contexts]
    document["current-context"] = contexts[0]
    path.write_text(yaml.safe_dump(document))


@pytest.fixture
def config(still_sandbox: Sandbox, tmp_path: Path) -> Path:
    """A kubeconfig whose user logs in with a plugin that waits for a person."""
    plugin(tmp_path, SAY_AND_WAIT % still_sandbox.token)
    script = tmp_path / "device-login"
    script.write_text(f"#!{sys.executable}\n" + (tmp_path / "plugin.py").read_text())
    script.chmod(0o755)
    described = {"apiVersion": V1, "command": "./device-login", "interactiveMode": "Never"}
    user = {"exec": described}
    write(tmp_path / "config", still_sandbox, ("sandbox",), user)
    return tmp_path / "config"


@pytest.fixture
def terminal(config: Path) -> Iterator[Terminal]:
    with Terminal(
        "--kubeconfig", str(config), "-A", "--log", str(config.parent / "log")
    ) as terminal:
        terminal.sees("enter ABCD-1234")
        yield terminal


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_gone(pid: int) -> None:
    end = time.monotonic() + TIMEOUT
    while not is_gone(pid):
        assert time.monotonic() < end, "the plugin outlived the console"
        time.sleep(0.02)


def test_what_a_plugin_says_is_seen_until_it_has_answered(
    terminal: Terminal, config: Path, tmp_path: Path
) -> None:
    terminal.sees(str(tmp_path / "device-login")[-30:], "esc ends it")
    assert "\x1b]0;x" not in terminal.raw.decode(errors="replace")
    assert all("\x1b]" not in line for line in terminal.screen.display)
    terminal.press("c")
    terminal.until(lambda: b"\x1b]52;c;" in terminal.raw, "the address on the clipboard")
    (tmp_path / "go").touch()
    terminal.sees("Apps (24)", "● live")
    terminal.until(lambda: "ABCD-1234" not in terminal.text, "the box closed")
    assert count(tmp_path) == 1
    terminal.press(":q\r")
    terminal.ended()
    assert "ABCD" not in (tmp_path / "log").read_text()


def test_escape_ends_it_and_it_is_run_again_when_that_is_asked_for(
    terminal: Terminal, tmp_path: Path
) -> None:
    pid = int((tmp_path / "pid").read_text())
    terminal.press("\x1b")
    terminal.sees("Ended; ctrl+r runs it again")
    terminal.sees("refused", "was ended by you")
    wait_gone(pid)
    assert count(tmp_path) == 1
    (tmp_path / "go").touch()
    terminal.press("\x12")
    terminal.sees("Apps (24)", "● live")
    assert count(tmp_path) == 2


def test_why_it_failed_stays_until_it_is_read(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    terminal.sees("the code has expired", "failed (exit code 1)", "esc closes")
    (tmp_path / "fail").unlink()
    (tmp_path / "go").touch()
    terminal.press("\x12")
    terminal.sees("Apps (24)", "● live")


@pytest.mark.parametrize("how", ["ctrl-c", "SIGHUP", "SIGTERM"])
def test_it_ends_with_the_console(terminal: Terminal, tmp_path: Path, how: str) -> None:
    pid = int((tmp_path / "pid").read_text())
    assert not is_gone(pid)
    if how == "ctrl-c":
        terminal.press("\x03")
    else:
        os.kill(terminal.pid, getattr(signal, how))
    terminal.ended()
    wait_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_it_ends_with_a_console_that_is_only_starting(
    config: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with Terminal("--kubeconfig", str(config)) as terminal:
        terminal.until(lambda: written(tmp_path / "pid"), "the plugin's number")
        pid = int((tmp_path / "pid").read_text())
        os.kill(terminal.pid, number)
        terminal.ended()
        wait_gone(pid)


def written(path: Path) -> bool:
    return path.exists() and path.read_text() != ""


def waiting_for(path: Path) -> int:
    """Return the number of the plugin that is said in a file."""
    end = time.monotonic() + TIMEOUT
    while not written(path):
        assert time.monotonic() < end, "the plugin was never run"
        time.sleep(0.02)
    return int(path.read_text())


@pytest.fixture(params=["", "1"])
def _buffered_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without what is kept for a later try when a write has failed."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


def script(config: Path, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "leviathan_tui", *words, "--kubeconfig", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [("pods", "list"), ("logs", "web", "-n", "shop")])
def test_it_ends_with_a_script(
    config: Path, tmp_path: Path, number: signal.Signals, words: tuple[str, ...]
) -> None:
    with script(config, *words) as running:
        pid = waiting_for(tmp_path / "pid")
        running.send_signal(number)
        running.communicate(timeout=TIMEOUT)
        assert running.returncode == (130 if number == signal.SIGINT else -number)
    wait_gone(pid)


@pytest.mark.usefixtures("_buffered_or_not")
def test_a_script_whose_errors_nobody_reads_goes_on(config: Path, tmp_path: Path) -> None:
    program = tmp_path / "device-login"
    program.write_text(program.read_text().replace("answer(token", "say('more')\nanswer(token"))
    with script(config, "apps", "list", "-A") as running:
        assert running.stderr is not None
        running.stderr.readline()
        pid = waiting_for(tmp_path / "pid")
        running.stderr.close()
        running.stderr = None
        (tmp_path / "go").touch()
        out, _ = running.communicate(timeout=TIMEOUT)
        assert running.returncode == 0
        assert b"checkout" in out
    wait_gone(pid)


@pytest.mark.usefixtures("_buffered_or_not")
def test_a_script_whose_failure_nobody_reads_has_failed(config: Path, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "leviathan_tui", "apps", "list", "--kubeconfig", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writer,
        timeout=TIMEOUT,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1


def test_a_script_hears_it_on_the_standard_error(
    still_sandbox: Sandbox, config: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "leviathan_tui", "apps", "list", "--kubeconfig", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as script:
        assert script.stderr is not None
        heard = script.stderr.readline().decode()
        assert "open https://login.example/device and enter ABCD-1234" in heard
        assert "\x1b" not in heard
        (tmp_path / "go").touch()
        _, err = script.communicate(timeout=TIMEOUT)
        assert script.returncode == 0, err


def test_a_script_says_that_a_plugin_gave_nothing(config: Path, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    done = subprocess.run(
        [sys.executable, "-m", "leviathan_tui", "apps", "list", "--kubeconfig", str(config)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 1
    assert "the code has expired" in done.stderr
    assert done.stderr.endswith("device-login failed (exit code 1).\n")


def test_a_console_whose_plugin_fails_does_not_run_it_again_and_again(
    still_sandbox: Sandbox, tmp_path: Path
) -> None:
    plugin(tmp_path, "sys.exit(1)")
    arguments = [str(tmp_path / "plugin.py")]
    described = {"apiVersion": V1, "command": sys.executable, "args": arguments}
    user = {"exec": {**described, "interactiveMode": "Never"}}
    write(tmp_path / "config", still_sandbox, ("sandbox",), user)
    began = time.monotonic()
    with Terminal("--kubeconfig", str(tmp_path / "config"), "-A") as terminal:
        terminal.sees("refused", "failed (exit code 1)")
        # Whatever is asked for meanwhile, of the feed and of the logs.
        for _ in range(5):
            terminal.press("\t")
            terminal.quiet(0.1)
        # However long that took: there is a pause after each run.
        assert 1 <= count(tmp_path) <= 1 + (time.monotonic() - began) // FIRST_PAUSE


def test_two_files_that_define_a_user_differently_are_said(
    still_sandbox: Sandbox, tmp_path: Path
) -> None:
    write(tmp_path / "first", still_sandbox, ("sandbox",), {"token": still_sandbox.token})
    write(tmp_path / "second", still_sandbox, ("sandbox",), {"token": "another"})
    both = f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'second'}"
    done = subprocess.run(
        [sys.executable, "-m", "leviathan_tui", "apps", "list"],
        env={**os.environ, "KUBECONFIG": both},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the user sandbox is defined differently in" in done.stderr
    with Terminal(size=(200, 30), environment={"KUBECONFIG": both}) as terminal:
        terminal.sees("the user sandbox is defined differently in")


NAMES = tuple(
    f"teleport.example.com-production-{place}" for place in ("eu-west", "eu-north", "us-east")
)


@pytest.fixture
def contexts(still_sandbox: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    path = tmp_path / "config"
    write(path, still_sandbox, NAMES, {"token": still_sandbox.token})
    with Terminal("--kubeconfig", str(path), "-A") as terminal:
        terminal.sees("Apps (24)", "● live")
        yield terminal


def test_contexts_whose_names_begin_alike_look_different(contexts: Terminal) -> None:
    contexts.press("\x0b")
    contexts.sees("ion-eu-west", "on-eu-north", "ion-us-east")
    contexts.press("us\r")
    contexts.until(lambda: "us-east" in contexts.screen.display[0], "the other context")


def test_parts_of_a_name_are_enough_to_go_to_a_context(contexts: Terminal) -> None:
    contexts.press(":ctx us-e\r")
    contexts.until(lambda: "us-east" in contexts.screen.display[0], "the only one that matches")
    contexts.sees("Apps (")
    contexts.press(":ctx prod eu\r")
    contexts.sees("│ prod eu", "ion-eu-west", "on-eu-north")
    contexts.press("\x1b[B\r")
    contexts.until(lambda: "eu-north" in contexts.screen.display[0], "the one that was picked")
    contexts.sees("Apps (")
    contexts.press(":ctx nowhere\r")
    contexts.sees("No context’s name has “nowhere” in it.")


def test_a_context_that_is_new_in_the_kubeconfig_can_be_picked(
    contexts: Terminal, still_sandbox: Sandbox, tmp_path: Path
) -> None:
    user = {"token": still_sandbox.token}
    write(tmp_path / "config", still_sandbox, (*NAMES, "brand-new"), user)
    contexts.press("\x0b")
    contexts.sees("brand-new")
    contexts.press("\x1b")
    contexts.until(lambda: "brand-new" not in contexts.text, "the dialog closed")
    write(tmp_path / "config", still_sandbox, (*NAMES, "brand-new", "newer"), user)
    contexts.press(":ctx newer\r")
    contexts.until(lambda: "newer" in contexts.screen.display[0], "the newest context")
