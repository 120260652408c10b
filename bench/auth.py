"""Measures the auth server: verifications, logins, refreshes on both stores, memory of sessions.

`make bench-auth` prints a table. Every server runs as a process of its own with production settings
(argon2id at the OWASP minimum, fsync at every commit); the load comes from this process over HTTP.
"""

import asyncio
import contextlib
import gc
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import argon2
import msgspec
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from authserver import keys, people, serversecret, sessions
from authserver.config import Settings
from authserver.service import Caller, assemble
from authserver.tokens import SigningKey, VerificationKey, Verifier, sign
from bench.redis_server import redis_server

ISSUER: Final = "http://127.0.0.1:8443"
PASSWORD: Final = "a password for measuring"  # noqa: S105 - of a user that lives for a minute
CALLER: Final = Caller("127.0.0.1", "bench")
CLIENTS: Final = 50
PACE: Final = 1000
SECONDS: Final = 10.0
SESSIONS: Final = 100_000


def per_second(work: Any, seconds: float = 2.0) -> float:
    """Return how often `work` runs in a second."""
    count, end = 0, time.perf_counter() + seconds
    start = time.perf_counter()
    while time.perf_counter() < end:
        work()
        count += 1
    return count / (time.perf_counter() - start)


def measure_tokens() -> Iterator[tuple[str, str, str]]:
    """Verify and sign in this process, on one core."""
    key = ec.generate_private_key(ec.SECP256R1())
    signing = SigningKey("kid", key, "ES256")
    public = {"kid": VerificationKey(key.public_key(), "ES256")}
    verifier = Verifier(ISSUER, ["leviathan"], public, time.time)

    def make() -> str:
        token, _claims = sign(
            signing,
            issuer=ISSUER,
            audience="leviathan",
            subject="alice",
            groups=("operators", "viewers"),
            now=int(time.time()),
            lifetime=600,
            session="0" * 32,
        )
        return token

    token = make()
    yield "verify, one core", f"{per_second(lambda: verifier.verify(token)):,.0f}/s", "≥ 5,000/s"
    signature = key.sign(b"message", ec.ECDSA(SHA256()))
    bare = per_second(lambda: key.public_key().verify(signature, b"message", ec.ECDSA(SHA256())))
    yield "  the signature alone", f"{bare:,.0f}/s", ""
    yield "sign, one core", f"{per_second(make):,.0f}/s", ""


class Connection:
    """One HTTP/1.1 connection that sends JSON and reads the answer, and nothing else."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        """Send a body and return the answer's. Raises RuntimeError unless it is 200."""
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"content-length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer)
        content = await self._reader.readexactly(int(length[1]) if length else 0)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{answer.splitlines()[0]!r} {content!r}")
        parsed: dict[str, Any] = json.loads(content)
        return parsed

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


