"""The token of the console's login is the Kubernetes credential, and Kubernetes' RBAC decides.

The cluster's API server trusts an issuer whose address and certificate lie in the folder that
LEVIATHAN_TEST_ISSUER names (see .ci/run): `url`, `tls.crt`, `tls.key`.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_tui.backend.identity.auth_client import AuthClient
from tests.backend.identity.conftest import PASSWORD, AuthServer
from tests.console.terminal import Terminal

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


class Issuer(AuthServer):
    """An auth server at the address that the cluster trusts, with alice and bob."""

    def __init__(self, folder: Path, trusted: Path) -> None:
        self.folder = folder / "auth"
        self.url = (trusted / "url").read_text().strip()
        self.ca = trusted / "tls.crt"
        self._run(
            "init", "--directory", str(self.folder), "--issuer", self.url, "--audience", "leviathan"
        )
        port = self.url.rpartition(":")[2]
        with (self.folder / "config.yaml").open("a") as config:
            config.write(
                f"listen:\n  host: 127.0.0.1\n  port: {port}\n"
                f"  certificate: {trusted / 'tls.crt'}\n  private_key: {trusted / 'tls.key'}\n"
            )
        for name, group in (("alice", "viewers"), ("bob", "operators")):
            self.command("user", "add", name, "--groups", group, typed=f"{PASSWORD}\n{PASSWORD}\n")
        self._process = None
        self.start()


@pytest.fixture(scope="module")
def admin() -> Path:
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named or not os.environ.get("LEVIATHAN_TEST_ISSUER"):
        pytest.skip("no cluster is named that trusts an issuer of these tests")
    return Path(named)


@pytest.fixture(scope="module")
def issuer(admin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    server = Issuer(tmp_path_factory.mktemp("issuer"), Path(os.environ["LEVIATHAN_TEST_ISSUER"]))
    kubectl(admin, "apply", "-k", str(ROOT / "k8s" / "base" / "rights"))
    trusted_by_the_cluster(server, admin, tmp_path_factory.mktemp("trust"))
    yield server
    server.stop()


def kubectl(config: Path, *arguments: str, good: bool = True) -> str:
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl on PATH")
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(config), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is good, done.stdout + done.stderr
    return done.stdout + done.stderr


def kubeconfig(admin: Path, file: Path, user: dict[str, Any]) -> Path:
    """Write a kubeconfig of the same cluster with another user."""
    document = yaml.safe_load(admin.read_text())
    document["contexts"][0]["name"] = document["current-context"] = "leviathan-test"
    document["users"] = [{"name": "person", "user": user}]
    document["contexts"][0]["context"]["user"] = "person"
    file.write_text(yaml.safe_dump(document))
    return file


def environment(issuer: Issuer, home: Path) -> dict[str, str]:
    folder = home / "leviathan"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(
        f"auth: {issuer.url}\nauth_ca: {issuer.ca}\n"
        "contexts: {leviathan-test: {audience: leviathan}}\n"
    )
    return {"XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}


def as_plugin(issuer: Issuer, home: Path) -> dict[str, Any]:
    """Return a kubeconfig user that uses the saved session through `leviathan credential`."""
    variables = [
        {"name": name, "value": value} for name, value in environment(issuer, home).items()
    ]
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(Path(sys.executable).with_name("leviathan")),
            "args": ["credential"],
            "interactiveMode": "Never",
            "env": variables,
        }
    }


def trusted_by_the_cluster(issuer: Issuer, admin: Path, home: Path) -> None:
    """Wait until the API server has found the issuer: it looks for one that was away each 10 s."""
    client = AuthClient(issuer.url, str(issuer.ca))
    token = asyncio.run(client.login("bob", PASSWORD, "leviathan")).access_token
    config = kubeconfig(admin, home / "config", {"token": token})
    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        asked = ["kubectl", "--kubeconfig", str(config), "auth", "whoami"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if "leviathan:bob" in done.stdout:
            return
    raise AssertionError(f"the API server does not trust the issuer: {done.stderr}")


def log_in(issuer: Issuer, admin: Path, home: Path, name: str) -> None:
    """Log in at the console, with keys only."""
    config = kubeconfig(admin, home / "no-credential", {})
    arguments = ("--kubeconfig", str(config), "-n", "login-test")
    with Terminal(*arguments, size=(120, 40), environment=environment(issuer, home)) as console:
        console.sees("Log in at", "You are not logged in.")
        console.press(f"{name}\r")
        console.sees(name)
        console.press("not the password\r")
        console.sees("is wrong")
        console.press(f"{PASSWORD}\r")
        console.sees("● live", f"{name}@oidc", "Apps (")
        console.press(":whoami\r")
        console.sees(f"leviathan:{name}", "What you may do")
        console.press("\x03")
        assert console.ended() == 0
    raw = console.raw.decode(errors="replace")
    assert PASSWORD not in raw
    assert "eyJ" not in raw


def test_viewers_see_and_operators_change_through_console_and_kubectl(
    issuer: Issuer, admin: Path, tmp_path: Path
) -> None:
    kubectl(admin, "create", "namespace", "login-test")
    for group, role in (("viewers", "viewer"), ("operators", "viewer"), ("operators", "operator")):
        kubectl(
            admin,
            *("create", "rolebinding", f"{group}-{role}", "-n", "login-test"),
            *(f"--clusterrole=leviathan-{role}", f"--group=leviathan:{group}"),
        )
    try:
        kubectl(admin, "create", "deployment", "web", "-n", "login-test", "--image", "busybox:1.36")
        homes = {}
        for name in ("alice", "bob"):
            homes[name] = tmp_path / name
            homes[name].mkdir()
            log_in(issuer, admin, homes[name], name)
        # The same sessions, through the credential plugin.
        alice = kubeconfig(admin, tmp_path / "alice.config", as_plugin(issuer, homes["alice"]))
        bob = kubeconfig(admin, tmp_path / "bob.config", as_plugin(issuer, homes["bob"]))
        assert "leviathan:alice" in kubectl(alice, "auth", "whoami")
        assert "web" in kubectl(alice, "get", "deployments", "-n", "login-test")
        refused = kubectl(alice, "delete", "deployment", "web", "-n", "login-test", good=False)
        assert 'User "leviathan:alice" cannot delete resource "deployments"' in refused
        kubectl(alice, "get", "secrets", "-n", "login-test", good=False)

        issuer.command("key", "rotate")
        assert "web" in kubectl(alice, "get", "deployments", "-n", "login-test")
        kubectl(bob, "delete", "deployment", "web", "-n", "login-test")
    finally:
        kubectl(admin, "delete", "namespace", "login-test", "--wait=false")
