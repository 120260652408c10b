"""Commands of `leviathan-auth` against one installation, as an administrator types them."""

import io
import json
from pathlib import Path

import pytest

from authserver.cli import main


class Shell:
    """Runs commands against one installation."""

    def __init__(
        self,
        directory: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.directory = directory
        self.config = directory / "config.yaml"
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """Return the exit status and everything that was printed."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        options = ["--config", str(self.config)] if self.config.exists() else []
        status = main([*options, *arguments])
        printed = self._capsys.readouterr()
        return status, printed.out + printed.err

    def ok(self, *arguments: str, typed: str = "") -> str:
        status, text = self(*arguments, typed=typed)
        assert status == 0, text
        return text

    def audit(self) -> list[tuple[str, str]]:
        lines = (self.directory / "audit.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return [(entry["action"], entry.get("target", "")) for entry in entries]
