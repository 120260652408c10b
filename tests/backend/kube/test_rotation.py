"""What is replaced while the console runs is read again."""

import asyncio
import os
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from yarl import URL

from leviathan_tui.backend.kube import kubeconfig, trust
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, Unauthorized
from leviathan_tui.backend.kube.stamps import Stamps
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import document, write
from tests.backend.kube.rig.proxies import FakeProxy, http_proxy, socks_proxy
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


async def test_a_pair_that_does_not_match_is_tried_once_until_a_file_changes(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    tried: list[bytes] = []
    load = trust.load_pair

    def counted(context: Any, certificate: bytes, key: bytes) -> None:
        tried.append(certificate)
        load(context, certificate, key)

    monkeypatch.setattr(trust, "load_pair", counted)
    first, second = Issued("first", AUTHORITY), Issued("second", AUTHORITY)
    (tmp_path / "c.crt").write_bytes(first.pem)
    (tmp_path / "c.key").write_bytes(first.key_pem())
    (tmp_path / "token").write_text("t")
    user = {"client-certificate": "c.crt", "client-key": "c.key", "tokenFile": "token"}
    async with client(write(tmp_path / "config", there(server), user)) as one:
        await one.read("/version")
        (tmp_path / "c.crt").write_bytes(second.pem)
        for _ in range(20):
            await one.read("/version")
        assert tried == [first.pem, second.pem]
        # Back to what it was, and on again.
        (tmp_path / "c.crt").write_bytes(first.pem)
        await one.read("/version")
        (tmp_path / "c.crt").write_bytes(second.pem)
        (tmp_path / "c.key").write_bytes(second.key_pem())
        await one.read("/version")
    assert [name_of(asked) for asked in server.asked] == ["first"] * 22 + ["second"]


@pytest.fixture(params=["http to socks5", "socks5 to http", "http to another http"])
def two_proxies(request: pytest.FixtureRequest) -> Iterator[tuple[str, FakeProxy, str, FakeProxy]]:
    """Two proxies, and the addresses under which they stand in a kubeconfig."""
    run = {"http": http_proxy, "socks5": socks_proxy, "another": http_proxy}
    first, second = request.param.split(" ")[0], request.param.split(" ")[2]
    with run[first]() as one, run[second]() as other:
        yield (
            f"{first}://127.0.0.1:{one.port}",
            one,
            f"{'http' if second == 'another' else second}://127.0.0.1:{other.port}",
            other,
        )


async def test_a_session_keeps_its_proxy_while_no_other_can_be_made(
    tmp_path: Path,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    two_proxies: tuple[str, FakeProxy, str, FakeProxy],
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    before, one, after, other = two_proxies
    direct = record_connections(server, one, other)
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    cluster = {"server": server.url, "certificate-authority": "ca.crt"}
    path = write(tmp_path / "config", {**cluster, "proxy-url": before})
    async with client(path) as reader:
        await reader.read("/version")
        (tmp_path / "ca.crt").unlink()
        write(path, {**cluster, "proxy-url": after})
        for _ in range(3):
            await reader.read("/version")
        assert (len(one.asked), len(other.asked), direct()) == (1, 0, 0)
        # The same authority as before: nothing but its coming back tells that the way can be made.
        (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
        await reader.read("/version")
        assert (len(one.asked), len(other.asked), direct()) == (1, 1, 0)


def record_connections(server: FakeServer, *proxies: FakeProxy) -> Callable[[], int]:
    """Return what counts the connections to a server that came through none of the proxies."""
    return lambda: server.connections - sum(len(one.asked) for one in proxies)


async def test_a_request_goes_the_way_that_its_session_was_made_for(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target is replaced between the lending and the sending."""
    with http_proxy() as proxy, socks_proxy() as socks:
        direct = record_connections(server, proxy, socks)
        cluster = {**there(server), "proxy-url": f"http://127.0.0.1:{proxy.port}"}
        path = write(tmp_path / "config", cluster)
        async with client(path) as one, one._transport.way() as way:
            write(path, {**there(server), "proxy-url": f"socks5://127.0.0.1:{socks.port}"})
            one._credentials._look(at_once=True)
            async with way.request("GET", URL(server.url)) as answer:
                assert answer.status == 200
        assert (len(proxy.asked), len(socks.asked), direct()) == (1, 0, 0)


async def test_another_name_of_the_server_is_verified_anew(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    path = write(tmp_path / "config", there(server))
    async with client(path) as one:
        await one.read("/version")
        write(path, {**there(server), "tls-server-name": "other.example"})
        with pytest.raises(KubeError, match="does not verify"):
            await one.read("/version")
        write(path, {**there(server), "tls-server-name": "127.0.0.1"})
        await one.read("/version")


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


async def test_a_server_that_is_no_longer_verified_is_not_taken_under_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    system = tmp_path / "system.crt"
    system.write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    with serving(Issued("api", AUTHORITY).server(tmp_path)) as server:
        for trusted in (there(server), {"server": server.url}):
            path = write(tmp_path / "config", trusted)
            async with client(path) as one:
                await one.read("/version")
                weaker = {"server": server.url, "insecure-skip-tls-verify": True}
                write(path, weaker, {"token": "later"})
                await one.read("/version")
                assert not one._credentials.target.warnings()
                # What is read of it afterwards is taken again.
                write(path, trusted, {"token": "last"})
                await one.read("/version")
        assert [bearer(asked) for asked in server.asked] == ["t", "t", "last"] * 2


async def test_a_pipe_is_read_once(tmp_path: Path, server: FakeServer) -> None:
    """The event loop would wait for ever for somebody who writes to it again."""
    pipes = {name: tmp_path / name for name in ("config", "ca.crt", "token")}
    for pipe in pipes.values():
        os.mkfifo(pipe)
    cluster = {"server": server.url, "certificate-authority": "ca.crt"}
    texts = {
        "config": yaml.safe_dump(document(cluster, {"tokenFile": "token"})).encode(),
        "ca.crt": AUTHORITY.pem,
        "token": b"t",
    }

    def give() -> None:
        # In the order in which they are read.
        for name in ("config", "token", "ca.crt"):
            pipes[name].write_bytes(texts[name])

    def free() -> None:
        stuck.append(True)
        for pipe in pipes.values():
            with suppress(OSError):
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))

    stuck: list[bool] = []
    giver = threading.Thread(target=give, daemon=True)
    giver.start()
    known = kubeconfig.load([pipes["config"]])
    one = KubeClient(kubeconfig.resolve(known, environment={}))
    writer = threading.Timer(20, free)
    writer.daemon = True
    writer.start()
    try:
        await one.read("/version")
        server.accepts = lambda asked: False
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await one.read("/version")
        assert kubeconfig.reloaded(known) is known
    finally:
        writer.cancel()
        await one.close()
    assert not stuck


@pytest.mark.parametrize("content", ["one", "two"])
def test_a_file_that_is_given_its_old_time_back_has_moved(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    stamps = Stamps()
    before = file.stat()
    stamps.moved([str(file)])
    while file.stat().st_ctime_ns == before.st_ctime_ns:
        file.write_text(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert stamps.moved([str(file)], at_once=True)
