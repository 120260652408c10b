"""The way out of Terminating from the command line, on the sandbox and the real cluster."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.__main__ import main
from tests.cli.command_line import Run
from tests.conformance.api import APPS, BATCH, CORE, Api, config_map, deployment, job, pod
from tests.conformance.conftest import api, conformance_sandbox

__all__ = ["api", "conformance_sandbox"]

HOLD, OTHER = "example.com/hold", "example.com/other"
STUBBORN = "trap '' TERM; while true; do sleep 1; done"
Object = dict[str, Any]
Held = Callable[..., str]


@pytest.fixture
def run(
    api: Api,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command line on the server of `api`, in its namespace."""
    if api.is_cluster:
        config = Path(os.environ["LEVIATHAN_TEST_KUBECONFIG"])
    else:
        sandbox: Sandbox = request.getfixturevalue("conformance_sandbox")
        config = sandbox.write_kubeconfig(tmp_path / "config")

    def run_it(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--kubeconfig", str(config), "-n", api.namespace])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_it


@pytest.fixture
def held(api: Api, request: pytest.FixtureRequest) -> Held:
    """Makes an object with finalizers and has it deleted; it is let go of in the end."""

    def make(root: str, plural: str, body: Object, *finalizers: str) -> str:
        body["metadata"]["finalizers"] = list(finalizers)
        path = api.path(root, plural, body["metadata"]["name"])
        api.create(root, plural, body)
        request.addfinalizer(lambda: api.patch(path, {"metadata": {"finalizers": None}}))
        assert api.delete(path, {"propagationPolicy": "Background"}).status_code == 200
        return path

    return make


def finalizers_of(api: Api, path: str) -> list[str]:
    found: list[str] = api.read(path)["metadata"].get("finalizers", [])
    return found


@pytest.mark.parametrize(
    ("view", "root", "plural", "body"),
    [
        ("apps", APPS, "deployments", lambda: deployment("held", 0)),
        ("runs", BATCH, "jobs", lambda: job("held", "sleep 600", suspend=True)),
    ],
)
def test_an_app_or_a_run_is_let_go_of_by_its_name(
    api: Api, run: Run, held: Held, view: str, root: str, plural: str, body: Callable[[], Object]
) -> None:
    path = held(root, plural, body(), HOLD)
    words = (view, "remove-finalizer", "held", HOLD)
    code, out, err = run(*words, "--dry-run")
    assert (code, err) == (0, "")
    assert f"Remove the finalizer {HOLD} from held. It is the last one." in out
    assert "  warning: The controller that set it will not clean up" in out
    assert "metadata.finalizers" in out
    for more in (("-y",), ()):
        code, _, err = run(*words, *more)
        assert code == 1
        assert "it takes --confirm held; --yes is not enough for what cannot be undone" in err
    code, _, err = run(*words, "--confirm", "hold", "-y")
    assert code == 1
    assert "Nothing was changed: --confirm names hold, and this is about held." in err
    assert finalizers_of(api, path) == [HOLD]

    code, out, err = run(*words, "--confirm", "held")
    assert code == 0, err
    assert "Finalizer removed: held." in out
    assert "held is gone after" in err
    api.wait_gone(root, plural, "held")
    _, out, _ = run("journal", "--json", "--limit", "1")
    entry = json.loads(out)
    assert (entry["verb"], entry["outcome"]) == ("remove-finalizer", "done")
    assert HOLD in entry["summary"]
    _, out, _ = run("journal")
    assert f"Remove the finalizer {HOLD} from held" in out
    code, _, err = run("undo", "-y")
    assert code == 1
    assert "Not undone: what is being deleted takes no finalizer back." in err


@pytest.mark.parametrize(
    ("target", "root", "plural", "body"),
    [
        ("cm/held", CORE, "configmaps", lambda: config_map("held")),
        (
            "Service/held",
            CORE,
            "services",
            lambda: {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "held"},
                "spec": {"ports": [{"port": 80}]},
            },
        ),
    ],
)
def test_any_kind_is_named_as_kubectl_names_it(
    api: Api,
    run: Run,
    held: Held,
    target: str,
    root: str,
    plural: str,
    body: Callable[[], Object],
) -> None:
    path = held(root, plural, body(), OTHER, HOLD)
    code, out, err = run("remove-finalizer", target, HOLD, "--confirm", "held", "--json")
    assert code == 0, err
    assert json.loads(out)["outcome"] == "done"
    assert finalizers_of(api, path) == [OTHER]
    code, out, err = run("remove-finalizer", target, HOLD, "--confirm", "held")
    assert code == 1
    assert f"Finalizer not removed: held has no finalizer {HOLD}; it has {OTHER}." in err
    assert run("remove-finalizer", target, OTHER, "--confirm", "held")[0] == 0
    api.wait_gone(root, plural, "held")


