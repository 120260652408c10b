"""An auth server as its users run it: a process of its own, on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from leviathan_tui.backend.identity.auth_client import AuthClient
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.identity.saved import SessionFile

PROGRAM: Final = str(Path(sys.executable).with_name("leviathan-auth"))
PASSWORD: Final = "correct horse battery"
TIMEOUT: Final = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class AuthServer:
    """A running `leviathan-auth` with alice in the group viewers; it can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "auth"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._run(
            "init", "--directory", str(self.folder), "--issuer", self.url, "--audience", "leviathan"
        )
        if "listen:" not in (self.folder / "config.yaml").read_text():
            with (self.folder / "config.yaml").open("a") as config:
                config.write(f"listen:\n  host: 127.0.0.1\n  port: {port}\n")
        self.command(
            "user", "add", "alice", "--groups", "viewers", typed=f"{PASSWORD}\n{PASSWORD}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def command(self, *arguments: str, typed: str = "") -> str:
        """Run the administration's command line."""
        return self._run("--config", str(self.folder / "config.yaml"), *arguments, typed=typed)

    @staticmethod
    def _run(*arguments: str, typed: str = "") -> str:
        done = subprocess.run(
            [PROGRAM, *arguments], input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        """Start it and wait until it listens."""
        config = str(self.folder / "config.yaml")
        self._process = subprocess.Popen(
            [PROGRAM, "--config", config, "serve"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": ""},
        )
        port = int(self.url.rpartition(":")[2])
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self._process.poll() is None, "the auth server ended"
            time.sleep(0.02)  # between looks
        raise AssertionError("the auth server never listened")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(TIMEOUT)
            self._process = None

    def freeze(self) -> None:
        """Let it answer nothing, without ending it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def audited(self, action: str) -> int:
        """Return how many attempts of this kind the audit log has."""
        lines = (self.folder / "audit.jsonl").read_text().splitlines()
        return sum(f'"action":"{action}"' in line.replace('": "', '":"') for line in lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthServer]:
    """One server for the tests of a module."""
    server = AuthServer(tmp_path_factory.mktemp("identity"))
    yield server
    server.stop()


@pytest.fixture
def keeper(server: AuthServer, tmp_path: Path) -> SessionKeeper:
    """A keeper with no session yet."""
    client = AuthClient(server.url)
    return SessionKeeper(client, SessionFile(tmp_path / "state", client.url))
