"""Force deleting pods, on the sandbox and the real cluster."""

import asyncio

import pytest

from leviathan_sandbox import Reset
from leviathan_tui.backend.changes import entry as entries
from leviathan_tui.backend.changes.refusals import (
    Gone,
    NotPossible,
)
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.changes.way_out import (
    FORCE,
    ForceDelete,
    RemoveFinalizer,
    options_for,
)
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from tests.backend.changes.conftest import Bench, deployment
from tests.backend.changes.terminating import (
    BODIES,
    HOLD,
    Freed,
    explained,
    freed,
    held,
    pod,
    stuck_pod,
)

__all__ = ["freed"]


async def test_a_pod_that_does_not_end_is_force_deleted(bench: Bench, freed: Freed) -> None:
    ref = await stuck_pod(bench, freed)
    said = await explained(bench, kinds.POD, ref)
    assert "may take until" in said
    assert "ctrl-x force deletes it" in said
    assert [name for name, _ in options_for(kinds.POD, await bench.get(kinds.POD, ref))] == [FORCE]
    preview = await bench.try_(ForceDelete(kinds.POD, ref))
    assert preview.change.request.body["preconditions"] == {"uid": ref.uid}
    assert any("may still run" in text for text in preview.change.warnings)
    assert "This cannot be undone." in preview.change.warnings
    # Trying it changed nothing.
    assert (await bench.get(kinds.POD, ref))["metadata"]["deletionGracePeriodSeconds"] == 3600
    outcome = await bench.changes.send(bench.client, preview)
    assert outcome.words == "Force deleted: stuck."
    assert (await bench.follow(outcome)).done
    await bench.gone(kinds.POD, ref)
    (entry,) = latest(bench.entries, "alice")
    assert entry.verb == "force-delete"
    with pytest.raises(NotPossible, match="a deleted Pod does not come back"):
        undo(entry, kinds.POD, bench.client.target.cluster.server)


async def test_force_deleting_leaves_the_finalizer_to_be_removed(
    bench: Bench, freed: Freed
) -> None:
    ref = await stuck_pod(bench, freed, "stuck", HOLD)
    outcome = await bench.do(ForceDelete(kinds.POD, ref))
    assert f"The finalizer {HOLD} holds it even so." in outcome.preview.change.warnings
    end = await bench.follow(outcome)
    assert (end.words, end.done) == (f"stuck is still terminating (finalizer {HOLD}).", True)
    with pytest.raises(NotPossible, match=f"Not force deleted: only the finalizer {HOLD} holds"):
        await bench.try_(ForceDelete(kinds.POD, ref))
    assert (await bench.do(RemoveFinalizer(kinds.POD, ref, HOLD))).done
    await bench.gone(kinds.POD, ref)


async def test_only_pods_that_are_being_deleted_are_force_deleted(
    bench: Bench, freed: Freed
) -> None:
    ref = await bench.create(kinds.POD, pod("well"))
    freed.append((kinds.POD, ref))
    with pytest.raises(NotPossible, match="Not force deleted: well is not being deleted"):
        await bench.try_(ForceDelete(kinds.POD, ref))
    kind, document = BODIES["app"]
    app = await held(bench, freed, kind, document, HOLD)
    with pytest.raises(NotPossible, match="only pods are force deleted"):
        await bench.try_(ForceDelete(kind, app))


async def test_a_stateful_sets_pod_is_warned_of_two_writers(bench: Bench, freed: Freed) -> None:
    document = deployment("db", replicas=1)
    template = document["spec"]["template"]
    template["spec"] = pod("x")["spec"]
    await bench.create(
        kinds.STATEFUL_SET, {**document, "spec": {**document["spec"], "serviceName": "db"}}
    )
    place = Ref("Pod", bench.namespace, "db-0")
    async with asyncio.timeout(60):
        while True:
            try:
                await bench.until(kinds.POD, place, lambda now: now["status"]["phase"] == "Running")
                break
            except KubeError:
                await asyncio.sleep(0.05)
    first = await bench.get(kinds.POD, place)
    freed += [(kinds.STATEFUL_SET, Ref("StatefulSet", bench.namespace, "db")), (kinds.POD, place)]
    await bench.client.send("DELETE", kinds.POD.path(bench.namespace, "db-0"))
    ref = Ref("Pod", bench.namespace, "db-0", first["metadata"]["uid"])
    outcome = await bench.do(ForceDelete(kinds.POD, ref))
    warnings = " ".join(outcome.preview.change.warnings)
    assert "StatefulSet db makes db-0 anew at once" in warnings
    assert "TWO PODS WITH ONE IDENTITY MAY WRITE TO THE SAME VOLUME" in warnings
    assert (await bench.follow(outcome)).words.startswith("db-0 is gone after")
    with pytest.raises(Gone, match=r"made anew since|is gone"):
        await bench.try_(ForceDelete(kinds.POD, ref))


