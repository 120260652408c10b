"""The platform, installed once for all tests, on the cluster that `make test-platform` is told of."""

import asyncio
import base64
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.platform.cluster import OVERLAY, Cluster, eventually
from tests.platform.people import PASSWORD, Platform, token_works


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.platform)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    program, kubeconfig = (
        os.environ.get(name) for name in ("LEVIATHAN_TEST_CLUSTER", "LEVIATHAN_TEST_KUBECONFIG")
    )
    if not program or not kubeconfig:
        pytest.skip("no cluster is named whose images and parts these tests may handle")
    return Cluster(program, Path(kubeconfig))


@pytest.fixture(scope="session")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with alice, bob and carol; its API server accepts their tokens."""
    begun = time.monotonic()
    cluster.kubectl("apply", "-k", str(OVERLAY))
    eventually("every pod is ready", cluster.all_ready)
    print(f"\nfrom apply to ready: {time.monotonic() - begun:.0f} s")  # noqa: T201
    installed = Platform(cluster, tmp_path_factory.mktemp("platform"))
    _make_users(installed)
    _tell_api_server(cluster)
    eventually("the API server accepts tokens", lambda: token_works(installed, "alice"))
    yield installed
    cluster.kubectl("delete", "-k", str(OVERLAY), "--timeout=120s")


def _make_users(platform: Platform) -> None:
    secret = platform.cluster.secrets()["leviathan-setup"]["code"]
    body = {"code": base64.b64decode(secret).decode(), "username": "carol", "password": PASSWORD}

    async def set_up() -> httpx.Response:
        async with httpx.AsyncClient(verify=_trust(platform), trust_env=False) as client:
            return await client.post(f"{platform.url}/setup", json=body)

    answer = asyncio.run(set_up())
    assert answer.status_code == 201, answer.text
    platform.add_user("alice", "viewers")
    platform.add_user("bob", "operators")


def _trust(platform: Platform) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(platform.ca))


def _tell_api_server(cluster: Cluster) -> None:
    """Write the configuration where the API server reads it; it notices by itself."""
    file = os.environ.get("LEVIATHAN_TEST_AUTHENTICATION")
    if not file:
        pytest.skip("LEVIATHAN_TEST_AUTHENTICATION does not name the API server's file")
    told = cluster.inside("deploy/leviathan-auth", "leviathan-auth", "authentication-config")
    Path(file).write_text(told)
