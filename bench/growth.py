"""Measure how cost grows with the number of pods, on sandboxes: `python -m bench.growth`.

Prints a Markdown table. `GROWTH_APPS` names the sizes; a sandbox has three and a half pods an app.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.terminal import Terminal, compile_once
from leviathan_tui.backend.fleet.archive import QUIET

APPS = tuple(int(size) for size in os.environ.get("GROWTH_APPS", "30,300,3000,14000").split(","))

SERVE = "import sys\nfrom leviathan_sandbox import Sandbox\n" + (
    "box = Sandbox(apps=int(sys.argv[1]), live=False)\n"
    "with box:\n"
    "    box.write_kubeconfig(sys.argv[2])\n"
    "    print(len(box.objects('Pod')), flush=True)\n"
    "    pod = box.objects('Pod')[0]['metadata']\n"
    "    print('ready', flush=True)\n"
    "    for line in sys.stdin:\n"
    "        body = {'metadata': {'labels': {'turn': line.strip()}}}\n"
    "        box.patch('Pod', pod['namespace'], pod['name'], body)\n"
    "        print('done', flush=True)\n"
)
"""A sandbox in a process of its own; each line that it reads changes one pod."""

EVENTS = 50
IDLE_SECONDS = 30.0
"""One reading of what all pods use falls into it."""


def start(config: Path, pods: int) -> tuple[Terminal, float]:
    """Start the console; return it and the seconds until all rows were there."""
    program = str(Path(sys.executable).with_name("leviathan"))
    terminal = Terminal([program, "--kubeconfig", str(config), "-A", "pods"])
    return terminal, terminal.until(rf"Pods \({pods}\)", 300.0) - terminal.started


def measure(apps: int) -> dict[str, float]:
    """Return what one size costs."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        config = Path(folder) / "config"
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(apps), str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the sandbox has no pipes")
        try:
            pods = int(server.stdout.readline())
            server.stdout.readline()
            terminal, all_rows = start(config, pods)
            terminal.until("● live", 300.0)
            terminal.settle()
            found = {"pods": float(pods), "all rows (s)": all_rows, "memory": terminal.memory()}
            moves = []
            for _ in range(10):
                sent = terminal.send("j")
                moves.append((terminal.first_answer()[0] - sent) * 1000)
                terminal.settle(0.2)
            found["move (ms)"] = statistics.median(moves)
            terminal.settle(1.0)
            before = terminal.cpu()
            for turn in range(EVENTS):
                server.stdin.write(f"{turn}\n")
                server.stdin.flush()
                server.stdout.readline()
                terminal.drain(0.1)
            found["CPU an event (ms)"] = (terminal.cpu() - before) / EVENTS * 1000
            # What changed is saved once it is calm, which is not what an idle console does.
            terminal.drain(QUIET + 2.0)
            before = terminal.cpu()
            terminal.drain(IDLE_SECONDS)
            found["idle CPU (%)"] = (terminal.cpu() - before) / IDLE_SECONDS * 100
            terminal.close()
            terminal, found["with a snapshot (s)"] = start(config, pods)
            terminal.close()
            files = (Path(folder) / "leviathan" / "snapshots").iterdir()
            found["snapshots (MiB)"] = sum(path.stat().st_size for path in files) / 2**20
        finally:
            server.kill()
            server.wait()
    return found


def main() -> None:
    """Run every size and print the table."""
    compile_once()
    for number, apps in enumerate(APPS):
        found = measure(apps)
        if not number:
            print("| " + " | ".join(found) + " |\n|" + "---|" * len(found))
        print("| " + " | ".join(f"{value:.3g}" for value in found.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
