"""Measure the logs: a local server that only sends, then a real cluster where BENCH_KUBECONFIG names one.

Prints a Markdown table. `kubectl logs -f` follows the same streams in the same run: the ratio to it is
what carries over from machine to machine.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench.terminal import Terminal, compile_once
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.logs.follower import Follower
from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.query import parse_query
from leviathan_tui.backend.logs.ring import Ring
from leviathan_tui.backend.logs.sources import LogRange, PodKey
from leviathan_tui.backend.logs.thread import LogThread

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
RATE = int(os.environ.get("BENCH_RATE", "50000"))
HISTORY = 200_000
PRESSES = 60


@contextmanager
def sending(pods: int, rate: int, history: int = 1_000) -> Iterator[Path]:
    """Start the server that only sends, in a process of its own; yield its kubeconfig."""
    command = [sys.executable, "-m", "bench.log_server"]
    options = [f"--pods={pods}", f"--rate={rate}", f"--history={history}"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as server,
    ):
        if server.stdout is None:
            raise RuntimeError("the server prints nothing")
        port = server.stdout.readline().strip()
        path = Path(folder) / "kubeconfig"
        config = {
            "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "namespace": "bench"}}],
            "current-context": "bench",
        }
        path.write_text(yaml.safe_dump(config))
        try:
            yield path
        finally:
            server.terminate()


def target_of(path: Path) -> Target:
    """Return the cluster that a kubeconfig names."""
    return kubeconfig.resolve(kubeconfig.load([path]))


def memory() -> float:
    """Return this process' resident memory in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def engine(path: Path, keys: list[PodKey], log_range: LogRange) -> dict[str, float]:
    """Follow with the engine alone, without any screen."""
    thread, ring = LogThread(target_of(path)), Ring()
    follower = Follower(thread, ring, log_range)
    follower.show(keys)
    time.sleep(2.0)
    cpu, lines, began = time.process_time(), ring.end, time.perf_counter()
    time.sleep(SECONDS)
    took = time.perf_counter() - began
    found = {
        "lines/s": (ring.end - lines) / took,
        "dropped": float(follower.progress.dropped),
        "CPU (%)": (time.process_time() - cpu) / took * 100,
        "memory (MiB)": memory(),
    }
    follower.stop()
    thread.stop()
    return found


def kubectl(path: Path, *arguments: str) -> dict[str, float]:
    """Follow with kubectl; return its lines and what it costs."""
    command = ["kubectl", "--kubeconfig", str(path), "logs", "-f", "--timestamps", *arguments]
    before = os.times()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        if child.stdout is None:
            raise RuntimeError("kubectl prints nothing")
        began = time.perf_counter()
        lines = counted = 0
        start = began + 2.0
        since = start
        while (now := time.perf_counter()) < start + SECONDS:
            chunk = os.read(child.stdout.fileno(), 1 << 20)
            if not chunk:
                break
            lines += chunk.count(b"\n")
            if now < start:
                counted, since = lines, now
        took = time.perf_counter() - since
        child.terminate()
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return {"lines/s": (lines - counted) / took, "CPU (%)": used / (took + 2.0) * 100}


def console(
    path: Path, arguments: tuple[str, ...] = (), *, every: bool = False
) -> dict[str, float]:
    """Follow in the console on a pseudo-terminal, press keys meanwhile, and return what was measured."""
    program = Path(sys.executable).with_name("leviathan")
    terminal = Terminal([str(program), "--kubeconfig", str(path), *arguments, "pods"])
    found: dict[str, float] = {}
    try:
        terminal.until("bench-0")
        terminal.settle(0.5)
        if every:
            # Fifty rows fit on no screen; a range of marks reaches beyond it.
            terminal.send(" ")
            terminal.settle(0.3)
            terminal.send("G")
            terminal.settle(0.3)
            terminal.send("\0")
            terminal.settle(0.3)
        sent = terminal.send("l")
        found["first lines (s)"] = terminal.until("GET /items") - sent
        terminal.until(r"● [\d,]+/s")
        terminal.drain(2.0)
        before, began = terminal.cpu(), time.perf_counter()
        terminal.drain(SECONDS)
        found["CPU (%)"] = (terminal.cpu() - before) / (time.perf_counter() - began) * 100
        found["memory (MiB)"] = terminal.memory()
        waits = []
        names = ["UTC", "ago", "none", "local"]
        for press in range(PRESSES):
            sent = terminal.send("t")
            at = terminal.when(f"Times: {names[press % 4]}")
            waits.append((at - sent) * 1000 if at is not None else float("inf"))
        waits.sort()
        found["key to screen, median (ms)"] = statistics.median(waits)
        found["key to screen, p95 (ms)"] = waits[int(len(waits) * 0.95)]
        terminal.drain(20.0)
        found["memory 20 s later (MiB)"] = terminal.memory()
    finally:
        terminal.close()
    return found


