"""Credential plugins as files, in the words of a person who is not careful."""

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from leviathan_tui.backend.kube.entries import Exec, ExecVariable

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
