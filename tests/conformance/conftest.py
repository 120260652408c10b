"""Each test runs on the sandbox, and on the cluster that LEVIATHAN_TEST_KUBECONFIG names."""

import base64
import os
import secrets
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_sandbox import Sandbox, SystemClock
from tests.conformance.api import CORE, Api

_VARIABLE = "LEVIATHAN_TEST_KUBECONFIG"


def _authority(config: dict[str, Any]) -> str:
    """Return the certificate authority of the current context's cluster, PEM."""
    contexts = {item["name"]: item["context"] for item in config["contexts"]}
    clusters = {item["name"]: item["cluster"] for item in config["clusters"]}
    cluster = clusters[contexts[config["current-context"]]["cluster"]]
    return base64.b64decode(cluster["certificate-authority-data"]).decode()


def _from_kubeconfig(config: dict[str, Any]) -> tuple[str, str, ssl.SSLContext]:
    """Return address, token and TLS settings of a kubeconfig's current context."""
    contexts = {item["name"]: item["context"] for item in config["contexts"]}
    context = contexts[config["current-context"]]
    cluster = {item["name"]: item["cluster"] for item in config["clusters"]}[context["cluster"]]
    user = {item["name"]: item["user"] for item in config["users"]}[context["user"]]
    tls = ssl.create_default_context(cadata=_authority(config))
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]))
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            tls.load_cert_chain(file.name)
    return cluster["server"], user.get("token", ""), tls


@pytest.fixture(scope="session")
def conformance_sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=0, pace=0.2) as sandbox:
        yield sandbox
        assert sandbox.failures == []


@contextmanager
def _opened(config: dict[str, Any], *, is_cluster: bool) -> Iterator[Api]:
    """Yield a client with a namespace of its own, which is deleted afterwards."""
    api = Api(*_from_kubeconfig(config), patience=90 if is_cluster else 60, is_cluster=is_cluster)
    api.authority = _authority(config)
    with api.client:
        name = f"conformance-{secrets.token_hex(4)}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        response = api.post(f"{CORE}/namespaces", body)
        assert response.status_code == 201, response.text
        api.namespace = name
        try:
            # Pods are refused until their service account is there.
            api.wait(CORE, "serviceaccounts", "default", lambda _: True)
            # Controllers make it in every namespace: it is not to come among what a test makes.
            api.wait(CORE, "configmaps", "kube-root-ca.crt", lambda _: True)
            yield api
        finally:
            api.delete(f"{CORE}/namespaces/{name}")


def _cluster() -> dict[str, Any]:
    path = os.environ.get(_VARIABLE)
    if not path:
        pytest.skip(f"{_VARIABLE} names no cluster")
    config: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return config


_BOTH = ["sandbox", pytest.param("cluster", marks=pytest.mark.cluster)]


@pytest.fixture(params=_BOTH)
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """An API server, with a namespace of the test's own."""
    if request.param == "cluster":
        with _opened(_cluster(), is_cluster=True) as opened:
            yield opened
        return
    sandbox: Sandbox = request.getfixturevalue("conformance_sandbox")
    with _opened(sandbox.kubeconfig(), is_cluster=False) as opened:
        yield opened


@pytest.fixture(params=_BOTH)
def api_before_the_minute(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The same; but the sandbox's next full minute is three seconds away."""
    if request.param == "cluster":
        with _opened(_cluster(), is_cluster=True) as opened:
            yield opened
        return
    clock = SystemClock(57 - time.time() % 60)
    with (
        Sandbox(apps=0, pace=0.2, clock=clock) as sandbox,
        _opened(sandbox.kubeconfig(), is_cluster=False) as opened,
    ):
        yield opened
        assert sandbox.failures == []
