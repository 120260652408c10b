"""What an update strategy makes of a change: said before it, offered with it, and counted after it."""

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from leviathan_tui.backend.changes import undo
from leviathan_tui.backend.changes.apps import PauseRollout, Restart, ResumeRollout, SetImage
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.plan import Engine, Plans
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Result
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.changes.rollback import RollBack
from leviathan_tui.backend.changes.rollout import Rollout
from leviathan_tui.backend.changes.strategies import warnings_of
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document
from tests.backend.changes.conftest import IMAGE, Bench, ScriptedDoor, deployment, engine_of

SET, DAEMONS, APP = kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.DEPLOYMENT
BAD_IMAGE = "registry.invalid/none:1"


@pytest_asyncio.fixture
async def engine(bench: Bench, tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_of(bench, tmp_path) as engine:
        engine.steady_seconds = 0.0
        yield engine


async def stateful(bench: Bench, replicas: int = 2, **spec: Any) -> Ref:
    """Make a StatefulSet of pods that only wait, and return once they are ready."""
    document = deployment("web", replicas=replicas, serviceName="web", **spec)
    ref = await bench.create(SET, document)
    await ready(bench, ref, replicas)
    return ref


async def ready(bench: Bench, ref: Ref, count: int) -> None:
    def is_ready(document: Document) -> bool:
        status = document.get("status") or {}
        return bool(status.get("readyReplicas", 0) == count == status.get("replicas"))

    await bench.until(SET, ref, is_ready)


async def pods(bench: Bench) -> dict[str, Document]:
    """The pods of the namespace, by name."""
    found = {}
    async for page in bench.client.pages(kinds.POD, bench.namespace):
        for raw in page.items:
            from leviathan_tui.backend.kube.objects import decoded

            pod = decoded(raw)
            found[pod["metadata"]["name"]] = pod
    return found


async def carry_out(
    engine: Engine, intents: list[Intent], *, pods_too: bool | None = None, at_most: float = 60.0
) -> tuple[Proposal, Result]:
    """Decide for a change with or without the pods that it offers; None leaves the ticks."""

    def decide(proposal: Proposal) -> Decision:
        for one in proposal.related:
            one.goes = one.goes if pods_too is None else pods_too
        return Decision()

    door = ScriptedDoor(decide)
    door.watch_timeout = at_most
    result = await Plans().carry_out(engine, door, intents)
    assert result is not None, door.heard
    (proposal,) = door.proposals
    return proposal, result


def words(result: Result) -> str:
    """What the watch of the app itself ended with."""
    return result.steps[0].progress.words


async def restarted_at(bench: Bench) -> int:
    """How many pods carry the restart that was asked for."""
    annotation = "kubectl.kubernetes.io/restartedAt"
    found = (await pods(bench)).values()
    return sum(annotation in pod["metadata"].get("annotations", {}) for pod in found)


async def test_on_delete_says_which_pods_keep_their_release(bench: Bench, engine: Engine) -> None:
    ref = await stateful(bench, updateStrategy={"type": "OnDelete"})
    proposal, result = await carry_out(engine, [Restart(SET, ref)])
    (step,) = proposal.steps
    assert step.preview.change.warnings == [
        "Kubernetes replaces no pod by itself (OnDelete): the pods keep their release until they "
        "are deleted."
    ]
    offered = [(one.object.ref.name, one.goes) for one in proposal.related]
    assert offered == [("web-0", False), ("web-1", False)]
    assert result.steps[0].progress.done
    assert words(result).startswith("web is up: 2/2 ready in ")
    assert words(result).endswith("; 2 pods keep the former release until they are deleted.")
    assert await restarted_at(bench) == 0


async def test_on_delete_replaces_the_pods_that_are_ticked(bench: Bench, engine: Engine) -> None:
    ref = await stateful(bench, updateStrategy={"type": "OnDelete"})
    _, result = await carry_out(engine, [Restart(SET, ref)], pods_too=True)
    assert [step.preview.intent.ref.name for step in result.done] == ["web", "web-0", "web-1"]
    assert all(step.progress.done for step in result.watched), result.watched
    assert words(result).startswith("web is up: 2/2 ready in ")
    assert "keep" not in words(result)
    assert await restarted_at(bench) == 2


async def test_a_daemon_set_on_delete_offers_its_pods_too(bench: Bench, engine: Engine) -> None:
    document = deployment("agent", updateStrategy={"type": "OnDelete"})
    del document["spec"]["replicas"]
    ref = await bench.create(DAEMONS, document)

    def is_up(found: Document) -> bool:
        status = found.get("status") or {}
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(wanted) and status.get("numberAvailable", 0) == wanted

    await bench.until(DAEMONS, ref, is_up)
    before = await pods(bench)
    proposal, result = await carry_out(engine, [Restart(DAEMONS, ref)], pods_too=True)
    assert {one.object.ref.name for one in proposal.related} == set(before)
    assert all(step.progress.done for step in result.watched), result.watched
    assert await restarted_at(bench) == len(before)


async def test_a_partition_is_done_when_its_part_is(bench: Bench, engine: Engine) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    ref = await stateful(bench, 3, updateStrategy=rolling)
    proposal, result = await carry_out(engine, [Restart(SET, ref)])
    (step,) = proposal.steps
    assert step.preview.change.warnings == ["Only pod 2 is replaced, 1 of 3 (partition 2)."]
    assert proposal.related == []
    assert words(result).startswith("web is up: 3/3 ready in ")
    assert words(result).endswith("; 2 pods keep the former release (partition 2).")
    assert await restarted_at(bench) == 1


async def test_a_partition_counts_from_the_first_pod_whatever_its_number(
    bench: Bench, engine: Engine
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    ref = await stateful(bench, 3, updateStrategy=rolling, ordinals={"start": 5})
    proposal, result = await carry_out(engine, [Restart(SET, ref)])
    (step,) = proposal.steps
    assert step.preview.change.warnings == [
        "Only pods 6 and up are replaced, 2 of 3 (partition 1)."
    ]
    assert words(result).endswith("; 1 pod keeps the former release (partition 1).")
    assert await restarted_at(bench) == 2


async def broken(bench: Bench, engine: Engine) -> Ref:
    """Make a StatefulSet of which the last pod got an image that nobody has."""
    ref = await stateful(bench, 2)
    await carry_out(engine, [SetImage(SET, ref, BAD_IMAGE)], at_most=0.1)
    await bench.until(kinds.POD, Ref("Pod", bench.namespace, "web-1"), is_failing)
    return ref


def is_failing(pod: Document) -> bool:
    statuses = pod["status"].get("containerStatuses") or [{}]
    waiting = (statuses[0].get("state") or {}).get("waiting") or {}
    return waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff")


async def test_going_back_with_a_broken_pod_offers_to_delete_it(
    bench: Bench, engine: Engine
) -> None:
    ref = await broken(bench, engine)
    proposal, result = await carry_out(engine, [RollBack(SET, ref)])
    (offered,) = proposal.related
    assert (offered.object.ref.name, offered.goes) == ("web-1", True)
    assert offered.object.why.endswith("no pod is replaced before it is ready")
    assert result.way_back
    assert all(step.progress.done for step in result.watched), result.watched
    now = (await pods(bench))["web-1"]
    assert now["spec"]["containers"][0]["image"] == IMAGE
    # Both were done in one go, and are taken back in one: what is left of it is the app.
    entries = [step.outcome.entry for step in result.steps if step.outcome is not None]
    assert len({entry.batch for entry in entries}) == 1
    newest_first = list(reversed(entries))
    assert undo.latest(newest_first, "alice") == [entries[0]]
    with pytest.raises(NotPossible, match=r"web-1 was deleted for a change of StatefulSet .*web"):
        undo.undo(entries[1], kinds.POD, bench.client.target.cluster.server)
    proposal, result = await carry_out(engine, [taken_back(bench, SET, entries[0])], at_most=1)
    assert result.steps[0].done
    assert (await bench.get(SET, ref))["spec"]["template"]["spec"]["containers"][0][
        "image"
    ] == BAD_IMAGE


def taken_back(bench: Bench, kind: Kind, entry: Entry) -> Intent:
    return undo.undo(entry, kind, bench.client.target.cluster.server)


async def test_going_back_without_the_broken_pod_is_stuck_and_says_so(
    bench: Bench, engine: Engine
) -> None:
    ref = await broken(bench, engine)
    _, result = await carry_out(engine, [RollBack(SET, ref)], pods_too=False)
    assert result.steps[0].progress.failed
    assert words(result).startswith("web is stuck: web-1 is not ready (")
    assert words(result).endswith("and no pod is replaced before it is. Delete it to go on.")


async def test_no_pod_is_of_a_former_release_before_the_controller_names_the_present_one(
    bench: Bench, engine: Engine
) -> None:
    ref = await stateful(bench, 1)
    _, result = await carry_out(engine, [SetImage(SET, ref, BAD_IMAGE)], at_most=0.1)
    await bench.until(kinds.POD, Ref("Pod", bench.namespace, "web-0"), is_failing)
    app = await bench.get(SET, ref)
    del app["status"]["updateRevision"]
    outcome = result.steps[0].outcome
    assert outcome is not None
    rollout = Rollout(bench.client, SET, outcome.entry, 0.0)
    for now in (1.0, 100.0):
        progress = await rollout.look(app, now, now)
        assert not progress.failed
        assert "is stuck" not in progress.words


async def test_a_broken_pod_below_the_partition_is_listed_and_not_ticked(
    bench: Bench, engine: Engine
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    spec = deployment("web", replicas=2, serviceName="web", updateStrategy=rolling)
    spec["spec"]["template"]["spec"]["containers"][0]["image"] = BAD_IMAGE
    ref = await bench.create(SET, spec)
    await bench.until(SET, ref, lambda one: (one.get("status") or {}).get("replicas"))
    await bench.until(kinds.POD, Ref("Pod", bench.namespace, "web-0"), is_failing)
    # Deleted, it would be made again with the release that is broken.
    proposal, _ = await carry_out(engine, [SetImage(SET, ref, IMAGE)], at_most=0.1)
    (offered,) = proposal.related
    assert (offered.object.ref.name, offered.goes) == ("web-0", False)


async def test_another_image_with_a_broken_pod_offers_it_too(bench: Bench, engine: Engine) -> None:
    ref = await broken(bench, engine)
    proposal, result = await carry_out(engine, [SetImage(SET, ref, f"docker.io/{IMAGE}")])
    assert [one.object.ref.name for one in proposal.related] == ["web-1"]
    assert all(step.progress.done for step in result.watched), result.watched


async def test_pods_that_are_made_in_parallel_are_replaced_though_one_is_broken(
    bench: Bench, engine: Engine
) -> None:
    ref = await stateful(bench, 2, podManagementPolicy="Parallel")
    await carry_out(engine, [SetImage(SET, ref, BAD_IMAGE)], at_most=0.1)
    await bench.until(kinds.POD, Ref("Pod", bench.namespace, "web-1"), is_failing)
    proposal, result = await carry_out(engine, [RollBack(SET, ref)])
    assert proposal.related == []
    assert result.steps[0].progress.done, words(result)


async def test_recreate_says_that_everything_stops(bench: Bench, engine: Engine) -> None:
    ref = await bench.app(replicas=2, strategy={"type": "Recreate"})
    proposal, result = await carry_out(engine, [Restart(APP, ref)])
    (step,) = proposal.steps
    assert step.preview.change.warnings == [
        "Recreate stops all 2 pods first, then starts 2: nothing answers in between."
    ]
    assert words(result).startswith("web is up: 2/2 ready in ")


def test_what_a_strategy_is_warned_of() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}
    for kind, spec, wanted in (
        (APP, {"strategy": rolling}, ["All 3 pods may be stopped at once (maxUnavailable 100%)."]),
        (
            SET,
            {"updateStrategy": rolling},
            ["All 3 pods may be stopped at once (maxUnavailable 100%)."],
        ),
        (
            SET,
            {"updateStrategy": {"rollingUpdate": {"partition": 2}}, "ordinals": {"start": 5}},
            ["Only pod 7 is replaced, 1 of 3 (partition 2)."],
        ),
        (
            SET,
            {"updateStrategy": {"rollingUpdate": {"partition": 4}}, "ordinals": {"start": 5}},
            ["No pod is replaced: the partition 4 leaves all 3 as they are."],
        ),
        (
            SET,
            {"updateStrategy": {"rollingUpdate": {"partition": 3}}},
            ["No pod is replaced: the partition 3 leaves all 3 as they are."],
        ),
        (
            SET,
            {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            ["Only pods 1 and up are replaced, 2 of 3 (partition 1)."],
        ),
        (APP, {"strategy": {"rollingUpdate": {"maxUnavailable": "25%"}}}, []),
        # Of a percentage, the pods of a StatefulSet are rounded down, those of a DaemonSet up.
        (SET, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "99%"}}}, []),
        (APP, {"strategy": {"type": "Recreate"}, "replicas": 0}, []),
        (SET, {"updateStrategy": {"rollingUpdate": {"partition": "x"}}}, []),
    ):
        app = {"spec": {"replicas": 3, **copy.deepcopy(spec)}}
        assert warnings_of(kind, app) == wanted, spec


