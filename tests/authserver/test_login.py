"""Logins: attacks 20 to 27 and 33, and what a login gives."""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest

from authserver import people
from authserver.config import Settings
from authserver.names import NameRefused
from authserver.service import Service
from tests.authserver.helpers import (
    CHEAP,
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    bearer,
    client_of,
    log_in,
    make_service,
    make_settings,
    refresh,
    session_of,
)


async def test_a_login_gives_a_token_for_the_audience_asked_for(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    session = await session_of(each_client)
    claims = each.verifier.verify(session["access_token"], audience="leviathan")
    assert (claims.sub, claims.groups, claims.sid) == (
        "alice",
        ("viewers",),
        session["session_id"],
    )
    assert session["expires_at"] == clock.now + 600 == claims.exp
    assert session["expires_in"] == 600
    assert session["token_type"] == "Bearer"
    (line,) = [line for line in audit_lines(each) if line["action"] == "login"]
    assert (line["actor"], line["outcome"], line["from"]) == ("alice", "ok", "192.0.2.1")
    assert line["jti"] == claims.jti


async def test_an_audience_may_be_for_some_groups_only(
    service: Service, client: httpx.AsyncClient
) -> None:
    for audience in ("production", "nowhere"):
        answer = await log_in(client, audience=audience)
        assert (answer.status_code, answer.json()["error"]) == (403, "audience_refused")
    await people.set_groups(service, "alice", ["operators"])
    assert (await log_in(client, audience="production")).status_code == 200


async def test_a20_one_account_however_the_name_is_written(
    service: Service, client: httpx.AsyncClient
) -> None:
    session = await session_of(client, "ALICE")
    assert session["username"] == "alice"
    twin = people.new_user("Alice", "hash", (), 0)
    assert not await service.stores.users.create_user(twin)
    for name in ("ｂob", "bób", "bo\u0301b"):
        with pytest.raises(NameRefused):
            people.new_user(name, "hash", (), 0)


async def test_a20_a_password_in_either_normal_form(
    service: Service, client: httpx.AsyncClient
) -> None:
    composed, decomposed = "passw\u00f6rd with \u00e9", "passwo\u0308rd with e\u0301"
    await people.set_password_hash(service, "alice", await service.hasher.hash(composed))
    assert (await log_in(client, password=decomposed)).status_code == 200
    assert (await log_in(client, password=composed)).status_code == 200


async def test_a21_names_of_the_system_are_refused_when_made_and_when_signed(
    service: Service, client: httpx.AsyncClient
) -> None:
    with pytest.raises(NameRefused):
        people.new_user("system:admin", "hash", (), 0)
    with pytest.raises(NameRefused):
        people.new_user("eve", "hash", ("system:masters",), 0)
    with pytest.raises(NameRefused):
        await people.set_groups(service, "alice", ["system:masters"])
    user = await service.stores.users.user("alice")
    assert user is not None
    planted = msgspec.structs.replace(user, groups=("system:masters",), version=2)
    assert await service.stores.users.replace_user(planted)
    answer = await log_in(client)
    assert (answer.status_code, answer.json()["error"]) == (403, "identity_refused")
    assert "token" not in answer.json()


async def test_a22_the_same_answer_and_the_same_work_whoever_it_is(
    service: Service, client: httpx.AsyncClient
) -> None:
    await add_user(service, "bob")
    await people.set_disabled(service, "bob", disabled=True)
    answers = []
    for name, password in (("alice", "wrong"), ("nobody", "wrong"), ("bob", PASSWORD)):
        before = service.hasher.computations
        answers.append(await log_in(client, name, password=password))
        assert service.hasher.computations == before + 1
    first, *others = answers
    assert first.status_code == 401
    assert all(other.text == first.text for other in others)
    assert all(set(other.headers) == set(first.headers) for other in others)
    reasons = [line["reason"] for line in audit_lines(service)[-3:]]
    assert reasons == ["wrong password", "unknown user", "disabled"]


async def wrong(service: Service, name: str, address: str) -> httpx.Response:
    async with client_of(service, address) as client:
        return await log_in(client, name, password="wrong")


async def test_a23_guessing_at_one_user_has_to_wait_longer_and_longer(
    each: Service, clock: FakeClock
) -> None:
    for _ in range(5):
        assert (await wrong(each, "alice", "198.51.100.7")).status_code == 401
    waits = []
    for _ in range(12):
        answer = await wrong(each, "alice", "198.51.100.7")
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        clock.move(waits[-1])
        assert (await wrong(each, "alice", "198.51.100.7")).status_code == 401
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert (await log_in(client_of(each, "198.51.100.7"))).status_code == 429


async def test_a23_success_forgets_the_own_failures(each: Service) -> None:
    for _ in range(3):
        for _ in range(4):
            assert (await wrong(each, "alice", "198.51.100.7")).status_code == 401
        assert (await log_in(client_of(each, "198.51.100.7"))).status_code == 200


async def test_a23_guessing_at_many_users_from_one_network(each: Service) -> None:
    answers = [await wrong(each, f"user{number}", "198.51.100.7") for number in range(52)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * 50 + [429] * 2
    # The customer of an IPv6 provider has a /64 to change addresses in.
    answers = [await wrong(each, f"user{n}", f"2001:db8::{n:x}") for n in range(52)]
    assert [answer.status_code for answer in answers] == [401] * 50 + [429] * 2
    assert (await wrong(each, "user1", "2001:db8:0:1::1")).status_code == 401


async def test_a23_an_account_of_ones_own_does_not_wipe_out_the_guesses(each: Service) -> None:
    await add_user(each, "mallory")
    statuses = []
    for number in range(60):
        own = await log_in(client_of(each, "198.51.100.7"), "mallory")
        statuses += [own.status_code, (await wrong(each, f"u{number}", "198.51.100.7")).status_code]
    assert 429 in statuses


async def test_a23_parallel_guesses_are_counted_before_they_are_checked(each: Service) -> None:
    async with client_of(each) as client:
        answers = await asyncio.gather(*(log_in(client, password="wrong") for _ in range(40)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 5 + [429] * 35


async def test_a24_nobody_can_lock_somebody_else_out(each: Service) -> None:
    home = client_of(each, "192.0.2.1")
    session = await session_of(home)
    for number in range(40):
        await wrong(each, "alice", f"203.0.113.{number}")
    assert (await wrong(each, "alice", "203.0.113.200")).status_code == 429
    assert (await log_in(client_of(each, "203.0.113.201"))).status_code == 429
    assert (await log_in(home)).status_code == 200
    renewed = await refresh(client_of(each, "203.0.113.202"), session["refresh_token"])
    assert renewed.status_code == 200
    assert (
        await client_of(each, "203.0.113.7").get("/me", headers=bearer(session["access_token"]))
    ).status_code == 200


async def test_a25_a_forwarded_address_counts_only_from_a_trusted_proxy(
    tmp_path: Path, clock: FakeClock
) -> None:
    settings = make_settings(tmp_path, listen={"trusted_proxies": ["10.0.0.0/8"]})
    service = make_service(settings, clock)
    await add_user(service)

    async def seen(peer: str, *forwarded: str) -> str:
        headers = [("x-forwarded-for", value) for value in forwarded]
        body = {"username": "alice", "password": PASSWORD, "audience": "leviathan"}
        async with client_of(service, peer) as client:
            assert (await client.post("/login", json=body, headers=headers)).status_code == 200
        return audit_lines(service)[-1]["from"]

    assert await seen("192.0.2.9", "203.0.113.1") == "192.0.2.9"
    assert await seen("10.0.0.1", "203.0.113.1") == "203.0.113.1"
    assert await seen("10.0.0.1", "127.0.0.1, 203.0.113.1") == "203.0.113.1"
    assert await seen("10.0.0.1", "1.1.1.1, 203.0.113.1, 10.0.0.2") == "203.0.113.1"
    assert await seen("10.0.0.1", "1.1.1.1", "203.0.113.1") == "203.0.113.1"
    assert await seen("10.0.0.1", "evil\x00") == "10.0.0.1"
    assert await seen("10.0.0.1", "") == "10.0.0.1"
    await service.close()


async def test_a27_five_hundred_logins_at_once(tmp_path: Path, clock: FakeClock) -> None:
    settings = make_settings(
        tmp_path,
        passwords=CHEAP | {"waiting": 10},
        limits={"per_address": 10**6, "per_user_from_strangers": 10**6},
    )
    service = make_service(settings, clock)
    for number in range(500):
        user = people.new_user(f"user{number}", "hash", (), 0)
        assert await service.stores.users.create_user(user)
    highest = 0

    async def one(client: httpx.AsyncClient, number: int) -> httpx.Response:
        nonlocal highest
        answer = await log_in(client, f"user{number}")
        highest = max(highest, service.hasher.pending)
        return answer

    async with client_of(service) as client:
        answers = await asyncio.gather(*(one(client, number) for number in range(500)))
        busy = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {401, 503}
        assert {answer.headers["retry-after"] for answer in busy} == {"2"}
        assert highest <= 12
        assert service.hasher.pending == 0
        # Who was turned away has not failed: all five free attempts are left.
        turned_away = next(n for n, answer in enumerate(answers) if answer.status_code == 503)
        for _ in range(5):
            assert (await log_in(client, f"user{turned_away}")).status_code == 401
    await service.close()


async def test_a33_the_answer_tells_a_wrong_clock(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    session = await session_of(client)
    assert session["server_time"] == clock.now
    assert session["expires_at"] - session["server_time"] == session["expires_in"] == 600
    renewed = (await refresh(client, session["refresh_token"])).json()
    assert renewed["server_time"] == clock.now
    me = await client.get("/me", headers=bearer(session["access_token"]))
    assert me.json()["server_time"] == clock.now
    clock.move(-601)
    early = await client.get("/me", headers=bearer(session["access_token"]))
    assert early.status_code == 401
    assert audit_lines(service)[-1]["reason"] == "not valid yet"


async def test_a_hash_is_renewed_when_the_cost_rises(tmp_path: Path, clock: FakeClock) -> None:
    weak = make_service(make_settings(tmp_path), clock)
    before = await add_user(weak)
    await weak.close()
    dearer = CHEAP | {"memory_kib": 16, "passes": 2}
    strong = make_service(make_settings(tmp_path, passwords=dearer), clock)
    async with client_of(strong) as client:
        session = await session_of(client)
        after = await strong.stores.users.user("alice")
        assert after is not None
        assert "m=8,t=1" in before.password_hash
        assert "m=16,t=2" in after.password_hash
        assert after.epoch == before.epoch
        assert (await refresh(client, session["refresh_token"])).status_code == 200
        computations = strong.hasher.computations
        assert (await log_in(client)).status_code == 200
        assert strong.hasher.computations == computations + 1
    await strong.close()


async def test_the_first_user_is_made_with_the_one_time_code(
    both: Settings, clock: FakeClock
) -> None:
    empty = make_service(both, clock)
    old = await people.offer_setup_code(empty, replace=False)
    assert await people.offer_setup_code(empty, replace=False) is None
    code = await people.offer_setup_code(empty, replace=True)
    assert old
    assert code
    async with client_of(empty) as client:

        async def set_up(code: str, password: str = PASSWORD) -> int:
            body = {"code": code, "username": "root", "password": password}
            return (await client.post("/setup", json=body)).status_code

        assert await set_up("setup-guess") == 401
        assert await set_up(old) == 401
        assert await set_up(code, "short") == 400
        assert await set_up(code) == 201
        assert await set_up(code) == 401
        assert await people.offer_setup_code(empty, replace=True) is None
        session = await session_of(client, "root")
        assert session["groups"] == ["admins"]
    await empty.close()
