"""A server that runs as a process of its own, and the shell beside it."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from authserver import keys, serversecret
from authserver.config import Settings
from tests.authserver.helpers import CHEAP


class Installation:
    """A server that runs as a process of its own."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        self.directory = directory
        self.config = directory / "config.yaml"
        self._tree = {
            "issuer": "http://127.0.0.1:8443",
            "directory": str(directory),
            "audiences": {"leviathan": {}},
            "listen": {"port": 0},
            "passwords": CHEAP,
            "development": True,
        } | changes
        self.config.write_text(yaml.safe_dump(self._tree))
        settings = msgspec.convert(self._tree, Settings)
        self.settings = settings
        serversecret.create(settings.path("secret"))
        keys.initial(settings.path("keys"), settings.keys, 1)
        self.output = ""
        self._processes: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str, typed: str = "") -> str:
        program = [sys.executable, "-m", "authserver", "--config", str(self.config)]
        done = subprocess.run(
            [*program, *arguments], input=typed, capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self) -> tuple[subprocess.Popen[str], str]:
        """Start a server and return it with the address that it listens on."""
        process = subprocess.Popen(
            [sys.executable, "-m", "authserver", "--config", str(self.config), "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            self.output += line
            found = re.search(r"running on (https?://\S+)", line)
            if found:
                return process, found[1]
        raise AssertionError(self.output)

    def shown(self, process: subprocess.Popen[str]) -> bytes:
        """What others may see of a server: its arguments, its environment and its audit log."""
        files = [Path(f"/proc/{process.pid}/{name}") for name in ("cmdline", "environ")]
        files.append(self.directory / "log/audit.jsonl")
        return b"".join(file.read_bytes() for file in files)

    def stop(self, process: subprocess.Popen[str], how: int = signal.SIGTERM) -> int:
        """End a server and keep what it has printed."""
        process.send_signal(how)
        rest, _ = process.communicate()
        self.output += rest
        return process.returncode

    def close(self) -> None:
        for process in self._processes:
            if process.stdout is not None and not process.stdout.closed:
                self.stop(process, signal.SIGKILL)
