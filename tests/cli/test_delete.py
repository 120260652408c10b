"""Deleting apps from the command line: what belongs to them goes as the console ticks it."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Refused, Sandbox
from leviathan_sandbox.status import StatusError
from tests.cli.command_line import Run, runner

ALONE = ("Ingress", "HorizontalPodAutoscaler", "Service")
"""What serves the app alone."""
SHARED = ("ConfigMap", "PersistentVolumeClaim")
"""What others may use, or what holds data."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=0, pace=0.05) as made:
        yield made


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(sandbox, tmp_path, capsys, "default")


@pytest.fixture
def app(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    """An app of its own for each test, with everything that may belong to one."""
    name = f"app-{zlib.crc32(request.node.name.encode())}"
    _make(sandbox, name)
    return name


def _make(sandbox: Sandbox, name: str) -> None:
    labels = {"app": name}
    pod = {
        "containers": [
            {
                "name": "main",
                "image": "busybox:1.36",
                "envFrom": [{"configMapRef": {"name": name}}],
            }
        ],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
    }
    backend = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    template = {"metadata": {"labels": labels}, "spec": pod}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    specs: dict[str, dict[str, Any]] = {
        "ConfigMap": {"data": {"a": "1"}},
        "PersistentVolumeClaim": {"spec": claim},
        "Deployment": {
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        },
        "Service": {"spec": {"selector": labels, "ports": [{"port": 80}]}},
        "Ingress": {"spec": {"rules": [{"http": {"paths": [path]}}]}},
        "HorizontalPodAutoscaler": {"spec": {"scaleTargetRef": target, "maxReplicas": 2}},
    }
    for kind, rest in specs.items():
        sandbox.create({"kind": kind, "metadata": {"name": name}, **rest}, "default")


def _left(sandbox: Sandbox, name: str) -> set[str]:
    """Return the kinds of which there is still an object of a name."""
    return {
        kind
        for kind in ("Deployment", *ALONE, *SHARED)
        if any(
            one["metadata"]["name"] == name and "deletionTimestamp" not in one["metadata"]
            for one in sandbox.objects(kind, "default")
        )
    }


def test_a_dry_run_lists_what_belongs_to_it(sandbox: Sandbox, run: Run, app: str) -> None:
    code, out, _ = run("apps", "delete", app, "--dry-run")
    assert code == 0
    for kind in ALONE:
        assert f"  goes with it: {kind}/{app} (" in out
    for kind in SHARED:
        assert f"  stays: {kind}/{app} (" in out
    _, out, _ = run("apps", "delete", app, "--dry-run", "--json")
    first, *rest = map(json.loads, out.splitlines())
    assert {one["kind"] for one in first["belonging"] if one["deleted"]} == set(ALONE)
    assert {one["kind"] for one in first["belonging"] if not one["deleted"]} == set(SHARED)
    assert {one["object"].split()[0] for one in rest} == set(ALONE)
    assert _left(sandbox, app) == {"Deployment", *ALONE, *SHARED}


def test_what_serves_it_alone_goes_and_comes_back_in_one_go(
    sandbox: Sandbox, run: Run, app: str
) -> None:
    code, out, err = run("apps", "delete", app, "-y")
    assert code == 0, err
    assert f"Deleted: {app}." in out
    for kind in ALONE:
        assert f"Deleted with it: {kind} default/{app}." in out
    assert err.count(f"{app} is gone") == 1
    assert _left(sandbox, app) == set(SHARED)
    _, out, _ = run("journal", "--json", "--limit", "5")
    assert len({json.loads(text)["plan"]["batch"] for text in out.splitlines()}) == 1
    code, _, err = run("undo", "-y", "--no-wait")
    assert code == 0, err
    assert _left(sandbox, app) == {"Deployment", *ALONE, *SHARED}


def test_what_belongs_to_it_may_stay(sandbox: Sandbox, run: Run, app: str) -> None:
    _, out, _ = run("apps", "delete", app, "--keep", "--dry-run")
    assert "goes with it" not in out
    assert f"stays: Service/{app}" in out
    assert run("apps", "delete", app, "--keep", "--with", f"svc/{app}", "-y")[0] == 0
    assert _left(sandbox, app) == {*ALONE, *SHARED} - {"Service"}


def test_a_volume_goes_only_where_it_is_named(sandbox: Sandbox, run: Run, app: str) -> None:
    words = ("--with", f"pvc/{app}", "--with", f"ConfigMap/{app}")
    assert run("apps", "delete", app, *words, "-y", "--no-wait")[0] == 0
    assert _left(sandbox, app) == set()


def test_what_does_not_belong_to_it_is_refused(sandbox: Sandbox, run: Run, app: str) -> None:
    for wrong in (f"secret/{app}", "pvc/other", app):
        code, out, err = run("apps", "delete", app, "--with", wrong, "-y")
        assert (code, out) == (1, "")
        assert f"Not deleted: {wrong} does not belong to what is deleted" in err
        assert f"Service/{app}" in err
    assert _left(sandbox, app) == {"Deployment", *ALONE, *SHARED}


def test_several_apps_go_with_what_is_theirs(sandbox: Sandbox, run: Run, app: str) -> None:
    other = f"{app}-b"
    _make(sandbox, other)
    assert run("apps", "delete", app, other, "-y", "--no-wait")[0] == 0
    assert _left(sandbox, app) == _left(sandbox, other) == set(SHARED)


def test_what_belongs_to_an_app_that_stays_stays_too(sandbox: Sandbox, run: Run, app: str) -> None:
    other = f"{app}-b"
    _make(sandbox, other)
    refused = Refused(
        error=StatusError(403, "Forbidden", "no"),
        verb="delete",
        resource="deployments",
        dry_run=False,
        times=1,
    )
    sandbox.inject(refused)
    code, _, err = run("apps", "delete", app, other, "-y", "--keep-going", "--no-wait")
    assert code == 3
    assert err.count(f"stays, for {app} is not known to be deleted.") == len(ALONE)
    assert _left(sandbox, app) == {"Deployment", *ALONE, *SHARED}
    assert _left(sandbox, other) == set(SHARED)
    refused.times = 1
    code, _, err = run("apps", "delete", app, "-y", "--no-wait")
    assert code == 1
    assert f"{len(ALONE)} were not tried any more." in err
    sandbox.clear_faults()
