"""The way out of Terminating, from the keyboard."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import cron, deployment
from tests.conformance.api import pod
from tests.console.conftest import Console, console_on
from tests.console.test_changes import burst

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


def held(sandbox: Sandbox, kind: Kind, body: dict[str, Any], *finalizers: str) -> None:
    """Make an object with finalizers and have it deleted."""
    document = copy.deepcopy(body)
    document["metadata"]["finalizers"] = list(finalizers)
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
        burst(console, *"held", "enter", "enter")
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
        burst(console, *"held", "enter", "enter")
        await console.sees(f"held is still terminating (finalizer {OTHER}).")
        assert left() == [OTHER, protection]
        await console.press("u")
        await console.sees("Not undone: what is being deleted takes no finalizer back.")
        await console.press("colon", *f"remove-finalizer {OTHER}", "enter")
        await console.sees(f"Remove the finalizer {OTHER} from held.")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        assert left() == [OTHER, protection]


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
