"""Believable log lines: access logs, JSON logs, stack traces, databases, workers.

Every line is a function of a seed and its number, so that a log reads the same however often and
from wherever it is read, and costs nothing while nobody reads it.
"""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from leviathan_sandbox.pods.lines import NumberedLine
from leviathan_sandbox.pods.traces import TRACES

Style: TypeAlias = Callable[[random.Random, datetime, int], str]
"""Makes a line from a source of chance, the time and the line's number."""

_PATHS: Final = (
    "/",
    "/api/v1/cart",
    "/api/v1/cart/items",
    "/api/v1/products?page=2",
    "/api/v1/products/8841",
    "/api/v1/orders",
    "/checkout",
    "/healthz",
    "/login",
    "/static/app.4f1c.js",
    "/static/site.css",
)
_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Mobile/15E148",
    "kube-probe/1.37",
    "Go-http-client/2.0",
)


def _code(rng: random.Random) -> int:
    return rng.choices((200, 204, 304, 302, 404, 499, 500, 502), (80, 3, 6, 3, 5, 1, 1, 1))[0]


def _access(rng: random.Random, now: datetime, number: int) -> str:
    address = f"10.42.{rng.randrange(8)}.{rng.randrange(2, 250)}"
    method = rng.choices(("GET", "POST", "PUT", "DELETE"), (85, 11, 3, 1))[0]
    stamp = now.strftime("%d/%b/%Y:%H:%M:%S +0000")
    size, took = rng.randrange(120, 48_000), rng.expovariate(12)
    return (
        f'{address} - - [{stamp}] "{method} {rng.choice(_PATHS)} HTTP/1.1" {_code(rng)} {size} "-"'
        f' "{rng.choice(_AGENTS)}" {took:.3f}'
    )


def _json(rng: random.Random, now: datetime, number: int) -> str:
    level, message = rng.choices(
        (
            ("info", "request finished"),
            ("info", "cache hit"),
            ("debug", "publishing message"),
            ("warn", "slow query"),
            ("warn", "retrying upstream"),
            ("error", "upstream timed out"),
        ),
        (60, 20, 8, 6, 4, 2),
    )[0]
    return json.dumps(
        {
            "ts": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "msg": message,
            "path": rng.choice(_PATHS),
            "duration_ms": round(rng.expovariate(0.03), 1),
            "trace_id": f"{rng.getrandbits(64):016x}",
        },
        separators=(",", ":"),
    )


