"""A backend of each sort, and what is kept in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.fleet.records import Pod
from leviathan_tui.backend.kube.entries import Cluster, User
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.backend import Backend
from leviathan_tui.backend.snapshots.file import FileBackend
from leviathan_tui.backend.snapshots.redis import RedisBackend
from leviathan_tui.backend.snapshots.sealing import Identity
from tests.authserver.helpers import RedisProcess

PODS = Scope("Pod")

TIMEOUT = 60.0
"""Seconds for an answer that does come."""


def make_target(server: str = "https://one.example", **changes: Any) -> Target:
    """Return a cluster that is never connected to."""
    return Target(
        context="test",
        cluster_name="test",
        user_name="dev",
        namespace="shop",
        cluster=Cluster(server=server, **changes),
        user=User(token="t"),
    )


def make_identity(*who: str, secret: bytes = b"k" * 32) -> Identity:
    """Return somebody."""
    return Identity(who or ("issuer", "ada", "viewers"), secret)


def make_pods(count: int, namespace: str = "shop") -> list[Pod]:
    """Return pods that look like real ones."""
    return [
        Pod(
            uid=f"uid-{namespace}-{number}",
            namespace=namespace,
            name=f"web-{number}",
            created=1_700_000_000 + number,
            labels={"app": "web"},
            status="Running",
            containers=("main",),
            ready=1,
            total=1,
        )
        for number in range(count)
    ]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A real redis-server."""
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


class Store:
    """A backend and a view beneath it: its entries by name, as somebody with access sees them."""

    def __init__(
        self,
        backend: Backend,
        names: Callable[[], list[str]],
        read: Callable[[str], bytes],
        write: Callable[[str, bytes], object],
    ) -> None:
        self.backend = backend
        self.names = names
        self.read = read
        self.write = write


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each backend in turn, empty."""
    if request.param == "file":
        folder = tmp_path / "snapshots"

        def path(name: str) -> Path:
            return folder / f"{name}.snapshot"

        yield Store(
            FileBackend(folder),
            lambda: sorted(found.stem for found in folder.glob("*.snapshot")),
            lambda name: path(name).read_bytes(),
            lambda name, entry: path(name).write_bytes(entry),
        )
        return
    server: RedisProcess = request.getfixturevalue("redis_server")
    client = server.client()
    client.flushall()
    prefix = "leviathan:snapshot:"

    def names() -> list[str]:
        found: list[bytes] = client.keys(f"{prefix}*")  # type: ignore[assignment]
        return sorted(key.decode().removeprefix(prefix) for key in found)

    def read(name: str) -> bytes:
        entry = client.get(prefix + name)
        assert isinstance(entry, bytes)
        return entry

    backend = RedisBackend(server.url)
    yield Store(
        backend,
        names,
        read,
        lambda name, entry: client.set(prefix + name, entry),
    )
    backend.close()
    client.close()
