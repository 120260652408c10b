"""Writes the cases that the CronJob controller's own functions are run on; `answers.jsonl` has the answers.

Made anew, with Go, in an empty folder:

    cp …/main.go . && touch empty.s
    go mod init cases && go get k8s.io/kubernetes@v1.37.2 github.com/robfig/cron/v3
    go build -o controller .
    python -m tests.backend.schedules.controller.make_cases | ./controller > …/answers.jsonl

(The empty assembly file lets Go link to functions of another package. Kubernetes' own go.mod has `replace`
lines for its staging modules, which have to be given as versions v0.37.2.)
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

ZONES = (
    *("UTC", "UTC", "Europe/Berlin", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe"),
    *("Africa/Cairo", "America/Havana", "America/Santiago", "Asia/Kathmandu", "Asia/Tehran"),
)
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
SINCE = (
    1,
    30,
    59,
    60,
    61,
    300,
    3_599,
    3_600,
    7_200,
    43_200,
    86_400,
    90_000,
    7 * 86_400,
    40 * 86_400,
)
"""Seconds from the last run to now; each is varied."""
DEADLINES = (None, None, None, 0, 1, 9, 10, 59, 60, 100, 3_600, 86_400, 10**9)
WRITTEN = (
    # schedule, zone, last run, now, deadline
    ("*/5 8-18 * * *", "UTC", "2026-03-02T18:55:00Z", "2026-03-03T20:11:00Z", None),
    ("*/5 8-18 * * *", "UTC", "2026-03-02T08:00:00Z", "2026-03-02T20:11:00Z", None),
    ("0 5 * * *", "UTC", "2026-03-01T23:00:00Z", "2026-03-02T20:17:00Z", None),
    ("@every 1m", "UTC", "2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z", 10),
    ("@every 1m", "UTC", "2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z", 60),
    ("45 3 * * *", "Pacific/Chatham", "2026-04-03T14:00:00Z", "2026-04-04T14:15:00Z", None),
    ("45 3 * * *", "Pacific/Chatham", "2026-04-03T14:00:00Z", "2026-04-09T14:15:00Z", None),
    ("45 3 * * *", "Pacific/Chatham", "2026-04-03T14:00:00Z", "2026-04-09T14:15:00Z", 3_600),
    ("0 0 31 2 *", "UTC", "2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z", None),
    ("30 6-16/4 * * 1-5", "Europe/Berlin", "2026-03-27T05:30:00Z", "2026-03-30T12:00:00Z", None),
    ("30 2 * * *", "America/New_York", "2026-03-07T07:30:00Z", "2026-03-08T12:00:00Z", None),
    ("30 1 * * *", "America/New_York", "2026-10-31T05:30:00Z", "2026-11-01T12:00:00Z", None),
)


def _list(rng: random.Random, low: int, high: int) -> str:
    """Return one field."""
    match rng.randrange(6):
        case 0 | 1:
            return "*"
        case 2:
            return f"*/{rng.randint(2, max(2, high // 2))}"
        case 3:
            first = rng.randint(low, high)
            return f"{first}-{rng.randint(first, high)}/{rng.randint(1, 7)}"
        case 4:
            return ",".join(str(rng.randint(low, high)) for _ in range(rng.randint(2, 4)))
    return str(rng.randint(low, high))


def _schedule(rng: random.Random) -> str:
    if not rng.randrange(6):
        return f"@every {rng.choice(('45s', '1m', '90s', '7m', '1h', '25h', '100h', '0.5s'))}"
    minute, hour = _list(rng, 0, 59), _list(rng, 0, 23)
    day, month, weekday = (
        _list(rng, low, high) if not rng.randrange(4) else "*"
        for low, high in ((1, 31), (1, 12), (0, 6))
    )
    return f"{minute} {hour} {day} {month} {weekday}"


def cases(count: int = 2_500, seed: int = 15) -> Iterator[tuple[Any, ...]]:
    """Return schedule, zone, the last run, now (both in Unix seconds), and the deadline in seconds."""
    for schedule, zone, before, now, deadline in WRITTEN:
        anchor, at = (int(datetime.fromisoformat(one).timestamp()) for one in (before, now))
        yield schedule, zone, anchor, at, deadline
    rng = random.Random(seed)  # noqa: S311 - the same cases each time, no secrets
    minutes = int((LAST - FIRST) / timedelta(minutes=1))
    for _ in range(count):
        last = int(FIRST.timestamp()) + 60 * rng.randrange(minutes)
        since = int(rng.choice(SINCE) * rng.uniform(0.8, 1.3))
        yield _schedule(rng), rng.choice(ZONES), last, last + since, rng.choice(DEADLINES)


if __name__ == "__main__":
    for case in cases():
        print(json.dumps(case))  # noqa: T201 - the program's output
