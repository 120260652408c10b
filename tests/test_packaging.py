"""What is installed is the whole program: every package, both scripts, and `python -m`."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_INSTALLED = {"tests", "bench", "chaos"}


def test_the_wheel_lists_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_INSTALLED
    assert set(listed) == there


def test_scripts_and_the_module_start() -> None:
    for name in ("leviathan", "leviathan-auth"):
        (script,) = entry_points(group="console_scripts", name=name)
        assert callable(script.load())
    shown = subprocess.run(
        [sys.executable, "-m", "leviathan_tui", "version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert shown.startswith("leviathan ")
