"""Redis with client certificates, and what happens when the files are replaced under a server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authserver.config import ConfigError, check
from authserver.secretfile import InsecureFile
from authserver.stores import Stores, StoreUnavailable, open_stores
from tests.authserver.helpers import make_settings
from tests.authserver.tls import TlsRedis
from tests.certificates import Authority, replace

EVERYTHING = ("~leviathan-auth:*", "+@all", "-@admin", "-@dangerous", "+info")


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    directory = tmp_path_factory.mktemp("tls")
    server = TlsRedis(directory, Authority(directory), EVERYTHING)
    yield server
    server.close()


def stores_on(directory: Path, store: dict[str, Any]) -> Stores:
    return open_stores(make_settings(directory, users=store, sessions=store, journal=store))


def hang_up(redis: TlsRedis) -> None:
    with redis.client() as client:
        client.execute_command("CLIENT", "KILL", "USER", "auth", "SKIPME", "yes")


async def test_a_client_certificate_is_shown(tmp_path: Path, redis: TlsRedis) -> None:
    store = redis.store(tmp_path)
    async with stores_on(tmp_path, store) as stores:
        await stores.check_durability()
        await stores.users.ping()
        await stores.sessions.ping()
        await stores.journal.ping()
    without = store | {"certificate": None, "private_key": None}
    async with stores_on(tmp_path, without) as stores:
        with pytest.raises(StoreUnavailable, match="users: Redis: "):
            await stores.users.ping()


async def test_new_connections_use_the_certificates_of_that_moment(
    tmp_path: Path, redis: TlsRedis
) -> None:
    other = Authority(tmp_path, "other")
    async with stores_on(tmp_path, redis.store(tmp_path)) as stores:
        await stores.sessions.ping()
        with redis.client() as client:
            client.config_set("tls-ca-cert-file", str(other.file))
        hang_up(redis)
        with pytest.raises(StoreUnavailable, match="sessions: Redis: "):
            await stores.sessions.ping()
        other.write(tmp_path, "client")
        await stores.sessions.ping()


async def test_new_connections_use_the_password_of_that_moment(
    tmp_path: Path, redis: TlsRedis
) -> None:
    async with stores_on(tmp_path, redis.store(tmp_path)) as stores:
        await stores.sessions.ping()
        with redis.client() as client:
            client.execute_command("ACL", "SETUSER", "auth", "resetpass", ">another")
        hang_up(redis)
        with pytest.raises(StoreUnavailable) as caught:
            await stores.sessions.ping()
        assert str(caught.value) == "sessions: Redis refuses the user or password"
        replace(tmp_path / "password", b"another\n")
        await stores.sessions.ping()


@pytest.mark.parametrize("name", ["password", "client.key"])
async def test_files_that_others_can_read_are_refused(
    tmp_path: Path, redis: TlsRedis, name: str
) -> None:
    store = redis.store(tmp_path)
    async with stores_on(tmp_path, store) as stores:
        await stores.users.ping()
        (tmp_path / name).chmod(0o444)
        hang_up(redis)
        with pytest.raises(StoreUnavailable, match=f"users: .*{name}: mode 0444 lets others"):
            await stores.users.ping()
    with pytest.raises(InsecureFile, match=name):
        stores_on(tmp_path, store)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"private_key": None}, "sessions: certificate and private_key go together"),
        ({"certificate": None}, "sessions: certificate and private_key go together"),
        ({"url": "redis://localhost:1"}, "sessions.certificate: is for TLS"),
    ],
)
def test_settings_that_make_no_sense(
    tmp_path: Path, change: dict[str, None], sentence: str
) -> None:
    store = {
        "backend": "redis",
        "url": "rediss://localhost:1",
        "certificate": "client.crt",
        "private_key": "client.key",
    }
    with pytest.raises(ConfigError, match=sentence):
        check(make_settings(tmp_path, sessions=store | change))


async def test_a_server_that_is_not_believed_is_told_apart(tmp_path: Path, redis: TlsRedis) -> None:
    stranger = Authority(tmp_path, "stranger")
    store = redis.store(tmp_path, ca_file=str(stranger.file))
    async with stores_on(tmp_path, store) as stores:
        with pytest.raises(StoreUnavailable, match="users: Redis: no TLS: CERTIFICATE_VERIFY_FAIL"):
            await stores.users.ping()
