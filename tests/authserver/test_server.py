"""The server as a process: sockets, signals, kills, and what it lets slip (attacks 13, 18 and 35)."""

import asyncio
import os
import re
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    RedisProcess,
    add_user,
    bearer,
    listening,
    log_in,
    make_certificate,
    make_service,
    make_settings,
    own_headers,
    refresh,
    session_of,
)
from tests.authserver.installation import Installation


@pytest.fixture
async def port(tmp_path: Path, clock: FakeClock) -> AsyncIterator[int]:
    """The port of a server."""
    settings = make_settings(tmp_path)
    service = make_service(settings, clock)
    await add_user(service)
    async with listening(service) as found:
        yield found


@pytest.fixture
async def hurried_port(tmp_path: Path, clock: FakeClock) -> AsyncIterator[int]:
    """The port of a server that does not wait long for bodies."""
    settings = make_settings(tmp_path, listen={"body_seconds": 0.1})
    async with listening(make_service(settings, clock)) as found:
        yield found


async def exchange(port: int, *parts: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    answer = await reader.read()
    writer.close()
    return answer


async def test_a18_a_body_that_never_comes(hurried_port: int) -> None:
    head = b"POST /login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    answer = await exchange(hurried_port, head + b"content-length: 50\r\n\r\n", b'{"username"')
    assert answer.startswith(b"HTTP/1.1 408 ")
    answer = await exchange(hurried_port, head + b"transfer-encoding: chunked\r\n\r\n", b"3\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a18_a_head_that_never_ends(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.protocol.HEAD_SECONDS", 0.1)
    assert await exchange(port) == b""
    assert await exchange(port, b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ") == b""
    # The second head on a connection has the same deadline as the first.
    whole = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
    answer = await exchange(port, whole, b"GET /healthz HTTP/1.1\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 1


async def test_a13_a_huge_token_in_a_header(port: int) -> None:
    head = b"GET /me HTTP/1.1\r\nhost: a\r\nauthorization: Bearer "
    answer = await exchange(port, head + b"e" * 40_000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    answer = await exchange(port, head + b"e" * 20_000 + b"\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    answer = await exchange(port, b"nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a13_a_huge_token_in_a_body(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        headers = await own_headers(client)
        huge = {"token": "e" * 10_000_000}
        answer = await client.post("/verify", json=huge, headers=headers)
        assert answer.status_code == 413
        large = await client.post("/verify", json={"token": "e" * 100_000}, headers=headers)
        assert large.status_code == 400
        assert (await client.get("/me", headers=headers)).status_code == 200


async def test_answers_say_nothing_about_the_software(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/healthz")
    assert "server" not in answer.headers
    assert "date" in answer.headers


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, audit={"path": "log/audit.jsonl"})
    (tmp_path / "log").mkdir()
    made.command("user", "add", "alice", "--groups", "viewers", typed=f"{PASSWORD}\n")
    yield made
    made.close()


async def test_a_restart_logs_nobody_out(installation: Installation) -> None:
    process, address = installation.start()
    async with httpx.AsyncClient(base_url=address) as client:
        session = await session_of(client)
    assert installation.stop(process) == -signal.SIGTERM
    process, address = installation.start()
    async with httpx.AsyncClient(base_url=address) as client:
        headers = bearer(session["access_token"])
        assert (await client.get("/me", headers=headers)).status_code == 200
        assert (await refresh(client, session["refresh_token"])).status_code == 200
    installation.stop(process)
    assert installation.output.count("Application shutdown complete") == 2
    assert "Traceback" not in installation.output


async def test_what_sqlite_acknowledged_survives_a_kill(installation: Installation) -> None:
    process, address = installation.start()
    acknowledged: dict[int, str] = {}
    rotations = 0

    async def keep_refreshing(client: httpx.AsyncClient, number: int, token: str) -> None:
        nonlocal rotations
        while True:
            acknowledged[number] = token
            try:
                answer = await refresh(client, token)
            except httpx.TransportError:
                return
            token = answer.json()["refresh_token"]
            rotations += 1
            if rotations == 100:
                process.kill()

    async with httpx.AsyncClient(base_url=address) as client:
        sessions = [await session_of(client) for _ in range(5)]
        await asyncio.gather(
            *(
                keep_refreshing(client, number, session["refresh_token"])
                for number, session in enumerate(sessions)
            )
        )
    assert rotations >= 100
    _process, address = installation.start()
    async with httpx.AsyncClient(base_url=address) as client:
        for token in acknowledged.values():
            assert (await refresh(client, token)).status_code == 200


async def test_a35_no_secret_in_logs_tracebacks_arguments_or_environment(
    installation: Installation,
) -> None:
    process, address = installation.start()
    async with httpx.AsyncClient(base_url=address) as client:
        session = await session_of(client)
        session = (await refresh(client, session["refresh_token"])).json()
        headers = await own_headers(client)
        body = {"password": PASSWORD, "label": "ci", "audiences": ["leviathan"]}
        made = (await client.post("/api-keys", json=body, headers=headers)).json()
        totp = await client.post("/totp/enrol", json={"password": PASSWORD}, headers=headers)
        wrong = "another secret that is wrong"
        await log_in(client, password=wrong)
        await log_in(client, wrong)
        await client.get("/me", headers=bearer(session["refresh_token"]))
        await client.get(f"/me?token={session['access_token']}")
        metrics = (await client.get("/metrics")).text
        seen = installation.shown(process)
        # Without its directory the log cannot be written: an error that nobody foresaw.
        shutil.rmtree(installation.directory / "log")
        broken = await log_in(client)
        assert broken.status_code == 500
        assert broken.json()["error"] == "internal_error"
    installation.stop(process)
    assert "Traceback" in installation.output
    seen += metrics.encode() + installation.output.encode() + broken.content
    assert b"alice" in seen
    assert b"authserver" in seen
    key = next(installation.directory.glob("keys/*.pem")).read_text().splitlines()[1]
    for secret in (
        PASSWORD,
        wrong,
        session["access_token"].rpartition(".")[2],
        session["refresh_token"].removeprefix("lvr_")[30:],
        session["snapshot_key"],
        made["api_key"].split("_", 2)[2],
        totp.json()["secret"],
        (installation.directory / "secret").read_text().strip(),
        key,
    ):
        assert secret.encode() not in seen


async def test_two_processes_over_one_redis_behave_as_one(
    tmp_path: Path, redis_server: RedisProcess
) -> None:
    store = {"backend": "redis", "url": redis_server.url, "prefix": f"two-{os.getpid()}:"}
    installation = Installation(tmp_path, users=store, sessions=store)
    try:
        installation.command("user", "add", "alice", typed=f"{PASSWORD}\n")
        (_one, first), (_two, second) = installation.start(), installation.start()
        async with (
            httpx.AsyncClient(base_url=first) as here,
            httpx.AsyncClient(base_url=second) as there,
        ):
            session = await session_of(here)
            answers = await asyncio.gather(
                *(refresh(client, session["refresh_token"]) for client in (here, there) * 20)
            )
            assert {answer.status_code for answer in answers} == {200}
            (child,) = {answer.json()["refresh_token"] for answer in answers}
            grandchild = (await refresh(there, child)).json()["refresh_token"]
            assert (await refresh(here, session["refresh_token"])).status_code == 401
            assert (await refresh(there, grandchild)).status_code == 401
            token = (await session_of(there))["access_token"]
            assert (await here.get("/me", headers=bearer(token))).status_code == 200
    finally:
        installation.close()


async def test_serves_tls(tmp_path: Path) -> None:
    certificate, _key = make_certificate(tmp_path)
    listen = {"port": 0, "certificate": "server.crt", "private_key": "server.key"}
    installation = Installation(tmp_path, listen=listen)
    try:
        installation.command("user", "add", "alice", typed=f"{PASSWORD}\n")
        process, address = installation.start()
        assert address.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(base_url=address, verify=context) as client:
            assert (await log_in(client)).status_code == 200
        installation.stop(process)
    finally:
        installation.close()


def test_the_first_start_prints_a_setup_code_and_no_password(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    try:
        process, _address = installation.start()
        installation.stop(process)
    finally:
        installation.close()
    assert len(re.findall(r"setup code: setup-\S{24}\n", installation.output)) == 1


async def test_the_code_that_init_printed_works_at_the_server_that_follows(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    try:
        (code,) = re.findall(r"setup code.*: (setup-\S{24})\n", installation.command("init"))
        process, address = installation.start()
        assert "setup-" not in installation.output
        assert "init makes a new one" in installation.output
        async with httpx.AsyncClient(base_url=address) as client:
            body = {"code": code, "username": "root", "password": PASSWORD}
            assert (await client.post("/setup", json=body)).status_code == 201
        installation.stop(process)
        process, _address = installation.start()
        installation.stop(process)
        assert installation.output.count("No users yet") == 1
    finally:
        installation.close()
