"""A server that is started while its stores are away, refused or unsafe."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.authserver.helpers import PASSWORD, RedisProcess, log_in
from tests.authserver.installation import Installation
from tests.authserver.test_redis_tls import EVERYTHING
from tests.authserver.tls import TlsRedis
from tests.certificates import Authority, replace


@contextmanager
def installed(directory: Path, **changes: Any) -> Iterator[Installation]:
    """An installation whose settings are those of production."""
    made = Installation(directory, passwords={}, development=False, **changes)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


def on(redis: RedisProcess) -> dict[str, Any]:
    return {"backend": "redis", "url": redis.url}


async def until_ready(client: httpx.AsyncClient) -> None:
    while (await client.get("/readyz")).status_code != 200:
        pass


async def test_keys_are_served_before_the_stores_answer(
    tmp_path: Path, redis: RedisProcess
) -> None:
    redis.kill()
    with installed(tmp_path, users=on(redis), sessions=on(redis)) as installation:
        process, address = installation.start()
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            for path in ("/jwks", "/.well-known/openid-configuration", "/healthz"):
                assert (await client.get(path)).status_code == 200
            for answer in (await log_in(client), await client.get("/readyz")):
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            redis.start()
            await until_ready(client)
            assert (await log_in(client)).status_code == 401
        installation.stop(process)
        for store in ("users", "sessions"):
            assert installation.output.count(f"not ready: {store}: Redis: ConnectionError") == 1
            assert installation.output.count(f"{store}: the store answers") == 1
        assert installation.output.count("One-time setup code: setup-") == 1


@pytest.mark.parametrize("away", [False, True])
def test_an_unsafe_redis_ends_the_server_whenever_it_is_found_out(
    tmp_path: Path, redis: RedisProcess, away: bool
) -> None:
    directory = redis.socket.parent
    redis.kill()
    with installed(tmp_path, sessions=on(redis)) as installation:
        unsafe = None if away else RedisProcess(directory, "--appendfsync", "everysec")
        try:
            if unsafe is None:
                process, _address = installation.start()
                unsafe = RedisProcess(directory, "--appendfsync", "everysec")
                output, _ = process.communicate(timeout=60)
                assert process.returncode == 1
            else:
                with pytest.raises(AssertionError) as caught:
                    installation.start()
                output = str(caught.value)
                assert "running on" not in output
            assert "leviathan-auth: redis: appendfsync is everysec; set" in output
            assert "Traceback" not in output
        finally:
            if unsafe is not None:
                unsafe.close()


async def test_a_password_that_is_put_right_later(tmp_path: Path) -> None:
    redis = TlsRedis(tmp_path, Authority(tmp_path), EVERYTHING)
    store = redis.store(tmp_path)
    replace(tmp_path / "password", b"wrong\n")
    try:
        with installed(tmp_path, users=store, sessions=store) as installation:
            process, address = installation.start()
            async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                assert (await log_in(client)).status_code == 503
                assert (await client.get("/jwks")).status_code == 200
                replace(tmp_path / "password", b"s3cret\n")
                await until_ready(client)
                assert (await log_in(client)).status_code == 401
            installation.stop(process)
            assert "sessions: Redis refuses the user or password\n" in installation.output
            assert "s3cret" not in installation.output
    finally:
        redis.close()


async def test_a_journal_that_is_away_holds_up_nobody_elses_login(
    tmp_path: Path, redis: RedisProcess
) -> None:
    redis.kill()
    with installed(tmp_path, journal=on(redis)) as installation:
        installation.command("user", "add", "alice", typed=f"{PASSWORD}\n")
        _process, address = installation.start()
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            answer = await log_in(client, audience="leviathan-auth")
            assert answer.status_code == 200
            headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await client.get("/journal", headers=headers)).status_code == 503
            assert (await client.get("/readyz")).status_code == 200


def test_a_file_that_cannot_be_opened_ends_the_server(tmp_path: Path) -> None:
    with installed(tmp_path, sessions={"path": "missing/auth.db"}) as installation:
        with pytest.raises(AssertionError) as caught:
            installation.start()
        assert "leviathan-auth: sessions: " in str(caught.value)
        assert "unable to open" in str(caught.value) or "No such file" in str(caught.value)
