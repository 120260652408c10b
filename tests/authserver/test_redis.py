"""A real redis-server that is killed, restarted, guarded and misconfigured (attacks 37 and 39)."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver.service import Service
from authserver.stores import StoreUnavailable, open_stores
from authserver.stores.redisserver import RedisServer, UnsafeRedis
from tests.authserver.helpers import (
    FakeClock,
    RedisProcess,
    add_user,
    bearer,
    client_of,
    log_in,
    make_certificate,
    make_service,
    make_settings,
    own_headers,
    refresh,
    session_of,
)


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A redis-server that the test may kill."""
    server = RedisProcess(tmp_path_factory.mktemp("mortal"))
    yield server
    server.close()


def store_on(server: RedisProcess, **more: Any) -> dict[str, Any]:
    return {"backend": "redis", "url": server.url, **more}


def service_on(
    tmp_path: Path, clock: FakeClock, users: RedisProcess, sessions: RedisProcess
) -> Service:
    prefix = f"{tmp_path.name}:"
    settings = make_settings(
        tmp_path,
        users=store_on(users, prefix=prefix),
        sessions=store_on(sessions, prefix=prefix),
    )
    return make_service(settings, clock)


async def test_what_was_acknowledged_survives_a_kill(
    tmp_path: Path, clock: FakeClock, mortal: RedisProcess
) -> None:
    service = service_on(tmp_path, clock, mortal, mortal)
    await add_user(service)
    acknowledged: dict[int, str] = {}

    async def keep_refreshing(client: httpx.AsyncClient, number: int, token: str) -> None:
        while True:
            acknowledged[number] = token
            answer = await refresh(client, token)
            if answer.status_code == 503:
                return
            assert answer.status_code == 200
            token = answer.json()["refresh_token"]
            if len(rotations) == 200:
                mortal.kill()
            rotations.append(number)

    rotations: list[int] = []
    async with client_of(service) as client:
        sessions = [await session_of(client) for _ in range(10)]
        await asyncio.gather(
            *(
                keep_refreshing(client, number, session["refresh_token"])
                for number, session in enumerate(sessions)
            )
        )
        assert len(rotations) >= 200
        mortal.start()
        for number in range(10):
            # The last token that was handed out is known, and so is the account.
            assert (await refresh(client, acknowledged[number])).status_code == 200
        assert (await log_in(client)).status_code == 200
    await service.close()


async def test_an_answer_that_was_lost_with_the_store_is_given_again_when_it_is_back(
    tmp_path: Path, clock: FakeClock, mortal: RedisProcess
) -> None:
    """However long the store was away: nobody could have come in between."""
    service = service_on(tmp_path, clock, mortal, mortal)
    await add_user(service)
    async with client_of(service) as client:
        lost = (await session_of(client))["refresh_token"]
        child = (await refresh(client, lost)).json()["refresh_token"]
        mortal.kill()
        clock.move(600)
        assert (await refresh(client, lost)).status_code == 503
        mortal.start()
        assert (await refresh(client, lost)).json()["refresh_token"] == child
        # When the child has been used, it is a thief's as ever.
        assert (await refresh(client, child)).status_code == 200
        assert (await refresh(client, lost)).status_code == 401
    await service.close()


