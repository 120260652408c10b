"""Apps and cron jobs beyond those with a story: thousands, if asked for, always the same ones."""

import random
from collections.abc import Iterator
from typing import Final

from leviathan_sandbox.fleet.specs import App, Cron, Release, State

_FIRST: Final = (
    "account", "asset", "audit", "batch", "billing", "catalog", "content", "customer", "device",
    "event", "export", "feature", "fleet", "forecast", "fraud", "geo", "graph", "identity",
    "inventory", "invoice", "ledger", "loyalty", "media", "metrics", "notify", "offer", "order",
    "partner", "payment", "policy", "pricing", "profile", "quota", "rating", "report", "return",
    "routing", "session", "shipping", "stock", "survey", "tax", "tenant", "ticket", "token",
    "tracking", "user", "voucher", "wallet", "webhook",
)  # fmt: skip
_SECOND: Final = (
    "api", "worker", "gateway", "sync", "service", "proxy", "indexer", "consumer", "scheduler",
    "store",
)  # fmt: skip
_STATES: Final = (
    (State.HEALTHY, 900),
    (State.CRASHING, 22),
    (State.PENDING, 12),
    (State.STUCK, 10),
    (State.OOM, 12),
    (State.PAUSED, 16),
    (State.UNREADY, 14),
    (State.FLAPPING, 3),
    (State.EVICTED, 6),
    (State.FROZEN, 5),
)
_SCHEDULES: Final = (
    "*/5 * * * *", "*/10 * * * *", "*/15 * * * *", "0 * * * *", "30 * * * *", "0 */2 * * *",
    "0 */6 * * *", "0 2 * * *", "30 4 * * *", "0 0 * * 0", "15 3 * * 1-5", "@daily", "@hourly",
)  # fmt: skip
_STYLES: Final = ("json", "python", "java", "go", "access", "worker")
_APPS_PER_NAMESPACE: Final = 20


def generated_apps(count: int, rng: random.Random) -> Iterator[App]:
    """Yield `count` apps; about three pods each."""
    states, weights = zip(*_STATES, strict=True)
    for number in range(count):
        namespace = f"team-{number // _APPS_PER_NAMESPACE:03d}"
        first, second = rng.choice(_FIRST), rng.choice(_SECOND)
        name = f"{first}-{second}-{number:04d}"
        state = rng.choices(states, weights)[0]
        stateful = rng.random() < 0.08 and state in (State.HEALTHY, State.UNREADY)
        yield App(
            namespace,
            name,
            tuple(_releases(f"registry.example.com/{namespace}/{first}-{second}", state, rng)),
            rng.choices((1, 2, 3, 4, 6, 8), (12, 26, 30, 18, 9, 5))[0],
            kind="StatefulSet" if stateful else "Deployment",
            state=state,
            log=rng.choice(_STYLES),
            cpu=f"{rng.choice((20, 50, 100))}m",
            memory=f"{rng.choice((64, 128, 256))}Mi",
            port=80 if rng.random() < 0.5 else 0,
        )


def _releases(image: str, state: State, rng: random.Random) -> Iterator[Release]:
    number = rng.choices((1, 2, 3), (55, 35, 10))[0]
    if state in (State.STUCK, State.FROZEN, State.ROLLING):
        number = max(number, 2)
    age = rng.uniform(1, 24 * 90)
    ages = sorted((age * rng.uniform(1, 3) for _ in range(number - 1)), reverse=True)
    for index, hours in enumerate([*ages, age]):
        broken = state is State.STUCK and index == number - 1
        version = (
            f"{'missing-' if broken else ''}{1 + index}.{rng.randrange(20)}.{rng.randrange(9)}"
        )
        yield Release(f"{image}:{version}", hours)


def generated_crons(count: int, rng: random.Random) -> Iterator[Cron]:
    """Yield `count` cron jobs."""
    for number in range(count):
        first = rng.choice(_FIRST)
        namespace = f"team-{number * 10 // _APPS_PER_NAMESPACE:03d}"
        yield Cron(
            namespace,
            f"{first}-cron-{number:04d}",
            rng.choice(_SCHEDULES),
            f"registry.example.com/{namespace}/{first}:1.{rng.randrange(30)}",
            float(rng.randrange(3, 40)),
            suspended=rng.random() < 0.08,
            fails=rng.choices(((False,), (False, False, True), (True,)), (90, 7, 3))[0],
        )
