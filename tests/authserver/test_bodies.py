"""Attacks 13 to 19 and 26 on request bodies."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from authserver import strictjson
from authserver.bodies import LARGEST_BODY, LARGEST_DISCARD
from authserver.service import Service
from tests.authserver.helpers import PASSWORD, client_of, log_in

JSON = {"content-type": "application/json"}
GOOD = json.dumps({"username": "alice", "password": PASSWORD, "audience": "leviathan"})


async def post(client: httpx.AsyncClient, body: str | bytes, **headers: str) -> httpx.Response:
    return await client.post("/login", content=body, headers=JSON | headers)


async def test_the_good_body_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await post(client, GOOD)).status_code == 200
    charset = await post(client, GOOD, **{"content-type": "application/json; charset=utf-8"})
    assert charset.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        GOOD[:-1] + ', "username": "bob"}',
        GOOD[:-1] + ', "more": 1}',
        GOOD.replace('"leviathan"', "NaN"),
        GOOD.replace('"leviathan"', "1e999"),
        GOOD.replace('"leviathan"', "null"),
        GOOD.replace('"leviathan"', '["leviathan"]'),
        GOOD.replace(PASSWORD, "\\ud800"),
        "",
        "null",
        "[]",
        "{}",
        GOOD + GOOD,
        "\ufeff" + GOOD,
        GOOD.replace(PASSWORD, "raw\nline"),
    ],
)
async def test_a14_a16_bodies_with_two_meanings_or_none(
    client: httpx.AsyncClient, body: str
) -> None:
    answer = await post(client, body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"


async def test_a15_deep_json(client: httpx.AsyncClient) -> None:
    for deep in ("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000):
        answer = await post(client, deep)
        assert answer.status_code == 400
        assert "nested" in answer.json()["message"]


async def test_bytes_that_are_no_utf8(client: httpx.AsyncClient) -> None:
    assert (await post(client, GOOD.encode("utf-16"))).status_code == 400
    assert (await post(client, GOOD.encode().replace(b"alice", b"\xff"))).status_code == 400


def test_numbers_with_thousands_of_digits() -> None:
    with pytest.raises(strictjson.StrictJsonError):
        strictjson.loads(b"9" * 5000)


async def test_a13_a18_a_body_that_is_announced_too_large(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/verify", content=b"x", headers=JSON | {"content-length": str(LARGEST_BODY + 1)}
    )
    assert answer.status_code == 401  # not even read without a credential
    for length in (str(LARGEST_DISCARD + 1), "9" * 30):
        answer = await post(client, b"x", **{"content-length": length})
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"
    assert (await post(client, b"x" * (LARGEST_BODY + 1))).status_code == 413
    assert (await post(client, b"x" * LARGEST_BODY)).status_code == 400


async def test_a18_a_chunked_body_that_never_ends(client: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * LARGEST_DISCARD:
            sent += 65536
            yield b"x" * 65536

    answer = await client.post("/login", content=chunks(), headers=JSON)
    assert answer.status_code == 413
    assert sent <= LARGEST_DISCARD + 2 * 65536


async def test_another_encoding(client: httpx.AsyncClient) -> None:
    for headers in (
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-encoding": "gzip"},
    ):
        assert (await post(client, GOOD, **headers)).status_code == 415


async def test_a18_many_bodies_at_once_are_bounded_together(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authserver.bodies.LARGEST_SUM", 100_000)
    release = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 30_000
        await release.wait()

    async with client_of(service) as client:
        posts = [
            asyncio.create_task(client.post("/login", content=chunks(), headers=JSON))
            for _ in range(5)
        ]
        done, _waiting = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        first = done.pop().result()
        assert first.status_code == 503
        assert first.headers["retry-after"] == "2"
        release.set()
        statuses = [answer.status_code for answer in await asyncio.gather(*posts)]
        assert statuses.count(400) == 3
        assert (await post(client, GOOD)).status_code == 200


HOSTILE_NAMES = [
    "a\0b",
    "a\r\nb",
    "a\x1b[2J",
    "\u202eecila",
    "ali\u200bce",
    "ａｌｉｃｅ",
    "alicé",
    "alice\u0301",
    "ALİCE",
    "\u212aate",
    "",
    "a" * 65,
    "alice ",
    "system:admin",
    "a/b",
    "../alice",
    "a'--",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a19_hostile_names(service: Service, client: httpx.AsyncClient, name: str) -> None:
    before = service.hasher.computations
    answer = await log_in(client, name)
    assert answer.status_code == 400
    assert name not in answer.text or not name
    assert service.hasher.computations == before


async def test_a26_a_megabyte_of_password(service: Service, client: httpx.AsyncClient) -> None:
    before = service.hasher.computations
    for password in ("x" * 1_000_000, "x" * 1025, "é" * 600):
        assert (await log_in(client, password=password)).status_code in (400, 401)
    assert (await log_in(client, password="x" * 1_000_000)).status_code == 400
    assert service.hasher.computations == before + 1  # 600 letters fit, whatever they are
