"""TOTP: attack 38, enrolment, and the vectors of RFC 6238."""

import base64

import httpx
import pytest

from authserver import totp
from authserver.service import Service
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    client_of,
    log_in,
    own_headers,
    session_of,
)


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238(time: int, code: str) -> None:
    assert totp.code(b"12345678901234567890", time // 30) == code
    assert totp.matching_step(b"12345678901234567890", code, time) == time // 30


def test_a_code_is_good_one_step_early_and_late() -> None:
    secret, now = b"s" * 20, 3_000_000.0
    code = totp.code(secret, 100_000)
    accepted = [totp.matching_step(secret, code, now + 30 * step) for step in range(-2, 3)]
    assert accepted == [None, 100_000, 100_000, 100_000, None]
    for text in ("", "12345", "1234567", "abcdef", "１２３４５６", code + "\n"):
        assert totp.matching_step(secret, text, now) is None
    assert totp.matching_step(secret, f"{code[:3]} {code[3:]}", now) == 100_000


async def enrol(client: httpx.AsyncClient, clock: FakeClock, name: str = "alice") -> bytes:
    """Set up a second factor and return its secret."""
    headers = await own_headers(client, name)
    answer = await client.post("/totp/enrol", json={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 200
    text = answer.json()["secret"]
    assert f"secret={text}" in answer.json()["uri"]
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    code = totp.code(secret, int(clock.now) // 30)
    confirmed = await client.post("/totp/confirm", json={"code": code}, headers=headers)
    assert confirmed.status_code == 204
    clock.move(90)
    return secret


def now_code(secret: bytes, clock: FakeClock) -> str:
    return totp.code(secret, int(clock.now) // 30)


async def test_a_login_needs_the_code(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    secret = await enrol(each_client, clock)
    without = await log_in(each_client)
    assert (without.status_code, without.json()["error"]) == (401, "totp_required")
    # Only who knows the password learns that there is a second factor.
    wrong = await log_in(each_client, password="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_credentials")
    session = await session_of(each_client, totp=now_code(secret, clock))
    listed = await each.stores.sessions.session(session["session_id"])
    assert listed is not None
    assert listed.methods == ("pwd", "otp")


async def test_a38_a_code_is_good_for_one_login(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    secret = await enrol(each_client, clock)
    code = now_code(secret, clock)
    assert (await log_in(each_client, totp=code)).status_code == 200
    replayed = await log_in(each_client, totp=code)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_credentials")
    async with client_of(each, "198.51.100.9") as elsewhere:
        assert (await log_in(elsewhere, totp=code)).status_code == 401
    clock.move(30)
    assert (await log_in(each_client, totp=now_code(secret, clock))).status_code == 200


async def test_a38_five_tries(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    secret = await enrol(each_client, clock)
    right = now_code(secret, clock)
    wrong = str((int(right) + 500_000) % 10**6).zfill(6)
    statuses = []
    for number in range(6):
        async with client_of(each, f"198.51.100.{number}") as client:
            statuses.append((await log_in(client, totp=wrong)).status_code)
    assert statuses == [401] * 5 + [429]
    held = await log_in(each_client, totp=right)
    assert held.status_code == 429
    assert int(held.headers["retry-after"]) == 60
    clock.move(60)
    assert (await log_in(each_client, totp=now_code(secret, clock))).status_code == 200
    reasons = [line["reason"] for line in audit_lines(each) if line["action"] == "totp-check"]
    assert reasons == ["wrong or used code"] * 5


async def test_enrolment_asks_for_the_password_and_counts_once_confirmed(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    headers = await own_headers(each_client)

    async def post(path: str, **body: str) -> int:
        answer = await each_client.post(f"/totp/{path}", json=body, headers=headers)
        return answer.status_code

    assert await post("confirm", code="123456") == 400
    assert await post("enrol", password="wrong") == 401
    assert await post("enrol", password=PASSWORD) == 200
    assert (await log_in(each_client)).status_code == 200  # not confirmed, not asked for
    assert await post("confirm", code="abcdef") == 401
    secret = await enrol(each_client, clock)
    assert await post("enrol", password=PASSWORD) == 409
    assert await post("disable", password=PASSWORD, code="000000") in (401, 204)
    clock.move(300)
    assert await post("disable", password="wrong", code=now_code(secret, clock)) == 401
    assert await post("disable", password=PASSWORD, code=now_code(secret, clock)) == 204
    assert (await log_in(each_client)).status_code == 200
    assert await post("disable", password=PASSWORD, code="123456") == 400


async def test_a_sealed_secret_opens_for_its_owner_only(service: Service) -> None:
    sealed = service.secret.seal(b"secret", "alice")
    assert service.secret.unseal(sealed, "alice") == b"secret"
    assert service.secret.unseal(sealed, "bob") is None
    assert service.secret.unseal("nonsense", "alice") is None
    assert service.secret.unseal("", "alice") is None
    assert sealed != service.secret.seal(b"secret", "alice")


async def test_me_tells_whether_there_is_one(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    headers = await own_headers(client)
    me = (await client.get("/me", headers=headers)).json()
    assert me["username"] == "alice"
    assert me["audiences"] == ["leviathan", "leviathan-auth"]
    assert "totp_enabled" in me
    assert me["totp_enabled"] is False
    await enrol(client, clock)
    assert (await client.get("/me", headers=headers)).json()["totp_enabled"] is True
    await add_user(service, "bob")
    assert (await log_in(client, "bob")).status_code == 200
