"""Pods that an update strategy would leave as they are, from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import Sandbox
from tests.cli.command_line import Run, runner

IMAGE = "busybox:1.36"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with one StatefulSet, whose two pods are replaced only when they are deleted."""
    with Sandbox(apps=0, pace=0.05) as made:
        pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
        labels = {"app": "db"}
        spec = {
            "replicas": 0,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "OnDelete"},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        made.create({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec}, "default")
        yield made


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    run = runner(sandbox, tmp_path, capsys, "default")
    assert run("apps", "scale", "db", "2", "-y")[0] == 0
    return run


def images(sandbox: Sandbox) -> list[str]:
    """The images that the pods run, in their order."""
    pods = sorted(sandbox.objects("Pod", "default"), key=lambda one: one["metadata"]["name"])
    return [str(pod["spec"]["containers"][0]["image"]) for pod in pods]


def test_pods_stay_and_it_is_said(sandbox: Sandbox, run: Run) -> None:
    code, out, err = run("apps", "image", "db", "busybox:1.37", "-y")
    assert code == 0, err
    assert "  warning: Kubernetes replaces no pod by itself (OnDelete)" in out
    assert "  stays unless --delete-pods: Pod/db-0 (keeps its release until then)" in out
    assert "db is up: 2/2 ready" in err
    assert "2 pods keep the former release until they are deleted." in err
    assert images(sandbox) == [IMAGE, IMAGE]


def test_pods_are_replaced_where_it_is_asked_for_and_undo_takes_both_back(
    sandbox: Sandbox, run: Run
) -> None:
    code, out, err = run("apps", "image", "db", "busybox:1.37", "-y", "--delete-pods")
    assert code == 0, err
    assert "  is deleted too: Pod/db-0 (" in out
    assert out.splitlines()[-3:] == ["Image changed: db.", "Deleted: db-0.", "Deleted: db-1."]
    assert "db is up: 2/2 ready" in err
    assert images(sandbox) == ["busybox:1.37", "busybox:1.37"]
    code, out, err = run("undo", "-y", "--delete-pods")
    assert code == 0, err
    assert "Take back the image of db" in out
    assert images(sandbox) == [IMAGE, IMAGE]
    # The pods have nothing to be taken back: next is what was done before.
    code, out, _ = run("undo", "--dry-run")
    assert (code, "Take back the scale of db" in out) == (0, True)
