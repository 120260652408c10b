"""The contract that both stores fulfil, and what each must not believe (attacks 40 and 41)."""

import asyncio
import pickle
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from authserver.config import Settings
from authserver.service import Service
from authserver.stores import ApiKey, Limit, Session, Stores, User, open_stores
from authserver.stores.redis import RedisSessionStore
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    RedisProcess,
    make_settings,
    own_headers,
    refresh,
    session_of,
)

USER = User("alice", "hash", ("viewers",), 1)
KEY = ApiKey("0011", "alice", "ci", "digest", ("leviathan",), ("viewers",), 5)


def session_at(now: float, name: str = "s1", user: str = "alice") -> Session:
    return Session(
        id=name,
        user=user,
        epoch=1,
        audience="leviathan",
        methods=("pwd",),
        created=int(now),
        ends=int(now) + 1000,
        expires=int(now) + 100,
        last_used=int(now),
        address="192.0.2.1",
        client="test",
        generation=0,
        digest="d0",
        rotated=int(now),
    )


@pytest.fixture
async def stores(both: Settings) -> AsyncIterator[Stores]:
    async with open_stores(both) as opened:
        yield opened


async def test_users_are_added_once_and_listed_by_name(stores: Stores) -> None:
    users = stores.users
    assert await users.user("alice") is None
    assert await users.users() == []
    zoe = msgspec.structs.replace(USER, name="zoe", disabled=True, totp="sealed")
    assert await users.create_user(zoe)
    assert await users.create_user(USER)
    assert not await users.create_user(msgspec.structs.replace(USER, password_hash="other"))
    assert await users.user("alice") == USER
    assert await users.users() == [USER, zoe]


async def test_a_user_is_replaced_only_from_the_version_that_was_read(stores: Stores) -> None:
    await stores.users.create_user(USER)
    changes = [msgspec.structs.replace(USER, groups=(f"g{n}",), version=2) for n in range(20)]
    written = await asyncio.gather(*map(stores.users.replace_user, changes))
    assert sorted(written) == [False] * 19 + [True]
    kept = await stores.users.user("alice")
    assert kept == changes[written.index(True)]
    assert await stores.users.replace_user(msgspec.structs.replace(kept, version=3))
    nobody = msgspec.structs.replace(USER, name="nobody", version=2)
    assert not await stores.users.replace_user(nobody)
    assert await stores.users.user("nobody") is None


async def test_a_user_is_deleted_once_and_takes_an_old_setup_code_along(stores: Stores) -> None:
    users = stores.users
    assert not await users.delete_user("alice")
    assert await users.set_setup_code("digest", replace=True)
    assert await users.create_user(USER)
    assert await users.delete_user("alice")
    assert not await users.delete_user("alice")
    assert await users.user("alice") is None
    assert await users.users() == []
    assert not await users.redeem_setup_code("digest", USER)
    assert await users.create_user(USER)


async def test_api_keys(stores: Stores) -> None:
    users = stores.users
    later = msgspec.structs.replace(KEY, id="0000", created=6, expires=9, introspect=True)
    bobs = msgspec.structs.replace(KEY, id="0022", user="bob")
    for key in (later, KEY, bobs):
        await users.add_api_key(key)
    assert await users.api_key("0011") == KEY
    assert await users.api_key("nothing") is None
    assert await users.api_keys("alice") == [KEY, later]
    assert await users.api_keys("nobody") == []
    assert await users.api_keys() == [KEY, bobs, later]
    assert not await users.delete_api_key("bob", "0011")
    assert await users.delete_api_key("alice", "0011")
    assert not await users.delete_api_key("alice", "0011")
    assert await users.api_key("0011") is None
    assert await users.api_keys() == [bobs, later]


async def test_a_setup_code_makes_one_user(stores: Stores) -> None:
    users = stores.users
    assert not await users.redeem_setup_code("digest", USER)
    assert not await users.setup_code_waits()
    assert await users.set_setup_code("old", replace=False)
    assert await users.setup_code_waits()
    assert not await users.set_setup_code("lost", replace=False)
    assert await users.set_setup_code("digest", replace=True)
    assert await users.setup_code_waits()
    others = [msgspec.structs.replace(USER, name=f"user{n}") for n in range(10)]
    assert not await users.redeem_setup_code("old", USER)
    made = await asyncio.gather(*(users.redeem_setup_code("digest", user) for user in others))
    assert sorted(made) == [False] * 9 + [True]
    assert await users.users() == [others[made.index(True)]]
    assert not await users.set_setup_code("again", replace=True)
    assert not await users.setup_code_waits()


