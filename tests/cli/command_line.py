"""Running command lines on a sandbox, as a script does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.__main__ import main

Run = Callable[..., tuple[int, str, str]]
"""Runs a command line; returns exit code, output and errors."""


def runner(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str], namespace: str = ""
) -> Run:
    """Return what runs command lines on a sandbox, in a namespace where one is given."""
    config = sandbox.write_kubeconfig(folder / "config")
    place = ("-n", namespace) if namespace else ()

    def run_it(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--kubeconfig", str(config), *place])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_it


def unread(sandbox: Sandbox, folder: Path, *words: str) -> tuple[int, str]:
    """Run a command line whose output nobody reads; return its exit code and errors."""
    config = sandbox.write_kubeconfig(folder / "config")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "leviathan_tui", *words, "--kubeconfig", str(config)],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr
