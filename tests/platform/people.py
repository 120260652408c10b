"""Logging in at the deployed auth server: alice the viewer, bob the operator, carol the administrator."""

import asyncio
import base64
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from leviathan_tui.backend.identity.auth_client import AuthClient, Grant
from tests.console.terminal import Terminal
from tests.platform.cluster import Cluster

PASSWORD: Final = "correct horse battery staple"
PROGRAM: Final = str(Path(sys.executable).with_name("leviathan"))
NODE_PORT: Final = 30843


class Platform:
    """The installed platform, and the ways in."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.ca = folder / "ca.crt"
        self.read_authority()

    def read_authority(self) -> None:
        """Write down the authority, as a user of the platform gets it."""
        value = self.cluster.secrets()["leviathan-auth-tls"]["ca.crt"]
        self.ca.write_bytes(base64.b64decode(value))

    @cached_property
    def node(self) -> str:
        """The address of the cluster's node, known also while the API server is away."""
        (node,) = self.cluster.json("nodes", "-l", "kubernetes.io/hostname=localhost")["items"]
        (address,) = [one for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
        return str(address["address"])

    @property
    def url(self) -> str:
        """The auth server at the node's own address."""
        return f"https://{self.node}:{NODE_PORT}"

    def log_in(self, name: str, url: str = "", audience: str = "leviathan") -> Grant:
        """Log in with the name and the password that everybody has here."""
        client = AuthClient(url or self.url, str(self.ca))
        return asyncio.run(client.login(name, PASSWORD, audience))

    def kubeconfig_of(self, name: str) -> Path:
        """Write a kubeconfig with a fresh token of somebody."""
        return self.kubeconfig(name, {"token": self.log_in(name).access_token})

    def kubeconfig(self, name: str, user: dict[str, Any]) -> Path:
        """Write a kubeconfig of this cluster for another user."""
        document = yaml.safe_load(self.cluster.kubeconfig.read_text())
        document["contexts"][0]["name"] = document["current-context"] = "platform"
        document["contexts"][0]["context"]["user"] = "person"
        document["users"] = [{"name": "person", "user": user}]
        file = self.folder / f"{name}.kubeconfig"
        file.write_text(yaml.safe_dump(document))
        return file

    def add_user(self, name: str, groups: str) -> None:
        """Add a user at the auth server's own command line."""
        self.cluster.inside(
            "deploy/leviathan-auth",
            *("leviathan-auth", "user", "add", name, "--groups", groups),
            typed=f"{PASSWORD}\n{PASSWORD}\n",
        )

    def home(self, name: str) -> "Home":
        """Return a machine of somebody's, on which nobody has logged in yet."""
        return Home(self, name)


class Home:
    """A machine on which one person uses the console with the deployed auth server."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._name = name
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=platform.folder))
        (folder / "leviathan").mkdir()
        (folder / "leviathan/config.yaml").write_text(
            f"auth: {platform.url}\nauth_ca: {platform.ca}\nnamespaces: [apps]\n"
            "contexts: {platform: {audience: leviathan}}\n"
        )
        self.environment = {"XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.kubeconfig = platform.kubeconfig(f"{name}-no-credential", {})

    def log_in(self) -> None:
        """Log in at the console's screen, and leave the console."""
        options = ("--kubeconfig", str(self.kubeconfig), "-n", "apps")
        with Terminal(*options, size=(120, 40), environment=self.environment) as console:
            console.sees("Log in at", "You are not logged in.")
            console.press(f"{self._name}\r")
            console.sees(self._name)
            console.press(f"{PASSWORD}\r")
            console.sees("● live", f"{self._name}@oidc", "Apps (")
            console.press("\x03")
            assert console.ended() == 0

    def leviathan(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the console's command line."""
        return subprocess.run(
            [PROGRAM, *arguments, "--kubeconfig", str(self.kubeconfig), "-n", "apps"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", **self.environment},
        )

    def does(self, *arguments: str) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.leviathan(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def token_works(platform: Platform, name: str) -> bool:
    """Whether the API server knows somebody by their token."""
    done = platform.cluster.run(
        "auth", "whoami", "-o", "json", kubeconfig=platform.kubeconfig_of(name)
    )
    return f"leviathan:{name}" in done.stdout
