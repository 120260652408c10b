"""The team's journal over HTTP: who writes, and who reads what."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from authserver.service import Service
from tests.authserver.helpers import (
    FakeClock,
    RedisProcess,
    add_user,
    audit_lines,
    bearer,
    client_of,
    make_service,
    make_settings,
    session_of,
)
from tests.authserver.journalling import Member, Object, entry, member, new_id


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
