"""`make bench-crons`: what 1,000 cron jobs cost: their rows, and their time line over a day and a week.

No cluster and no terminal: the engine's own functions, on records made here. Prints a Markdown table of
medians.
"""

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from leviathan_tui.backend.fleet.cron_book import CronBook
from leviathan_tui.backend.fleet.records import CronJob, Job
from leviathan_tui.backend.fleet.timeline import Planned, Window, build

CRONS: Final = 1_000
RUNS: Final = 10
"""Runs of each that were seen."""

ROUNDS: Final = 7
NOW: Final = 1_793_620_800
"""2026-11-02 12:00 UTC: New York's clocks went back the day before."""

DAY: Final = 86_400
ZONES: Final = ("", "", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham")


def schedule(chance: random.Random) -> str:
    """Return a schedule as people write them: some every few minutes, most once an hour or a day."""
    minute, hour = chance.randrange(60), chance.randrange(24)
    return chance.choice(
        [
            f"*/{chance.choice([1, 2, 5, 7, 10, 15, 20])} * * * *",
            f"{minute} * * * *",
            f"{minute} */{chance.choice([2, 3, 4, 6])} * * *",
            f"{minute} {hour} * * *",
            f"{minute} {hour} * * {chance.choice(['1-5', '0', 'sat'])}",
            f"{minute},{(minute + 30) % 60} 8-18 * * 1-5",
            f"@every {chance.randrange(5, 300)}m",
        ]
    )


def fleet(seed: int) -> list[CronJob]:
    """Return the cron jobs, of which each ran within the last day."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [
        CronJob(
            uid=f"cron-{number}",
            namespace=f"namespace-{number % 20}",
            name=f"cron-{number}",
            created=NOW - 90 * DAY,
            schedule=schedule(chance),
            time_zone=chance.choice(ZONES),
            last_schedule=NOW - chance.randrange(DAY),
        )
        for number in range(CRONS)
    ]


def book_of(crons: list[CronJob]) -> CronBook:
    """Return what is remembered of their runs."""
    book = CronBook()
    for cron in crons:
        for number in range(RUNS):
            at = cron.last_schedule - number * 3_600
            job = Job(
                uid=f"{cron.uid}-{number}",
                namespace=cron.namespace,
                name=f"{cron.name}-{number}",
                created=at,
                owner_uid=cron.uid,
                scheduled=at,
                outcome="succeeded",
                started=at,
                finished=at + 120,
            )
            book.observe(job)
    return book


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1_000


def measured(seed: int) -> dict[str, float]:
    """Return what one fleet costs that was never seen before, and the same once more."""
    crons = fleet(seed)
    book = book_of(crons)

    def rows() -> None:
        for cron in crons:
            book.row(cron, NOW, NOW, "")

    found = {"all rows": milliseconds(rows), "all rows, again": milliseconds(rows)}
    planned = [
        Planned(cron, book.plan_of(cron), book.seen_runs(cron.uid), NOW - DAY, 0.0, NOW)
        for cron in crons
    ]
    for name, start, minutes in (
        ("a day", NOW - DAY // 2, 24 * 60),
        ("a week", NOW - 2 * DAY, 7 * 24 * 60),
    ):
        line = partial(build, Window(start // 60 * 60, minutes), planned, NOW)
        found[f"time line of {name}"] = milliseconds(line)
        found[f"time line of {name}, again"] = milliseconds(line)
    return found


def main() -> None:
    """Measure, and print the table."""
    rounds = [measured(seed) for seed in range(ROUNDS)]
    print(f"| {CRONS:,} cron jobs | ms |\n|---|---|")
    for name in rounds[0]:
        print(f"| {name} | {statistics.median(one[name] for one in rounds):.0f} |")


if __name__ == "__main__":
    main()
