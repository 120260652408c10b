"""Removing finalizers, on the sandbox and the real cluster."""

import asyncio

import pytest

from leviathan_tui.backend.changes import entry as entries
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.refusals import (
    Changed,
    Denied,
    Gone,
    Guarded,
    NotPossible,
    Refusal,
)
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.changes.way_out import (
    ForceDelete,
    RemoveFinalizer,
    nothing_holds,
    options_for,
)
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import Forbidden
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import read_object
from tests.backend.changes.conftest import Bench
from tests.backend.changes.terminating import (
    BODIES,
    CONFIG_MAP,
    HOLD,
    OTHER,
    Freed,
    explained,
    freed,
    held,
    pod,
    stuck_pod,
    with_finalizers,
)
from tests.backend.changes.test_rights import somebody

__all__ = ["freed"]


async def refused(bench: Bench, kind: Kind, ref: Ref, name: str, why: str) -> None:
    with pytest.raises(NotPossible, match=f"^Finalizer not removed: {why}"):
        await bench.try_(RemoveFinalizer(kind, ref, name))


@pytest.mark.parametrize("what", BODIES)
async def test_removing_the_last_finalizer_lets_an_object_go(
    bench: Bench, freed: Freed, what: str
) -> None:
    kind, document = BODIES[what]
    ref = await held(bench, freed, kind, document, HOLD)
    said = await explained(bench, kind, ref)
    assert f"It waits for the finalizer {HOLD}." in said
    assert "Way out: ctrl-x removes one finalizer, for good." in said
    for name in list((await bench.get(kind, ref))["metadata"]["finalizers"]):
        if name != HOLD:
            # A claim is protected by Kubernetes for as long as it likes.
            await bench.until(
                kind,
                ref,
                lambda now, one=name: one not in now["metadata"]["finalizers"],  # type: ignore[misc]
            )
    preview = await bench.try_(RemoveFinalizer(kind, ref, HOLD))
    assert preview.change.effect == f"Remove the finalizer {HOLD} from held. It is the last one."
    assert any("may be left behind" in text for text in preview.change.warnings)
    assert "This cannot be undone." in preview.change.warnings
    assert [one.label for one in preview.differences] == ["metadata.finalizers"]
    outcome = await bench.changes.send(bench.client, preview)
    assert outcome.words == "Finalizer removed: held."
    assert (await bench.follow(outcome)).words.startswith("held is gone after")
    await bench.gone(kind, ref)
    (entry,) = latest(bench.entries, "alice")
    assert (entry.verb, entry.kind, entry.outcome) == (
        "remove-finalizer",
        kind.name,
        entries.DONE,
    )
    with pytest.raises(NotPossible, match=r"Not undone: what is being deleted takes no finalizer"):
        undo(entry, kind, bench.client.target.cluster.server)


@pytest.mark.parametrize("what", ["app", "job", "configuration"])
async def test_only_the_named_one_is_removed(bench: Bench, freed: Freed, what: str) -> None:
    kind, document = BODIES[what]
    ref = await held(bench, freed, kind, document, OTHER, HOLD, "example.com/third")
    outcome = await bench.do(RemoveFinalizer(kind, ref, HOLD))
    assert outcome.done
    assert outcome.preview.change.effect.endswith(f"{OTHER}, example.com/third still hold it.")
    end = await bench.follow(outcome)
    assert (end.words, end.done) == (f"held is still terminating (finalizer {OTHER}).", True)
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == [OTHER, "example.com/third"]


async def test_a_finalizer_that_moved_while_it_was_decided_takes_none_with_it(
    bench: Bench, freed: Freed
) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, OTHER, HOLD, "example.com/third")
    preview = await bench.try_(RemoveFinalizer(kind, ref, HOLD))
    # Its controller was done meanwhile: what stood behind it stands in its place.
    left = [HOLD, "example.com/third"]
    await bench.patch(kind, ref, {"metadata": {"finalizers": left}})
    outcome = await bench.changes.send(bench.client, preview)
    assert isinstance(outcome.refusal, Changed)
    assert f"{HOLD} is gone or stands elsewhere. Nothing was removed" in outcome.words
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == left
    assert bench.entries[0].outcome == entries.REFUSED


