"""Measure the console on a cluster: `BENCH_KUBECONFIG` names it; without it, a sandbox is used.

Prints a Markdown table. The bare paged LIST and `kubectl get pods -A` are measured in the same run:
ratios to them are what carries over from machine to machine.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from bench.forward import Forward
from bench.redis_server import mute_server, redis_server
from bench.terminal import Terminal, compile_once
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.client import KubeClient

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
IDLE_SECONDS = 20.0
AFTERMATH = 2.0


async def bare_list(path: Path) -> tuple[float, float, int, int]:
    """Return the seconds to the first page and to all, the pods, and the bytes."""
    client = KubeClient(kubeconfig.resolve(kubeconfig.load([path])))
    began = time.perf_counter()
    first, count, size = 0.0, 0, 0
    async for page in client.pages(kinds.POD):
        first = first or time.perf_counter() - began
        count += len(page.items)
        size += sum(len(bytes(item)) for item in page.items)
    total = time.perf_counter() - began
    await client.close()
    return first, total, count, size


def kubectl(path: Path) -> float:
    """Return the seconds `kubectl get pods -A` takes; nan where there is no kubectl."""
    began = time.perf_counter()
    try:
        subprocess.run(
            ["kubectl", "--kubeconfig", str(path), "get", "pods", "-A"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return float("nan")
    return time.perf_counter() - began


def about(pods: int) -> str:
    """Return a pattern for the count; cron jobs come and go, so that its last digits may differ."""
    digits = str(pods)
    free = max(0, len(digits) - 2)
    return digits[: len(digits) - free] + r"\d" * free


def console(path: Path, pods: int) -> dict[str, float]:
    """Start the console once, use it, and return what was measured."""
    program = Path(sys.executable).with_name("leviathan")
    terminal = Terminal([str(program), "--kubeconfig", str(path), "-A", "pods"])
    found: dict[str, float] = {}
    count = about(pods)
    try:
        found["first rows (s)"] = terminal.until(r"\d+/\d+ +[A-Z]\w+") - terminal.started
        found["all rows (s)"] = terminal.until(rf"Pods \({count}\)") - terminal.started
        terminal.settle()
        moves = []
        sizes = []
        for _ in range(20):
            sent = terminal.send("j")
            at, size = terminal.first_answer()
            moves.append((at - sent) * 1000)
            sizes.append(size)
            terminal.settle(0.4)
        found["move a row (ms)"] = statistics.median(moves)
        found["bytes of a move"] = statistics.median(sizes)
        terminal.send("/")
        terminal.settle(0.3)
        sent = terminal.send("b")
        found["apply a filter (ms)"] = (terminal.until(r"\(\d+ of ") - sent) * 1000
        terminal.settle(0.3)
        sent = terminal.send("\x7f")
        found["clear it (ms)"] = (terminal.until(rf"Pods \({count}\)") - sent) * 1000
        terminal.settle(0.3)
        terminal.send("\x1b")
        terminal.settle(1.0)
        found["memory (MiB)"] = terminal.memory()
        terminal.drain(2.0)
        before = terminal.cpu()
        found["idle bytes/s"] = terminal.drain(IDLE_SECONDS) / IDLE_SECONDS
        found["idle CPU (%)"] = (terminal.cpu() - before) / IDLE_SECONDS * 100
    finally:
        terminal.close()
        time.sleep(AFTERMATH)
    return found


@contextmanager
def snapshots_at(address: str) -> Iterator[None]:
    """Let the consoles that are started meanwhile keep their snapshots there."""
    before = os.environ.get("LEVIATHAN_SNAPSHOTS", "file")
    os.environ["LEVIATHAN_SNAPSHOTS"] = address
    try:
        yield
    finally:
        os.environ["LEVIATHAN_SNAPSHOTS"] = before


def starts(path: Path, pods: int) -> dict[str, float]:
    """Start the console with a snapshot, with and without its server, and return the seconds."""
    program = str(Path(sys.executable).with_name("leviathan"))
    found: dict[str, float] = {}
    count = about(pods)
    first_rows = ("first rows", r"\d+/\d+ +[A-Z]\w+")

    def start(what: str, config: Path, *conditions: tuple[str, str]) -> None:
        terminal = Terminal([program, "--kubeconfig", str(config), "-A", "pods"])
        try:
            for name, pattern in conditions:
                found[f"{what}, {name} (s)"] = terminal.until(pattern) - terminal.started
            terminal.settle()
        finally:
            terminal.close()
            # The server, too, has something to do when ten watches end.
            time.sleep(AFTERMATH)

    rows = ("all rows", rf"Pods \({count}\)")
    start("with a snapshot", path, rows, ("live", "● live"))
    with snapshots_at("off"):
        start("snapshots off", path, first_rows)
    with mute_server() as address, snapshots_at(address):
        start("with a Redis that never answers", path, first_rows)
    server = shutil.which("redis-server")
    if server is not None:
        with (
            tempfile.TemporaryDirectory() as folder,
            redis_server(Path(folder), server) as (address, _),
            snapshots_at(address),
        ):
            start("with an empty Redis", path, first_rows, ("live", "● live"))
            start("with a snapshot in Redis", path, rows, ("live", "● live"))
    document = yaml.safe_load(path.read_text())
    cluster = document["clusters"][0]["cluster"]
    there = urlsplit(cluster["server"])
    with (
        Forward(there.hostname or "", there.port or 443) as forward,
        tempfile.TemporaryDirectory() as folder,
    ):
        cluster["server"] = f"https://127.0.0.1:{forward.port}"
        config = Path(folder) / "config"
        config.write_text(yaml.safe_dump(document))
        start("forwarded", config, ("live", "● live"))
        forward.close()
        start("server away", config, rows, ("and said so", "○ offline since"))
    return {name: value for name, value in found.items() if not name.startswith("forwarded")}


def main() -> None:
    """Run everything and print the table."""
    compile_once()
    with ExitStack() as stack:
        named = os.environ.get("BENCH_KUBECONFIG")
        if named:
            path = Path(named)
        else:
            from leviathan_sandbox import Sandbox

            sandbox = stack.enter_context(Sandbox(apps=int(os.environ.get("BENCH_APPS", "2000"))))
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / "kubeconfig"
            sandbox.write_kubeconfig(path)
        lists = [asyncio.run(bare_list(path)) for _ in range(3)]
        pods = lists[-1][2]
        print(f"{pods} pods, {lists[-1][3] / 2**20:.0f} MiB as JSON; medians of {ROUNDS} rounds\n")
        print("| work | measured |\n|---|---|")
        print(f"| bare LIST, first page (s) | {statistics.median(item[0] for item in lists):.3f} |")
        print(f"| bare LIST, all pages (s) | {statistics.median(item[1] for item in lists):.3f} |")
        print(f"| kubectl get pods -A (s) | {kubectl(path):.2f} |")
        rounds = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as state:
                os.environ["XDG_STATE_HOME"] = state
                rounds.append(console(path, pods) | starts(path, pods))
        for name in rounds[0]:
            values = [found[name] for found in rounds]
            print(f"| {name} | {statistics.median(values):.3g} |", flush=True)


if __name__ == "__main__":
    main()
