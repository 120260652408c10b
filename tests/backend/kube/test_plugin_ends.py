"""The end of a credential plugin's run, which always comes, and what it says until then."""

import asyncio
import logging
import os
import subprocess
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.kube import plugin_run, plugins
from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.errors import Unauthorized
from leviathan_tui.backend.kube.plugin_run import Run
from tests.backend.kube.rig.plugins import (
    alive,
    count,
    last_run,
    login,
    plugin,
    target_of,
    until,
)


async def test_it_is_ended_with_everybody_who_waited_for_it(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (HERE / "pids").write_text(f"{os.getpid()} {child.pid}")
        (HERE / "written").touch()
        time.sleep(600)
        """,
    )
    waiting = [asyncio.ensure_future(Credentials(target_of(entry)).headers()) for _ in range(3)]
    await until(lambda: (tmp_path / "written").exists())
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    for one in waiting:
        assert all(alive(pid) for pid in pids)
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
    await until(lambda: not any(alive(pid) for pid in pids))
    await until(lambda: plugin_run.running() == [])
    # Nobody was told of a failure: whoever comes next has it run again.
    again = asyncio.ensure_future(Credentials(target_of(entry)).headers())
    await until(lambda: count(tmp_path) == 2)
    again.cancel()
    await until(lambda: plugin_run.running() == [])


async def test_its_user_ends_it_for_good(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "say('waiting'); time.sleep(600)")
    waiting = asyncio.ensure_future(Credentials(target_of(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and bool(last_run().words))
    last_run().end(plugin_run.BY_USER)
    with pytest.raises(Unauthorized, match="was ended by you"):
        await waiting
    with pytest.raises(Unauthorized, match="was ended by you"):
        await Credentials(target_of(entry)).headers()
    assert count(tmp_path) == 1


@pytest.mark.parametrize("ends", ["raise SystemExit(0)", "pass"])
async def test_it_is_run_again_for_whoever_asks_while_it_is_being_ended(
    tmp_path: Path, ends: str
) -> None:
    entry = plugin(
        tmp_path,
        f"""
        def ended(number, frame):
            (HERE / "ended").touch()
            while not (HERE / "go").exists():
                time.sleep(0.01)
            {ends}
        if COUNT > 1:
            answer(token="t")
            sys.exit()
        signal.signal(signal.SIGTERM, ended)
        say("waiting")
        time.sleep(600)
        """,
    )
    waiting = asyncio.ensure_future(Credentials(target_of(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and "waiting" in last_run().words)
    last_run().end(plugin_run.BY_USER)
    await until(lambda: (tmp_path / "ended").exists())
    plugins.retry()
    (tmp_path / "go").touch()
    assert await waiting == [("Authorization", "Bearer t")]
    assert count(tmp_path) == 2


async def test_it_has_five_minutes_in_all_however_much_it_talks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_run, "LONGEST", 0.5)
    entry = plugin(tmp_path, "while True: say('x' * 10_000)")
    with pytest.raises(Unauthorized, match="did not end within five minutes"):
        await Credentials(target_of(entry)).headers()
    assert len(last_run().words) <= 64 * 1024
    assert plugin_run.LONGEST == 0.5


async def test_it_may_not_print_without_an_end(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "while True: sys.stdout.write('x' * 100_000)")
    with pytest.raises(Unauthorized, match="printed more than 1 MiB"):
        await Credentials(target_of(entry)).headers()


async def test_what_it_leaves_behind_is_not_waited_for_and_not_ended(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        """
        browser = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (HERE / "pid").write_text(str(browser.pid))
        answer(token="t")
        """,
    )
    assert await Credentials(target_of(entry)).headers() == [("Authorization", "Bearer t")]
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    os.kill(pid, 9)


# Its words


async def test_what_it_says_is_heard_while_it_runs_and_written_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    go = tmp_path / "go"
    entry = plugin(
        tmp_path,
        f"""
        say("\\x1b[32mopen https://login.example\\x1b[0m code ABCD-1234")
        print("waiting |\\rwaiting /\\rwaiting -", file=sys.stderr)
        say("bell \\a title \\x1b]0;x\\a back \\u202e done")
        while not Path({str(go)!r}).exists():
            time.sleep(0.01)
        sys.exit("ABCD-1234 was not entered")
        """,
    )
    waiting = asyncio.ensure_future(Credentials(target_of(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and "done" in last_run().words)
    assert last_run().words.split("\n")[:3] == [
        "open https://login.example code ABCD-1234",
        "waiting -",
        "bell ␇ title ␛]0;x␇ back � done",
    ]
    assert last_run().path == entry.command
    go.touch()
    with pytest.raises(Unauthorized) as caught:
        await waiting
    told = "".join(traceback.format_exception(caught.value))
    assert "ABCD-1234" not in told + caplog.text
    assert "ABCD-1234 was not entered" in last_run().words
    assert "failed (exit code 1)" in last_run().failed


async def test_a_script_hears_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(plugin_run, "_listener", None)
    plugin_run.listen(heard.append)
    entry = plugin(tmp_path, 'say("code \\x1b]0;ABCD-1234"); say("x" * 200_000); answer(token="t")')
    await Credentials(target_of(entry)).headers()
    assert "".join(heard).startswith("code ␛]0;ABCD-1234\n")
    assert len("".join(heard)) <= 64 * 1024


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), ValueError("closed"), KeyError()]
)
async def test_it_does_not_outlive_a_listener_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def listener(text: str) -> None:
        raise error

    monkeypatch.setattr(plugin_run, "_listener", listener)
    entry = plugin(
        tmp_path,
        """
        (HERE / "pid").write_text(str(os.getpid()))
        say("code")
        time.sleep(600)
        """,
    )
    with pytest.raises((Unauthorized, KeyError)):
        await Credentials(target_of(entry)).headers()
    assert not alive(int((tmp_path / "pid").read_text()))
    assert plugin_run.running() == []


async def test_what_was_ended_before_it_began_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    entry = plugin(tmp_path, 'answer(token="t")')
    for end in (Run.kill, lambda run: run.end(plugin_run.BY_USER)):
        run = Run([entry.command, *(entry.args or [])], "it", dict(os.environ))
        end(run)
        with pytest.raises(plugin_run.RunFailed, match="was ended"):
            await asyncio.to_thread(run.work)
    assert count(tmp_path) == 0


async def test_nothing_is_started_once_all_were_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_run, "_over", False)
    entries = []
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        entries.append(
            plugin(
                folder,
                """
                (HERE / "pid").write_text(str(os.getpid()))
                (HERE / "written").touch()
                time.sleep(600)
                """,
            )
        )
    waiting = [asyncio.ensure_future(Credentials(target_of(one)).headers()) for one in entries]
    # Some of them run, some are about to.
    await until(lambda: any(tmp_path.glob("*/written")))
    plugin_run.kill_all()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one.exception(), Unauthorized) for one in waiting)
    with pytest.raises(Unauthorized, match="the console ends"):
        await Credentials(target_of(plugin(tmp_path, "time.sleep(600)"))).headers()
    pids = [file.read_text() for file in tmp_path.glob("*/pid")]  # noqa: ASYNC240
    assert not any(alive(int(pid)) for pid in pids)


async def test_to_end_it_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a program that is being started, as from a file system that hangs."""
    started, go = threading.Event(), threading.Event()
    popen = subprocess.Popen

    def slow(*arguments: Any, **options: Any) -> Any:
        started.set()
        assert go.wait(30)
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", slow)
    waiting = asyncio.ensure_future(Credentials(target_of(login("/bin/sleep", ["600"]))).headers())
    await asyncio.to_thread(started.wait, 30)
    ending = threading.Thread(target=last_run().end, args=(plugin_run.BY_USER,))
    ending.start()
    await asyncio.to_thread(ending.join, 5)
    ended_at_once = not ending.is_alive()
    go.set()
    with pytest.raises(Unauthorized, match="was ended by you"):
        await waiting
    assert ended_at_once