def _python(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    level, text = rng.choices(
        (
            ("INFO", f"app.views: served {rng.choice(_PATHS)} in {rng.randrange(3, 400)} ms"),
            ("INFO", f"app.tasks: invoice {rng.randrange(10_000, 99_999)} sent"),
            ("DEBUG", f"app.cache: {rng.randrange(40, 99)} % hits over the last minute"),
            ("WARNING", f"urllib3.connectionpool: retrying (total={rng.randrange(1, 4)})"),
            ("ERROR", "app.views: unhandled exception\n" + TRACES["python"](rng)),
        ),
        (60, 20, 12, 6, 2),
    )[0]
    return f"{stamp} {level:<7} {text}"


def _java(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    thread = f"[http-nio-8080-exec-{rng.randrange(1, 11)}]"
    level, text = rng.choices(
        (
            ("INFO", f"c.e.shop.OrderController : order {rng.randrange(10**6)} accepted"),
            ("INFO", "c.e.shop.PriceService : prices refreshed"),
            ("DEBUG", "o.h.SQL : select o1_0.id, o1_0.total from orders o1_0 where o1_0.id=?"),
            ("WARN", "com.zaxxer.hikari.pool.HikariPool : HikariPool-1 - Thread starvation"),
            ("ERROR", "c.e.shop.OrderController : request failed\n" + TRACES["java"](rng)),
        ),
        (60, 14, 18, 6, 2),
    )[0]
    return f"{stamp} {level:>5} 1 --- {thread} {text}"


def _go(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%Y/%m/%d %H:%M:%S")
    text = rng.choices(
        (
            f"route {rng.choice(_PATHS)} -> 10.42.{rng.randrange(8)}.{rng.randrange(250)}:8080",
            f"tls: handshake from 203.0.113.{rng.randrange(250)} ok",
            f"health: {rng.randrange(3, 9)} upstreams healthy",
            f"http: TLS handshake error from 203.0.113.{rng.randrange(250)}: EOF",
            "http: panic serving: recovered\n" + TRACES["go"](rng),
        ),
        (60, 20, 12, 7, 1),
    )[0]
    return f"{stamp} {text}"


def _postgres(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"
    text = rng.choices(
        (
            "LOG:  checkpoint starting: time",
            f"LOG:  checkpoint complete: wrote {rng.randrange(20, 4000)} buffers"
            f" ({rng.random() * 10:.1f}%); 0 WAL file(s) added, {rng.randrange(3)} removed",
            f"LOG:  duration: {rng.uniform(200, 4000):.3f} ms  statement: COMMIT",
            "LOG:  connection authorized: user=shop database=shop",
            'ERROR:  duplicate key value violates unique constraint "orders_pkey"',
        ),
        (25, 25, 20, 25, 5),
    )[0]
    return f"{stamp} [{rng.randrange(30, 900)}] {text}"


def _redis(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%d %b %Y %H:%M:%S.%f")[:-3]
    text = rng.choice(
        (
            f"* {rng.randrange(100, 10_000)} changes in 60 seconds. Saving...",
            f"* Background saving started by pid {rng.randrange(20, 4000)}",
            "* DB saved on disk",
            "* Background saving terminated with success",
        )
    )
    return f"1:M {stamp} {text}"


def _worker(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    job = f"{rng.getrandbits(32):08x}"
    text = rng.choices(
        (
            f'level=info msg="job done" job={job} took={rng.randrange(20, 9000)}ms',
            f'level=info msg="picked up" job={job} queue=mail',
            f'level=warn msg="will retry" job={job} attempt={rng.randrange(2, 5)}',
            f'level=error msg="gave up" job={job} error="connection refused"',
        ),
        (50, 40, 8, 2),
    )[0]
    return f"time={stamp} {text}"


def _batch(rng: random.Random, now: datetime, number: int) -> str:
    stamp = now.strftime("%H:%M:%S")
    steps = ("reading", "checking", "converting", "writing", "uploading")
    done = (number + 1) * rng.randrange(180, 220)
    return f"[{stamp}] {steps[number % len(steps)]} batch {number + 1}: {done} rows so far"


STYLES: Final[dict[str, tuple[Style, float]]] = {
    "access": (_access, 1.4),
    "json": (_json, 1.1),
    "python": (_python, 1.8),
    "java": (_java, 1.7),
    "go": (_go, 2.2),
    "postgres": (_postgres, 9.0),
    "redis": (_redis, 15.0),
    "worker": (_worker, 1.5),
    "batch": (_batch, 0.8),
}
"""The looks of a log, each with the mean number of seconds between two lines."""

_BY_IMAGE: Final = {
    "nginx": "access",
    "httpd": "access",
    "gateway": "go",
    "traefik": "go",
    "postgres": "postgres",
    "redis": "redis",
    "valkey": "redis",
    "worker": "worker",
    "importer": "batch",
    "export": "batch",
}


def style_name(image: str) -> str:
    """Return the look of the log of an image that says nothing else."""
    name = image.rpartition("/")[2].partition(":")[0]
    for part, style in _BY_IMAGE.items():
        if part in name:
            return style
    names = ("json", "python", "java", "access")
    return names[sum(name.encode()) % len(names)]


def numbered_line(style: str, seed: str, started: float) -> NumberedLine:
    """Return what makes the lines of one container, started at `started` (seconds since 1970)."""
    make, period = STYLES[style]

    def line(number: int) -> tuple[str, float]:
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 (nothing secret)
        place = rng.random() * 0.98
        now = datetime.fromtimestamp(started + (number + place) * period, UTC)
        return make(rng, now, number), place

    return line
