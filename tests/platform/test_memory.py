"""What the limits of memory rest on: the most that each service has held when it was busy."""

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.platform.cluster import SERVICES, Cluster, processes
from tests.platform.load import Client, Session, working
from tests.platform.people import Platform
from tests.platform.test_console import console
from tests.platform.test_eviction import fill

MIB: Final = 1 << 20
CONSOLES: Final = 3
LOGINS: Final = 16
"""Passwords that are being checked at once, which takes more memory than anything else."""
ENTRIES: Final = 300


def most(pod: dict[str, Any]) -> float:
    """Return the most memory that a pod's processes have held, in MiB.

    Source: VmHWM in https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """
    told = "".join(Path(f"/proc/{number}/status").read_text() for number in processes(pod))
    return sum(int(held) for held in re.findall(r"^VmHWM:\s+(\d+) kB", told, re.MULTILINE)) / 1024


def limit(pod: dict[str, Any]) -> float:
    """Return the memory limit of a pod's only container, in MiB."""
    (container,) = pod["spec"]["containers"]
    amount = str(container["resources"]["limits"]["memory"])
    return float(amount.removesuffix("Mi")) if "Mi" in amount else 1024 * float(amount[:-2])


async def busy(platform: Platform, sessions: list[Session]) -> None:
    """Let the sessions refresh and write, and many people log in at once."""
    async with working(sessions) as work:
        client = Client(platform)
        answers = await asyncio.gather(*(client.log_in("alice") for _ in range(LOGINS)))
        assert {answer.status_code for answer in answers} <= {200, 429, 503}
        await work.until(ENTRIES)


def test_what_is_busy_stays_within_its_memory(
    cluster: Cluster, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = {name: max(map(most, cluster.pods(name))) for name in SERVICES}
    sessions = [Session(platform, name) for name in ("alice", "bob", "carol") for _ in range(3)]
    with ExitStack() as opened:
        for _ in range(CONSOLES):
            opened.enter_context(console(cluster, "bob", (160, 48)))
        asyncio.run(busy(platform, sessions))
        fill(cluster)
        pods = {name: max(cluster.pods(name), key=most) for name in SERVICES}
        held = {name: most(pod) for name, pod in pods.items()}
    with capsys.disabled():
        for name, pod in pods.items():
            line = f"{name}: {idle[name]:.0f} MiB before, {held[name]:.0f} busy of {limit(pod):.0f}"
            print(f"\n{line}", end="")  # noqa: T201
    for name, pod in pods.items():
        assert held[name] < 0.9 * limit(pod), name
    assert held["leviathan-console"] / CONSOLES < limit(pods["leviathan-console"]) / 8
