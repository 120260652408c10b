"""A server in memory of its own for each test, on SQLite, and on a real Redis where asked for."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver.config import Settings
from authserver.service import Service
from tests.authserver.helpers import (
    ISSUER,
    PASSWORD,
    FakeClock,
    RedisProcess,
    acl_rules,
    add_user,
    client_of,
    make_service,
    make_settings,
)
from tests.authserver.journalling import Member, member
from tests.authserver.shell import Shell

_prefixes = itertools.count()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A redis-server for all tests; each of them uses a prefix of its own."""
    directory = tmp_path_factory.mktemp("redis")
    server = RedisProcess(directory, "--user", "auth", "on", ">s3cret", *acl_rules("~*"))
    (directory / "password").touch(0o600)
    (directory / "password").write_text("s3cret\n")
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "redis"])
def store_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a store, for each backend in turn."""
    if request.param == "sqlite":
        return {"backend": "sqlite"}
    server: RedisProcess = request.getfixturevalue("redis_server")
    return {
        "backend": "redis",
        "url": server.url,
        # The store tests show that the commands which the documentation allows are enough.
        "username": "auth",
        "password_file": str(server.socket.with_name("password")),
        "prefix": f"test-{next(_prefixes)}:",
    }


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """On SQLite; a test that wants other settings makes its own with `make_settings`."""
    return make_settings(tmp_path)


@pytest.fixture
def both(tmp_path: Path, store_settings: dict[str, Any]) -> Settings:
    """On SQLite and then on Redis."""
    return make_settings(
        tmp_path, users=store_settings, sessions=store_settings, journal=store_settings
    )


@pytest.fixture
async def service(settings: Settings, clock: FakeClock) -> AsyncIterator[Service]:
    """A server on SQLite with the user alice."""
    made = make_service(settings, clock)
    await add_user(made)
    yield made
    await made.close()


@pytest.fixture
async def each(both: Settings, clock: FakeClock) -> AsyncIterator[Service]:
    """A server on SQLite and then on Redis, with the user alice."""
    made = make_service(both, clock)
    await add_user(made)
    yield made
    await made.close()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as made:
        yield made


@pytest.fixture
async def each_client(each: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(each) as made:
        yield made


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A fresh installation with the user alice."""
    monkeypatch.setenv("LEVIATHAN_AUTH_DEVELOPMENT", "true")
    monkeypatch.setenv("LEVIATHAN_AUTH_PASSWORDS__MEMORY_KIB", "8")
    monkeypatch.setenv("LEVIATHAN_AUTH_PASSWORDS__PASSES", "1")
    made = Shell(tmp_path / "auth", capsys, monkeypatch)
    directory = str(made.directory)
    made.ok("init", "--directory", directory, "--issuer", ISSUER, "--audience", "leviathan")
    made.ok("user", "add", "alice", "--groups", "viewers,operators", typed=f"{PASSWORD}\n")
    return made


@pytest.fixture
async def alice(each: Service, each_client: httpx.AsyncClient) -> Member:
    """Alice on her way to the journal of a server that has bob, an operator, and root as well."""
    await add_user(each, "bob", ("operators",))
    await add_user(each, "root", ("admins",))
    return await member(each_client)
