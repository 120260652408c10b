"""The commands that the documentation allows the ACL user are those that the server needs."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from authserver import people, totp
from authserver.auditstream import RedisAudit
from authserver.journal import Journal
from authserver.service import Caller, Service
from authserver.stores import scripts
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    acl_rules,
    client_of,
    make_service,
    make_settings,
    own_headers,
    refresh,
    session_of,
)
from tests.authserver.journalling import member
from tests.authserver.tls import TlsRedis
from tests.certificates import Authority


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    directory = tmp_path_factory.mktemp("acl")
    server = TlsRedis(directory, Authority(directory), acl_rules(), "--maxmemory", "16mb")
    yield server
    server.close()


def refused(redis: TlsRedis) -> list[tuple[str, str]]:
    """What the user wanted and did not get."""
    with redis.client() as client:
        found = client.execute_command("ACL", "LOG")
    return [(entry[b"reason"].decode(), entry[b"object"].decode()) for entry in found]


def used(redis: TlsRedis) -> set[str]:
    """The commands that were run since the start, those of scripts and of the test among them."""
    with redis.client() as client:
        found = client.info("commandstats")
    return {name.removeprefix("cmdstat_") for name, how in found.items() if how["calls"]}


async def test_all_that_a_server_does_is_allowed(
    tmp_path: Path, clock: FakeClock, redis: TlsRedis
) -> None:
    store = redis.store(tmp_path)
    settings = make_settings(tmp_path, users=store, sessions=store, journal=store, audit=store)
    service = make_service(settings, clock)
    await service.stores.check_durability()
    await service.audit.check_durability()
    assert refused(redis) == [("command", "config|get")]  # and INFO is asked instead
    async with client_of(service) as client:
        await set_up(service, client)
        await use_sessions(client)
        await use_api_keys(client)
        await use_second_factor(client, clock)
        await use_journal(client)
        assert (await client.get("/readyz")).status_code == 200
    await keep_up(service, clock)
    await end_users(service)
    await service.close()
    assert refused(redis) == [("command", "config|get")]
    allowed = {rule.removeprefix("+") for rule in acl_rules()[1:]}
    assert allowed - used(redis) == set(), "allowed and not needed"


async def set_up(service: Service, client: httpx.AsyncClient) -> None:
    code = await people.offer_setup_code(service, replace=True)
    assert await people.offer_setup_code(service, replace=False) is None
    assert await service.stores.users.setup_code_waits()
    body = {"code": code, "username": "alice", "password": PASSWORD}
    assert (await client.post("/setup", json=body)).status_code == 201
    assert await people.set_groups(service, "alice", ("viewers",))
    await service.stores.users.create_user(people.new_user("bob", "", (), service.now))
    assert len(await service.stores.users.users()) == 2


async def use_sessions(client: httpx.AsyncClient) -> None:
    session = await session_of(client)
    renewed = await refresh(client, session["refresh_token"])
    assert renewed.status_code == 200
    assert (await refresh(client, "lvr_x")).status_code == 401
    headers = await own_headers(client)
    listed = (await client.get("/sessions", headers=headers)).json()["sessions"]
    assert len(listed) == 2
    other = next(one["id"] for one in listed if not one["current"])
    assert (await client.delete(f"/sessions/{other}", headers=headers)).status_code == 204
    body = {"refresh_token": (await session_of(client))["refresh_token"]}
    assert (await client.post("/logout", json=body)).status_code == 204


async def use_api_keys(client: httpx.AsyncClient) -> None:
    headers = await own_headers(client)
    body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]}
    made = (await client.post("/api-keys", json=body, headers=headers)).json()
    body = {"api_key": made["api_key"], "audience": "leviathan"}
    assert (await client.post("/token", json=body)).status_code == 200
    assert len((await client.get("/api-keys", headers=headers)).json()["api_keys"]) == 1
    path = f"/api-keys/{made['entry']['id']}"
    assert (await client.delete(path, headers=headers)).status_code == 204


async def use_second_factor(client: httpx.AsyncClient, clock: FakeClock) -> None:
    headers = await own_headers(client)
    proof = {"password": PASSWORD}
    enrolled = (await client.post("/totp/enrol", json=proof, headers=headers)).json()
    secret = base64.b32decode(enrolled["secret"])
    body = {"code": totp.code(secret, int(clock.now) // totp.PERIOD)}
    assert (await client.post("/totp/confirm", json=body, headers=headers)).status_code == 204
    clock.move(60)
    body = proof | {"code": totp.code(secret, int(clock.now) // totp.PERIOD)}
    assert (await client.post("/totp/disable", json=body, headers=headers)).status_code == 204


async def use_journal(client: httpx.AsyncClient) -> None:
    alice = await member(client)
    assert (await alice.finish(await alice.begin())).status_code == 200
    for query in ({}, {"after": 0}, {"before": 9}, {"cluster": "prod"}):
        assert len((await alice.get(**query)).json()["entries"]) == 1


async def keep_up(service: Service, clock: FakeClock) -> None:
    for _ in range(4000):
        await service.record("test", "ok", Caller("192.0.2.1"), reason="x" * 250, more="x" * 250)
    service.refuse("login", Caller("192.0.2.1"))
    await service.refusals.flush(closing=True)
    await service.audit.maintain()
    assert isinstance(service.audit, RedisAudit)
    places = await service.audit.places()
    assert len(await service.audit.last(10, places)) == 10
    assert await service.audit.after(places) == []
    await service.stores.sessions.forgive(["none"])
    clock.move(500 * 86400)
    assert await Journal(service).trim() == 1
    await Journal(service).tell_trimmed()
    await service.stores.sessions.purge(clock.now)


async def end_users(service: Service) -> None:
    assert await people.set_disabled(service, "alice", disabled=True)
    assert await service.stores.users.delete_user("bob")


def test_every_command_of_a_script_is_allowed() -> None:
    allowed = {rule.removeprefix("+") for rule in acl_rules()[1:]}
    texts = [text for name, text in vars(scripts).items() if name.isupper()]
    pattern = r"p?call\('(\w+)'(?:, '(USAGE)')?"
    found = [words for text in texts for words in re.findall(pattern, text)]
    called = {"|".join(filter(None, words)).lower() for words in found}
    assert called
    assert called <= allowed
