"""The one way of every change: what a door is asked, in which order, and what follows from a failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from leviathan_sandbox import Refused, Sandbox, Slow
from leviathan_sandbox.status import StatusError
from leviathan_tui.backend.changes import apps
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.plan import Engine, Plans
from leviathan_tui.backend.changes.preview import Progress
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Result, Stage, Step
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench, ScriptedDoor, engine_of

KIND = kinds.DEPLOYMENT
TIMEOUT = 60.0
FORBIDDEN = StatusError(403, "Forbidden", "no")


@pytest_asyncio.fixture
async def engine(faulty: Bench, tmp_path: Path) -> AsyncIterator[Engine]:
    """What changes the sandbox as alice."""
    async with engine_of(faulty, tmp_path) as engine:
        yield engine


async def _app_with_service(bench: Bench, name: str) -> Ref:
    ref = await bench.app(name, replicas=0)
    ports = [{"port": 80, "protocol": "TCP"}]
    spec = {"selector": {"app": name}, "ports": ports}
    await bench.create(kinds.SERVICE, {"metadata": {"name": name}, "spec": spec})
    return ref


async def _is_there(bench: Bench, kind: Kind, name: str) -> bool:
    try:
        document = await bench.get(kind, Ref(kind.name, bench.namespace, name))
    except NotFound:
        return False
    return "deletionTimestamp" not in document["metadata"]


def _sandbox(bench: Bench) -> Sandbox:
    assert bench.sandbox is not None
    return bench.sandbox


async def test_several_apps_go_each_with_what_is_theirs_in_one_batch(
    faulty: Bench, engine: Engine
) -> None:
    refs = [await _app_with_service(faulty, name) for name in ("aa", "bb")]
    door = ScriptedDoor()
    result = await Plans().carry_out(engine, door, [Delete(KIND, ref) for ref in refs])
    assert door.heard == [
        "trying",
        "sending 1/4 Deployment aa",
        "sending 2/4 Service aa",
        "sending 3/4 Deployment bb",
        "sending 4/4 Service bb",
        "report",
        "ended",
    ]
    assert result is not None
    assert len(result.done) == 4
    outcomes = [step.outcome for step in result.steps]
    assert len({one.entry.batch for one in outcomes if one is not None}) == 1


async def test_what_cannot_be_read_leaves_the_others_be(faulty: Bench, engine: Engine) -> None:
    refs = [await faulty.app(name, replicas=2) for name in ("aa", "bb")]
    broken = StatusError(500, "InternalError", "etcd is away")
    _sandbox(faulty).inject(
        Refused(
            error=broken, verb="get", resource="deployments", namespace=faulty.namespace, times=1
        )
    )
    door = ScriptedDoor()
    result = await Plans().carry_out(engine, door, [apps.Pause(KIND, ref) for ref in refs])
    (proposal,) = door.proposals
    assert len(proposal.steps) == len(proposal.refusals) == 1
    assert "etcd is away" in proposal.refusals[0].message
    assert result is not None
    assert len(result.done) == 1


async def test_what_belongs_to_an_app_that_stays_stays(faulty: Bench, engine: Engine) -> None:
    refs = [await _app_with_service(faulty, name) for name in ("aa", "bb")]
    no = Refused(
        error=FORBIDDEN,
        verb="delete",
        resource="deployments",
        namespace=faulty.namespace,
        dry_run=False,
        times=1,
    )
    _sandbox(faulty).inject(no)
    door = ScriptedDoor(lambda proposal: Decision(stop_at_first=False))
    result = await Plans().carry_out(engine, door, [Delete(KIND, ref) for ref in refs])
    assert result is not None
    assert "kept Service" in door.heard
    assert [len(one) for one in (result.done, result.failed, result.kept)] == [2, 1, 1]
    assert await _is_there(faulty, kinds.SERVICE, "aa")
    assert not await _is_there(faulty, kinds.SERVICE, "bb")


async def test_a_related_object_that_may_not_go_is_offered_with_the_reason(
    faulty: Bench, engine: Engine
) -> None:
    ref = await _app_with_service(faulty, "aa")
    _sandbox(faulty).inject(
        Refused(error=FORBIDDEN, verb="delete", resource="services", namespace=faulty.namespace)
    )
    door = ScriptedDoor()
    result = await Plans().carry_out(engine, door, [Delete(KIND, ref)])
    (related,) = door.proposals[0].related
    assert (related.goes, related.preview) == (False, None)
    assert related.refusal is not None
    assert result is not None
    assert len(result.done) == 1
    assert await _is_there(faulty, kinds.SERVICE, "aa")


async def test_what_is_ticked_later_is_tried_before_anything_is_sent(
    faulty: Bench, engine: Engine
) -> None:
    container = {
        "name": "main",
        "image": "busybox:1.36",
        "envFrom": [{"configMapRef": {"name": "c"}}],
    }
    template = {"metadata": {"labels": {"app": "aa"}}, "spec": {"containers": [container]}}
    ref = await faulty.app("aa", replicas=0, template=template)
    await faulty.create(kinds.CONFIG_MAP, {"metadata": {"name": "c"}})
    _sandbox(faulty).inject(
        Refused(error=FORBIDDEN, verb="delete", resource="configmaps", namespace=faulty.namespace)
    )

    def tick(proposal: Proposal) -> Decision:
        (related,) = proposal.related
        assert not related.goes
        related.goes = True
        return Decision()

    door = ScriptedDoor(tick)
    assert await Plans().carry_out(engine, door, [Delete(KIND, ref)]) is None
    assert door.heard[-1].startswith("refused Not deleted: you may not")
    assert await _is_there(faulty, KIND, "aa")


async def test_one_at_a_time_is_decided_about(faulty: Bench, engine: Engine) -> None:
    refs = [await faulty.app(name, replicas=2) for name in ("aa", "bb")]
    plans, first, second = Plans(), ScriptedDoor(lambda proposal: None), ScriptedDoor()
    first.answer.clear()
    begun = asyncio.create_task(plans.carry_out(engine, first, [apps.Pause(KIND, refs[0])]))
    async with asyncio.timeout(TIMEOUT):
        await first.asked.wait()
    assert plans.undecided is not None
    assert plans.undecided.stage is Stage.DECIDING
    assert await plans.carry_out(engine, second, [apps.Pause(KIND, refs[1])]) is None
    assert second.heard == ["refused First decide about aa."]
    first.answer.set()
    assert await begun is None
    assert first.heard == ["trying", "left"]
    assert plans.undecided is None


async def test_what_is_being_tried_can_be_given_up(faulty: Bench, engine: Engine) -> None:
    ref = await faulty.app("aa", replicas=2)
    slow = _sandbox(faulty).inject(Slow(verb="patch", namespace=faulty.namespace, seconds=3600.0))
    plans, door = Plans(), ScriptedDoor()
    begun = asyncio.create_task(plans.carry_out(engine, door, [apps.Pause(KIND, ref)]))
    async with asyncio.timeout(TIMEOUT):
        await door.tried.wait()
        assert plans.stop()
        assert await begun is None
    assert door.heard == ["trying", "left"]
    assert not plans.stop()
    _sandbox(faulty).remove(slow)


async def test_the_end_of_everything_is_no_answer(faulty: Bench, engine: Engine) -> None:
    ref = await faulty.app("aa", replicas=2)
    door = ScriptedDoor()
    door.answer.clear()
    begun = asyncio.create_task(Plans().carry_out(engine, door, [apps.Pause(KIND, ref)]))
    async with asyncio.timeout(TIMEOUT):
        await door.asked.wait()
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert "left" not in door.heard


async def _stuck_app(bench: Bench, name: str) -> Ref:
    """Make an app whose image nobody can pull, scaled to zero."""
    stuck = {"containers": [{"name": "main", "image": "example/none:missing-1"}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": stuck}
    return await bench.app(name, replicas=0, template=template)


async def test_what_is_watched_gives_way_to_what_was_changed_since(
    faulty: Bench, engine: Engine
) -> None:
    plans, watching, refused, made = Plans(), ScriptedDoor(), ScriptedDoor(), ScriptedDoor()
    watching.watch_timeout = 3600.0
    aa, bb = await _stuck_app(faulty, "aa"), await faulty.app("bb", replicas=2)
    begun = asyncio.create_task(plans.carry_out(engine, watching, [apps.Scale(KIND, aa, 2)]))
    async with asyncio.timeout(TIMEOUT):
        await watching.reported.wait()
        await watching.heard_progress.wait()
        # What the server refuses is no reason to look away.
        no = Refused(
            error=FORBIDDEN,
            verb="patch",
            resource="deployments",
            namespace=faulty.namespace,
            dry_run=False,
            times=1,
        )
        _sandbox(faulty).inject(no)
        result = await plans.carry_out(engine, refused, [apps.Pause(KIND, bb)])
        assert result is not None
        assert not result.done
        assert not begun.done()
        await plans.carry_out(engine, made, [apps.Pause(KIND, bb)])
        assert await begun is not None
    assert watching.heard[-1] == "stopped watching"
    assert "ended" not in watching.heard
    assert made.heard[-1] == "ended"


async def test_nothing_is_heard_of_what_is_watched_no_longer(faulty: Bench, engine: Engine) -> None:
    plans, door = Plans(), ScriptedDoor()
    door.watch_timeout = 3600.0
    aa = await _stuck_app(faulty, "aa")
    begun = asyncio.create_task(plans.carry_out(engine, door, [apps.Scale(KIND, aa, 2)]))
    async with asyncio.timeout(TIMEOUT):
        await door.reported.wait()
        await door.heard_progress.wait()
        (plan,) = [plan for plan in plans._plans if plan.stage is Stage.WATCHING]
        result = Result([], [])
        assert plans.stop()
        # One that was on its way when it was given up.
        step = Step(door.proposals[0].steps[0].preview)
        plan._progressed(door, result, step, Progress("late"))
        assert await begun is not None
    assert door.heard[-1] == "stopped watching"
    assert not plans.stop()


async def test_the_end_of_the_connection_takes_nothing_back(faulty: Bench, engine: Engine) -> None:
    class Ending(ScriptedDoor):
        async def report(self, result: Result) -> None:
            await asyncio.to_thread(engine.cluster.stop)
            await super().report(result)

    door = Ending()
    door.watch_timeout = 3600.0
    aa = await _stuck_app(faulty, "aa")
    async with asyncio.timeout(TIMEOUT):
        result = await Plans().carry_out(engine, door, [apps.Scale(KIND, aa, 2)])
    assert result is not None
    assert len(result.done) == 1


async def test_what_two_apps_share_stays_where_one_of_them_does(
    faulty: Bench, engine: Engine
) -> None:
    refs = []
    for name in ("aa", "bb"):
        template = {
            "metadata": {"labels": {"app": name, "tier": "front"}},
            "spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]},
        }
        selector = {"matchLabels": {"app": name}}
        refs.append(await faulty.app(name, replicas=0, template=template, selector=selector))
    spec = {"selector": {"tier": "front"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    await faulty.create(kinds.SERVICE, {"metadata": {"name": "front"}, "spec": spec})
    no = Refused(
        error=FORBIDDEN,
        verb="delete",
        resource="deployments",
        namespace=faulty.namespace,
        dry_run=False,
        times=1,
    )
    _sandbox(faulty).inject(no)
    door = ScriptedDoor(lambda proposal: Decision(stop_at_first=False))
    result = await Plans().carry_out(engine, door, [Delete(KIND, ref) for ref in refs])
    (related,) = door.proposals[0].related
    assert related.goes
    assert len(related.owners) == 2
    assert result is not None
    assert [step.preview.intent.ref.name for step in result.kept] == ["front"]
    assert await _is_there(faulty, kinds.SERVICE, "front")


async def test_warnings_of_what_is_ticked_later_are_seen_before_anything_is_sent(
    faulty: Bench, engine: Engine
) -> None:
    source = {"envFrom": [{"configMapRef": {"name": "c"}}]}
    container = {"name": "main", "image": "busybox:1.36", **source}
    template = {"metadata": {"labels": {"app": "aa"}}, "spec": {"containers": [container]}}
    ref = await faulty.app("aa", replicas=0, template=template)
    metadata = {"name": "c", "finalizers": ["example.org/wait"]}
    config = await faulty.create(kinds.CONFIG_MAP, {"metadata": metadata})

    def tick(proposal: Proposal) -> Decision | None:
        (related,) = proposal.related
        if related.preview is not None:
            assert "example.org/wait" in related.preview.change.warnings[0]
            return None
        related.goes = True
        return Decision()

    door = ScriptedDoor(tick)
    assert await Plans().carry_out(engine, door, [Delete(KIND, ref)]) is None
    assert len(door.proposals) == 2
    assert door.heard == ["trying", "trying", "left"]
    await faulty.patch(kinds.CONFIG_MAP, config, {"metadata": {"finalizers": None}})


async def test_related_objects_that_are_too_many_stay_with_the_reason(
    faulty: Bench, engine: Engine
) -> None:
    ref = await _app_with_service(faulty, "aa")
    engine.guard = Guard(GuardConfig(max_bulk=1), "test")
    door = ScriptedDoor()
    result = await Plans().carry_out(engine, door, [Delete(KIND, ref)])
    (related,) = door.proposals[0].related
    assert not related.goes
    assert related.refusal is not None
    assert "your configuration allows 1 at once" in related.refusal.message
    assert result is not None
    assert len(result.done) == 1
    assert await _is_there(faulty, kinds.SERVICE, "aa")