async def test_one_that_is_gone_meanwhile_is_said_and_nothing_removed(
    bench: Bench, freed: Freed
) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD, OTHER)
    preview = await bench.try_(RemoveFinalizer(kind, ref, HOLD))
    await bench.patch(kind, ref, {"metadata": {"finalizers": [OTHER]}})
    outcome = await bench.changes.send(bench.client, preview)
    assert isinstance(outcome.refusal, Changed)
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == [OTHER]


async def test_one_made_anew_is_not_touched(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD)
    preview = await bench.try_(RemoveFinalizer(kind, ref, HOLD))
    await bench.patch(kind, ref, {"metadata": {"finalizers": None}})
    await bench.gone(kind, ref)
    again = await held(bench, freed, kind, document, HOLD)
    outcome = await bench.changes.send(bench.client, preview)
    assert not outcome.done
    assert outcome.refusal is not None
    assert (await bench.get(kind, again))["metadata"]["finalizers"] == [HOLD]
    with pytest.raises(Gone, match="made anew since"):
        await bench.try_(RemoveFinalizer(kind, ref, HOLD))


async def test_pressed_twice_it_is_applied_once(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD, OTHER)
    first, second = [await bench.try_(RemoveFinalizer(kind, ref, HOLD)) for _ in range(2)]
    outcomes = await asyncio.gather(
        *(bench.changes.send(bench.client, one) for one in (first, second))
    )
    assert sorted(one.done for one in outcomes) == [False, True]
    late = await bench.changes.send(bench.client, second)
    assert isinstance(late.refusal, Changed)
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == [OTHER]


@pytest.mark.parametrize("what", ["app", "claim", "configuration"])
async def test_what_is_not_being_deleted_is_left_alone(
    bench: Bench, freed: Freed, what: str
) -> None:
    kind, document = BODIES[what]
    ref = await bench.create(kind, with_finalizers(document, HOLD))
    freed.append((kind, ref))
    await refused(bench, kind, ref, HOLD, "held is not being deleted; delete it first")
    assert HOLD in (await bench.get(kind, ref))["metadata"]["finalizers"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("kubernetes.io/pvc-protection", "it keeps a claim that a pod still uses"),
        ("kubernetes.io/pv-protection", "it keeps a volume to which a claim is still bound"),
        ("kubernetes.io/vac-protection", "it keeps a class"),
        ("resource.kubernetes.io/delete-protection", "it keeps devices"),
        ("scheduling.k8s.io/podgroup-protection", "it keeps a group"),
        ("orphan", "it is the garbage collector's"),
    ],
)
async def test_what_protects_something_stays(
    bench: Bench, freed: Freed, name: str, why: str
) -> None:
    kind, document = BODIES["configuration"]
    finalizers = [HOLD, name] if name != "orphan" else [HOLD]
    ref = await held(bench, freed, kind, document, *finalizers)
    await refused(bench, kind, ref, name, f"{name} stays: {why}")
    if name != "orphan":
        said = await explained(bench, kind, ref)
        assert f"It waits for the finalizer {name}.\n  That stays here: {why}" in said
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == finalizers


async def test_a_claim_that_a_pod_uses_keeps_its_protection(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["claim"]
    protection = "kubernetes.io/pvc-protection"
    # A real server would set it by itself.
    ref = await bench.create(kind, with_finalizers(document, protection))
    freed.append((kind, ref))
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "held"}}
    # A pod without a node would not count as one that uses it.
    user = await bench.create(kinds.POD, pod("user", volumes=[volume], nodeName="some-node"))
    freed.append((kinds.POD, user))
    await bench.client.send("DELETE", kind.path(ref.namespace, ref.name))
    await refused(bench, kind, ref, protection, f"{protection} stays: ")
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == [protection]


async def test_foreground_deletion_is_said_to_be_the_garbage_collectors(
    bench: Bench, freed: Freed
) -> None:
    kind, document = BODIES["configuration"]
    parent = await bench.create(kind, document)
    child = with_finalizers({"metadata": {"name": "child"}}, HOLD)
    child["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": parent.name,
            "uid": parent.uid,
            "blockOwnerDeletion": True,
        }
    ]
    dependent = await bench.create(kind, child)
    freed.append((kind, dependent))
    path = kind.path(parent.namespace, parent.name)
    await bench.client.send("DELETE", path, {"propagationPolicy": "Foreground"})
    await bench.until(kind, dependent, lambda now: "deletionTimestamp" in now["metadata"])
    outcome = await bench.do(RemoveFinalizer(kind, parent, "foregroundDeletion"))
    assert "the garbage collector's" in outcome.preview.change.warnings[1]
    assert outcome.done, outcome.words
    await bench.gone(kind, parent)
    assert (await bench.get(kind, dependent))["metadata"]["finalizers"] == [HOLD]


