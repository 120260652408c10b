"""The team's journal over HTTP: who writes, who reads what, and what is not believed."""

import asyncio
import json
import sqlite3
from typing import Any

import httpx
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

Object = dict[str, Any]
_NEXT = iter(range(10**6))


def new_id() -> str:
    return f"{next(_NEXT):026d}"


def entry(**changes: Any) -> Object:
    """The entry of a change that is about to be sent."""
    return {
        "id": new_id(),
        "at": 1_700_000_000.25,
        "cluster": "prod",
        "context": "prod-admin",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "uid": "11111111-2222-3333-4444-555555555555",
        "verb": "scale",
        "summary": "scale web from 2 to 3",
        "undo_of": "",
        "before": {"spec": {"replicas": 2}},
        "after": None,
        "plan": {"spec": {"replicas": 3}},
        "outcome": "pending",
        "message": "",
        "duration": None,
        "merged": False,
        **changes,
    }


def outcome(**changes: Any) -> Object:
    done = {"outcome": "done", "message": "3/3 ready", "after": {"a": 1}, "duration": 1.5}
    return done | changes


class Member:
    """Somebody with a token for the server's own routes."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def put(self, body: Object) -> httpx.Response:
        path = f"/journal/{body['id']}"
        return await self.client.put(path, json=body, headers=self.headers)

    async def begin(self, **changes: Any) -> str:
        body = entry(**changes)
        answer = await self.put(body)
        assert answer.status_code == 200, answer.text
        return str(body["id"])

    async def finish(self, entry_id: str, **changes: Any) -> httpx.Response:
        path = f"/journal/{entry_id}/outcome"
        return await self.client.post(path, json=outcome(**changes), headers=self.headers)

    async def get(self, **query: Any) -> httpx.Response:
        return await self.client.get("/journal", params=query, headers=self.headers)

    async def read(self, **query: Any) -> tuple[list[Object], int]:
        answer = await self.get(**query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body["entries"], body["cursor"]


async def member(client: httpx.AsyncClient, name: str = "alice") -> Member:
    return Member(client, await own_headers(client, name))


@pytest.fixture
async def alice(each: Service, each_client: httpx.AsyncClient) -> Member:
    await add_user(each, "bob", ("operators",))
    await add_user(each, "root", ("admins",))
    return await member(each_client)


async def test_an_entry_is_begun_and_finished(each: Service, alice: Member) -> None:
    body = entry(actor="mallory", token_id="forged", received=1, session="x", sequence=9)
    answer = await alice.put(body)
    assert answer.status_code == 200, answer.text
    written = answer.json()
    assert (written["id"], written["actor"]) == (body["id"], "alice")
    (found,), cursor = await alice.read()
    assert found["outcome"] == "pending"
    assert found["actor"] == "alice"
    assert found["token_id"] == written["token_id"] != "forged"
    assert found["received"] == each.clock()
    assert found["session"] != "x"
    for field in ("at", "cluster", "kind", "name", "before", "plan", "summary", "undo_of"):
        assert found[field] == body[field]
    assert (await alice.finish(body["id"])).json()["outcome"] == "done"
    (ended,), _ = await alice.read(after=cursor)
    assert (ended["outcome"], ended["message"]) == ("done", "3/3 ready")
    assert (ended["after"], ended["duration"]) == ({"a": 1}, 1.5)
    assert ended["before"] == body["before"]
    assert ended["sequence"] > found["sequence"]


async def test_the_session_leads_to_the_tokens_that_the_clusters_saw(
    each: Service, alice: Member
) -> None:
    session = await session_of(alice.client)
    body = {"refresh_token": session["refresh_token"], "audience": "leviathan-auth"}
    own = (await alice.client.post("/refresh", json=body)).json()
    writer = Member(alice.client, bearer(own["access_token"]))
    await writer.begin()
    (found,), _ = await writer.read()
    assert found["session"] == session["session_id"]
    lines = [line for line in audit_lines(each) if line.get("session") == found["session"]]
    assert {line["audience"] for line in lines} == {"leviathan", "leviathan-auth"}
    assert found["token_id"] in {line["jti"] for line in lines}


async def test_beginning_again_is_harmless_and_never_another_entry(alice: Member) -> None:
    body = entry()
    first = await alice.put(body)
    assert (await alice.put(body)).json() == first.json()
    for change in ({"verb": "delete"}, {"before": None}, {"at": 1.0}, {"cluster": "other"}):
        answer = await alice.put({**body, **change})
        assert answer.status_code == 409
        assert answer.json()["error"] == "taken"
    await alice.finish(body["id"])
    again = await alice.put(body)
    assert (again.status_code, again.json()["outcome"]) == (200, "done")
    assert len((await alice.read())[0]) == 1


async def test_parallel_beginnings_are_one(alice: Member) -> None:
    body = entry()
    answers = await asyncio.gather(*(alice.put(body) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len((await alice.read())[0]) == 1


async def test_somebody_elses_id_is_taken(each: Service, alice: Member) -> None:
    body = entry()
    await alice.put(body)
    bob = await member(alice.client, "bob")
    assert (await bob.put(body)).status_code == 409
    answer = await bob.finish(body["id"])
    assert (answer.status_code, answer.json()["error"]) == (403, "not_yours")
    (found,), _ = await alice.read()
    assert (found["actor"], found["outcome"]) == ("alice", "pending")
    refused = [line for line in audit_lines(each) if line["action"].startswith("journal-")]
    assert [(line["actor"], line["target"]) for line in refused] == [("bob", body["id"])] * 2


async def test_an_outcome_is_written_once(alice: Member) -> None:
    name = await alice.begin()
    assert (await alice.finish(name, outcome="unknown", message="no answer")).status_code == 200
    assert (await alice.finish(name, outcome="unknown", message="still none")).status_code == 200
    assert (await alice.finish(name, outcome="failed")).status_code == 200
    assert (await alice.finish(name, outcome="failed")).status_code == 200  # a lost answer
    for change in ({"outcome": "done"}, {"outcome": "failed", "message": "x"}):
        answer = await alice.finish(name, **change)
        assert (answer.status_code, answer.json()["error"]) == (409, "finished")
    (found,), _ = await alice.read()
    assert found["outcome"] == "failed"
    assert (await alice.finish(new_id())).status_code == 404


async def test_parallel_outcomes_are_one(alice: Member) -> None:
    name = await alice.begin()
    answers = await asyncio.gather(
        *(alice.finish(name, message=f"number {number}") for number in range(10))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 9
    winner = next(index for index, answer in enumerate(answers) if answer.status_code == 200)
    (found,), _ = await alice.read()
    assert found["message"] == f"number {winner}"


async def test_what_was_written_locally_is_merged(alice: Member) -> None:
    body = entry(outcome="done", message="2/2 ready", merged=True, duration=2.0)
    assert (await alice.put({**body, "merged": False})).status_code == 400
    assert (await alice.put(body)).json()["outcome"] == "done"
    assert (await alice.put(body)).status_code == 200
    assert (await alice.put({**body, "outcome": "failed"})).status_code == 409
    (found,), _ = await alice.read()
    assert (found["merged"], found["outcome"], found["duration"]) == (True, "done", 2.0)


async def test_a_merge_finishes_what_had_been_begun(alice: Member) -> None:
    body = entry()
    await alice.put(body)  # its answer was lost, so that the client has written it locally
    merged = {**body, "outcome": "refused", "message": "forbidden", "merged": True}
    assert (await alice.put(merged)).json()["outcome"] == "refused"
    (found,), _ = await alice.read()
    assert (found["outcome"], found["message"], found["merged"]) == ("refused", "forbidden", True)


async def test_who_sees_what(alice: Member) -> None:
    name = await alice.begin()
    await alice.finish(name)
    bob, root = await member(alice.client, "bob"), await member(alice.client, "root")
    (own,), _ = await alice.read()
    (shown,), _ = await root.read()
    assert own == shown
    assert (own["before"], own["plan"], own["after"]) != (None, None, None)
    (hidden,), _ = await bob.read()
    assert hidden == own | {"before": None, "after": None, "plan": None}


@pytest.mark.parametrize("name", ["sqlite", "redis"])
async def test_members_and_readers_are_groups_of_the_settings(
    request: pytest.FixtureRequest, tmp_path: Any, clock: FakeClock, name: str
) -> None:
    store: Object = {"backend": name}
    if name == "redis":
        server: RedisProcess = request.getfixturevalue("redis_server")
        store |= {"url": server.url, "prefix": f"{tmp_path.name}:"}
    journal = {**store, "members": ["operators"], "readers": ["auditors"]}
    service = make_service(make_settings(tmp_path, journal=journal), clock)
    await add_user(service)
    await add_user(service, "bob", ("operators",))
    await add_user(service, "eve", ("auditors",))
    async with client_of(service) as client:
        alice, bob, eve = [await member(client, who) for who in ("alice", "bob", "eve")]
        mine, his = await alice.begin(), await bob.begin()
        assert [it["id"] for it in (await alice.read())[0]] == [mine]
        seen, _ = await bob.read()
        assert [(it["id"], it["before"] is None) for it in seen] == [(mine, True), (his, False)]
        seen, _ = await eve.read()
        assert [(it["id"], it["before"] is None) for it in seen] == [(mine, False), (his, False)]
        # Membership is looked up again: the token's groups alone do not do.
        user = await service.stores.users.user("eve")
        assert user is not None
        left = msgspec.structs.replace(user, groups=(), version=user.version + 1)
        assert await service.stores.users.replace_user(left)
        assert (await eve.read())[0] == []
    await service.close()


async def test_a_console_can_follow(alice: Member) -> None:
    entries, cursor = await alice.read()
    assert (entries, cursor) == ([], 0)
    names = [await alice.begin() for _ in range(5)]
    entries, cursor = await alice.read(limit=3)
    assert [it["id"] for it in entries] == names[2:]
    older, _ = await alice.read(limit=3, before=entries[0]["sequence"])
    assert [it["id"] for it in older] == names[:2]
    assert await alice.read(after=cursor) == ([], cursor)
    later = await alice.begin()
    await alice.finish(names[0])
    entries, newest = await alice.read(after=cursor)
    assert [(it["id"], it["outcome"]) for it in entries] == [(later, "pending"), (names[0], "done")]
    first, middle = await alice.read(after=cursor, limit=1)
    rest, end = await alice.read(after=middle, limit=1)
    assert [it["id"] for it in first + rest] == [later, names[0]]
    assert end == newest


async def test_a_follower_of_a_journal_that_began_anew_begins_anew(alice: Member) -> None:
    name = await alice.begin()
    entries, cursor = await alice.read(after=10**6)
    assert (entries, cursor) == ([], 1)
    entries, _ = await alice.read(after=0)
    assert [it["id"] for it in entries] == [name]


async def test_clusters_are_read_apart(alice: Member) -> None:
    one, two = await alice.begin(cluster="one"), await alice.begin(cluster="two words")
    entries, cursor = await alice.read(cluster="two words")
    assert [it["id"] for it in entries] == [two]
    entries, _ = await alice.read(cluster="one", after=0)
    assert [it["id"] for it in entries] == [one]
    assert await alice.read(cluster="one", after=cursor) == ([], cursor)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"after": -1},
        {"after": "x"},
        {"after": 10**30},
        {"after": 1, "before": 2},
        {"cluster": "x" * 300},
        {"nonsense": 1},
    ],
)
async def test_a_query_that_makes_no_sense(alice: Member, query: Object) -> None:
    assert (await alice.get(**query)).status_code == 400


async def test_a_parameter_given_twice(alice: Member) -> None:
    answer = await alice.client.get("/journal?limit=1&limit=2", headers=alice.headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"id": "short"},
        {"id": "x" * 37},
        {"id": "../../etc/passwd-aaaaaaaaaaaa"},
        {"at": -1},
        {"at": "now"},
        {"verb": ""},
        {"summary": "x" * 1025},
        {"undo_of": "nothing"},
        {"before": []},
        {"outcome": "maybe"},
        {"duration": -1.0},
        {"unheard": "of"},
    ],
)
async def test_an_entry_that_makes_no_sense(alice: Member, change: Object) -> None:
    body = entry(**change)
    path = f"/journal/{new_id() if 'id' in change else body['id']}"
    answer = await alice.client.put(path, json=body, headers=alice.headers)
    assert answer.status_code == 400, answer.text
    assert (await alice.read())[0] == []


async def test_an_entry_under_another_path(alice: Member) -> None:
    body = entry()
    answer = await alice.client.put(f"/journal/{new_id()}", json=body, headers=alice.headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("depth", [1, 64, 65, 100, 500, 900, 5000, 40_000])
async def test_an_entry_nested_deeply_is_refused(alice: Member, depth: int) -> None:
    body = entry(before={"x": 1})
    deep = '{"a":' * depth + "1" + "}" * depth
    answer = await alice.client.put(
        f"/journal/{body['id']}",
        content=json.dumps(body).replace('{"x": 1}', deep),
        headers={**alice.headers, "content-type": "application/json"},
    )
    assert answer.status_code == (200 if depth <= 64 else 400)
    entries, _ = await alice.read()
    assert [it["id"] for it in entries] == ([body["id"]] if depth <= 64 else [])


@pytest.mark.parametrize("number", [2**70, -(2**63), 10**400, 1e300, 0.1])
async def test_numbers_are_kept_as_they_are(alice: Member, number: float) -> None:
    await alice.begin(before={"n": number})
    (found,), _ = await alice.read()
    assert found["before"] == {"n": number}


async def test_an_entry_has_a_largest_size(alice: Member) -> None:
    large = entry(before={"text": "x" * (255 << 10)})
    assert (await alice.put(large)).status_code == 200
    answer = await alice.put(entry(before={"text": "x" * (256 << 10)}))
    assert answer.status_code == 413
    answer = await alice.finish(large["id"], after={"text": "x" * (256 << 10)})
    assert answer.status_code == 413


async def test_an_answer_has_a_largest_size_and_the_rest_follows(alice: Member) -> None:
    names = [await alice.begin(before={"text": "x" * (250 << 10)}) for _ in range(20)]
    seen: list[str] = []
    cursor = 0
    while True:
        entries, cursor = await alice.read(after=cursor)
        if not entries:
            break
        assert len(json.dumps(entries)) < 5 << 20
        seen += [it["id"] for it in entries]
    assert seen == names
    newest, _ = await alice.read()
    assert 0 < len(newest) < 20
    assert newest[-1]["id"] == names[-1]


@pytest.mark.parametrize("field", ["before", "after", "plan"])
@pytest.mark.parametrize(
    "value",
    [
        {"kind": "Secret", "data": {"password": "c2VjcmV0"}},
        {"kind": "Secret", "stringData": {"password": "secret"}},
        {"kind": "Secret", "data": "c2VjcmV0"},
        {"kind": "List", "items": [{"kind": "Secret", "data": {"a": "c2VjcmV0"}}]},
    ],
)
async def test_values_of_secrets_are_not_taken(alice: Member, field: str, value: Object) -> None:
    assert (await alice.put(entry(**{field: value}))).status_code == 400
    masked = {"kind": "Secret", "data": {"password": None}, "type": "Opaque"}
    name = await alice.begin(**{field: masked})
    assert (await alice.finish(name, after=value)).status_code == 400
    assert (await alice.finish(name, after=masked)).status_code == 200


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
