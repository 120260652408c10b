"""Clusters and sandboxes for the tests."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from leviathan_sandbox import ManualClock, Sandbox
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.fleet import populate


def new_cluster(apps: int = 0, *, live: bool = True) -> Cluster:
    """A cluster without a server, on a clock that stands still."""
    cluster = Cluster(ManualClock(), live=live, pace=1.0, seed=1, window=1000)
    populate(cluster, apps)
    return cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = new_cluster()
    yield made
    assert made.manager.failures == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=0, pace=0.1) as started:
        yield started
        assert started.failures == []


def client_for(sandbox: Sandbox) -> httpx.Client:
    """An HTTP client that trusts the sandbox and that it trusts."""
    tls = ssl.create_default_context(cadata=sandbox.ca_pem)
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    return httpx.Client(base_url=sandbox.url, headers=headers, verify=tls, timeout=60)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with client_for(sandbox) as opened:
        yield opened
