"""The logs of the demo's apps, read with keys."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import ManualClock, Refused, Sandbox, errors
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.screens.logs import LogsScreen
from tests.backend.changes.conftest import cron
from tests.console.conftest import Console, console_on


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A fleet of this file's own: its tests write into logs."""
    with Sandbox(live=False, clock=ManualClock()) as made:
        yield made


def ref_of(sandbox: Sandbox, kind: str, namespace: str, name: str) -> Ref:
    return Ref(kind, namespace, name, sandbox.get(kind, namespace, name)["metadata"]["uid"])


def logs_of(sandbox: Sandbox, kind: str, namespace: str, name: str) -> Place:
    return Place("logs", about=ref_of(sandbox, kind, namespace, name))


def pods_of(sandbox: Sandbox, namespace: str, name: str) -> list[str]:
    return sorted(
        pod["metadata"]["name"]
        for pod in sandbox.objects("Pod", namespace)
        if pod["metadata"]["name"].startswith(f"{name}-")
    )


def screen_of(console: Console) -> LogsScreen:
    screen = console.app.base_screen
    assert isinstance(screen, LogsScreen)
    return screen


async def settled(console: Console) -> LogsScreen:
    screen = screen_of(console)
    await console.until(lambda: screen._reader.progress.settled, "settled")
    await console.until(lambda: screen.view._rows, "lines")
    return screen


def cursor_line(console: Console) -> str:
    screen = screen_of(console)
    return screen.copied_line()


async def test_l_on_an_app_shows_all_its_pods_merged_and_live(sandbox: Sandbox) -> None:
    async with console_on(sandbox, (140, 40)) as console:
        await console.press("slash", *"/^web$/", "enter", "l")
        await console.sees("Logs of web · 4 pods · last 1,000", "4,000 lines")
        screen = await settled(console)
        lines = [screen._reader.ring.line(number) for number in range(4_000)]
        # How far sources wait for each other depends on the machine; each one's order does not.
        for source in range(4):
            moments = [line.stamp for line in lines if line is not None and line.source == source]
            assert len(moments) == 1_000
            assert moments == sorted(moments)
        first, *_ = pods_of(sandbox, "shop", "web")
        sandbox.append_log("shop", first, "something new")
        text = await console.sees("something new")
        (row,) = [line for line in text.splitlines() if "something new" in line]
        assert first.rpartition("-")[2] in row
        await console.press("escape")
        await console.sees("Apps (")


async def test_a_failing_app_opens_at_its_last_error(sandbox: Sandbox) -> None:
    async with console_on(sandbox, (120, 30)) as console:
        await console.press("slash", *"billing", "enter", "l")
        await settled(console)
        await console.sees("⏸", "KeyError")
        assert cursor_line(console).startswith("KeyError")
        await console.sees("ended: exit code 1")