def history() -> dict[str, float]:
    """Read 200,000 lines of past and look for things in them."""
    found: dict[str, float] = {}
    with sending(1, 0, HISTORY) as path:
        thread, ring = LogThread(target_of(path)), Ring()
        follower = Follower(thread, ring, LogRange())
        began = time.perf_counter()
        follower.show([PodKey("bench", "bench-000", "uid-bench-000")])
        while ring.end < HISTORY:
            time.sleep(0.005)
        found["200,000 lines read (s)"] = time.perf_counter() - began
        follower.stop()
        thread.stop()
        for name, query in (
            ("a text", "items/4711?"),
            ("a text in every line", "GET"),
            ("a regular expression", r"/items/\d+11\?session=\w+ HTTP/"),
            ("a text and not another", "ERROR & !/items/100?"),
        ):
            times = []
            for _ in range(5):
                began = time.perf_counter()
                lens = Lens(ring, parse_query(query), [])
                while lens.step(1.0):
                    pass
                times.append((time.perf_counter() - began) * 1000)
            found[f"find {name} (ms), {lens.hits:,} hits"] = statistics.median(times)
        program = Path(sys.executable).with_name("leviathan")
        terminal = Terminal([str(program), "--kubeconfig", str(path), "pods"])
        try:
            terminal.until("bench-000")
            terminal.settle(0.5)
            terminal.send("l")
            terminal.until(r"Logs of bench-000")
            terminal.settle(0.5)
            sent = terminal.send("7")
            found["200,000 lines on the screen (s)"] = terminal.until(r"· 200,\d\d\d lines") - sent
            terminal.settle(0.5)
            terminal.send("/")
            terminal.settle(0.3)
            sent = terminal.send("4711?")
            found["find typed to count (s)"] = terminal.until(r"/4711\?: (\d+ of )?40 ") - sent
        finally:
            terminal.close()
    return found


LINE = 'INFO $i 10.0.0.1 - - "GET /items/$i?session=abcdef HTTP/1.1" 200 1234 "Mozilla/5.0 (X11)"'
FLAT_OUT = f"i=0; while true; do i=$((i+1)); echo '{LINE}' $i; done"
STEADY = (
    f"i=0; while true; do for n in 1 2 3 4 5 6 7 8 9 10; do i=$((i+1)); echo '{LINE}' $i; done; "
    "usleep 25000; done"
)
"""400 lines a second: fifty of these are what two cores write and carry beside everything else."""


@contextmanager
def writing(path: Path, pods: int) -> Iterator[list[PodKey]]:
    """Have pods of the cluster write; one as fast as it can."""
    kubectl_with = ["kubectl", "--kubeconfig", str(path)]
    namespace = f"bench-logs-{pods}"
    documents: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    ]
    for number in range(pods):
        container = {
            "name": "app",
            "image": "busybox:1.36",
            "command": ["sh", "-c", FLAT_OUT if pods == 1 else STEADY],
        }
        documents.append(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"bench-{number:03d}",
                    "namespace": namespace,
                    "labels": {"app": "bench"},
                },
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            }
        )
    text = yaml.safe_dump_all(documents)
    subprocess.run([*kubectl_with, "apply", "-f", "-"], input=text, text=True, check=True, stdout=2)
    try:
        ready = ["wait", "-n", namespace, "--for=condition=Ready", "pod", "-l", "app=bench"]
        subprocess.run([*kubectl_with, *ready, "--timeout=180s"], check=True, stdout=2)
        shown = ["get", "pods", "-n", namespace, "-o"]
        form = 'jsonpath={range .items[*]}{.metadata.name}{" "}{.metadata.uid}{"\\n"}{end}'
        listed = subprocess.run(
            [*kubectl_with, *shown, form], check=True, capture_output=True, text=True
        )
        names = (line.split(" ") for line in listed.stdout.splitlines())
        yield [PodKey(namespace, name, uid) for name, uid in names]
    finally:
        subprocess.run([*kubectl_with, "delete", "namespace", namespace], check=True, stdout=2)


def on_cluster(path: Path) -> None:
    """Follow pods of a real cluster."""
    for pods in (1, 50):
        with writing(path, pods) as keys:
            name = f"cluster, {pods} pod{'s' if pods > 1 else ''}"
            namespace = keys[0].namespace
            who = ["bench-000"] if pods == 1 else ["-l", "app=bench", "--max-log-requests=50"]
            new = ["-n", namespace, "--tail=10"]
            show(f"{name}: kubectl logs -f", kubectl(path, *new, *who))
            show(f"{name}: engine", engine(path, keys, LogRange(tail=10)))
            found = console(path, ("-n", namespace), every=pods > 1)
            show(f"{name}: console", found)


def show(title: str, found: dict[str, float]) -> None:
    """Print rows of the table."""
    for name, value in found.items():
        print(
            f"| {title}, {name} | {value:,.3g} |"
            if value < 1000
            else f"| {title}, {name} | {value:,.0f} |",
            flush=True,
        )


def main() -> None:
    """Run everything and print the table."""
    compile_once()
    print("| work | measured |\n|---|---|")
    with sending(1, 500) as path:
        quiet = console(path)
        keys_only = {name: value for name, value in quiet.items() if name.startswith("key")}
        show("500/s from 1 pod, what the machine itself takes: console", keys_only)
    for pods in (1, 50):
        keys = [PodKey("bench", f"bench-{n:03d}", f"uid-bench-{n:03d}") for n in range(pods)]
        with sending(pods, RATE) as path:
            name = f"{RATE:,}/s from {pods} pod{'s' if pods > 1 else ''}"
            who = ["bench-000"] if pods == 1 else ["-l", "app=bench", "--max-log-requests=50"]
            show(f"{name}: kubectl logs -f", kubectl(path, *who))
            show(f"{name}: engine", engine(path, keys, LogRange(tail=1_000)))
            show(f"{name}: console", console(path, every=pods > 1))
    show("history", history())
    named = os.environ.get("BENCH_KUBECONFIG")
    if named:
        on_cluster(Path(named))


if __name__ == "__main__":
    main()