@pytest.mark.parametrize("target", ["held", "unicorn/held", "cm/", "cm/nobody"])
def test_what_is_not_there_is_said(run: Run, target: str) -> None:
    code, _, err = run("remove-finalizer", target, HOLD, "--confirm", "held")
    assert code == 1
    assert "KIND/NAME" in err or "not found" in err


@pytest.mark.parametrize("finalizer", ["", " "])
def test_no_finalizer_is_none(run: Run, finalizer: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("remove-finalizer", "cm/held", finalizer, "--confirm", "held")
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    "target", ["cm/held/status", "cm/../services/held", "cm/..", "cm/held?dryRun=All", "cm/%2e%2e"]
)
def test_a_name_that_leads_elsewhere_is_none(
    run: Run, request: pytest.FixtureRequest, api: Api, target: str
) -> None:
    sandbox = None if api.is_cluster else request.getfixturevalue("conformance_sandbox")
    before = 0 if sandbox is None else len(sandbox.requests)
    code, _, err = run("remove-finalizer", target, HOLD, "--confirm", "held")
    assert code == 1
    assert f"{target} is no KIND/NAME" in err
    if sandbox is not None:
        asked = [path for _, path in sandbox.requests[before:] if "configmaps" in path]
        assert not asked


def test_protection_is_refused_whatever_is_confirmed(api: Api, run: Run, held: Held) -> None:
    protections = [
        "kubernetes.io/pvc-protection",
        "kubernetes.io/pv-protection",
        "resource.kubernetes.io/delete-protection",
    ]
    path = held(CORE, "configmaps", config_map("held"), *protections)
    for name in (*protections, "orphan"):
        code, _, err = run("remove-finalizer", "cm/held", name, "--confirm", "held", "-y")
        assert code == 1
        assert f"Finalizer not removed: {name} stays: it " in err
    code, _, err = run("remove-finalizer", f"ns/{api.namespace}", HOLD, "--confirm", "x")
    assert code == 1
    assert "is not being deleted; delete it first." in err
    assert finalizers_of(api, path) == protections


def test_a_pod_that_does_not_end_is_force_deleted_by_its_name(api: Api, run: Run) -> None:
    body = pod("stuck", STUBBORN)
    body["spec"]["terminationGracePeriodSeconds"] = 3600
    api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "stuck", lambda it: it["status"]["phase"] == "Running")
    words = ("pods", "delete", "stuck", "--force")
    code, _, err = run(*words, "--confirm", "stuck")
    assert code == 1
    assert "Not force deleted: stuck is not being deleted; delete it first." in err
    code, _, err = run("pods", "delete", "stuck", "-y", "--no-wait")
    assert code == 0, err
    code, out, _ = run(*words, "--dry-run")
    assert code == 0
    assert "warning: The containers may still run: node " in out
    code, _, err = run(*words, "-y")
    assert code == 1
    assert "it takes --confirm stuck; --yes is not enough" in err
    path = api.path(CORE, "pods", "stuck")
    assert api.read(path)["metadata"]["deletionGracePeriodSeconds"] == 3600
    code, out, err = run(*words, "--confirm", "stuck")
    assert code == 0, err
    assert "Force deleted: stuck." in out
    api.wait_gone(CORE, "pods", "stuck")
    code, _, err = run("undo", "-y")
    assert code == 1
    assert "Not undone: a deleted Pod does not come back." in err


def test_several_at_once_are_not_force_deleted(api: Api, run: Run) -> None:
    for name in ("one", "two"):
        api.create(CORE, "pods", pod(name, STUBBORN))
    code, _, err = run("pods", "delete", "one", "two", "--force", "--confirm", "one")
    assert code == 1
    assert "Not done: 2 objects, and this is for one at a time." in err
    assert "deletionTimestamp" not in api.read(api.path(CORE, "pods", "one"))["metadata"]