async def test_a_rollout_that_is_paused_offers_and_warns_of_nothing(
    bench: Bench, engine: Engine
) -> None:
    ref = await bench.app(replicas=2, strategy={"type": "Recreate"}, paused=True, settles=False)
    proposal, _ = await carry_out(engine, [SetImage(APP, ref, f"docker.io/{IMAGE}")])
    assert proposal.steps[0].preview.change.warnings == []


async def test_a_rollout_that_is_resumed_warns_of_what_was_held_back(
    bench: Bench, engine: Engine
) -> None:
    ref = await bench.app(replicas=2, strategy={"type": "Recreate"})
    for image, wanted in (
        ("", []),
        (
            f"docker.io/{IMAGE}",
            ["Recreate stops all 2 pods first, then starts 2: nothing answers in between."],
        ),
    ):
        assert (await bench.do(PauseRollout(APP, ref))).done
        if image:
            assert (await bench.do(SetImage(APP, ref, image))).done
        await bench.until(APP, ref, is_seen)
        proposal, result = await carry_out(engine, [ResumeRollout(APP, ref)])
        assert proposal.steps[0].preview.change.warnings == wanted
        assert result.steps[0].progress.done


def is_seen(document: Document) -> bool:
    seen = document["status"].get("observedGeneration")
    return bool(seen == document["metadata"]["generation"])
