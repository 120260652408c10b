"""The screen with the time line of all cron jobs."""

from datetime import UTC, datetime

from leviathan_sandbox import Sandbox
from leviathan_sandbox.objects import timestamp
from leviathan_tui.actions.places import Place
from leviathan_tui.screens.schedule import ScheduleScreen
from tests.console.conftest import CLOCK, Console, console_on

HOUR = 3600


async def at_rest(console: Console) -> str:
    """Wait until the line is drawn from all that is known, and the pane is whole; return the screen."""
    screen = console.app.base_screen
    assert isinstance(screen, ScheduleScreen)
    # Events are asked for last, once the cursor rests.
    await console.sees("Schedule (13)", "▼", "On the time line", "Events")
    await console.until(
        lambda: (
            screen._soon is None
            and all(worker.is_finished for worker in console.app.workers)
            and console.app.store.connection.complete("Job")
        ),
        "rest",
    )
    return console.text()


async def test_all_cron_jobs_are_on_one_line_of_time(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 40)) as console:
        await console.press("v")
        screen = await at_rest(console)
        assert all(words in screen for words in ("24 hours, UTC", "busiest", "at once"))
        rows = {line.split()[1]: line for line in screen.splitlines() if "  in " in line}
        assert "○" in rows["nightly-backup"]
        assert "│" in rows["nightly-backup"]
        assert "✓" in rows["cache-warmup"]
        assert "◉" in rows["price-feed"]
        await console.press("v")
        await console.sees("7 days, UTC", "Thu 1")
        await console.press("v")
        await console.sees("24 hours, UTC")


async def test_time_is_moved_and_comes_back(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (120, 30), Place("schedule")) as console:
        before = await at_rest(console)
        assert "24 hours" in before
        await console.press("right")
        await console.until(lambda: console.text() != before)
        await console.press("right")
        await console.until(lambda: "▼" not in console.text())
        await console.press("escape")
        await console.until(lambda: console.text() == before)
        assert console.app.place.view == "schedule"


async def test_the_line_acts_like_the_list_of_cron_jobs(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (120, 30), Place("schedule")) as console:
        await console.sees("24 hours")
        await console.press("slash", *"orders", "enter")
        await console.sees("Schedule (1 of 13)")
        # What the others do together with it is told all the same.
        await console.sees("Next with", "invoice-mails")
        await console.press("enter")
        await console.sees("Runs of orders-export")


async def test_a_run_that_is_not_started_is_missed_on_the_line() -> None:
    with Sandbox(live=False, clock=CLOCK) as sandbox:
        since = CLOCK.time() - 3.5 * HOUR
        for job in sandbox.objects("Job", "edge"):
            if job["metadata"]["name"].startswith("cache-warmup"):
                sandbox.delete("Job", "edge", job["metadata"]["name"])
        change = {"status": {"lastScheduleTime": timestamp(datetime.fromtimestamp(since, UTC))}}
        sandbox.patch("CronJob", "edge", "cache-warmup", change, subresource="status")
        async with console_on(sandbox, (120, 30), Place("schedule", filter="cache")) as console:
            await console.sees("3 runs missed", "Missed: ")
            row = next(line for line in console.text().splitlines() if "cache-warmup  " in line)
            assert row.count("!") == 3


async def test_what_overlaps_itself_is_told_with_what_becomes_of_it() -> None:
    with Sandbox(live=False, clock=CLOCK) as sandbox:
        change = {"spec": {"schedule": "* * * * *", "concurrencyPolicy": "Forbid"}}
        sandbox.patch("CronJob", "data", "gdpr-purge", change)
        place = Place("schedule", filter="gdpr")
        async with console_on(sandbox, (120, 30), place) as console:
            screen = await console.sees("1 cron job overlaps itself", "runs overlap the run before")
            assert "the newest of those due" in screen
            assert "skipped" not in screen
            row = next(line for line in screen.splitlines() if "gdpr-purge  " in line)
            assert "×" in row
