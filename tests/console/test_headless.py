"""The command line's twin of what the keys do."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leviathan_tui.cli import build_parser, main
from leviathan_tui.sandbox import Sandbox

IMAGE = "busybox:1.36"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with one app and one cron job."""
    with Sandbox(apps=0, pace=0.05) as made:
        pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
        made.create(
            {
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
                },
            },
            "default",
        )
        job = {"spec": {"template": {"spec": {**pod, "restartPolicy": "Never"}}}}
        made.create(
            {
                "kind": "CronJob",
                "metadata": {"name": "nightly"},
                "spec": {"schedule": "0 3 1 1 *", "jobTemplate": job},
            },
            "default",
        )
        yield made


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line on the sandbox; return exit code, output and errors."""
    config = sandbox.write_kubeconfig(tmp_path / "config")

    def run_it(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--kubeconfig", str(config), "-n", "default"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_it


def _replicas(sandbox: Sandbox) -> int:
    found: int = sandbox.get("Deployment", "default", "web")["spec"]["replicas"]
    return found


def test_a_dry_run_shows_and_changes_nothing(sandbox: Sandbox, run: Run) -> None:
    code, out, _ = run("apps", "pause", "web", "--dry-run")
    assert code == 0
    assert "spec.replicas: 2 → 0" in out
    code, out, _ = run("apps", "scale", "web", "5", "--dry-run", "--json")
    assert json.loads(out)["differences"] == [{"path": "spec.replicas", "before": 2, "after": 5}]
    assert _replicas(sandbox) == 2


def test_without_a_terminal_it_takes_yes(sandbox: Sandbox, run: Run) -> None:
    code, _, err = run("apps", "pause", "web")
    assert code == 1
    assert "it takes --yes" in err
    assert _replicas(sandbox) == 2


def test_pause_boot_and_undo(sandbox: Sandbox, run: Run) -> None:
    code, out, err = run("apps", "pause", "web", "-y")
    assert (code, out.splitlines()[-1]) == (0, "Paused: web.")
    assert "web is down" in err
    assert _replicas(sandbox) == 0
    code, out, _ = run("undo", "-y", "--json")
    assert code == 0
    assert json.loads(out)["verb"] == "undo"
    assert _replicas(sandbox) == 2
    code, out, _ = run("journal", "--json")
    assert [json.loads(text)["verb"] for text in out.splitlines()] == ["pause", "undo"]


def test_refusals_and_slips_are_exit_codes(run: Run) -> None:
    assert run("apps", "boot", "web", "-y")[0] == 1
    code, _, err = run("apps", "pause", "nobody", "-y")
    assert code == 1
    assert "there is no nobody among the apps of default" in err
    code, _, err = run("crons", "schedule", "nightly", "0 0 L * *", "-y")
    assert code == 1
    assert "Not done" in err


def test_cron_jobs_run_and_are_rescheduled(sandbox: Sandbox, run: Run) -> None:
    code, out, _ = run("crons", "run", "nightly", "-y", "--no-wait", "--json")
    assert code == 0
    assert json.loads(out)["kind"] == "Job"
    assert run("crons", "schedule", "nightly", "every weekday at 9", "-y")[0] == 0
    assert sandbox.get("CronJob", "default", "nightly")["spec"]["schedule"] == "0 9 * * 1-5"


def test_deploy_apply_and_what_was_applied(sandbox: Sandbox, run: Run, tmp_path: Path) -> None:
    words = ("apps", "deploy", IMAGE, "two", "--port", "80", "--command", "sleep 100000", "-y")
    code, out, _ = run(*words)
    assert code == 0, out
    assert sandbox.get("Service", "default", "two")["spec"]["ports"][0]["port"] == 80
    file = tmp_path / "c.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: no}\n")
    code, _, err = run("apply", str(file), "-y")
    assert code == 1
    assert "no means false" in err
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 'no'}\n")
    assert run("apply", str(file), "-y")[0] == 0
    assert sandbox.get("ConfigMap", "default", "c")["data"] == {"a": "no"}
    code, out, _ = run("journal", "--applied")
    assert "kind: ConfigMap" in out
    assert "kind: Deployment" in out


def test_lists_are_for_scripts_too(run: Run) -> None:
    code, out, _ = run("apps", "list", "--json")
    assert code == 0
    assert "web" in [json.loads(text)["name"] for text in out.splitlines()]
    code, out, _ = run("crons", "list")
    assert code == 0
    assert "nightly" in out


@pytest.mark.parametrize(
    "words",
    [
        ["apps", "pause", "web", "-n", "shop", "--dry-run"],
        ["crons", "schedule", "nightly", "*/5 * * * *", "-y"],
        ["apps"],
        ["--context", "crons", "pods", "delete", "web-1"],
        ["logs", "app/web", "-f"],
    ],
)
def test_what_is_left_out_of_the_parser_is_not_missed(words: list[str]) -> None:
    assert build_parser(words).parse_args(words) == build_parser().parse_args(words)
