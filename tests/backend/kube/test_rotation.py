"""What is replaced while the console runs is read again (ATTACKS 66)."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, Unauthorized
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import document, write
from tests.backend.kube.rig.servers import Asked, FakeServer, serving

AUTHORITY = Issued("authority", authority=True)


@pytest.fixture(params=[0.0, 3600.0], ids=["by its time", "by a 401"])
def looks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How long nobody looks at the files: not at all, or until the server says 401."""
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", request.param)
    return float(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    tls = Issued("api", AUTHORITY).server(tmp_path, clients=AUTHORITY)
    with serving(tls) as fake:
        yield fake


def there(server: FakeServer) -> dict[str, Any]:
    data = b64encode(AUTHORITY.pem).decode()
    return {"server": server.url, "certificate-authority-data": data}


@asynccontextmanager
async def client(path: Path) -> AsyncIterator[KubeClient]:
    one = KubeClient(kubeconfig.resolve(kubeconfig.load([path]), environment={}))
    try:
        yield one
    finally:
        await one.close()


def bearer(asked: Asked) -> str:
    return (asked.header("authorization") or "").removeprefix("Bearer ")


def name_of(asked: Asked) -> str:
    subject = asked.certificate["subject"] if asked.certificate else ()
    return str({key: value for ((key, value),) in subject}.get("commonName", ""))


async def test_a_token_file(tmp_path: Path, server: FakeServer, looks: float) -> None:
    (tmp_path / "token").write_text("one")
    path = write(tmp_path / "config", there(server), {"tokenFile": "token"})
    async with client(path) as one:
        await one.read("/version")
        (tmp_path / "token").write_text("second\n")
        server.accepts = lambda asked: bearer(asked) == "second"
        await one.read("/version")


async def test_a_token_in_the_kubeconfig(tmp_path: Path, server: FakeServer, looks: float) -> None:
    path = write(tmp_path / "config", there(server), {"token": "one"})
    async with client(path) as one:
        await one.read("/version")
        write(path, there(server), {"token": "second"})
        server.accepts = lambda asked: bearer(asked) == "second"
        await one.read("/version")


@pytest.mark.parametrize("how", ["files", "data"])
async def test_a_client_certificate(
    tmp_path: Path, server: FakeServer, looks: float, how: str
) -> None:
    path = tmp_path / "config"

    def renew(name: str) -> None:
        client = Issued(name, AUTHORITY)
        (tmp_path / "c.crt").write_bytes(client.pem)
        (tmp_path / "c.key").write_bytes(client.key_pem())
        user = {"client-certificate": "c.crt", "client-key": "c.key"}
        if how == "data":
            user = {
                "client-certificate-data": b64encode(client.pem).decode(),
                "client-key-data": b64encode(client.key_pem()).decode(),
            }
        write(path, there(server), user)

    renew("first")
    async with client(path) as one:
        await one.read("/version")
        renew("second one")
        server.accepts = lambda asked: name_of(asked) == "second one"
        await one.read("/version")
    assert name_of(server.asked[0]) == "first"


async def test_a_certificate_whose_key_comes_later(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    first, second = Issued("first", AUTHORITY), Issued("second", AUTHORITY)
    (tmp_path / "c.crt").write_bytes(first.pem)
    (tmp_path / "c.key").write_bytes(first.key_pem())
    user = {"client-certificate": "c.crt", "client-key": "c.key"}
    async with client(write(tmp_path / "config", there(server), user)) as one:
        await one.read("/version")
        (tmp_path / "c.crt").write_bytes(second.pem)
        await one.read("/version")
        (tmp_path / "c.key").write_bytes(second.key_pem())
        await one.read("/version")
    assert [name_of(asked) for asked in server.asked] == ["first", "first", "second"]


async def test_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    other = Issued("other", authority=True)
    with (
        serving(Issued("api", AUTHORITY).server(tmp_path)) as server,
        serving(Issued("api", other).server(tmp_path)) as renewed,
    ):
        (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
        cluster = {"server": server.url, "certificate-authority": "ca.crt"}
        async with client(write(tmp_path / "config", cluster)) as one:
            await one.read("/version")
            (tmp_path / "ca.crt").write_bytes(other.pem)
            with pytest.raises(KubeError, match="does not verify"):
                await one.read("/version")
        cluster["server"] = renewed.url
        async with client(write(tmp_path / "config", cluster)) as one:
            await one.read("/version")


async def test_what_is_under_way_goes_on_when_the_certificate_changes(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    user = {"client-certificate": "c.crt", "client-key": "c.key"}

    def renew(name: str) -> None:
        client = Issued(name, AUTHORITY)
        (tmp_path / "c.crt").write_bytes(client.pem)
        (tmp_path / "c.key").write_bytes(client.key_pem())

    renew("first")
    async with client(write(tmp_path / "config", there(server), user)) as one:
        async with one.request("GET", "/version") as under_way:
            renew("second")
            await one.read("/version")
            assert b"v1.37.2" in await under_way.content.read()
        sessions = one._transport._users
        assert not sessions


@pytest.mark.parametrize(
    "broken", ["", "not: [", "[]", "contexts: []", "current-context: it\nclusters: 5"]
)
async def test_a_kubeconfig_that_is_half_written_changes_nothing(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    path = write(tmp_path / "config", there(server))
    async with client(path) as one:
        await one.read("/version")
        path.write_text(broken)
        await one.read("/version")
        path.unlink()
        await one.read("/version")
        write(path, there(server), {"token": "later"})
        await one.read("/version")
    assert [bearer(asked) for asked in server.asked] == ["t", "t", "t", "later"]


async def test_another_server_is_not_taken_under_the_same_rows(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    path = write(tmp_path / "config", there(server))
    async with client(path) as one:
        await one.read("/version")
        write(path, {**there(server), "server": "https://127.0.0.1:1"}, {"token": "of the other"})
        await one.read("/version")
    assert [bearer(asked) for asked in server.asked] == ["t", "t"]


@pytest.mark.parametrize(
    "somebody_else",
    [
        {"token": "t", "as": "bob"},
        {"token": "t", "as": "alice", "as-groups": ["g"]},
        {"username": "bob", "password": "p"},
    ],
)
async def test_somebody_else_is_not_taken_under_the_same_rows(
    tmp_path: Path,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    somebody_else: dict[str, Any],
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    path = write(tmp_path / "config", there(server), {"token": "t", "as": "alice"})
    async with client(path) as one:
        await one.read("/version")
        write(path, there(server), somebody_else)
        await one.read("/version")
    assert [asked.header("impersonate-user") for asked in server.asked] == ["alice", "alice"]
    assert not any(asked.header("impersonate-group") for asked in server.asked)


async def test_a_refusal_without_anything_new_is_asked_once(
    tmp_path: Path, server: FakeServer
) -> None:
    server.accepts = lambda asked: False
    async with client(write(tmp_path / "config", there(server))) as one:
        with pytest.raises(Unauthorized):
            await one.read("/version")
    assert len(server.asked) == 1


async def test_a_context_that_is_new_is_there_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document({"server": "https://api"})))
    known = kubeconfig.load([path])
    assert await asyncio.to_thread(kubeconfig.reloaded, known) is known
    more = document({"server": "https://api"})
    more["contexts"].append({"name": "new", "context": {"cluster": "there", "user": "me"}})
    path.write_text(yaml.safe_dump(more))
    assert list(kubeconfig.reloaded(known).contexts) == ["it", "new"]
    path.write_text("not: [")
    assert kubeconfig.reloaded(known) is known