async def test_a_namespace_keeps_its_own_and_loses_another(bench: Bench, freed: Freed) -> None:
    kind = kinds.NAMESPACE
    made = await bench.create(
        kind, with_finalizers({"metadata": {"name": f"{bench.namespace}-b"}}, HOLD)
    )
    freed.append((kind, made))
    await bench.client.send("DELETE", kind.path("", made.name))
    await bench.until(kind, made, lambda now: now["status"]["phase"] == "Terminating")
    await refused(bench, kind, made, "kubernetes", "“kubernetes” stays until .* is empty")
    assert f"the finalizer {HOLD}" in await explained(bench, kind, made)
    assert (await bench.do(RemoveFinalizer(kind, made, HOLD))).done
    await bench.gone(kind, made)


async def test_a_namespace_that_is_not_empty_has_its_way_out_inside(
    bench: Bench, freed: Freed
) -> None:
    kind = kinds.NAMESPACE
    made = await bench.create(kind, {"metadata": {"name": f"{bench.namespace}-c"}})
    inside = Ref("ConfigMap", made.name, "held")
    body = {"metadata": {"name": "held", "finalizers": [HOLD]}}
    await bench.client.send("POST", CONFIG_MAP.path(made.name), body)
    freed.append((CONFIG_MAP, inside))
    await bench.client.send("DELETE", kind.path("", made.name))
    document = await bench.until(kind, made, lambda now: now["status"]["phase"] == "Terminating")
    assert options_for(kind, document) == []
    refusal = nothing_holds(made, document)
    assert "has no finalizer of its own: Kubernetes empties it first" in refusal.message
    said = await explained(bench, kind, made)
    assert "the way out is at what is left in it" in said
    if bench.sandbox is None:
        # Only a real namespace says what is left in it.
        await bench.until(kind, made, lambda now: HOLD in str(now["status"].get("conditions")))
        assert HOLD in await explained(bench, kind, made)
    assert (await bench.do(RemoveFinalizer(CONFIG_MAP, inside, HOLD))).done
    await bench.gone(kind, made)


async def test_an_unknown_finalizer_is_refused_with_those_there_are(
    bench: Bench, freed: Freed
) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD, OTHER)
    await refused(bench, kind, ref, "example.com/h", f"held has no finalizer .*; it has {HOLD}, ")


async def test_who_may_not_is_told_and_nothing_is_changed(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD)
    rules = [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get"]}]
    client = await somebody(bench, rules)
    try:
        async with asyncio.timeout(60):
            while True:
                # The server's view of roles follows their creation a moment later.
                try:
                    await read_object(client, kind.path(ref.namespace, ref.name))
                    break
                except Forbidden:
                    await asyncio.sleep(0.05)
        with pytest.raises(Denied, match="Finalizer not removed: you may not: "):
            await bench.changes.prepare(client, RemoveFinalizer(kind, ref, HOLD))
        place = await stuck_pod(bench, freed)
        with pytest.raises(Denied, match="Not force deleted: you may not: "):
            await bench.changes.prepare(client, ForceDelete(kinds.POD, place))
    finally:
        await client.close()
    assert (await bench.get(kind, ref))["metadata"]["finalizers"] == [HOLD]


async def test_whoever_may_not_delete_may_not_do_this_either(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD)
    for rule in ("delete", "remove-finalizer", f"*:{bench.namespace}"):
        bench.guard = GuardConfig(deny=(rule,))
        with pytest.raises(Guarded, match="Finalizer not removed: your configuration denies"):
            await bench.changer().prepare(bench.client, RemoveFinalizer(kind, ref, HOLD))


async def test_delete_says_that_it_is_being_deleted_already(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
    ref = await held(bench, freed, kind, document, HOLD)
    with pytest.raises(Refusal, match=rf"held is terminating \(finalizer {HOLD}\)"):
        await bench.try_(Delete(kind, ref))
