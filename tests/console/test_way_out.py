"""The way out of Terminating, from the keyboard."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import cron, deployment
from tests.conformance.api import BATCH, Api, pod
from tests.conformance.conftest import api, conformance_sandbox
from tests.console.conftest import Console, console_on
from tests.console.terminal import Terminal

__all__ = ["api", "conformance_sandbox"]

HOLD, OTHER = "example.com/hold", "example.com/other"
STUBBORN = "trap '' TERM; while true; do sleep 1; done"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=0, pace=0.05) as made:
        yield made
        assert made.failures == []


JOB: dict[str, Any] = {
    "metadata": {"name": "held"},
    "spec": {**cron("held")["spec"]["jobTemplate"]["spec"], "suspend": True},
}
ROWS: list[tuple[Place, Kind, dict[str, Any]]] = [
    (Place("apps"), kinds.DEPLOYMENT, deployment("held", replicas=0)),
    (Place("crons"), kinds.CRON_JOB, cron("held")),
    (Place("runs"), kinds.JOB, JOB),
    (Place("namespaces"), kinds.NAMESPACE, {"metadata": {"name": "held"}}),
    (
        Place("resource", resource="services"),
        kinds.SERVICE,
        {"metadata": {"name": "held"}, "spec": {"ports": [{"port": 80}]}},
    ),
    (Place("resource", resource="configmaps"), kinds.CONFIG_MAP, {"metadata": {"name": "held"}}),
]


def finalized(body: dict[str, Any], *finalizers: str) -> dict[str, Any]:
    document = copy.deepcopy(body)
    document["metadata"]["finalizers"] = list(finalizers)
    return document


def held(sandbox: Sandbox, kind: Kind, body: dict[str, Any], *finalizers: str) -> None:
    """Make an object with finalizers and have it deleted."""
    document = finalized(body, *finalizers)
    namespace = "default" if kind.namespaced else ""
    sandbox.create({"kind": kind.name, **document}, namespace)
    sandbox.delete(kind.name, namespace, document["metadata"]["name"])


def way_out_is_offered(console: Console) -> bool:
    return all(REGISTRY[name].enabled(console.app) for name in ("way-out", "remove-finalizer"))


@pytest.mark.parametrize(("place", "kind", "body"), ROWS, ids=[row[1].name for row in ROWS])
async def test_it_is_there_where_something_is_being_deleted_and_only_there(
    sandbox: Sandbox, place: Place, kind: Kind, body: dict[str, Any]
) -> None:
    well = copy.deepcopy(body)
    well["metadata"]["name"] = "well"
    sandbox.create({"kind": kind.name, **well}, "default" if kind.namespaced else "")
    held(sandbox, kind, body, HOLD)
    namespace = "default" if kind.namespaced else ""
    async with console_on(sandbox, place=place, namespace=namespace) as console:
        await console.sees("held", "well")

        def on(name: str) -> bool:
            return console.app.row is not None and console.app.row.name == name

        await console.press("G")
        while not on("well"):
            await console.press("k")
        await console.until(lambda: "ctrl-x" not in console.text(), "no way out of what is well")
        assert not way_out_is_offered(console)
        await console.press("ctrl+x")
        assert len(console.app.screen_stack) == 2
        await console.press("g")
        while not on("held"):
            await console.press("j")
        await console.sees("ctrl-x way out")
        assert way_out_is_offered(console)
        assert not REGISTRY["force-delete"].enabled(console.app)
        await console.press("x")
        await console.sees(f"It waits for the finalizer {HOLD}.", "Way out: ctrl-x", "ctrl-x way")
        await console.press("ctrl+x")
        await console.sees("Remove a finalizer of held?", "This cannot be undone.")
        await console.sees("It is the last one.", "type held to confirm")
        await console.press("y", "enter")
        await console.sees("That is not held.")
        await console.press("backspace")
        await console.burst(*"held", "enter", "enter")
        await console.until(
            lambda: all(
                one["metadata"]["name"] != "held" for one in sandbox.objects(kind.name, namespace)
            ),
            "it is gone",
        )
        patches = [
            path
            for method, path in sandbox.requests
            if method == "PATCH" and "dryRun" not in path and "/status" not in path
        ]
        assert len(patches) == 1


async def test_of_several_that_are_marked_none_is_left_out_in_silence(sandbox: Sandbox) -> None:
    body = {"metadata": {"name": "held"}}
    sandbox.create({"kind": "ConfigMap", "metadata": {"name": "well"}}, "default")
    held(sandbox, kinds.CONFIG_MAP, body, HOLD)
    place = Place("resource", resource="configmaps")
    async with console_on(sandbox, place=place, namespace="default") as console:
        await console.sees("held", "well")
        await console.press("g", "space", "G", "space", "ctrl+x")
        await console.sees("objects, and this is for one at a time.")
    assert sandbox.get("ConfigMap", "default", "held")["metadata"]["finalizers"] == [HOLD]


async def test_of_several_finalizers_one_is_chosen_and_protection_stays(sandbox: Sandbox) -> None:
    protection = "kubernetes.io/pvc-protection"
    held(sandbox, kinds.DEPLOYMENT, deployment("held", replicas=0), OTHER, protection, HOLD)

    def left() -> list[str]:
        found = sandbox.get("Deployment", "default", "held")["metadata"]["finalizers"]
        return list(found)

    async with console_on(sandbox, namespace="default") as console:
        await console.sees("ctrl-x way out")
        await console.press("ctrl+x")
        await console.sees("way out for held", OTHER, f"{protection}  stays", HOLD)
        await console.press("down", "enter")
        await console.sees("Not possible", f"{protection} stays: it keeps a claim")
        await console.press("escape")
        await console.press("ctrl+x")
        await console.sees("way out for held")
        await console.press("down", "down", "enter")
        await console.sees("Remove a finalizer of held?", f"{protection} still hold it.")
        assert left() == [OTHER, protection, HOLD]
        await console.burst(*"held", "enter", "enter")
        await console.sees(f"held is still terminating (finalizer {OTHER}).")
        assert left() == [OTHER, protection]
        await console.press("u")
        await console.sees("Not undone: what is being deleted takes no finalizer back.")
        await console.press("colon", *f"remove-finalizer {OTHER}", "enter")
        await console.sees(f"Remove the finalizer {OTHER} from held.")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        assert left() == [OTHER, protection]


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
def test_the_walk_out_of_terminating(
    api: Api, request: pytest.FixtureRequest, tmp_path: Path, size: tuple[int, int]
) -> None:
    if api.is_cluster:
        config = Path(os.environ["LEVIATHAN_TEST_KUBECONFIG"])
    else:
        made: Sandbox = request.getfixturevalue("conformance_sandbox")
        config = made.write_kubeconfig(tmp_path / "config")
    path = api.path(BATCH, "jobs", "held")
    api.create(BATCH, "jobs", {"apiVersion": "batch/v1", "kind": "Job", **finalized(JOB, HOLD)})
    request.addfinalizer(lambda: api.patch(path, {"metadata": {"finalizers": None}}))
    assert api.delete(path, {"propagationPolicy": "Background"}).status_code == 200
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "none")}
    words = ("runs", "--kubeconfig", str(config), "-n", api.namespace)
    with Terminal(*words, size=size, environment=state) as terminal:
        terminal.sees("● live", "held", "ctrl-x way out")
        terminal.press("x")
        terminal.sees(f"It waits for the finalizer {HOLD}.", "Way out: ctrl-x")
        terminal.press("\x18")
        terminal.sees(
            "Remove a finalizer of held?", "▲ This cannot be undone.", "type held to confirm"
        )
        terminal.press("y\r")
        terminal.sees("That is not held.")
        terminal.press("\x7f")
        terminal.press("held\r\r")
        terminal.sees("held is gone after")
        assert api.get(path).status_code == 404
        terminal.press("\x1b")
        terminal.sees("Runs (0)")
        terminal.press("u")
        terminal.sees("Not undone: what is being deleted takes no finalizer back.")
        terminal.press("a")
        terminal.sees("Activity (1)", "remove-fina")
        terminal.press("\x03")
        assert terminal.ended() == 0


async def test_a_pod_is_force_deleted_by_its_typed_name(sandbox: Sandbox) -> None:
    body = pod("stuck", STUBBORN)
    body["spec"]["terminationGracePeriodSeconds"] = 3600
    sandbox.create(body, "default")
    async with console_on(sandbox, place=Place("pods"), namespace="default") as console:
        await console.sees("Running")
        assert "ctrl-x" not in console.text()
        await console.press("ctrl+d")
        await console.sees("Delete stuck?")
        await console.press("y")
        await console.sees("Terminating")
        await console.press("escape")
        await console.sees("ctrl-x way out")
        assert REGISTRY["force-delete"].enabled(console.app)
        await console.press("ctrl+x")
        await console.sees("Force delete stuck?", "may still run", "type stuck to confirm")
        await console.press("y")
        assert len(sandbox.objects("Pod", "default")) == 1
        await console.press("backspace", *"stuck", "enter")
        await console.sees("stuck is gone after")
        assert not sandbox.objects("Pod", "default")
