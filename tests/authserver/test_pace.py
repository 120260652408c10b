"""How many tokens a session or an API key gets in a minute."""

import httpx

from authserver.pace import Pace
from authserver.service import Service
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    audit_lines,
    own_headers,
    refresh,
    session_of,
)


async def test_a_session_that_refreshes_too_often_has_to_wait(
    service: Service, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    session, other = await session_of(client), await session_of(client)
    first = token = session["refresh_token"]
    for _ in range(120):
        answer = await refresh(client, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    answer = await refresh(client, token)
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "1"
    assert (await refresh(client, other["refresh_token"])).status_code == 200
    refused = [line for line in audit_lines(service) if line["outcome"] == "refused"]
    assert [(line["action"], line["reason"]) for line in refused] == [
        ("refresh", "too many requests")
    ]
    clock.move(1)
    answer = await refresh(client, token)  # the refusal has used nothing up
    assert answer.status_code == 200
    # Nobody hides the second use of a token behind the pace.
    for _ in range(5):
        await refresh(client, token)
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, answer.json()["refresh_token"])).status_code == 401


async def test_an_api_key_that_is_exchanged_too_often_has_to_wait(
    client: httpx.AsyncClient, clock: FakeClock
) -> None:
    headers = await own_headers(client)
    body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]}
    keys = [
        (await client.post("/api-keys", json=body, headers=headers)).json()["api_key"]
        for _ in range(2)
    ]

    async def exchange(key: str) -> int:
        body = {"api_key": key, "audience": "leviathan"}
        return (await client.post("/token", json=body)).status_code

    assert {await exchange(keys[0]) for _ in range(120)} == {200}
    assert await exchange(keys[0]) == 429
    assert await exchange(keys[1]) == 200
    clock.move(1)
    assert await exchange(keys[0]) == 200


def test_whoever_has_waited_long_enough_is_forgotten() -> None:
    clock = FakeClock()
    pace = Pace(60, clock)
    for number in range(1000):
        assert pace.wait(f"session{number}") == 0
    assert pace.wait("busy", 60) == 0
    assert pace.wait("indebted", 180) == 0
    clock.move(60)
    assert pace.wait("busy", 60) == 0
    assert set(pace._buckets) == {"busy", "indebted"}
    assert pace.wait("indebted") == 61
