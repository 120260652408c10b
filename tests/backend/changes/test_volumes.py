"""A deleted volume claim comes back, and what was on its volume does not: it is said, before and after."""

from typing import Any

import pytest

from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.changes.volumes import VOLUME, lost_with
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import Bench, deployment

CLAIM = kinds.VOLUME_CLAIM
SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}


async def bound(bench: Bench, name: str) -> Ref:
    """Make a claim, and wait until it has a volume."""
    ref = await bench.create(CLAIM, {"metadata": {"name": name}, "spec": SPEC})
    await bench.until(CLAIM, ref, lambda claim: claim["spec"].get("volumeName"))
    return ref


async def deleted(bench: Bench, ref: Ref) -> None:
    outcome = await bench.do(Delete(CLAIM, ref))
    assert outcome.done, outcome.words
    assert outcome.entry.comes_back_empty
    await bench.gone(CLAIM, ref)


async def way_back(bench: Bench) -> Preview:
    (entry,) = latest(bench.entries, "alice")
    return await bench.try_(undo(entry, CLAIM, bench.client.target.cluster.server))


async def test_a_claim_comes_back_empty_and_it_is_said(bench: Bench) -> None:
    ref = await bound(bench, "data")
    notes = (await bench.try_(Delete(CLAIM, ref))).change.notes
    assert any("Undo makes it again, and its volume anew: empty." in note for note in notes)
    volume = (await bench.get(CLAIM, ref))["spec"]["volumeName"]
    await deleted(bench, ref)
    if bench.sandbox is None:
        await bench.gone(VOLUME, Ref(VOLUME.name, "", volume))
    preview = await way_back(bench)
    assert preview.change.effect == "Make PersistentVolumeClaim data again."
    gone = f", for its volume {volume} is gone, with its data."
    assert preview.change.warnings == [f"IT COMES BACK EMPTY{gone}"]
    outcome = await bench.changes.send(bench.client, preview)
    assert outcome.words == f"Undone: data. It is empty{gone}"
    assert bench.entries[0].message == f"It is empty{gone}"
    made = await bench.get(CLAIM, Ref(CLAIM.name, ref.namespace, "data"))
    assert made["spec"].get("volumeName") != volume


async def test_a_volume_that_is_kept_is_named(bench: Bench) -> None:
    if bench.sandbox is not None:
        pytest.skip("the sandbox has no PersistentVolumes")
    ref = await bound(bench, "data")
    volume = Ref(VOLUME.name, "", (await bench.get(CLAIM, ref))["spec"]["volumeName"])
    await bench.patch(VOLUME, volume, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})
    await deleted(bench, ref)
    preview = await way_back(bench)
    words = (
        f"empty; its data stays on the volume {volume.name} (Retain), to be given to it by hand."
    )
    assert preview.change.warnings == [f"IT COMES BACK EMPTY{words[5:]}"]
    assert (await bench.changes.send(bench.client, preview)).words.endswith(f"It is {words}")
    await bench.patch(VOLUME, volume, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})


async def test_what_was_bound_to_no_volume_held_nothing(bench: Bench) -> None:
    assert await lost_with(bench.client, {"spec": SPEC}) == ""
    source = {"kind": "VolumeSnapshot", "name": "monday", "apiGroup": "snapshot.storage.k8s.io"}
    claim: dict[str, Any] = {"spec": {**SPEC, "volumeName": "v", "dataSourceRef": source}}
    assert "from VolumeSnapshot monday anew" in await lost_with(bench.client, claim)
    claim = {"spec": {"volumeName": "../pods"}}
    assert await lost_with(bench.client, claim) == ""


async def test_a_stateful_set_whose_volumes_went_with_it_gets_new_ones(bench: Bench) -> None:
    kind = kinds.STATEFUL_SET
    body = deployment("db", replicas=0)
    body["spec"] |= {
        "serviceName": "db",
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": SPEC}],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    }
    ref = await bench.create(kind, body)
    assert (await bench.do(Delete(kind, ref))).done
    await bench.gone(kind, ref)
    (entry,) = latest(bench.entries, "alice")
    preview = await bench.try_(undo(entry, kind, bench.client.target.cluster.server))
    assert any("ITS VOLUMES WERE DELETED WITH IT" in text for text in preview.change.warnings)
    assert not any("used again" in note for note in preview.change.notes)
    outcome = await bench.changes.send(bench.client, preview)
    assert outcome.words == "Undone: db. Its volumes are new and empty."