class Installation:
    """A server in a directory of its own, with its users made beforehand."""

    def __init__(self, directory: Path, store: dict[str, Any]) -> None:
        tree = {
            "issuer": ISSUER,
            "directory": str(directory),
            "audiences": {"leviathan": {}},
            "listen": {"port": 0},
            "users": store,
            "sessions": store,
            "tokens": {"sessions_per_user": 1000, "per_minute": 10_000_000},
        }
        self.config = directory / "config.yaml"
        self.config.write_text(yaml.safe_dump(tree))
        self.settings = msgspec.convert(tree, Settings)
        serversecret.create(self.settings.path("secret"))
        keys.initial(self.settings.path("keys"), self.settings.keys, 1)

    async def open_sessions(self, count: int) -> list[str]:
        """Make users and sessions without logging in, and return the refresh tokens."""
        service = assemble(self.settings, time.time)
        password_hash = await service.hasher.hash(PASSWORD)
        names = [f"user{number}" for number in range(max(1, count // 5))]
        users = [people.new_user(name, password_hash, ("viewers",), 1) for name in names]
        for first in range(0, len(users), 200):
            await asyncio.gather(*map(service.stores.users.create_user, users[first : first + 200]))
        tokens = []
        for first in range(0, count, 200):
            batch = [users[number % len(users)] for number in range(first, min(first + 200, count))]
            answers = await asyncio.gather(
                *(
                    sessions.open_session(service, user, "leviathan", ("pwd",), CALLER)
                    for user in batch
                )
            )
            tokens += [answer.refresh_token for answer, _claims in answers]
        await service.close()
        return tokens

    @contextlib.contextmanager
    def running(self) -> Iterator[tuple[int, int]]:
        """Run the server and give its port and process id."""
        process = subprocess.Popen(
            [sys.executable, "-m", "authserver", "--config", str(self.config), "serve"],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            for line in process.stderr or ():
                found = re.search(r"running on http://127.0.0.1:(\d+)", line)
                if found:
                    yield int(found[1]), process.pid
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


async def measure_logins(port: int) -> list[tuple[str, str, str]]:
    """One login after another, beside the bare computation on the same machine."""
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    stored = hasher.hash(PASSWORD)
    connection = Connection(port)
    await connection.open()
    body = {"username": "user0", "password": PASSWORD, "audience": "leviathan"}
    bare, whole = [], []
    for _ in range(60):  # taken in turn, so that both meet the same machine
        start = time.perf_counter()
        hasher.verify(stored, PASSWORD)
        bare.append(time.perf_counter() - start)
        start = time.perf_counter()
        await connection.post("/login", body)
        whole.append(time.perf_counter() - start)
    connection.close()
    own, login = statistics.median(bare) * 1000, statistics.median(whole) * 1000
    return [
        ("argon2 alone, median", f"{own:.1f} ms", ""),
        ("login, median", f"{login:.1f} ms", "≤ argon2 + 5 ms"),
        ("  above argon2", f"{login - own:.1f} ms", "≤ 5 ms"),
    ]


async def measure_refreshes(name: str, port: int, tokens: list[str]) -> list[tuple[str, str, str]]:
    """Fifty clients: as fast as they can, then together at a steady pace."""
    gc.collect()
    gc.freeze()  # the load must not be measured as the server's latency
    connections = [Connection(port) for _ in tokens]
    for connection in connections:
        await connection.open()
    current = list(tokens)
    taken: list[float] = []

    async def once(number: int) -> None:
        start = time.perf_counter()
        answer = await connections[number].post("/refresh", {"refresh_token": current[number]})
        current[number] = answer["refresh_token"]
        taken.append(time.perf_counter() - start)

    async def flat_out(number: int, end: float) -> None:
        while time.perf_counter() < end:
            await once(number)

    async def paced(number: int, start: float, rounds: int) -> None:
        for count in range(rounds):
            due = start + (count + number / CLIENTS) * CLIENTS / PACE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await once(number)

    begun = time.perf_counter()
    await asyncio.gather(*(flat_out(number, begun + SECONDS) for number in range(CLIENTS)))
    rate = len(taken) / (time.perf_counter() - begun)
    rows = [
        (f"refresh, {name}, {CLIENTS} clients flat out", f"{rate:,.0f}/s", "≥ 1,000/s"),
        ("  latency p50 / p99", quantiles(taken), ""),
    ]
    taken.clear()
    begun = time.perf_counter()
    rounds = int(SECONDS * PACE / CLIENTS)
    await asyncio.gather(*(paced(number, begun, rounds) for number in range(CLIENTS)))
    reached = len(taken) / (time.perf_counter() - begun)
    rows += [
        (f"refresh, {name}, at {PACE:,}/s", f"{reached:,.0f}/s", ""),
        ("  latency p50 / p99", quantiles(taken), "p99 < 50 ms"),
    ]
    for connection in connections:
        connection.close()
    return rows


def quantiles(taken: list[float]) -> str:
    """Return the median and the 99th percentile in milliseconds."""
    cuts = statistics.quantiles(taken, n=100)
    return f"{cuts[49] * 1000:.1f} / {cuts[98] * 1000:.1f} ms"


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def measure_store(
    name: str, directory: Path, store: dict[str, Any], redis_pid: int | None
) -> Iterator[tuple[str, str, str]]:
    """Everything that needs a server on one store."""
    installation = Installation(directory, store)
    tokens = asyncio.run(installation.open_sessions(CLIENTS))
    with installation.running() as (port, pid):
        if redis_pid is None:
            yield from asyncio.run(measure_logins(port))
        yield from asyncio.run(measure_refreshes(name, port, tokens))
        empty = resident(pid)
        redis_empty = resident(redis_pid) if redis_pid else 0.0
    opened = asyncio.run(installation.open_sessions(SESSIONS))
    with installation.running() as (port, pid):
        rows = asyncio.run(measure_refreshes(f"{name}, {SESSIONS:,} sessions", port, opened[:50]))
        yield rows[0]
        yield rows[3]
        yield (
            f"  server, memory with 50 / {SESSIONS:,} sessions",
            (f"{empty:.0f} / {resident(pid):.0f} MiB"),
            "",
        )
    if redis_pid:
        grown = resident(redis_pid)
        yield "  Redis, memory before / after", f"{redis_empty:.0f} / {grown:.0f} MiB", ""
    else:
        size = (directory / "auth.db").stat().st_size / 2**20
        yield "  database file", f"{size:.0f} MiB", ""


def main() -> None:
    """Measure everything and print a Markdown table."""
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    print("| work | measured | target |\n|---|---|---|")

    def show(rows: Iterator[tuple[str, str, str]]) -> None:
        for work, measured, target in rows:
            print(f"| {work} | {measured} | {target} |", flush=True)

    show(measure_tokens())
    with tempfile.TemporaryDirectory() as directory:
        show(measure_store("SQLite", Path(directory), {"backend": "sqlite"}, None))
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("there is no redis-server on PATH")
    with (
        tempfile.TemporaryDirectory() as directory,
        redis_server(Path(directory), program) as (url, pid),
    ):
        store = {"backend": "redis", "url": url}
        show(measure_store("Redis", Path(directory), store, pid))


if __name__ == "__main__":
    main()
