"""The command line's twin of what the keys do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.backend.changes.diff import MASK
from leviathan_tui.cli.main import build_parser
from tests.cli.command_line import Run, runner, unread

IMAGE = "busybox:1.36"


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
    return runner(sandbox, tmp_path, capsys, "default")


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


def _manifest(name: str, *variables: str, kind: str = "Deployment") -> str:
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  replicas: 0\n"
        f"  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n"
        f"    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n"
        f"      - name: main\n        image: {IMAGE}\n        env: [{', '.join(variables)}]\n"
    )


def test_what_was_applied_has_no_mask_for_a_value(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "dep.yaml"
    file.write_text(
        _manifest("db", "{name: DB_PASSWORD, value: hunter2}", "{name: MODE, value: fast}")
        + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hunter2}\n"
    )
    assert run("apply", str(file), "-y")[0] == 0
    code, out, err = run("journal", "--applied")
    assert code == 0
    assert MASK not in out
    assert "hunter2" not in out
    assert "name: MODE" in out
    assert "DB_PASSWORD" not in re.sub("(?m)^#.*$", "", out)
    assert "---\n# not kept: spec.template.spec.containers[main].env[DB_PASSWORD]\napi" in out
    # Applied without its values, a Secret would lose them.
    assert "---\n# not kept: Secret default/s: stringData.key\n" in out
    assert "kind: Secret" not in out
    assert "2 values are not kept" in err
    # What is printed can be applied.
    file.write_text(out)
    code, out, _ = run("apply", str(file), "--dry-run")
    assert code == 0, out


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (
            _manifest("masked", f"{{name: DB_PASSWORD, value: {MASK}}}"),
            "spec.template.spec.containers[main].env[DB_PASSWORD]",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: masked}\n"
            f"stringData: {{key: {MASK}}}\n",
            "stringData.key",
        ),
    ],
)
def test_the_mask_is_never_applied(run: Run, tmp_path: Path, text: str, path: str) -> None:
    file = tmp_path / "masked.yaml"
    file.write_text(text)
    code, _, err = run("apply", str(file), "-y")
    assert code == 1
    assert f"Not applied: masked has {MASK} at {path}: that stands for a secret" in err
    assert run("apply", str(file), "--dry-run")[0] == 1


def test_the_limit_is_of_what_is_asked_for(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    for name in ("first", "second"):
        file.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
        assert run("apply", str(file), "-y")[0] == 0
    assert run("crons", "pause", "nightly", "-y")[0] == 0
    _, out, _ = run("journal", "--applied", "--limit", "1")
    assert "name: second" in out
    assert "name: first" not in out
    _, out, _ = run("journal", "--limit", "1")
    assert len(out.splitlines()) == 1
    assert run("crons", "resume", "nightly", "-y")[0] == 0


def _daemon(sandbox: Sandbox) -> None:
    pod = {"containers": [{"name": "main", "image": IMAGE}]}
    spec = {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {"metadata": {"labels": {"app": "agent"}}, "spec": pod},
    }
    sandbox.create({"kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": spec}, "default")


def test_partly_done_is_a_code_of_its_own(sandbox: Sandbox, run: Run) -> None:
    _daemon(sandbox)
    for names in (("agent", "web"), ("web", "agent")):
        code, out, err = run("apps", "pause", *names, "--dry-run")
        assert code == 3
        code, out, err = run("apps", "pause", *names, "-y", "--no-wait")
        assert code == 3
        assert out.splitlines()[-1] == "Paused: web."
        assert "Not paused" in err
        assert _replicas(sandbox) == 0
        assert run("apps", "boot", "web", "-y")[0] == 0
    assert run("apps", "pause", "agent", "-y")[0] == 1
    assert run("apps", "pause", "agent", "--dry-run")[0] == 1


def test_a_change_that_takes_too_long_is_said_to_go_on(sandbox: Sandbox, run: Run) -> None:
    words = ("web", "registry.example.com/missing-image:9", "-y", "--timeout", "0")
    code, out, err = run("apps", "image", *words)
    assert code == 1
    assert out.splitlines()[-1] == "Image changed: web."
    assert re.search(r"^web is not up after 0 s: .*\d/2 ready; it goes on\.$", err, re.MULTILINE)
    # Who reads JSON is told why the exit code is no 0.
    code, out, err = run("apps", "scale", "web", "3", "-y", "--json", "--timeout", "0")
    assert json.loads(out)["outcome"] == "done"
    assert (code, err.count("it goes on.")) == (1, 1)
    for _ in range(2):
        assert run("undo", "-y", "--no-wait")[0] == 0


def test_a_change_is_made_though_nobody_reads_about_it(
    sandbox: Sandbox, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each sentence finds the pipe closed, not only the last one.
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    words = ("apps", "pause", "web", "-y", "--no-wait", "-n", "default")
    assert unread(sandbox, tmp_path, *words) == (0, "Applied, not yet confirmed.\n")
    assert _replicas(sandbox) == 0
    assert run("undo", "-y", "--no-wait")[0] == 0


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


@pytest.mark.parametrize("view", ["apps", "crons", "pods"])
def test_what_is_named_in_a_namespace_that_does_not_exist(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], view: str
) -> None:
    verb = {"apps": "restart", "crons": "pause", "pods": "delete"}[view]
    run = runner(sandbox, tmp_path, capsys, "nowhere")
    code, out, err = run(view, verb, "web", "--yes")
    assert (code, out) == (1, "")
    assert err == "leviathan: there is no namespace nowhere.\n"
