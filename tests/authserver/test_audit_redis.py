"""The audit log in Redis: shared, bounded, and never acknowledged before it is kept."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver import app
from authserver.auditstream import RedisAudit, text
from authserver.config import ConfigError, check
from authserver.service import Caller, Service
from authserver.stores import StoreUnavailable
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    RedisProcess,
    add_user,
    client_of,
    log_in,
    make_service,
    make_settings,
    own_headers,
    refresh,
    session_of,
)
from tests.authserver.installation import Installation

MEMORY = 16 << 20
KNOWN, ROUTINE, STRANGERS = (
    f"leviathan-auth:audit:{name}" for name in ("known", "routine", "strangers")
)


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("audit"), "--maxmemory", str(MEMORY))
    yield server
    server.close()


def audit_on(redis: RedisProcess) -> dict[str, Any]:
    return {"backend": "redis", "url": redis.url}


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock, redis: RedisProcess) -> AsyncIterator[Service]:
    """A server with its users and sessions in a file, and its audit log in Redis."""
    made = make_service(make_settings(tmp_path, audit=audit_on(redis)), clock)
    await add_user(made)
    yield made
    await made.close()


def lines(redis: RedisProcess, stream: str) -> list[dict[str, str]]:
    with redis.client() as client:
        return [json.loads(fields[b"line"]) for _id, fields in client.xrange(stream)]


def size(redis: RedisProcess, stream: str) -> int:
    with redis.client() as client:
        return int(client.memory_usage(stream, samples=0) or 0)


async def flood(service: Service, clock: FakeClock, count: int) -> None:
    """Refuse so many strangers, each from another network, a hundred a minute."""
    for number in range(count):
        caller = Caller(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        service.refuse("login", caller, actor=f"somebody{number}", reason="unknown user")
        if number % 100 == 99:
            clock.move(60)
            await service.refusals.flush()


async def test_what_is_known_and_what_strangers_did_lie_apart(
    service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    async with client_of(service) as client:
        await session_of(client)
        for _ in range(7):
            assert (await log_in(client, "nobody")).status_code in (401, 429)
        (known,) = lines(redis, KNOWN)
        assert (known["action"], known["actor"], known["outcome"]) == ("login", "alice", "ok")
        assert lines(redis, STRANGERS) == []
        clock.move(60)
        await service.refusals.flush()
    sums = lines(redis, STRANGERS)
    assert sum(int(line["count"]) for line in sums) == 7
    assert {line["reason"] for line in sums} == {"unknown user", "too many attempts"}
    assert {line["actors"] for line in sums} == {"nobody"}
    assert all(line["since"].endswith(":00.000Z") for line in sums)
    assert lines(redis, KNOWN) == [known]


async def test_two_servers_write_one_log(
    tmp_path: Path, service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    other = make_service(service.settings, clock)
    async with client_of(service) as here, client_of(other) as there:
        for number in range(6):
            await session_of(here if number % 2 else there)
            await log_in(there if number % 2 else here, f"nobody{number}")
            clock.move(60)
            await service.refusals.flush()
            await other.refusals.flush()
    await other.close()
    assert isinstance(service.audit, RedisAudit)
    found = await service.audit.last(100, await service.audit.places())
    times = [json.loads(text(one))["time"] for one in found]
    assert len(times) == 12
    assert times == sorted(times)
    assert [
        json.loads(text(one)) for one in await service.audit.last(3, await service.audit.places())
    ] == [json.loads(text(one)) for one in found[-3:]]


async def test_a_flood_of_strangers_pushes_out_only_strangers(
    service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    async with client_of(service) as client:
        for _ in range(20):
            await session_of(client)
        before = lines(redis, KNOWN)
        largest = 0
        for _ in range(10):
            await flood(service, clock, 1000)
            largest = max(largest, size(redis, STRANGERS))
        assert largest < MEMORY * 5 // 100
        after = lines(redis, KNOWN)
        assert after[: len(before)] == before
        (told,) = after[len(before) :]  # in a minute of Redis there is no second one
        assert (told["action"], told["stream"], told["outcome"]) == (
            "audit-trim",
            "strangers",
            "ok",
        )
        assert int(told["count"]) > 0
        assert told["until"].endswith("Z")
        kept = len(lines(redis, STRANGERS))
        with redis.client() as admin:
            assert admin.delete("leviathan-auth:audit-told:strangers") == 1
        await service.audit.maintain()
        tellings = [line for line in lines(redis, KNOWN) if line["action"] == "audit-trim"]
        assert len(tellings) == 2
        assert kept + sum(int(line["count"]) for line in tellings) == 10_000
        assert (await log_in(client)).status_code == 200


async def test_the_known_stream_stays_below_its_share_too(
    service: Service, redis: RedisProcess
) -> None:
    caller = Caller("192.0.2.1")
    largest = 0
    for batch in range(20):
        await asyncio.gather(
            *(
                service.record("test", "ok", caller, actor="alice", reason="x" * 200, n=str(number))
                for number in range(batch * 500, batch * 500 + 500)
            )
        )
        largest = max(largest, size(redis, KNOWN))
    assert largest < MEMORY * 10 // 100
    with redis.client() as admin:
        admin.delete("leviathan-auth:audit-told:known")
    await service.audit.maintain()
    found = lines(redis, KNOWN)
    (told,) = [line for line in found if line["action"] == "audit-trim"]
    assert (told["stream"], int(told["count"]) > 0) == ("known", True)
    numbers = {int(line["n"]) for line in found if line["action"] == "test"}
    assert len(numbers) > 2000
    assert max(numbers) == 9999


async def test_tokens_of_running_sessions_push_out_no_acts(
    service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    async with client_of(service) as client:
        token = (await session_of(client))["refresh_token"]
        before = lines(redis, KNOWN)
        issued = []
        for _ in range(10):
            session = (await refresh(client, token)).json()
            token = session["refresh_token"]
            issued.append(service.verifier.verify(session["access_token"]).jti)
        assert lines(redis, KNOWN) == before
        found = lines(redis, ROUTINE)
        # An entry of the journal leads to the session, and this to the tokens that clusters saw.
        assert [line["jti"] for line in found] == issued
        assert {(line["action"], line["session"]) for line in found} == {
            ("refresh", session["session_id"])
        }
        largest = 0
        caller = Caller("192.0.2.1")
        for _ in range(20):
            await asyncio.gather(
                *(
                    service.record("refresh", "ok", caller, stream="routine", reason="x" * 200)
                    for _ in range(500)
                )
            )
            largest = max(largest, size(redis, ROUTINE))
        assert largest < MEMORY * 10 // 100
        after = lines(redis, KNOWN)
        assert after[: len(before)] == before
        assert {(line["action"], line["stream"]) for line in after[len(before) :]} == {
            ("audit-trim", "routine")
        }


async def test_an_exchange_of_an_api_key_is_routine_too(
    service: Service, redis: RedisProcess
) -> None:
    async with client_of(service) as client:
        headers = await own_headers(client)
        body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]}
        made = (await client.post("/api-keys", json=body, headers=headers)).json()
        body = {"api_key": made["api_key"], "audience": "leviathan"}
        assert (await client.post("/token", json=body)).status_code == 200
    assert [line["action"] for line in lines(redis, KNOWN)] == ["login", "api-key-create"]
    (line,) = lines(redis, ROUTINE)
    assert (line["action"], line["target"]) == ("api-key", made["entry"]["id"])


async def test_without_a_maxmemory_the_bound_is_absolute(
    service: Service, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.client() as admin:
        admin.config_set("maxmemory", 0)
    monkeypatch.setattr("authserver.stores.redisserver.ASSUMED_MEMORY", 1 << 20)
    for _ in range(1000):
        await service.record("test", "ok", Caller("192.0.2.1"), reason="x" * 200)
    assert size(redis, KNOWN) < (1 << 20) // 10


async def test_what_cannot_be_audited_does_not_happen(
    service: Service, redis: RedisProcess
) -> None:
    async with client_of(service) as client:
        headers = await own_headers(client)
        redis.kill()
        answer = await log_in(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        body = {"current_password": PASSWORD, "new_password": "another long password"}
        answer = await client.post("/password", json=body, headers=headers)
        assert answer.status_code == 503
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["stores"]["audit"]) == (503, "unavailable")
        assert (await client.get("/me", headers=headers)).status_code == 200
        # Asking changes nothing: services go on, and their refusals are counted.
        answer = await client.post("/verify", json={"token": "x"}, headers=headers)
        assert answer.json() == {"active": False}
        assert (await client.get("/jwks")).status_code == 200
        redis.start()
        assert (await log_in(client)).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
    assert [line["action"] for line in lines(redis, KNOWN)] == ["login", "login"]


async def test_lines_and_sums_survive_a_kill(
    service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    acknowledged = 0

    async def keep_logging_in(client: httpx.AsyncClient) -> None:
        nonlocal acknowledged
        while (await log_in(client)).status_code == 200:
            acknowledged += 1
            if acknowledged == 50:
                redis.kill()

    async with client_of(service) as client:
        await asyncio.gather(*(keep_logging_in(client) for _ in range(5)))
        for _ in range(3):
            service.refuse("login", Caller("192.0.2.1"), actor="nobody", reason="unknown user")
        clock.move(60)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="audit: Redis"):
                await service.refusals.flush()
        service.refuse("login", Caller("192.0.2.1"), actor="nobody2", reason="unknown user")
        clock.move(60)
        redis.start()
        await service.refusals.flush()
    assert acknowledged >= 50
    assert len(lines(redis, KNOWN)) >= acknowledged
    (summed,) = lines(redis, STRANGERS)
    assert (summed["count"], summed["actors"]) == ("4", "nobody,nobody2")


async def test_sums_that_wait_are_bounded(
    service: Service, clock: FakeClock, redis: RedisProcess
) -> None:
    redis.kill()
    for number in range(5000):
        caller = Caller(f"10.0.{number >> 8}.{number & 255}")
        service.refuse("login", caller, actor=None, reason="unknown user")
        if number % 100 == 99:
            clock.move(60)
    redis.start()
    clock.move(60)
    await service.refusals.flush()
    sums = lines(redis, STRANGERS)
    assert len(sums) == 1001
    assert sum(int(line["count"]) for line in sums) == 5000
    (others,) = [line for line in sums if line["from"] == "other networks"]
    assert others["count"] == "4000"


def test_tail_shows_and_follows_all_streams(tmp_path: Path, redis: RedisProcess) -> None:
    installation = Installation(tmp_path, audit=audit_on(redis))
    with redis.client() as client:
        client.xadd(STRANGERS, {"line": '{"action":"first"}'}, id="1-0")
        client.xadd(KNOWN, {"line": '{"action":"second"}'}, id="2-0")
        client.xadd(ROUTINE, {"line": '{"action":"third \x1b[2J"}'}, id="3-0")
    try:
        assert installation.command("audit", "tail", "-n", "2").splitlines() == [
            '{"action":"second"}',
            '{"action":"third �[2J"}',
        ]
        program = [sys.executable, "-m", "authserver", "--config", str(installation.config)]
        following = subprocess.Popen(
            [*program, "audit", "tail", "-n", "1", "-f"], stdout=subprocess.PIPE, text=True
        )
        assert following.stdout is not None
        assert "third" in following.stdout.readline()
        installation.command("user", "add", "alice", typed=f"{PASSWORD}\n")
        assert json.loads(following.stdout.readline())["action"] == "user-add"
        following.terminate()
        following.communicate()
        assert (
            "audit log" not in installation.command("backup", str(tmp_path / "copy")).split(".")[0]
        )
        assert not (tmp_path / "copy" / "audit.jsonl").exists()
    finally:
        installation.close()


@pytest.mark.parametrize(
    ("audit", "sentence"),
    [
        ({}, "audit.url: is needed"),
        ({"url": "redis://redis.example"}, "audit.url: off loopback"),
        ({"url": "rediss://redis.example"}, "audit.password_file: off loopback"),
    ],
)
def test_settings_are_checked_as_those_of_stores(
    tmp_path: Path, audit: dict[str, str], sentence: str
) -> None:
    settings = make_settings(
        tmp_path, audit={"backend": "redis", **audit}, development=False, passwords={}
    )
    with pytest.raises(ConfigError, match=sentence):
        check(settings)


async def test_sums_that_cannot_be_written_keep_no_stream_from_being_trimmed(
    service: Service, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authserver.app._SUM_SECONDS", 0)
    with redis.client() as admin:
        for _ in range(40):
            admin.xadd(STRANGERS, {"line": "x" * 100_000})
    trimmed, flush = asyncio.Event(), service.refusals.flush

    async def fail() -> None:
        if size(redis, STRANGERS) < MEMORY * 5 // 100:
            trimmed.set()
        raise StoreUnavailable("audit: Redis is full")

    application = app.build(service)
    with monkeypatch.context() as patch:
        patch.setattr(service.refusals, "flush", fail)
        async with application.router.lifespan_context(application):
            await asyncio.wait_for(trimmed.wait(), 30)
            patch.setattr(service.refusals, "flush", flush)


async def test_a_log_that_is_away_is_told_once(
    service: Service,
    redis: RedisProcess,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("authserver.app._SUM_SECONDS", 0)
    tries = 0
    enough, maintain = asyncio.Event(), service.audit.maintain

    async def counted() -> None:
        nonlocal tries
        tries += 1
        if tries == 5:
            enough.set()
        await maintain()

    monkeypatch.setattr(service.audit, "maintain", counted)
    application = app.build(service)
    redis.kill()
    async with application.router.lifespan_context(application):
        await asyncio.wait_for(enough.wait(), 30)
    told = [line for line in caplog.messages if line.startswith("audit log not kept up")]
    assert told == ["audit log not kept up: audit: Redis: ConnectionError"]
