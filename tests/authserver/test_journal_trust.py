"""The team's journal: who is let in, how long it keeps what, and what of its store is not believed."""

import json
import sqlite3
from typing import Any

import msgspec
import pytest

from authserver.config import ConfigError, check
from authserver.journal import Journal
from authserver.service import Service
from authserver.stores.journal import RedisJournalStore
from tests.authserver.helpers import (
    FakeClock,
    RedisProcess,
    add_user,
    audit_lines,
    bearer,
    client_of,
    make_service,
    make_settings,
    own_headers,
    session_of,
)
from tests.authserver.journalling import Member, Object, entry, member, new_id


async def test_a_token_for_a_cluster_opens_no_journal(alice: Member) -> None:
    token = (await session_of(alice.client))["access_token"]
    cluster = Member(alice.client, bearer(token))
    assert (await cluster.put(entry())).status_code == 401
    assert (await cluster.get()).status_code == 401
    assert (await cluster.finish(new_id())).status_code == 401


async def test_somebody_who_was_disabled_writes_and_reads_no_more(
    each: Service, alice: Member
) -> None:
    user = await each.stores.users.user("alice")
    assert user is not None
    gone = msgspec.structs.replace(user, disabled=True, version=user.version + 1)
    assert await each.stores.users.replace_user(gone)
    assert (await alice.put(entry())).status_code == 401
    assert (await alice.get()).status_code == 401


async def test_asking_too_often_has_to_wait(tmp_path: Any, clock: FakeClock) -> None:
    service = make_service(make_settings(tmp_path, journal={"per_minute": 60}), clock)
    await add_user(service)
    await add_user(service, "bob")
    async with client_of(service) as client:
        alice, bob = await member(client), await member(client, "bob")
        for _ in range(60):
            assert (await alice.get()).status_code == 200
        answer = await alice.put(entry())
        assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
        assert answer.headers["retry-after"] == "1"
        assert (await bob.get()).status_code == 200
        clock.move(1)
        assert (await alice.put(entry())).status_code == 200
        assert (await alice.get()).status_code == 429
    await service.close()


async def test_old_entries_go(tmp_path: Any, clock: FakeClock) -> None:
    journal = {"keep_days": 1, "keep_entries": 3}
    service = make_service(make_settings(tmp_path, journal=journal), clock)
    await add_user(service)
    async with client_of(service) as client:
        alice = await member(client)
        for _ in range(5):
            await alice.begin()
        assert await Journal(service).trim() == 2
        assert len((await alice.read())[0]) == 3
        clock.move(86401)
        alice = await member(client)
        late = await alice.begin()
        assert await Journal(service).trim() == 3
        assert [it["id"] for it in (await alice.read())[0]] == [late]
    await service.close()


async def tamper(request: pytest.FixtureRequest, service: Service, name: str, change: Any) -> None:
    """Change an entry where it is kept: `change` gets document and tag and returns new ones."""
    store = service.stores.journal
    row = await store.row(name)
    assert row is not None
    document, tag = change(row.document, row.tag)
    if isinstance(store, RedisJournalStore):
        server: RedisProcess = request.getfixturevalue("redis_server")
        key = f"{service.settings.journal.prefix}journal-entry:{name}"
        with server.client() as redis:
            redis.hset(key, mapping={"document": document, "tag": tag})
        return
    connection = sqlite3.connect(service.settings.path(service.settings.journal.path))
    with connection:
        query = "UPDATE journal SET document = ?, tag = ? WHERE id = ?"
        connection.execute(query, (document, tag, name))
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda document, tag: (document.replace(b'"alice"', b'"mallo"'), tag),
        lambda document, tag: (document.replace(b'"pending"', b'"done"'), tag),
        lambda document, tag: (document, "0" * 64),
        lambda document, tag: (document, ""),
        lambda document, tag: (document, "é" * 10),
        lambda document, tag: (b"", tag),
        lambda document, tag: (b"\x80\x04cos\nsystem\n", tag),
    ],
)
async def test_a41_what_was_changed_in_the_store_is_left_out_and_audited(
    request: pytest.FixtureRequest, each: Service, alice: Member, change: Any
) -> None:
    good, bad, after = [await alice.begin() for _ in range(3)]
    await tamper(request, each, bad, change)
    entries, cursor = await alice.read(after=0)
    assert [it["id"] for it in entries] == [good, after]
    assert await alice.read(after=cursor) == ([], cursor)
    await alice.read()
    lines = [line for line in audit_lines(each) if line["action"] == "journal-read"]
    assert [(line["outcome"], line["target"]) for line in lines] == [("refused", bad)]
    assert (await alice.finish(bad)).status_code == 409
    assert (await alice.put(entry(id=bad))).status_code == 409


