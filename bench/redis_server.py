"""The Redis servers that a benchmark needs: one of its own, and one that never answers."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def redis_server(directory: Path, program: str) -> Iterator[tuple[str, int]]:
    """Run a redis-server that syncs every write; give its address and its process' id."""
    path = directory / "redis.sock"
    process = subprocess.Popen(
        [
            *(program, "--port", "0", "--unixsocket", str(path), "--dir", str(directory)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not path.exists():
            if process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.01)
        yield f"unix://{path}", process.pid
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def mute_server() -> Iterator[str]:
    """Give the address of a Redis that lets everybody in and answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}"
