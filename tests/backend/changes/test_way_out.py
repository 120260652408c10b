"""The way out of Terminating, on the sandbox and the real cluster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from leviathan_sandbox import Reset
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
    FORCE,
    ForceDelete,
    RemoveFinalizer,
    nothing_holds,
    options_for,
)
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.explain import explain
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import Forbidden, KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import read_object
from tests.backend.changes.conftest import Bench, cron, deployment
from tests.backend.changes.test_rights import somebody

HOLD, OTHER = "example.com/hold", "example.com/other"
CONFIG_MAP, CLAIM = kinds.CONFIG_MAP, kinds.VOLUME_CLAIM
Document = dict[str, Any]


def with_finalizers(document: Document, *names: str) -> Document:
    return {**document, "metadata": {**document["metadata"], "finalizers": list(names)}}


def job(name: str) -> Document:
    spec: Document = cron(name)["spec"]["jobTemplate"]["spec"]
    return {"metadata": {"name": name}, "spec": {**spec, "suspend": True}}


def pod(name: str, **spec: Any) -> Document:
    """A pod that does not end when it is asked to."""
    container = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"],
    }
    return {
        "metadata": {"name": name},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 3600, **spec},
    }


BODIES: dict[str, tuple[Kind, Document]] = {
    "app": (kinds.DEPLOYMENT, deployment("held", replicas=0)),
    "job": (kinds.JOB, job("held")),
    "cron job": (kinds.CRON_JOB, cron("held")),
    "Service": (kinds.SERVICE, {"metadata": {"name": "held"}, "spec": {"ports": [{"port": 80}]}}),
    "claim": (
        CLAIM,
        {
            "metadata": {"name": "held"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        },
    ),
    "configuration": (CONFIG_MAP, {"metadata": {"name": "held"}, "data": {"a": "1"}}),
}


@pytest_asyncio.fixture
async def freed(bench: Bench) -> AsyncIterator[list[tuple[Kind, Ref]]]:
    """What is let go of in the end, whatever a test comes to: else its namespace stays for ever."""
    made: list[tuple[Kind, Ref]] = []
    yield made
    for kind, ref in made:
        try:
            await bench.patch(kind, ref, {"metadata": {"finalizers": None}})
            await bench.client.send(
                "DELETE", kind.path(ref.namespace, ref.name), {"gracePeriodSeconds": 0}
            )
        except KubeError:
            continue


Freed = list[tuple[Kind, Ref]]


async def held(bench: Bench, freed: Freed, kind: Kind, document: Document, *finalizers: str) -> Ref:
    """Make an object with finalizers and have it deleted."""
    ref = await bench.create(kind, with_finalizers(document, *finalizers))
    freed.append((kind, ref))
    await bench.client.send("DELETE", kind.path(ref.namespace, ref.name))
    await bench.until(kind, ref, lambda now: "deletionTimestamp" in now["metadata"])
    return ref


async def stuck_pod(
    bench: Bench, freed: Freed, name: str = "stuck", *finalizers: str, **spec: Any
) -> Ref:
    """Make a pod that ignores being asked to end for an hour, and have it deleted."""
    ref = await bench.create(kinds.POD, with_finalizers(pod(name, **spec), *finalizers))
    freed.append((kinds.POD, ref))
    await bench.until(kinds.POD, ref, lambda now: now["status"].get("phase") == "Running")
    await bench.client.send("DELETE", kinds.POD.path(ref.namespace, name))
    return ref


async def explained(bench: Bench, kind: Kind, ref: Ref) -> str:
    return plain_text(await explain(bench.client, ref, [], kind=kind))


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


async def test_only_the_named_one_is_removed(bench: Bench, freed: Freed) -> None:
    kind, document = BODIES["configuration"]
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
    user = await bench.create(kinds.POD, pod("user", volumes=[volume]))
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