async def test_a_setup_code_is_worth_nothing_once_there_are_users(stores: Stores) -> None:
    assert await stores.users.set_setup_code("digest", replace=True)
    assert await stores.users.create_user(USER)
    assert not await stores.users.setup_code_waits()
    eve = msgspec.structs.replace(USER, name="eve")
    assert not await stores.users.redeem_setup_code("digest", eve)
    assert await stores.users.users() == [USER]


async def test_sessions_are_opened_listed_and_ended(stores: Stores, clock: FakeClock) -> None:
    sessions = stores.sessions
    first, second = session_at(clock.now), session_at(clock.now + 1, "s0")
    bobs = session_at(clock.now, "s2", "bob")
    for session in (second, first, bobs):
        await sessions.open_session(session)
    assert await sessions.session("s1") == first
    assert await sessions.session("nothing") is None
    assert await sessions.sessions("alice") == [first, second]
    assert await sessions.sessions() == [first, bobs, second]
    assert await sessions.end_session("s1")
    assert not await sessions.end_session("s1")
    assert await sessions.session("s1") is None
    assert await sessions.end_sessions("alice") == 1
    assert await sessions.end_sessions("alice") == 0
    assert await sessions.sessions() == [bobs]


async def test_a_session_advances_once_per_generation(stores: Stores, clock: FakeClock) -> None:
    first = session_at(clock.now)
    await stores.sessions.open_session(first)
    nexts = [
        msgspec.structs.replace(first, generation=1, digest=f"d{number}") for number in range(20)
    ]
    advanced = await asyncio.gather(*map(stores.sessions.advance, nexts))
    assert sorted(advanced) == [False] * 19 + [True]
    assert await stores.sessions.session("s1") == nexts[advanced.index(True)]
    skipping = msgspec.structs.replace(first, generation=3)
    assert not await stores.sessions.advance(skipping)
    await stores.sessions.end_session("s1")
    assert not await stores.sessions.advance(msgspec.structs.replace(first, generation=2))
    assert await stores.sessions.session("s1") is None


async def test_what_has_expired_is_purged(stores: Stores, clock: FakeClock) -> None:
    sessions = stores.sessions
    await sessions.open_session(session_at(clock.now - 2000))
    await sessions.open_session(session_at(clock.now, "s2"))
    await sessions.purge(clock.now)
    assert [session.id for session in await sessions.sessions()] == ["s2"]
    assert await sessions.session("s1") is None
    assert await sessions.session("s2") is not None


LIMIT = Limit("k", 3, 10, 25, 100)


async def test_attempts_wait_twice_as_long_each_time(stores: Stores, clock: FakeClock) -> None:
    attempt = stores.sessions.attempt
    now = clock.now
    assert [await attempt([LIMIT], now) for _ in range(4)] == [0, 0, 0, 10]
    assert await attempt([LIMIT], now + 4) == 6
    assert await attempt([LIMIT], now + 10) == 0
    assert await attempt([LIMIT], now + 10) == 20
    assert await attempt([LIMIT], now + 30) == 0
    assert await attempt([LIMIT], now + 30) == 25
    assert await attempt([LIMIT], now + 55) == 0
    # Forgotten a hundred seconds after the last wait.
    assert [await attempt([LIMIT], now + 181) for _ in range(4)] == [0, 0, 0, 10]


async def test_attempts_count_on_all_limits_or_on_none(stores: Stores, clock: FakeClock) -> None:
    attempt = stores.sessions.attempt
    other = Limit("other", 5, 1, 25, 100)
    assert [await attempt([LIMIT, other], clock.now) for _ in range(6)] == [0, 0, 0, 10, 10, 10]
    assert [await attempt([other], clock.now) for _ in range(3)] == [0, 0, 1]
    assert await attempt([], clock.now) == 0


async def test_parallel_attempts_are_counted_one_by_one(stores: Stores, clock: FakeClock) -> None:
    found = await asyncio.gather(*(stores.sessions.attempt([LIMIT], clock.now) for _ in range(50)))
    assert sorted(found) == [0] * 3 + [10] * 47


async def test_attempts_are_forgiven_one_by_one_or_cleared(
    stores: Stores, clock: FakeClock
) -> None:
    sessions, now = stores.sessions, clock.now
    for _ in range(3):
        await sessions.attempt([LIMIT], now)
    await sessions.forgive(["k", "unknown"])
    assert [await sessions.attempt([LIMIT], now) for _ in range(2)] == [0, 10]
    await sessions.clear(["k", "unknown"])
    assert [await sessions.attempt([LIMIT], now) for _ in range(4)] == [0, 0, 0, 10]
    for _ in range(4):
        await sessions.forgive(["k"])
    assert [await sessions.attempt([LIMIT], now) for _ in range(4)] == [0, 0, 0, 10]


async def test_the_wait_stays_finite_under_a_long_attack(stores: Stores, clock: FakeClock) -> None:
    limit = Limit("long", 1, 1, 1, 10**9)
    for second in range(0, 400, 2):
        assert await stores.sessions.attempt([limit], clock.now + second) == 0
    assert await stores.sessions.attempt([limit], clock.now + 398) == 1