async def test_scrolling_up_pauses_and_the_end_goes_on(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        screen = await settled(console)
        await console.press("k", "k")
        await console.sees("⏸ paused")
        here = cursor_line(console)
        first, *_ = pods_of(sandbox, "shop", "web")
        for number in range(60):
            sandbox.append_log("shop", first, f"late {number}")
        await console.sees("⏸ 60 new")
        assert cursor_line(console) == here
        assert "late 59" not in console.text()
        await console.press("G")
        await console.sees("late 59", "● ")
        assert screen.view.following
        await console.press("s")
        await console.sees("⏸ paused")
        await console.press("space")
        assert screen.view.following
        await console.press("g")
        assert screen.view.cursor == 0


async def test_finding_goes_from_hit_to_hit_and_counts(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        await settled(console)
        await console.press("slash", *"/checkout", "enter")
        text = await console.sees("/checkout: ")
        assert "/checkout" in cursor_line(console)
        count = int(re.findall(r"/checkout: ([\d,]+)", text)[0].replace(",", ""))
        assert count == sum(
            b"/checkout" in line.text
            for number in range(screen_of(console)._reader.ring.end)
            if (line := screen_of(console)._reader.ring.line(number)) is not None
        )
        here = screen_of(console).view.cursor
        await console.press("N")
        assert screen_of(console).view.cursor < here
        await console.press("n")
        assert screen_of(console).view.cursor == here
        await console.press("n")
        assert screen_of(console).view.cursor < here, "behind the last comes the first"
        await console.press("escape")
        assert "/checkout:" not in console.text()


async def test_filters_combine_and_come_back_with_the_place(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        screen = await settled(console)
        await console.press("f", *"GET & !healthz & /cart", "enter")
        await console.sees("filter GET & !healthz & /cart: ")
        await console.until(lambda: screen._reader.lens.is_complete)
        lens, ring = screen._reader.lens, screen._reader.ring
        texts = [ring.line(lens[position]) for position in range(len(lens))]
        assert texts
        for line in texts:
            assert line is not None
            assert b"GET" in line.text
            assert b"healthz" not in line.text
            assert b"/cart" in line.text
        await console.press("question_mark")
        await console.sees("Help")
        await console.press("escape")
        await console.sees("filter GET & !healthz & /cart: ")
        await console.press("escape")
        assert "filter" not in console.text().splitlines()[1]


async def test_a_bad_expression_is_told_and_the_filter_stays(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        await settled(console)
        await console.press("f", *"/(/", "enter")
        await console.sees("Not a regular expression")


async def test_levels_and_context(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        screen = await settled(console)
        first, *_ = pods_of(sandbox, "shop", "web")
        for text in ("before it", "ERROR it broke", "behind it"):
            sandbox.append_log("shop", first, text)
        await console.sees("behind it")
        await console.press("L", "L", "L")
        text = await console.sees("≥ error", "ERROR it broke")
        assert "behind it" not in text
        await console.press("C")
        await console.sees("before it", "ERROR it broke", "behind it")
        await console.press("C", "C", "C", "L")
        await console.until(lambda: screen._reader.level == Level.NONE)
        await console.press("E")
        assert cursor_line(console) == "ERROR it broke"
        await console.press("e")
        await console.sees("No error there.")


async def test_looks(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        await settled(console)
        first, *_ = pods_of(sandbox, "shop", "web")
        document = '{"level":"info","msg":"served","status":200}'
        sandbox.append_log("shop", first, "x" * 300 + " its end")
        sandbox.append_log("shop", first, document)
        text = await console.sees(document)
        assert "its end" not in text
        await console.press("w")
        await console.sees("its end")
        await console.press("w", *["right"] * 14)
        await console.sees("its end")
        await console.press(*["left"] * 14)
        assert "its end" not in console.text()
        await console.press("J")
        await console.sees("INFO  served  status=200")
        await console.press("J")
        await console.sees('"status": 200')
        await console.press("J", "k", "enter")
        await console.sees("its end")
        await console.press("enter")
        assert "its end" not in console.text()
        assert "00:00:00.000 " in console.text()
        await console.press("t")
        await console.sees("00:00:00.000Z")
        await console.press("t")
        await console.sees("Times: ago", " now ")
        await console.press("t")
        await console.until(lambda: "00:00:00" not in console.text())


async def test_marks_copies_and_files(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        screen = await settled(console)
        await console.press("k", "m", "k", "k", "k", "m")
        marks = sorted(screen.view.marks)
        assert len(marks) == 2
        await console.press("apostrophe")
        assert screen.view.cursor == marks[1]
        await console.press("quotation_mark")
        assert screen.view.cursor == marks[0]
        await console.press("quotation_mark")
        await console.sees("No marked line there")
        await console.press("c")
        await console.sees("Copied the line.")
        assert console.app.clipboard == cursor_line(console)
        await console.press("f", *"/checkout", "enter")
        await console.until(lambda: screen._reader.lens.is_complete)
        shown = len(screen._reader.lens)
        await console.press("ctrl+s", "ctrl+u", *"shown.log", "enter")
        await console.sees(f"Saved {shown:,} lines to shown.log")
        lines = (tmp_path / "shown.log").read_text().splitlines()
        assert len(lines) == shown
        assert all("/checkout" in line and line[:4].isdigit() for line in lines)
        assert (tmp_path / "shown.log").stat().st_mode & 0o777 == 0o600
        await console.press("S", "ctrl+u", *"all.log", "enter")
        await console.sees(f"Saved {len(screen._reader.ring):,} lines to all.log")
        await console.press("S", "ctrl+u", *"all.log", "enter")
        await console.sees("Not saved: File exists")


async def test_what_the_app_said_takes_nothing_away_that_was_said_since(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.console.navigator.SAY_TIMEOUT", 3600.0)
    monkeypatch.setattr("leviathan_tui.screens.logs.SAID", 3600.0)
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await settled(console)
        await console.press("c")
        await console.sees("Copied the line.")
        await console.press("quotation_mark")
        await console.sees("No marked line there")
        # The time of what was said first is over.
        console.app._unsay("Copied the line.")
        await console.pilot.pause()
        assert "No marked line there" in console.text()
        screen_of(console).footer.unsay("No marked line there; m marks one.")
        await console.pilot.pause()
        assert "No marked line there" not in console.text()


async def test_other_parts_of_the_logs(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await console.sees("4,000 lines")
        await settled(console)
        await console.press("1")
        await console.sees("first 1,000 · 4,000 lines", "■ all read")
        await console.press("2")
        await console.sees("last 1m")
        screen = await settled(console)
        oldest = screen._reader.ring.line(0)
        assert oldest is not None
        minute = oldest.stamp
        await console.press("T", *"5m", "enter")
        await console.sees("· since ")
        screen = await settled(console)
        oldest = screen._reader.ring.line(0)
        assert oldest is not None
        assert oldest.stamp < minute
        # It is read from there on, and the reader is there.
        await console.until(lambda: not screen.view.following)
        first = screen._reader.ring.line(screen.view.cursor)
        assert first is not None
        assert first.stamp < minute
        await console.press("T", *"1m", "enter")
        line = screen._reader.ring.line(screen.view.cursor)
        assert line is not None
        assert abs(line.stamp - minute) < 3_000_000_000
        await console.press("T", *"nonsense", "enter")
        await console.sees("That is no time")
        await console.press("0")
        await console.sees("last 1,000 · 4,000 lines")


async def test_the_previous_run(sandbox: Sandbox) -> None:
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        await settled(console)
        await console.press("p")
        await console.sees("previous run, all", "no previous run", "■ all read")
        await console.press("p")
        await console.sees("last 1,000 · 4,000 lines")


async def test_several_marked_apps_are_read_together(sandbox: Sandbox) -> None:
    async with console_on(sandbox, (140, 40)) as console:
        await console.press("slash", *"/^(web|gateway)$/", "enter")
        await console.press("space", "j", "space", "l")
        await console.sees("and 1 more · ")
        screen = await settled(console)
        apps = {source.pod.rsplit("-", 2)[0] for source in screen._reader.sources}
        assert apps == {"web", "gateway"}
        assert any(f"{app}/" in console.text() for app in apps)


async def test_a_runs_logs_are_whole_and_say_when_they_are_gone(sandbox: Sandbox) -> None:
    jobs = [
        job
        for job in sandbox.objects("Job", "")
        if any(
            owner["uid"] == job["metadata"]["uid"]
            for pod in sandbox.objects("Pod", job["metadata"]["namespace"])
            for owner in pod["metadata"].get("ownerReferences", ())
        )
    ]
    job = jobs[0]["metadata"]
    place = logs_of(sandbox, "Job", job["namespace"], job["name"])
    async with console_on(sandbox, (120, 30), place) as console:
        await settled(console)
        await console.sees(" · all · ")
    gone = Ref("Job", job["namespace"], job["name"], "another-uid")
    async with console_on(sandbox, (120, 30), Place("logs", about=gone)) as console:
        await console.sees("The pods of this run are gone, and their logs with them.")


async def test_what_may_not_be_read_is_said(sandbox: Sandbox) -> None:
    refused = errors.StatusError(
        403, "Forbidden", 'pods "web" is forbidden: User cannot get resource "pods/log"', {}
    )
    fault = sandbox.inject(Refused(error=refused, verb="log"))
    try:
        place = logs_of(sandbox, "Deployment", "shop", "web")
        async with console_on(sandbox, (140, 30), place) as console:
            await console.sees("you may not read these logs")
    finally:
        sandbox.remove(fault)


async def test_commands_of_the_logs_are_absent_elsewhere(sandbox: Sandbox) -> None:
    async with console_on(sandbox, (120, 30)) as console:
        await console.press("w", "J", "L", "C")
        await console.sees("Apps (24)")
    place = logs_of(sandbox, "Deployment", "shop", "web")
    async with console_on(sandbox, (120, 30), place) as console:
        text = await console.sees(" follow ", " find ", " filter ")
        assert " logs " not in text.splitlines()[-1]


async def test_the_failing_container_speaks_in_the_pane(sandbox: Sandbox) -> None:
    async with console_on(sandbox, (160, 48)) as console:
        await console.press("slash", *"billing", "enter")
        await console.sees("Last log lines of billing", "KeyError")


async def test_behind_run_now_the_logs_are_those_of_that_run() -> None:
    later = 0.0
    with Sandbox(apps=0, pace=0.05) as sandbox:
        sandbox.create({"kind": "CronJob", **cron("backup")}, "default")
        place = Place("crons")
        clock = lambda: time.time() + later  # noqa: E731
        async with console_on(
            sandbox, (140, 30), place, namespace="default", clock=clock
        ) as console:
            runs: list[str] = []
            for _ in range(2):
                await console.sees("Cron jobs (1)", "backup")
                await console.press("t")
                await console.sees("Start the job backup-", "y do it")
                await console.press("y")
                await console.until(lambda: console.app.plans.sending is None)
                await console.until(lambda: len(sandbox.objects("Job", "default")) > len(runs))
                await console.press("l")
                about = console.app.place.about
                assert about is not None
                assert about.kind == "Job"
                assert about.name.startswith("backup-")
                assert about.uid in {
                    job["metadata"]["uid"] for job in sandbox.objects("Job", "default")
                }
                await console.sees(f"Logs of {about.name}"[:30])
                runs.append(about.name)
                console.app.open(place)
            assert len(set(runs)) == 2
            later = 301.0
            await console.sees("Cron jobs (1)", "backup")
            await console.press("l")
            assert console.app.place.about == ref_of(sandbox, "CronJob", "default", "backup")
