"""What a console that is served does not do, before it asks anybody anything."""

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from leviathan_tui.__main__ import main
from tests.console.served import Pod

AUTH: Final = "https://auth.example"


def kubeconfig_of() -> dict[str, Any]:
    """Return the kubeconfig of a cluster that is never connected to."""
    context = {"cluster": "sandbox", "user": "nobody"}
    return {
        "clusters": [{"name": "sandbox", "cluster": {"server": "https://nowhere.example"}}],
        "contexts": [{"name": "sandbox", "context": context}],
        "current-context": "sandbox",
    }


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path, kubeconfig_of(), AUTH)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("apps", "pause", "web"), "leviathan apps pause needs a login"),
        (("apps", "list"), "leviathan apps list needs a login"),
        (("logs", "app/web"), "leviathan logs needs a login"),
        (("undo",), "leviathan undo needs a login"),
        (("login",), "leviathan login needs a login"),
        (("logout",), "leviathan logout needs a login"),
        (("whoami",), "leviathan whoami needs a login"),
        (("credential",), "leviathan credential needs a login"),
        (("demo",), "leviathan demo writes files"),
        (("sandbox",), "leviathan sandbox writes files"),
    ],
)
def test_commands_are_refused_in_a_sentence(
    pod: Pod,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    for name, value in pod.environment.items():
        monkeypatch.setenv(name, value)
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert pod.written() == {}


def test_commands_that_need_no_login_are_not(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in pod.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "served: True" in shown
    assert "snapshots: 'off'  (served)" in shown
    assert main(["version"]) == 0


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        ((), {"auth": ""}, "needs auth, the auth server's address"),
        (("--log", "console.log"), {}, "--log is refused"),
        ((), {"contexts": {}}, "The context sandbox is not opened"),
        ((), {"contexts": {"sandbox": {"identity": "impersonate"}}}, "is not opened"),
    ],
)
def test_what_would_leave_something_of_a_person_is_refused_at_the_start(
    tmp_path: Path,
    words: tuple[str, ...],
    settings: dict[str, Any],
    said: str,
) -> None:
    pod = Pod(tmp_path, kubeconfig_of(), AUTH, settings)
    with pod.terminal(*words) as terminal:
        assert terminal.ended() == 1
        # The terminal breaks lines wherever they are full.
        assert "".join(said.split()) in "".join(terminal.text.split())
    assert pod.written() == {}


KEPT = """
import ctypes, resource
from leviathan_tui.console.privacy import keep_to_itself
keep_to_itself()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_core_dump_is_left_and_no_neighbour_reads_the_memory() -> None:
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1, "as it is without"
    done = subprocess.run([sys.executable, "-c", KEPT], check=True, capture_output=True, text=True)
    assert done.stdout == "0 0 0\n"
