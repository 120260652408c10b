"""`make churn`: the console on a fleet of which a thousand things a second change.

Its memory has to be as flat after the run as it was at the first third, and the rows those that there
are; also where nobody reads its terminal meanwhile (`--unread`). Prints a Markdown table; the exit code
is 1 where it is not so. `SECONDS` is how long it runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import yaml

from bench.terminal import Terminal, compile_once

RATE: Final = 1_000
"""Events a second."""

MOST_GROWTH: Final = 8.0
"""MiB that the console may grow by from the end of the first third to the end of the run."""

MOST_BLOCKS: Final = 30_000
"""Live blocks that it may have more then: fewer than one for each event of a minute."""

READINGS: Final = 12


def start_server() -> "tuple[subprocess.Popen[str], str]":
    """Start the server that sends; return it and its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.churn_server", "--rate", str(RATE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return server, f"http://127.0.0.1:{answer(server)}"


def answer(server: "subprocess.Popen[str]") -> str:
    """Return the next line that the server prints."""
    if server.stdout is None or not (line := server.stdout.readline()):
        raise RuntimeError("the server ended")
    return line


def write_config(path: Path, address: str) -> None:
    """Write a kubeconfig for the server."""
    entry = {"name": "churn"}
    document = {
        "current-context": "churn",
        "contexts": [entry | {"context": {"cluster": "churn", "user": "churn"}}],
        "clusters": [entry | {"cluster": {"server": address}}],
        "users": [entry | {"user": {}}],
    }
    path.write_text(yaml.safe_dump(document))


def run(seconds: float, folder: Path, *, unread: bool) -> list[str]:
    """Run the console on the fleet, its terminal `unread` or not; return what is wrong with it."""
    os.environ |= {"XDG_STATE_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    server, address = start_server()
    config = folder / "config"
    write_config(config, address)
    counted = folder / "blocks"
    os.environ["LEVIATHAN_BENCH_BLOCKS"] = str(counted)
    program = [sys.executable, "-m", "bench.counted"]
    terminal = Terminal([*program, "--kubeconfig", str(config), "-A", "pods"])
    wrong: list[str] = []
    try:
        terminal.until("● live")
        print(
            "| seconds | memory (MiB) | live blocks | CPU (% of a core) |\n|---|---|---|---|",
            flush=True,
        )
        began = time.monotonic()
        readings: list[float] = []
        blocks: list[int] = []
        for number in range(1, READINGS + 1):
            cpu, at = terminal.cpu(), time.monotonic()
            (time.sleep if unread else terminal.drain)(began + seconds * number / READINGS - at)
            share = (terminal.cpu() - cpu) / (time.monotonic() - at) * 100
            readings.append(terminal.memory())
            blocks.append(int(counted.read_text()))
            passed = time.monotonic() - began
            print(f"| {passed:.0f} | {readings[-1]:.1f} | {blocks[-1]} | {share:.0f} |", flush=True)
        if server.stdin is None:
            raise RuntimeError("the server has no pipe")
        print("rest", file=server.stdin, flush=True)
        events = json.loads(answer(server))["events"]
        left = json.loads(answer(server))
        rate = events / (time.monotonic() - began)
        growth = readings[-1] - readings[READINGS // 3 - 1]
        print(f"\n{events} events, {rate:.0f} a second; grown by {growth:.1f} MiB", flush=True)
        more = blocks[-1] - blocks[READINGS // 3 - 1]
        if more > MOST_BLOCKS and not unread:
            wrong.append(f"{more} blocks of memory more are in use, more than {MOST_BLOCKS}")
        if growth > MOST_GROWTH:
            wrong.append(f"memory grew by {growth:.1f} MiB, more than {MOST_GROWTH:.0f}")
        if rate < 0.8 * RATE:
            wrong.append(f"only {rate:.0f} events a second were taken in")
        try:
            terminal.shows(rf"Pods \({left['Pod']}\)")
            terminal.send(":runs\r")
            terminal.shows(rf"Runs \({left['Job']}\)")
        except TimeoutError as error:
            wrong.append(f"the rows are not those that there are: {error}")
    finally:
        terminal.close()
        server.kill()
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()
    return wrong


def main() -> int:
    """Run, and say what is wrong. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.churn")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it runs (60)")
    parser.add_argument("--unread", action="store_true", help="read nothing of its terminal")
    asked = parser.parse_args()
    compile_once()
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(asked.seconds, Path(folder), unread=asked.unread)
    for sentence in wrong:
        print(f"churn: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
