"""A real cluster behind proxies, with a credential plugin and with a token file that is replaced."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import NAMESPACE
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.plugins import count, plugin
from tests.backend.kube.rig.proxies import http_proxy, socks_proxy

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("LEVIATHAN_TEST_KUBECONFIG"),
        reason="LEVIATHAN_TEST_KUBECONFIG names no cluster",
    ),
]


@pytest.fixture
def entries() -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster's and the user's entry of the disposable cluster."""
    document = yaml.safe_load(Path(os.environ["LEVIATHAN_TEST_KUBECONFIG"]).read_text())
    contexts = {item["name"]: item["context"] for item in document["contexts"]}
    context = contexts[document["current-context"]]
    clusters = {item["name"]: item["cluster"] for item in document["clusters"]}
    users = {item["name"]: item["user"] for item in document["users"]}
    return clusters[context["cluster"]], users[context["user"]]


@pytest.mark.parametrize(("proxy", "scheme"), [(http_proxy, "http"), (socks_proxy, "socks5h")])
async def test_lists_come_through_a_proxy(
    tmp_path: Path, entries: tuple[Any, Any], proxy: Callable[..., Any], scheme: str
) -> None:
    cluster, user = entries
    with proxy() as fake:
        url = f"{scheme}://127.0.0.1:{fake.port}"
        path = write(tmp_path / "config", {**cluster, "proxy-url": url}, user)
        client = KubeClient(kubeconfig.resolve(kubeconfig.load([path])))
        try:
            pages = [page async for page in client.pages(NAMESPACE, limit=1)]
        finally:
            await client.close()
        assert len(pages) > 1
        assert fake.asked
        if scheme == "http":
            assert kubectl(path).returncode == 0


async def test_a_plugins_token_and_a_token_file_are_the_credential(
    tmp_path: Path, entries: tuple[Any, Any]
) -> None:
    cluster, user = entries
    if "token" not in user:
        pytest.skip("the cluster's user has no token")
    entry = plugin(tmp_path, f"answer(token={user['token']!r})")
    described: dict[str, Any] = {
        "apiVersion": entry.api_version,
        "command": entry.command,
        "args": entry.args,
    }
    described |= {"interactiveMode": "Never", "provideClusterInfo": True}
    path = write(tmp_path / "config", cluster, {"exec": described})
    assert b"gitVersion" in await ask(path)
    assert count(tmp_path) == 1

    token = tmp_path / "token"
    token.write_text("nobody knows this one")
    path = write(tmp_path / "config", cluster, {"tokenFile": "token"})
    client = KubeClient(kubeconfig.resolve(kubeconfig.load([path])))
    try:
        token.write_text(user["token"])
        assert [page async for page in client.pages(NAMESPACE)]
    finally:
        await client.close()