async def test_a41_an_entry_cannot_be_given_the_place_of_another(
    request: pytest.FixtureRequest, each: Service, alice: Member
) -> None:
    good, victim = await alice.begin(summary="harmless"), await alice.begin(summary="grave")
    row = await each.stores.journal.row(good)
    assert row is not None
    await tamper(request, each, victim, lambda *_: (row.document, row.tag))
    assert [it["id"] for it in (await alice.read())[0]] == [good]


async def test_a41_an_entry_out_of_nothing_is_left_out(
    request: pytest.FixtureRequest, tmp_path: Any, clock: FakeClock
) -> None:
    server: RedisProcess = request.getfixturevalue("redis_server")
    prefix = f"{tmp_path.name}:"
    journal = {"backend": "redis", "url": server.url, "prefix": prefix}
    service = make_service(make_settings(tmp_path, journal=journal), clock)
    await add_user(service)
    async with client_of(service) as client:
        alice = await member(client)
        with server.client() as redis:
            redis.zadd(f"{prefix}journal", {"planted": 1, "absent": 2, b"\xff\x1b[31m": 3})
            redis.hset(f"{prefix}journal-entry:planted", "document", '{"actor": "root"}')
        assert await alice.read(after=0) == ([], 3)
        name = await alice.begin()
        assert [it["id"] for it in (await alice.read())[0]] == [name]
    await service.close()


async def test_another_servers_secret_verifies_nothing(
    each: Service, alice: Member, clock: FakeClock
) -> None:
    await alice.begin()
    path = each.settings.path(each.settings.secret_file)
    path.unlink()
    other = make_service(each.settings, clock)
    async with client_of(other) as client:
        stranger = Member(client, await own_headers(client))
        assert (await stranger.read())[0] == []
    await other.close()


async def test_a37_logins_go_on_without_the_journals_store(tmp_path: Any, clock: FakeClock) -> None:
    journal = {"backend": "redis", "url": f"unix://{tmp_path}/nobody.sock"}
    service = make_service(make_settings(tmp_path, journal=journal), clock)
    await add_user(service)
    async with client_of(service) as client:
        alice = await member(client)
        for answer in (await alice.put(entry()), await alice.get()):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["status"] == "ok"
        assert ready.json()["stores"]["journal"] == "unavailable"
    await service.close()


async def test_nothing_secret_of_a_request_is_logged(
    each: Service, alice: Member, caplog: pytest.LogCaptureFixture
) -> None:
    token = alice.headers["authorization"].removeprefix("Bearer ")
    name = await alice.begin(before={"password": "hunter2-in-an-annotation"})
    await alice.finish(name)
    await alice.finish(name, outcome="failed")
    text = json.dumps(audit_lines(each)) + caplog.text
    assert token not in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("journal", "problem"),
    [
        ({"readers": ["System:Masters"]}, "journal.readers"),
        ({"members": ["a b"]}, "journal.members"),
        ({"backend": "redis"}, "journal.url"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Any, journal: Object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check(make_settings(tmp_path, journal=journal))
