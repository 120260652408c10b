"""Sessions: attacks 28 to 32, on both stores."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver import people
from authserver import refresh as chain
from authserver.config import Settings
from authserver.service import Service
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    bearer,
    client_of,
    log_in,
    make_service,
    make_settings,
    own_headers,
    refresh,
    session_of,
)


async def test_a_refresh_gives_new_tokens_for_the_same_or_another_audience(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    first = await session_of(each_client)
    clock.move(500)
    second = (await refresh(each_client, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["session_id"] == first["session_id"]
    assert each.verifier.verify(second["access_token"], audience="leviathan").exp == clock.now + 600
    third = (await refresh(each_client, second["refresh_token"], "leviathan-auth")).json()
    each.verifier.verify(third["access_token"], audience="leviathan-auth")
    refused = await refresh(each_client, third["refresh_token"], "production")
    assert (refused.status_code, refused.json()["error"]) == (403, "audience_refused")
    again = await refresh(each_client, third["refresh_token"])  # a refusal uses nothing up
    assert again.json()["audience"] == "leviathan"


async def test_a28_reuse_ends_the_whole_family(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    first = await session_of(each_client)
    second = (await refresh(each_client, first["refresh_token"])).json()
    third = (await refresh(each_client, second["refresh_token"])).json()
    stolen = await refresh(each_client, first["refresh_token"])
    assert stolen.status_code == 401
    assert (await refresh(each_client, third["refresh_token"])).status_code == 401
    reuse = [line for line in audit_lines(each) if line["action"] == "refresh-reuse"]
    assert [(line["actor"], line["session"]) for line in reuse] == [("alice", first["session_id"])]


async def test_a28_grace_gives_the_same_child_again_while_it_is_unused(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    first = await session_of(each_client)
    second = (await refresh(each_client, first["refresh_token"])).json()
    clock.move(60)
    repeated = await refresh(each_client, first["refresh_token"])
    assert repeated.json()["refresh_token"] == second["refresh_token"]
    third = await refresh(each_client, second["refresh_token"])
    assert third.status_code == 200
    # Now the child has been used: the grandparent's return is reuse, grace or not.
    assert (await refresh(each_client, first["refresh_token"])).status_code == 401
    assert (await refresh(each_client, third.json()["refresh_token"])).status_code == 401


async def test_a28_grace_ends_after_a_minute(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    # A store that has only just been started may have lost the first answer.
    while (await each.stores.sessions.started()).ago < 2:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.05)
    clock.now = float(int(time.time()))
    first = await session_of(each_client)
    second = (await refresh(each_client, first["refresh_token"])).json()
    clock.move(61)
    assert (await refresh(each_client, first["refresh_token"])).status_code == 401
    assert (await refresh(each_client, second["refresh_token"])).status_code == 401


async def test_a28_a_token_that_was_made_up_ends_nothing(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    current = (await refresh(each_client, session["refresh_token"])).json()["refresh_token"]
    for generation in (0, 1, 2, 2**32 - 1):
        forged = chain.RefreshToken(session["session_id"], generation, b"x" * 32)
        assert (await refresh(each_client, forged.text)).status_code == 401
    for broken in ("", "lvr_", current[:-1], current + "A", current.upper(), "lvr_" + "é" * 70):
        assert (await refresh(each_client, broken)).status_code == 401
    assert (await refresh(each_client, current)).status_code == 200


async def test_guessing_at_refresh_tokens_is_limited_by_network(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    forged = chain.RefreshToken(session["session_id"], 0, b"x" * 32).text
    statuses = [(await refresh(each_client, forged)).status_code for _ in range(52)]
    assert statuses == [401] * 50 + [429] * 2
    assert (await refresh(each_client, session["refresh_token"])).status_code == 200


async def test_a29_a_hundred_parallel_refreshes_have_one_child(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    answers = await asyncio.gather(
        *(refresh(each_client, session["refresh_token"]) for _ in range(100))
    )
    assert {answer.status_code for answer in answers} == {200}
    children = {answer.json()["refresh_token"] for answer in answers}
    assert len(children) == 1
    assert (await refresh(each_client, children.pop())).status_code == 200


async def test_a29_and_so_have_two_servers_over_one_store(
    both: Settings, each: Service, clock: FakeClock
) -> None:
    other = make_service(both, clock)
    async with client_of(each) as here, client_of(other) as there:
        session = await session_of(here)
        answers = await asyncio.gather(
            *(refresh(client, session["refresh_token"]) for client in (here, there) * 25)
        )
        assert {answer.status_code for answer in answers} == {200}
        (child,) = {answer.json()["refresh_token"] for answer in answers}
        grandchild = (await refresh(there, child)).json()["refresh_token"]
        assert (await refresh(here, session["refresh_token"])).status_code == 401  # reuse
        assert (await refresh(there, grandchild)).status_code == 401
        for number in range(5):
            await log_in((here, there)[number % 2], password="wrong")
        assert (await log_in(here, password="wrong")).status_code == 429
        assert (await log_in(there, password="wrong")).status_code == 429
    await other.close()


async def test_a30_a_disabled_user_is_refused_and_groups_are_read_again(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    await people.set_groups(each, "alice", ["operators", "viewers"])
    session = (await refresh(each_client, session["refresh_token"])).json()
    assert session["groups"] == ["operators", "viewers"]
    production = (await refresh(each_client, session["refresh_token"], "production")).json()
    await people.set_groups(each, "alice", [])
    fallen = await refresh(each_client, production["refresh_token"], "production")
    assert fallen.status_code == 403
    await people.set_disabled(each, "alice", disabled=True)
    assert (await refresh(each_client, production["refresh_token"])).status_code == 401
    me = await each_client.get("/me", headers=bearer(production["access_token"]))
    assert me.status_code == 401
    await people.set_disabled(each, "alice", disabled=False)
    assert (await refresh(each_client, production["refresh_token"])).status_code == 401
    assert (await log_in(each_client)).status_code == 200


async def test_a31_after_a_logout_the_refresh_token_is_dead(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client, audience="leviathan-auth")
    headers = bearer(session["access_token"])
    assert (await each_client.get("/sessions", headers=headers)).status_code == 200
    body = {"refresh_token": session["refresh_token"]}
    assert (await each_client.post("/logout", json=body)).status_code == 204
    assert (await refresh(each_client, session["refresh_token"])).status_code == 401
    assert (await each_client.get("/sessions", headers=headers)).status_code == 401
    assert (await each_client.post("/logout", json=body)).status_code == 204


async def test_a31_nobody_is_logged_out_by_a_token_that_was_made_up(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    session = await session_of(each_client)
    forged = chain.RefreshToken(session["session_id"], 0, b"x" * 32).text
    for text in (forged, "nonsense"):
        answer = await each_client.post("/logout", json={"refresh_token": text})
        assert answer.status_code == 204
    assert (await refresh(each_client, session["refresh_token"])).status_code == 200


async def test_a32_a_new_password_ends_every_session(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    sessions = [await session_of(each_client) for _ in range(3)]
    headers = await own_headers(each_client)

    async def change(current: str, new: str) -> int:
        body = {"current_password": current, "new_password": new}
        return (await each_client.post("/password", json=body, headers=headers)).status_code

    new = "another good password"
    assert await change("wrong", new) == 401
    assert await change(PASSWORD, "short") == 400
    assert await change(PASSWORD, "aaaaaaaaaaaaaa") == 400
    assert await change(PASSWORD, new) == 204
    for session in sessions:
        assert (await refresh(each_client, session["refresh_token"])).status_code == 401
    assert await change(new, PASSWORD) == 401  # with the old token
    assert (await log_in(each_client)).status_code == 401
    assert (await log_in(each_client, password=new)).status_code == 200


async def test_a32_a_session_that_was_opened_meanwhile_dies_too(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    """The sweep may miss a login that is under way; its session has the old epoch."""
    session = await session_of(each_client)
    kept = await each.stores.sessions.session(session["session_id"])
    assert kept is not None
    await people.set_password_hash(each, "alice", await each.hasher.hash(PASSWORD))
    await each.stores.sessions.open_session(kept)
    assert (await refresh(each_client, session["refresh_token"])).status_code == 401
    assert await each.stores.sessions.session(session["session_id"]) is None


async def test_a_password_cannot_be_guessed_from_within_a_session(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    headers = await own_headers(each_client)
    body = {"current_password": "wrong", "new_password": "another good password"}
    answers = [await each_client.post("/password", json=body, headers=headers) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_a_cluster_that_sees_a_token_cannot_use_it_on_the_account(
    client: httpx.AsyncClient,
) -> None:
    headers = bearer((await session_of(client, audience="leviathan"))["access_token"])
    assert (await client.get("/me", headers=headers)).status_code == 200
    session = "/sessions/" + "0" * 32
    for method, path in (
        ("GET", "/sessions"),
        ("DELETE", session),
        ("POST", "/password"),
        ("POST", "/totp/enrol"),
        ("POST", "/api-keys"),
        ("GET", "/api-keys"),
        ("POST", "/verify"),
    ):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 401


async def test_lists_and_ends_own_sessions_only(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    await add_user(each, "bob")
    bobs = await session_of(each_client, "bob")
    clock.move(5)
    other = await session_of(each_client)
    headers = await own_headers(each_client)
    listed = (await each_client.get("/sessions", headers=headers)).json()["sessions"]
    assert [entry["current"] for entry in listed].count(True) == 1
    assert other["session_id"] in {entry["id"] for entry in listed}
    assert bobs["session_id"] not in {entry["id"] for entry in listed}
    assert {entry["address"] for entry in listed} == {"192.0.2.1"}
    assert {tuple(entry["methods"]) for entry in listed} == {("pwd",)}

    async def end(session_id: str) -> int:
        answer = await each_client.delete(f"/sessions/{session_id}", headers=headers)
        return answer.status_code

    assert await end(bobs["session_id"]) == 404
    assert await end("nothing") == 404
    assert await end(other["session_id"]) == 204
    assert (await refresh(each_client, other["refresh_token"])).status_code == 401
    assert (await refresh(each_client, bobs["refresh_token"])).status_code == 200


async def test_a_session_ends_when_idle_and_at_its_latest(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    day = 86400
    idle = await session_of(client)
    clock.move(7 * day)
    assert (await refresh(client, idle["refresh_token"])).status_code == 401
    busy = await session_of(client)
    token = busy["refresh_token"]
    for _ in range(5):
        clock.move(6 * day - 1)
        answer = (await refresh(client, token)).json()
        token = answer["refresh_token"]
    assert answer["refresh_expires_at"] == busy["server_time"] + 30 * day
    clock.move(6)
    assert (await refresh(client, token)).status_code == 401


async def test_the_oldest_sessions_make_room(
    tmp_path: Path, clock: FakeClock, store_settings: dict[str, Any]
) -> None:
    settings = make_settings(
        tmp_path,
        tokens={"sessions_per_user": 2},
        users=store_settings,
        sessions=store_settings,
    )
    service = make_service(settings, clock)
    await add_user(service)
    async with client_of(service) as client:
        sessions = []
        for _ in range(3):
            sessions.append(await session_of(client))
            clock.move(1)
        statuses = [
            (await refresh(client, session["refresh_token"])).status_code for session in sessions
        ]
    assert statuses == [401, 200, 200]
    await service.close()


def test_old_tokens_are_told_from_forged_ones_however_long_ago() -> None:
    key = b"k" * 32
    token = first = chain.first_token()
    for _ in range(chain.LONGEST_WALK):
        token = token.child(key)
    assert first.leads_to(token.digest, token.generation, key)
    assert not first.leads_to(token.digest, token.generation, b"x" * 32)
    beyond = token.child(key)
    assert not first.leads_to(beyond.digest, beyond.generation, key)
    assert not token.leads_to(first.digest, first.generation, key)
    assert chain.parse(token.text) == token
    assert "secret" not in repr(token)


@pytest.mark.parametrize("other", ["issuer", "user", "groups"])
async def test_a42_the_snapshot_key_is_one_persons_own(
    service: Service, client: httpx.AsyncClient, clock: FakeClock, tmp_path: Path, other: str
) -> None:
    await add_user(service, "bob")
    first = await session_of(client)
    again = (await refresh(client, first["refresh_token"])).json()
    assert again["snapshot_key"] == first["snapshot_key"]
    assert len(first["snapshot_key"]) == 43
    if other == "issuer":
        changed = service.secret.snapshot_key("https://other.example", "alice", ("viewers",))
    elif other == "user":
        changed = (await session_of(client, "bob"))["snapshot_key"]
    else:
        await people.set_groups(service, "alice", ["viewers", "operators"])
        changed = (await refresh(client, again["refresh_token"])).json()["snapshot_key"]
    assert changed != first["snapshot_key"]
    one, two = ("a", "b"), ("b", "a", "b")
    assert service.secret.snapshot_key("i", "u", one) == service.secret.snapshot_key("i", "u", two)
