"""Whether an app is paused by the console, where others scale it too."""

import re

import pytest

from leviathan_tui.backend.changes import apps
from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.fleet import convert, pausing
from leviathan_tui.backend.fleet.explain import explain
from leviathan_tui.backend.fleet.pausing import remembered_replicas
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import PAUSED_BY, PAUSED_REPLICAS, Interner, Ref, Workload
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.objects import decoded_as
from tests.backend.changes.conftest import Bench, deployment

KIND = kinds.DEPLOYMENT
MERGE = "application/merge-patch+json"


async def scale(bench: Bench, ref: Ref, replicas: int, manager: str = "kubectl") -> None:
    """Scale an app as `kubectl scale` and an autoscaler do."""
    path = KIND.path(ref.namespace, ref.name, "scale")
    body = {"spec": {"replicas": replicas}}
    params = {"fieldManager": manager}
    await bench.client.send("PATCH", path, body, content_type=MERGE, params=params)


async def paused(bench: Bench, replicas: int = 2) -> Ref:
    ref = await bench.app(replicas=replicas)
    assert (await bench.do(apps.Pause(KIND, ref))).done
    return ref


async def row(bench: Bench, ref: Ref) -> Workload:
    """Return an app as a list has it."""
    body = await bench.client.read(KIND.path(ref.namespace, ref.name))
    record = convert.workload(KIND.name)(decoded_as(body, wire.Workload), Interner())
    assert isinstance(record, Workload)
    return record


async def test_a_pause_counts_while_nobody_else_has_scaled(bench: Bench) -> None:
    ref = await paused(bench)
    document = await bench.get(KIND, ref)
    assert remembered_replicas(document) == 2
    found = await row(bench, ref)
    assert (found.paused_replicas, found.paused_by) == ("2", "alice")
    # Other fields may be anybody's.
    await bench.patch(KIND, ref, {"metadata": {"labels": {"a": "b"}}, "spec": {"paused": True}})
    assert remembered_replicas(await bench.get(KIND, ref)) == 2
    assert (await row(bench, ref)).paused_replicas == "2"
    preview = await bench.try_(apps.Boot(KIND, ref))
    assert preview.change.notes == [f"It is {pausing.story(document)}."]
    assert re.fullmatch(
        r"paused by alice at \d\d-\d\d \d\d:\d\d, 2 replicas before", pausing.story(document)
    )
    said = plain_text(await explain(bench.client, ref, []))
    assert f"It is {pausing.story(document)}." in said


@pytest.mark.parametrize("manager", ["kubectl", "kube-controller-manager"])
async def test_it_counts_no_more_once_somebody_else_has(bench: Bench, manager: str) -> None:
    ref = await paused(bench)
    await scale(bench, ref, 5, manager)
    found = await row(bench, ref)
    assert (found.desired, found.paused_replicas) == (5, "")
    await scale(bench, ref, 0, manager)
    document = await bench.get(KIND, ref)
    assert document["metadata"]["annotations"][PAUSED_REPLICAS] == "2"
    assert remembered_replicas(document) == 0
    found = await row(bench, ref)
    assert (found.paused_replicas, found.paused_by) == ("", "")
    with pytest.raises(NotPossible, match="Not paused: web has no replicas already"):
        await bench.try_(apps.Pause(KIND, ref))
    preview = await bench.try_(apps.Boot(KIND, ref))
    assert preview.change.effect == "Start web with 1 replicas."
    assert preview.change.notes == [
        "It was paused here at 2, and scaled by somebody else since: that is not its size."
    ]
    assert (await bench.do(apps.Boot(KIND, ref, 3))).done
    document = await bench.get(KIND, ref)
    assert document["spec"]["replicas"] == 3
    assert not {PAUSED_REPLICAS, PAUSED_BY} & set(document["metadata"].get("annotations") or {})


async def test_an_edit_by_somebody_else_ends_it_too(bench: Bench) -> None:
    ref = await paused(bench)
    await bench.patch(KIND, ref, {"spec": {"replicas": 4}})
    await bench.patch(KIND, ref, {"spec": {"replicas": 0}})
    assert remembered_replicas(await bench.get(KIND, ref)) == 0
    assert (await row(bench, ref)).paused_replicas == ""
    # Nor does an apply keep down what nobody here has paused.
    manifest = {**deployment("web", replicas=2), "apiVersion": "apps/v1", "kind": "Deployment"}
    manifest["metadata"]["namespace"] = bench.namespace
    intent = Apply(KIND, ref, manifest)
    intent.force = True
    assert (await bench.do(intent)).done
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2


async def test_where_the_server_keeps_no_books_a_pause_counts(bench: Bench) -> None:
    ref = await bench.app(replicas=2)
    # So do tools that want smaller objects: from then on, no update is tracked.
    await bench.patch(KIND, ref, {"metadata": {"managedFields": [{}]}})
    assert (await bench.do(apps.Pause(KIND, ref))).done
    if not (await bench.get(KIND, ref))["metadata"].get("managedFields"):
        assert (await row(bench, ref)).paused_replicas == "2"
    assert remembered_replicas(await bench.get(KIND, ref)) == 2


async def test_what_is_scaled_to_zero_here_later_was_not_paused(bench: Bench) -> None:
    ref = await paused(bench)
    await scale(bench, ref, 5)
    assert (await bench.do(apps.Scale(KIND, ref, 0))).done
    assert remembered_replicas(await bench.get(KIND, ref)) == 0
    assert (await row(bench, ref)).paused_replicas == ""


async def test_a_pause_that_is_taken_back_again_or_made_again_counts(bench: Bench) -> None:
    server = bench.client.target.cluster.server
    ref = await paused(bench)
    assert (await bench.do(apps.Boot(KIND, ref))).done
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, KIND, server))).done
    assert (await row(bench, ref)).paused_replicas == "2"
    assert (await bench.do(Delete(KIND, ref))).done
    await bench.gone(KIND, ref)
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, KIND, server))).done
    assert (await row(bench, Ref(KIND.name, ref.namespace, ref.name))).paused_replicas == "2"


@pytest.mark.parametrize("size", ["10001", "99999", "-1", "1e3", "٣", "2 ", "", "0", "9" * 500])
async def test_a_size_beyond_the_limit_is_not_believed(bench: Bench, size: str) -> None:
    ref = await bench.create(KIND, deployment("web", replicas=1))
    path = KIND.path(ref.namespace, ref.name)
    body = {"metadata": {"annotations": {PAUSED_REPLICAS: size}}, "spec": {"replicas": 0}}
    params = {"fieldManager": "leviathan"}
    await bench.client.send("PATCH", path, body, content_type=MERGE, params=params)
    assert remembered_replicas(await bench.get(KIND, ref)) == 0
    assert (await row(bench, ref)).paused_replicas == ""
    preview = await bench.try_(apps.Boot(KIND, ref))
    assert preview.after is not None
    assert preview.after["spec"]["replicas"] == 1
    shown = preview.change.notes[0]
    assert len(shown) < 120
    assert size == "" or "which is no size" in shown