@pytest.mark.parametrize("dead", ["users", "sessions"])
async def test_a37_redis_down_fails_closed_and_keys_are_still_served(
    tmp_path: Path, clock: FakeClock, redis_server: RedisProcess, mortal: RedisProcess, dead: str
) -> None:
    pair = (mortal, redis_server) if dead == "users" else (redis_server, mortal)
    service = service_on(tmp_path, clock, *pair)
    await add_user(service)
    async with client_of(service) as client:
        session = await session_of(client)
        headers = bearer(session["access_token"])
        mortal.kill()
        for answer in (
            await log_in(client),
            await log_in(client, password="wrong"),
            await refresh(client, session["refresh_token"]),
            await client.get("/me", headers=headers),
            await client.get("/readyz"),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert "token" not in answer.json()
            assert "redis" not in answer.text.lower()
        stores = (await client.get("/readyz")).json()["stores"]
        assert stores.pop(dead) == "unavailable"
        assert set(stores.values()) == {"ok"}
        for path in ("/jwks", "/.well-known/openid-configuration", "/healthz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        mortal.start()
        assert (await client.get("/readyz")).status_code == 200
        assert (await refresh(client, session["refresh_token"])).status_code == 200
        assert (await log_in(client)).status_code == 200
    await service.close()


@pytest.mark.parametrize("hung", ["users", "sessions"])
async def test_a37_a_redis_that_hangs_is_given_up_in_time_and_named(
    tmp_path: Path,
    clock: FakeClock,
    redis_server: RedisProcess,
    mortal: RedisProcess,
    hung: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pair = (mortal, redis_server) if hung == "users" else (redis_server, mortal)
    service = service_on(tmp_path, clock, *pair)
    await add_user(service)
    async with client_of(service) as client:
        session = await session_of(client)

        async def timed(request: Awaitable[httpx.Response]) -> float:
            started = time.monotonic()
            answer = await request
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            return time.monotonic() - started

        mortal.pause()
        try:
            waits = await asyncio.gather(
                timed(log_in(client)),
                timed(refresh(client, session["refresh_token"])),
                timed(client.get("/me", headers=bearer(session["access_token"]))),
                *(timed(client.get("/readyz")) for _ in range(5)),
            )
        finally:
            mortal.resume()
        assert max(waits) < 4
        assert {line.split(": ")[1] for line in caplog.messages} == {hung}
        assert (await client.get("/readyz")).status_code == 200
        assert (await refresh(client, session["refresh_token"])).status_code == 200
        assert (await log_in(client)).status_code == 200
    await service.close()


async def test_a_restart_that_forgets_the_scripts_is_not_noticed(
    tmp_path: Path, clock: FakeClock, mortal: RedisProcess
) -> None:
    service = service_on(tmp_path, clock, mortal, mortal)
    await add_user(service)
    async with client_of(service) as client:
        session = await session_of(client)
        with mortal.client() as redis:
            redis.script_flush()
        assert (await refresh(client, session["refresh_token"])).status_code == 200
    await service.close()


UNSAFE = [
    (("--appendfsync", "everysec"), "appendfsync is everysec"),
    (("--appendonly", "no"), "appendonly is no"),
    (("--maxmemory-policy", "allkeys-lru"), "maxmemory-policy is allkeys-lru"),
    (("--maxmemory-policy", "volatile-ttl"), "maxmemory-policy is volatile-ttl"),
]


@pytest.mark.parametrize(("options", "sentence"), UNSAFE)
async def test_a_redis_that_would_lose_sessions_is_refused(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    server = RedisProcess(tmp_path, *options)
    try:
        for guarded in (False, True):
            if guarded and "fsync" in sentence:
                continue  # INFO does not tell
            if guarded:
                with server.client() as redis:
                    redis.execute_command("ACL", "SETUSER", "default", "-config")
            settings = make_settings(tmp_path, sessions=store_on(server))
            async with open_stores(settings) as stores:
                with pytest.raises(UnsafeRedis, match=sentence):
                    await stores.check_durability()
    finally:
        server.close()


async def test_a_redis_for_users_may_evict_what_expires(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, "--maxmemory-policy", "volatile-ttl")
    try:
        async with open_stores(make_settings(tmp_path, users=store_on(server))) as stores:
            await stores.check_durability()
        async with open_stores(make_settings(tmp_path)) as stores:
            await stores.check_durability()
    finally:
        server.close()


async def test_a39_an_acl_user_over_tls(tmp_path: Path, clock: FakeClock) -> None:
    certificate, key = make_certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RedisProcess(
        tmp_path,
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
    )
    try:
        with server.client() as redis:
            redis.execute_command(
                *("ACL", "SETUSER", "auth", "on", ">s3cret"),
                *("~leviathan-auth:*", "+@all", "-@admin", "-@dangerous", "+info"),
            )
            redis.execute_command("ACL", "SETUSER", "default", "-@all", "+ping")
        password = tmp_path / "password"
        password.write_text("s3cret\n")
        password.chmod(0o600)
        store = {
            "backend": "redis",
            "url": f"rediss://127.0.0.1:{port}",
            "username": "auth",
            "password_file": "password",
            "ca_file": "server.crt",
        }
        settings = make_settings(tmp_path, users=store, sessions=store)
        service = make_service(settings, clock)
        await service.stores.check_durability()
        await add_user(service)
        async with client_of(service) as client:
            session = await session_of(client)
            assert (await refresh(client, session["refresh_token"])).status_code == 200
            headers = await own_headers(client)
            assert (await client.get("/sessions", headers=headers)).status_code == 200
        await service.close()
        for change in ({"ca_file": None}, {"username": None, "password_file": None}):
            broken = make_settings(tmp_path, users=store | change, sessions=store | change)
            async with open_stores(broken) as stores:
                with pytest.raises(StoreUnavailable):
                    await stores.users.user("alice")
    finally:
        server.close()


async def test_whoever_is_cancelled_ends_whatever_redis_has_answered(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    # A server that ends cancels its upkeep, and waits for it: swallowed, it would wait for minutes.
    settings = make_settings(tmp_path, users=store_on(redis_server)).users
    for steps in range(150):
        server = RedisServer(settings, tmp_path, "users")
        checking = asyncio.create_task(server.check_durability(expiring=False))
        loading = asyncio.create_task(server.script("return 1", []))
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in (checking, loading):
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
        await server.close()
