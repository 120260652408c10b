"""The command line's tests run on the console's sandbox, and write nothing to a home."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from leviathan_tui.__main__ import main
from tests.backend.changes.conftest import Bench, bench, busy_sandbox
from tests.console.conftest import _same_time_zone_everywhere, still_sandbox

__all__ = ["_same_time_zone_everywhere", "bench", "busy_sandbox", "still_sandbox"]

Script = Callable[..., Awaitable[tuple[int, str, str]]]
"""Runs a command line in a bench's namespace, or another `place`; returns exit code, output and errors."""


@pytest.fixture
def script(bench: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Script:
    """What runs command lines on the sandbox, and on the real cluster where one is named."""
    if bench.sandbox is None:
        config = Path(os.environ["LEVIATHAN_TEST_KUBECONFIG"])
    else:
        config = bench.sandbox.write_kubeconfig(tmp_path / "config")

    async def run_it(*words: str, place: str | None = None) -> tuple[int, str, str]:
        capfd.readouterr()
        where = bench.namespace if place is None else place
        options = ("--kubeconfig", str(config), *(("-n", where) if where else ()))
        code = await asyncio.to_thread(main, [*words, *options])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run_it
