"""API keys, their exchange, and introspection (RFC 7662)."""

from typing import Any

import httpx
import pytest

from authserver import people
from authserver.service import Service
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    bearer,
    claims_at,
    own_headers,
    session_of,
    signed,
)


async def make_key(client: httpx.AsyncClient, headers: dict[str, str], **changes: Any) -> Any:
    body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]} | changes
    answer = await client.post("/api-keys", json=body, headers=headers)
    return answer.json() if answer.status_code == 201 else answer.status_code


async def exchange(
    client: httpx.AsyncClient, api_key: str, audience: str = "leviathan"
) -> httpx.Response:
    return await client.post("/token", json={"api_key": api_key, "audience": audience})


async def test_a_key_is_shown_once_and_gives_short_tokens(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    headers = await own_headers(each_client)
    made = await make_key(each_client, headers)
    answer = (await exchange(each_client, made["api_key"])).json()
    claims = each.verifier.verify(answer["access_token"], audience="leviathan")
    assert (claims.sub, claims.groups, claims.sid) == ("alice", ("viewers",), None)
    assert claims.exp - claims.iat == 600
    assert "refresh_token" not in answer
    listed = await each_client.get("/api-keys", headers=headers)
    assert [entry["id"] for entry in listed.json()["api_keys"]] == [made["entry"]["id"]]
    assert made["api_key"].split("_", 2)[2] not in listed.text
    lines = [line for line in audit_lines(each) if line["action"].startswith("api-key")]
    assert [line["action"] for line in lines] == ["api-key-create", "api-key"]
    assert lines[1]["jti"] == claims.jti
    assert {line["target"] for line in lines} == {made["entry"]["id"]}


async def test_a_key_is_made_only_with_the_password_and_within_the_users_rights(
    service: Service, client: httpx.AsyncClient
) -> None:
    headers = await own_headers(client)
    assert await make_key(client, headers, password="wrong") == 401
    assert await make_key(client, headers, audiences=["production"]) == 400
    assert await make_key(client, headers, audiences=["leviathan-auth"]) == 400
    assert await make_key(client, headers, audiences=["nowhere"]) == 400
    assert await make_key(client, headers, audiences=[]) == 400
    assert await make_key(client, headers, groups=["operators"]) == 400
    assert await make_key(client, headers, groups=["system:masters"]) == 400
    assert await make_key(client, headers, label="") == 400
    assert await make_key(client, headers, expires_in=1) == 400
    assert (await make_key(client, headers, groups=[]))["entry"]["groups"] == []


async def test_a_key_never_has_more_than_its_user_has_now(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    await people.set_groups(each, "alice", ["operators", "viewers"])
    headers = await own_headers(each_client)
    wide = await make_key(each_client, headers, audiences=["leviathan", "production"])
    narrow = await make_key(each_client, headers, groups=["viewers"])
    assert (await exchange(each_client, narrow["api_key"])).json()["groups"] == ["viewers"]
    assert (await exchange(each_client, narrow["api_key"], "production")).status_code == 403
    assert (await exchange(each_client, wide["api_key"], "production")).status_code == 200
    await people.set_groups(each, "alice", ["viewers", "admins"])
    assert (await exchange(each_client, wide["api_key"])).json()["groups"] == ["viewers"]
    assert (await exchange(each_client, wide["api_key"], "production")).status_code == 403
    await people.set_disabled(each, "alice", disabled=True)
    assert (await exchange(each_client, wide["api_key"])).status_code == 401


async def test_a_key_is_refused_when_wrong_expired_or_revoked(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    headers = await own_headers(each_client)
    made = await make_key(each_client, headers, expires_in=60)
    key, key_id = made["api_key"], made["entry"]["id"]
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), "lvk_", key.upper(), "", key + "A"):
        assert (await exchange(each_client, wrong)).status_code == 401
    assert (await exchange(each_client, key)).status_code == 200
    clock.move(60)
    assert (await exchange(each_client, key)).status_code == 401
    await add_user(each, "bob")
    bobs_headers = await own_headers(each_client, "bob")
    path = f"/api-keys/{key_id}"
    assert (await each_client.delete(path, headers=bobs_headers)).status_code == 404
    fresh = await make_key(each_client, headers)
    fresh_path = f"/api-keys/{fresh['entry']['id']}"
    assert (await each_client.delete(fresh_path, headers=headers)).status_code == 204
    assert (await exchange(each_client, fresh["api_key"])).status_code == 401
    assert (await each_client.delete(fresh_path, headers=headers)).status_code == 404


async def test_guessing_at_keys_is_limited_by_network(
    each: Service, each_client: httpx.AsyncClient
) -> None:
    guess = f"lvk_{'0' * 16}_{'A' * 43}"
    statuses = [(await exchange(each_client, guess)).status_code for _ in range(52)]
    assert statuses == [401] * 50 + [429] * 2


@pytest.fixture
async def introspector(service: Service, client: httpx.AsyncClient) -> dict[str, str]:
    await add_user(service, "gateway")
    made = await make_key(client, await own_headers(client, "gateway"), introspect=True)
    return bearer(made["api_key"])


async def test_introspection_tells_what_a_token_says(
    service: Service, client: httpx.AsyncClient, introspector: dict[str, str], clock: FakeClock
) -> None:
    session = await session_of(client)

    async def verify(token: str, **more: str) -> Any:
        body = {"token": token} | more
        as_json = await client.post("/verify", json=body, headers=introspector)
        as_form = await client.post("/verify", data=body, headers=introspector)
        assert as_json.status_code == as_form.status_code == 200
        assert as_json.json() == as_form.json()
        return as_json.json()

    active = await verify(session["access_token"], audience="leviathan")
    assert active["active"] is True
    assert active["sub"] == active["username"] == "alice"
    assert active["groups"] == ["viewers"]
    assert active["exp"] == clock.now + 600
    assert active["token_type"] == "Bearer"
    assert (await verify(session["access_token"]))["active"] is True
    inactive = {"active": False}
    assert await verify(session["access_token"], audience="production") == inactive
    assert await verify(session["refresh_token"]) == inactive
    assert await verify(signed(claims_at(clock.now))) == inactive
    assert await verify("") == inactive
    reasons = {line["reason"] for line in audit_lines(service) if line["action"] == "verify"}
    assert {"another audience", "unknown kid"} < reasons
    await client.post("/logout", json={"refresh_token": session["refresh_token"]})
    assert await verify(session["access_token"]) == inactive


async def test_introspection_is_not_for_everybody(
    service: Service, client: httpx.AsyncClient, introspector: dict[str, str]
) -> None:
    body = {"token": "x"}
    plain = await make_key(client, await own_headers(client))
    for headers in ({}, bearer("x"), bearer(plain["api_key"])):
        assert (await client.post("/verify", json=body, headers=headers)).status_code == 401
    own = await own_headers(client)
    assert (await client.post("/verify", json=body, headers=own)).status_code == 200
    # A key that may introspect is no access token.
    assert (await client.get("/me", headers=introspector)).status_code == 401


@pytest.mark.parametrize(
    "form", ["token=a&token=b", "token", "token=a&more=1", "token=%ff", "tok\xe9n=a", ""]
)
async def test_a14_forms_with_two_meanings_or_none(
    client: httpx.AsyncClient, introspector: dict[str, str], form: str
) -> None:
    headers = introspector | {"content-type": "application/x-www-form-urlencoded"}
    answer = await client.post("/verify", content=form.encode("latin-1"), headers=headers)
    assert answer.status_code == 400