async def test_a_key_is_claimed_once_until_it_expires(stores: Stores, clock: FakeClock) -> None:
    sessions = stores.sessions
    taken = await asyncio.gather(*(sessions.claim("c", clock.now, 50) for _ in range(20)))
    assert sorted(taken) == [False] * 19 + [True]
    assert await sessions.marked("c", clock.now + 49)
    assert not await sessions.marked("c", clock.now + 50)
    assert not await sessions.claim("c", clock.now + 49, 50)
    assert await sessions.claim("c", clock.now + 50, 50)


async def test_a_mark_is_remembered_until_it_expires(stores: Stores, clock: FakeClock) -> None:
    sessions = stores.sessions
    assert not await sessions.marked("m", clock.now)
    await sessions.mark("m", clock.now, 10)
    await sessions.mark("m", clock.now, 60)
    assert await sessions.marked("m", clock.now + 59)
    assert not await sessions.marked("m", clock.now + 60)
    assert not await sessions.marked("other", clock.now)
    await stores.users.ping()
    await sessions.ping()


def everything_stored(service: Service, redis: RedisProcess | None) -> bytes:
    """Every byte that the store holds."""
    if redis is None:
        directory = service.settings.path("")
        return b"".join(path.read_bytes() for path in directory.glob("auth.db*"))
    found = b""
    with redis.client() as client:
        prefix = service.settings.users.prefix
        for key in client.scan_iter(f"{prefix}*"):
            found += key + (client.dump(key) or b"")
            if client.type(key) == b"hash":
                found += repr(client.hgetall(key)).encode()
    return found


async def test_a40_no_secret_is_stored_as_it_is(
    request: pytest.FixtureRequest, each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    session = (await refresh(each_client, session["refresh_token"])).json()
    headers = await own_headers(each_client)
    body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]}
    made = (await each_client.post("/api-keys", json=body, headers=headers)).json()
    totp = await each_client.post("/totp/enrol", json={"password": PASSWORD}, headers=headers)
    redis = None
    if isinstance(each.stores.sessions, RedisSessionStore):
        redis = request.getfixturevalue("redis_server")
    stored = everything_stored(each, redis)
    assert session["session_id"].encode() in stored  # we look in the right place
    assert b"$argon2id$" in stored
    for secret in (
        session["refresh_token"].removeprefix("lvr_")[30:],
        session["access_token"],
        made["api_key"].split("_", 2)[2],
        totp.json()["secret"],
        PASSWORD,
    ):
        assert secret.encode() not in stored


class Planted:
    """Something that acts when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('executed')",))


FOREIGN = [
    pickle.dumps(Planted()),
    b'{"schema": "somebody else\'s"}',
    b"[" * 100_000,
    b"",
    b"null",
    msgspec.json.encode(USER).replace(b'"created":1', b'"created":"1"'),
    msgspec.json.encode(USER).replace(b'"created":1', b'"created":1,"admin":true'),
]


@pytest.mark.parametrize("document", FOREIGN)
async def test_a41_a_foreign_document_in_redis_is_a_miss(
    redis_server: RedisProcess, tmp_path: Path, clock: FakeClock, document: bytes
) -> None:
    store = {"backend": "redis", "url": redis_server.url, "prefix": f"a41-{tmp_path.name}:"}
    async with open_stores(make_settings(tmp_path, users=store, sessions=store)) as stores:
        with redis_server.client() as redis:
            redis.sadd(f"{store['prefix']}users", "alice")
            for kind, name in (("user", "alice"), ("session", "s1"), ("api-key", "0011")):
                redis.hset(f"{store['prefix']}{kind}:{name}", "document", document)
        assert await stores.users.user("alice") is None
        assert await stores.users.users() == []
        assert await stores.users.api_key("0011") is None
        assert await stores.sessions.session("s1") is None


@pytest.mark.parametrize("document", FOREIGN)
async def test_a41_a_foreign_document_in_sqlite_is_a_miss(
    settings: Settings, document: bytes
) -> None:
    async with open_stores(settings) as stores:
        connection = sqlite3.connect(settings.path("auth.db"))
        with connection:
            connection.execute("INSERT INTO users VALUES ('alice', 1, ?)", (document,))
            connection.execute("INSERT INTO api_keys VALUES ('0011', 'alice', ?)", (document,))
            connection.execute("INSERT INTO sessions VALUES ('s1', 'alice', 0, 9, ?)", (document,))
        connection.close()
        assert await stores.users.user("alice") is None
        assert await stores.users.users() == []
        assert await stores.users.api_key("0011") is None
        assert await stores.sessions.session("s1") is None
