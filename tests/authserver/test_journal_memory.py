"""The journal's share of the memory of Redis, which it never exceeds, and what goes for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from authserver import app
from authserver.journal import Journal
from authserver.service import Service
from authserver.stores import JournalRow, JournalStore, StoreUnavailable, Trimmed
from tests.authserver.helpers import (
    FakeClock,
    RedisProcess,
    add_user,
    audit_lines,
    client_of,
    log_in,
    make_service,
    make_settings,
)
from tests.authserver.journalling import entry, member

MEMORY = 16 << 20
SHARE = MEMORY * 40 // 100
PREFIX = "leviathan-auth:"
SIZES = f"{PREFIX}journal-sizes"


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("journal"), "--maxmemory", str(MEMORY))
    yield server
    server.close()


def service_on(directory: Path, clock: FakeClock, redis: RedisProcess, **journal: Any) -> Service:
    """A server with users, sessions and journal in one Redis, and its audit log in a file."""
    store = {"backend": "redis", "url": redis.url}
    settings = make_settings(directory, users=store, sessions=store, journal=store | journal)
    return make_service(settings, clock)


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock, redis: RedisProcess) -> AsyncIterator[Service]:
    made = service_on(tmp_path, clock, redis)
    await add_user(made)
    yield made
    await made.close()


def row(number: int, size: int, changed: float = 100.0) -> JournalRow:
    return JournalRow(f"{number:026d}", "prod", changed, b"x" * size, f"{number:064d}")


async def write(store: JournalStore, numbers: range, size: int) -> None:
    for begin in numbers[::50]:
        batch = range(begin, min(begin + 50, numbers.stop))
        assert all(await asyncio.gather(*(store.add(row(number, size)) for number in batch)))


def taken(redis: RedisProcess) -> int:
    """The bytes of memory of every key of the journal."""
    with redis.client() as client:
        keys = client.scan_iter(f"{PREFIX}journal*", count=1000)
        return sum(int(client.memory_usage(key, samples=0) or 0) for key in keys)


def counted(redis: RedisProcess) -> int:
    with redis.client() as client:
        return int(client.hget(SIZES, "bytes") or 0)


def names(redis: RedisProcess) -> list[str]:
    with redis.client() as client:
        return [name.decode() for name in client.zrange(f"{PREFIX}journal", 0, -1)]


def forget_sizes(redis: RedisProcess) -> None:
    """Make the journal one that was written before there was a count."""
    with redis.client() as client:
        for key in client.scan_iter(f"{PREFIX}journal-entry:*"):
            client.hdel(key, "size")
        client.delete(SIZES)


async def test_a_fast_writer_fills_no_store(
    tmp_path: Path, clock: FakeClock, redis: RedisProcess
) -> None:
    service = service_on(tmp_path, clock, redis, bytes_per_minute=1 << 30)
    await add_user(service)
    async with client_of(service) as client:
        alice = await member(client)
        largest = 0
        begun = []
        for _ in range(120):
            begun.append(await alice.begin(before={"text": "x" * 190_000}))
            largest = max(largest, counted(redis))
        assert SHARE - 300_000 < largest <= SHARE
        kept = names(redis)
        assert kept == begun[-len(kept) :]
        assert len(kept) > 20
        assert (await log_in(client)).status_code == 200
        seen, _ = await alice.read(after=0)
        assert seen[0]["id"] == kept[0]
        assert (await alice.finish(kept[0])).status_code == 200
        assert (await alice.finish(begun[0])).status_code == 404
    await service.close()


@pytest.mark.parametrize("size", [600, 3000, 100_000])
async def test_the_count_is_what_the_journal_takes(
    service: Service, redis: RedisProcess, size: int
) -> None:
    for begin in range(0, 12_000_000 // size, 200):
        await write(service.stores.journal, range(begin, begin + 200), size)
    assert taken(redis) <= SHARE
    assert 0.9 < taken(redis) / counted(redis) < 1.02


async def test_changed_and_deleted_entries_are_counted_as_they_are(
    service: Service, redis: RedisProcess
) -> None:
    store = service.stores.journal
    await write(store, range(20), 1000)
    before = counted(redis)
    for number in range(10):
        old, larger = row(number, 1000), row(number, 50_000, changed=200.0)
        assert await store.replace(larger, old.tag)
    assert counted(redis) - before == pytest.approx(10 * 49_000, rel=0.3)
    assert await store.trim(150.0, 20) == 10
    assert await store.trim(0.0, 5) == 5
    assert taken(redis) / counted(redis) == pytest.approx(1, abs=0.1)
    assert await store.trim(1000.0, 5) == 5
    assert counted(redis) == 0


async def test_two_servers_keep_one_share(
    tmp_path: Path, clock: FakeClock, service: Service, redis: RedisProcess
) -> None:
    other = service_on(tmp_path, clock, redis)
    await asyncio.gather(
        write(service.stores.journal, range(100), 120_000),
        write(other.stores.journal, range(1000, 1100), 120_000),
    )
    await other.close()
    assert taken(redis) <= SHARE
    assert 0.9 < taken(redis) / counted(redis) < 1.02


async def test_a_journal_without_a_count_is_counted(service: Service, redis: RedisProcess) -> None:
    store = service.stores.journal
    await write(store, range(1200), 2000)
    whole = counted(redis)
    forget_sizes(redis)
    # It may be written to before it has been counted.
    assert await store.replace(row(0, 2000), row(0, 0).tag)
    assert await store.add(row(5000, 2000))
    assert await store.trim(0.0, 10_000) == 0
    assert counted(redis) == pytest.approx(whole, rel=0.02)
    assert await store.trim(0.0, 10_000) == 0
    assert counted(redis) == pytest.approx(whole, rel=0.02)
    assert len(names(redis)) == 1201


async def test_a_full_store_with_an_old_journal_makes_room_for_itself(
    service: Service, clock: FakeClock, redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.client() as admin:
        admin.config_set("maxmemory", 0)
        await write(service.stores.journal, range(90), 190_000)
        forget_sizes(redis)
        admin.config_set("maxmemory", MEMORY)
    async with client_of(service) as client:
        answer = await log_in(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert caplog.messages == ["store unavailable: sessions: Redis is full"]
        with pytest.raises(StoreUnavailable, match=r"^journal: Redis is full$"):
            await service.stores.journal.add(row(500, 1000))
        while await service.stores.journal.trim(0.0, 50_000):
            pass
        assert taken(redis) <= SHARE
        assert (await log_in(client)).status_code == 200


async def test_a_journal_that_was_deleted_by_hand_counts_from_nothing(
    service: Service, redis: RedisProcess
) -> None:
    store = service.stores.journal
    await write(store, range(40), 100_000)
    with redis.client() as admin:
        for key in admin.scan_iter(f"{PREFIX}journal*"):
            if key.decode() != SIZES:
                admin.delete(key)
    await write(store, range(200), 1000)
    assert len(names(redis)) == 200
    assert 0.9 < taken(redis) / counted(redis) < 1.02


async def test_without_a_maxmemory_the_share_is_absolute(
    service: Service, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.client() as admin:
        admin.config_set("maxmemory", 0)
    monkeypatch.setattr("authserver.stores.redisserver.ASSUMED_MEMORY", 1 << 20)
    await write(service.stores.journal, range(100), 20_000)
    assert taken(redis) <= (1 << 20) * 40 // 100


async def test_the_audit_log_tells_what_went_once_a_minute(
    service: Service, redis: RedisProcess
) -> None:
    store, journal = service.stores.journal, Journal(service)
    await journal.tell_trimmed()
    await write(store, range(100), 100_000)
    with redis.client() as admin:
        for number in (1, 2):
            gone = 100 * number - len(names(redis))
            for _ in range(2):
                await journal.tell_trimmed()
            told = [line for line in audit_lines(service) if line["action"] == "journal-trim"]
            assert len(told) == number
            assert sum(int(line["count"]) for line in told) == gone
            assert told[-1]["until"] == "1970-01-01T00:01:40.000Z"
            await write(store, range(100 * number, 100 * number + 100), 100_000)
            await journal.tell_trimmed()
            assert admin.delete(f"{PREFIX}journal-told") == 1
    lines = [line for line in audit_lines(service) if line["action"] == "journal-trim"]
    assert len(lines) == 2


async def test_a_server_tells_it_by_itself(
    tmp_path: Path, clock: FakeClock, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_SUM_SECONDS", 0)
    service = service_on(tmp_path, clock, redis)
    await write(service.stores.journal, range(100), 100_000)
    told, settle = asyncio.Event(), service.stores.journal.settle_trimmed

    async def watched(trimmed: Trimmed) -> None:
        await settle(trimmed)
        told.set()

    monkeypatch.setattr(service.stores.journal, "settle_trimmed", watched)
    application = app.build(service)
    async with application.router.lifespan_context(application):
        await asyncio.wait_for(told.wait(), 30)
    assert [line["action"] for line in audit_lines(service)] == ["journal-trim"]


async def test_a_line_that_cannot_be_written_is_told_later(
    service: Service, redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(service.stores.journal, range(100), 100_000)

    async def fail(*_given: object, **_fields: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(service.audit, "write", fail)
        with pytest.raises(OSError, match="no space"):
            await Journal(service).tell_trimmed()
    with redis.client() as admin:
        assert admin.delete(f"{PREFIX}journal-told") == 1
    await Journal(service).tell_trimmed()
    (told,) = [line for line in audit_lines(service) if line["action"] == "journal-trim"]
    assert int(told["count"]) == 100 - len(names(redis))


async def test_one_user_writes_only_so_much_in_a_minute(tmp_path: Path, clock: FakeClock) -> None:
    service = make_service(make_settings(tmp_path, journal={"bytes_per_minute": 100_000}), clock)
    await add_user(service)
    await add_user(service, "bob")
    async with client_of(service) as client:
        alice, bob = await member(client), await member(client, "bob")
        name = await alice.begin(before={"text": "x" * 40_000})
        assert (await alice.finish(name, after={"text": "x" * 1000})).status_code == 200
        answer = await alice.put(entry(before={"text": "x" * 40_000}))
        assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
        waits = int(answer.headers["retry-after"])
        assert 10 < waits < 25
        assert (await alice.get()).status_code == 200
        assert (await bob.put(entry(before={"text": "x" * 40_000}))).status_code == 200
        clock.move(waits)
        assert (await alice.put(entry(before={"text": "x" * 40_000}))).status_code == 200
        # What is larger than a minute's worth is written all the same, and paid for afterwards.
        clock.move(60)
        assert (await alice.put(entry(before={"text": "x" * 200_000}))).status_code == 200
        answer = await alice.put(entry())
        assert int(answer.headers["retry-after"]) > 60
    await service.close()
