"""Kubeconfig files for the rig, and what the client and kubectl make of them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.client import KubeClient

CLEAN = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
"""This machine's environment without the proxies that it may have."""


TOKEN: Final = {"token": "t"}
"""A user, without whom kubectl would ask for a name and a password."""


def document(cluster: Mapping[str, Any], user: Mapping[str, Any] = TOKEN) -> dict[str, Any]:
    """Return a kubeconfig of one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "there", "cluster": dict(cluster)}],
        "users": [{"name": "me", "user": dict(user)}],
        "contexts": [{"name": "it", "context": {"cluster": "there", "user": "me"}}],
    }


def write(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any] = TOKEN) -> Path:
    """Write a kubeconfig of one context."""
    path.write_text(yaml.safe_dump(document(cluster, user)))
    return path


async def ask(path: Path, environment: Mapping[str, str] = {}) -> bytes:
    """Ask the server that a kubeconfig names for its version, as the console would."""
    target = kubeconfig.resolve(kubeconfig.load([path]), environment=environment)
    client = KubeClient(target)
    try:
        return await client.read("/version")
    finally:
        await client.close()


def kubectl(path: Path, environment: Mapping[str, str] = {}) -> "subprocess.CompletedProcess[str]":
    """Ask the same with kubectl; skips where there is none."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("there is no kubectl to compare with")
    return subprocess.run(
        [program, f"--kubeconfig={path}", "get", "--raw", "/version"],
        env=CLEAN | dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