async def test_a_pod_of_a_node_that_is_gone_may_run_on(bench: Bench, freed: Freed) -> None:
    ref = await bench.create(kinds.POD, pod("lost", nodeName="node-that-is-gone"))
    freed.append((kinds.POD, ref))
    if bench.sandbox is not None:
        # The sandbox runs it all the same, and would end at once what does not run yet.
        await bench.until(kinds.POD, ref, lambda now: now["status"].get("phase") == "Running")
    await bench.client.send("DELETE", kinds.POD.path(ref.namespace, "lost"))
    preview = await bench.try_(ForceDelete(kinds.POD, ref))
    assert (
        "Node node-that-is-gone is gone from the cluster: its machine may still run, and the "
        "containers with it." in preview.change.warnings
    )
    assert any("out-of-service" in text for text in preview.change.notes)
    assert (await bench.changes.send(bench.client, preview)).done
    await bench.gone(kinds.POD, ref)


@pytest.mark.parametrize("status", ["Unknown", "False"])
async def test_a_pod_of_a_node_that_is_not_ready_may_run_on(faulty: Bench, status: str) -> None:
    ready = {"type": "Ready", "status": status, "lastTransitionTime": "2026-11-24T09:41:07Z"}
    name = f"lost-{status.lower()}"
    node = await faulty.create(kinds.NODE, {"metadata": {"name": name}})
    await faulty.client.send(
        "PATCH",
        kinds.NODE.path("", name, "status"),
        {"status": {"conditions": [ready]}},
        content_type="application/merge-patch+json",
    )
    ref = await faulty.create(kinds.POD, pod("lost", nodeName=name))
    # The sandbox runs it all the same.
    await faulty.until(kinds.POD, ref, lambda now: now["status"].get("phase") == "Running")
    await faulty.client.send("DELETE", kinds.POD.path(ref.namespace, "lost"))
    preview = await faulty.try_(ForceDelete(kinds.POD, ref))
    (warning,) = [text for text in preview.change.warnings if name in text]
    assert warning.startswith(f"Node {name} has not been ready since 11-24 ")
    assert any("out-of-service" in text for text in preview.change.notes)
    assert (await faulty.changes.send(faulty.client, preview)).done
    await faulty.gone(kinds.POD, ref)
    await faulty.client.send("DELETE", kinds.NODE.path("", node.name))


async def test_an_answer_that_is_lost_is_looked_up(faulty: Bench) -> None:
    """Of a deletion that had begun before, being under way is no sign."""
    freed: Freed = []
    assert faulty.sandbox is not None
    ref = await stuck_pod(faulty, freed)
    preview = await faulty.try_(ForceDelete(kinds.POD, ref))
    faulty.sandbox.inject(Reset(verb="delete", resource="pods", dry_run=False, times=1))
    outcome = await faulty.changes.send(faulty.client, preview)
    assert outcome.entry.outcome == entries.FAILED, outcome.words
    assert "terminating as before" in outcome.words
    faulty.sandbox.clear_faults()
    assert (await faulty.changes.send(faulty.client, preview)).done
    kind, document = BODIES["configuration"]
    other = await held(faulty, freed, kind, document, HOLD)
    preview = await faulty.try_(RemoveFinalizer(kind, other, HOLD))
    faulty.sandbox.inject(Reset(verb="patch", resource="configmaps", times=1))
    outcome = await faulty.changes.send(faulty.client, preview)
    assert outcome.entry.outcome == entries.FAILED, outcome.words
    assert (await faulty.get(kind, other))["metadata"]["finalizers"] == [HOLD]
