"""Credential plugins as files, in the words of a person who is not careful."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

from leviathan_tui.backend.kube import plugins
from leviathan_tui.backend.kube.entries import Cluster, Exec, ExecVariable, User
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.plugin_run import Run
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import write

V1 = "client.authentication.k8s.io/v1"

_HEAD = """
import json, os, sys, time, signal, subprocess
from pathlib import Path

HERE = Path(__file__).parent
with (HERE / "runs").open("a") as runs:
    runs.write("x")
COUNT = len((HERE / "runs").read_text())

def answer(**status):
    print(json.dumps({"apiVersion": %r, "kind": "ExecCredential", "status": status}), flush=True)

def say(text):
    print(text, file=sys.stderr, flush=True)
"""


def login(
    command: str,
    args: list[str] | None = None,
    env: list[ExecVariable] | None = None,
    **options: Any,
) -> Exec:
    """Return the entry of a program, with all that kubectl wants an entry to have."""
    return Exec(command, args, env, V1, interactive_mode="Never", **options)


def plugin(folder: Path, body: str, **options: Any) -> Exec:
    """Write a plugin and return the kubeconfig's entry for it."""
    script = folder / "plugin.py"
    script.write_text(_HEAD % V1 + dedent(body))
    variables = [ExecVariable(name, value) for name, value in options.pop("env", {}).items()]
    return login(sys.executable, [str(script)], variables, **options)


def count(folder: Path) -> int:
    """Return how often the plugin was run."""
    runs = folder / "runs"
    return len(runs.read_text()) if runs.exists() else 0


def target_of(entry: Exec, **cluster: Any) -> Target:
    there = Cluster(server="https://api", **cluster)
    return Target(
        context="c",
        cluster_name="c",
        user_name="u",
        namespace="default",
        cluster=there,
        user=User(exec=entry),
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a file or another process is waited for
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def last_run() -> Run:
    return max(plugins.runs(), key=lambda run: run.began)


def write_for(folder: Path, server: str, authority: Issued, entry: Exec, **more: Any) -> Path:
    return write(
        folder / "config",
        {
            "server": server,
            "certificate-authority-data": b64encode(authority.pem).decode(),
            **more,
        },
        {
            "exec": {
                "apiVersion": entry.api_version,
                "command": entry.command,
                "args": entry.args,
                "interactiveMode": "Never",
                "provideClusterInfo": entry.provide_cluster_info,
            }
        },
    )
