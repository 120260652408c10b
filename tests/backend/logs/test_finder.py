"""Which pods belong to what somebody names: the controller decides, as it does in the console."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from leviathan_sandbox.server.faults import Refused, forbidden_to_list
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import metadata_of
from leviathan_tui.backend.logs.finder import Finder
from leviathan_tui.backend.logs.log_target import parse_target
from leviathan_tui.backend.logs.sources import PodKey
from tests.backend.changes.conftest import IMAGE, TIMEOUT, Bench, cron, deployment


async def found(bench: Bench, target: str, selector: str = "") -> set[str]:
    """The names of the pods that there are."""
    finder = Finder(bench.client, bench.namespace, parse_target(target, selector), lambda _: None)
    await finder.resolve()
    return {key.name for key in await finder.once()}


class Watch:
    """What a finder tells while it watches."""

    def __init__(self) -> None:
        self.names: set[str] | None = None
        """The pods that there are; None before the first word."""
        self._told = asyncio.Event()

    def __call__(self, pods: list[PodKey]) -> None:
        self.names = {key.name for key in pods}
        self._told.set()

    async def until(self, condition: Callable[[set[str]], bool]) -> set[str]:
        """Wait until the pods are as they should be, and return their names."""
        async with asyncio.timeout(TIMEOUT):
            while self.names is None or not condition(self.names):
                self._told.clear()
                await self._told.wait()
        return self.names


@asynccontextmanager
async def watching(bench: Bench, target: str) -> AsyncIterator[Watch]:
    watch = Watch()
    finder = Finder(bench.client, bench.namespace, parse_target(target), watch)
    await finder.resolve()
    task = asyncio.create_task(finder.watch())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ready(bench: Bench, kind: Kind, document: dict[str, Any]) -> Ref:
    """Make an app and wait for its pod."""
    ref = await bench.create(kind, document)
    await bench.until(kind, ref, lambda app: (app.get("status") or {}).get("readyReplicas") == 1)
    return ref


def pod_spec(*command: str) -> dict[str, Any]:
    """Return the spec of a pod that is never started again."""
    container = {"name": "main", "image": IMAGE, "command": list(command)}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }


async def bare(bench: Bench, name: str, labels: dict[str, str], *command: str) -> Ref:
    """Make a pod that nothing controls; without a command it only waits."""
    spec = pod_spec(*(command or ("sleep", "100000")))
    document = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    return await bench.create(kinds.POD, document)


def overlapping(name: str, app: str) -> dict[str, Any]:
    """Return a Deployment whose pods have another one's labels besides one of their own."""
    document = deployment(name)
    labels = {"app": app, "part": name}
    document["spec"]["selector"] = {"matchLabels": labels}
    document["spec"]["template"]["metadata"] = {"labels": labels}
    return document


@pytest.mark.parametrize("kind", [kinds.DEPLOYMENT, kinds.STATEFUL_SET], ids=lambda kind: kind.name)
async def test_a_bare_pod_with_an_apps_labels_is_none_of_its_pods(bench: Bench, kind: Kind) -> None:
    await ready(bench, kind, deployment("aa"))
    await bare(bench, "bare", {"app": "aa"})
    (own,) = await found(bench, "app/aa")
    assert own.startswith("aa-")
    assert await found(bench, "", "app=aa") == {own, "bare"}
    async with watching(bench, "app/aa") as watch:
        assert await watch.until(bool) == {own}


async def test_pods_of_an_app_with_an_overlapping_selector_are_its_own(bench: Bench) -> None:
    await ready(bench, kinds.DEPLOYMENT, deployment("aa"))
    await ready(bench, kinds.DEPLOYMENT, overlapping("ab", "aa"))
    (first,), (second,) = await found(bench, "app/aa"), await found(bench, "app/ab")
    assert first.startswith("aa-")
    assert second.startswith("ab-")
    async with watching(bench, "app/aa") as watch:
        assert await watch.until(bool) == {first}


async def test_a_pod_that_is_adopted_comes_and_one_that_is_released_goes(bench: Bench) -> None:
    await ready(bench, kinds.DEPLOYMENT, deployment("aa"))
    # One that has ended: of those that run, the controller would end one too many.
    ended = await bare(bench, "ended", {}, "true")
    await bench.until(kinds.POD, ended, lambda pod: pod["status"]["phase"] == "Succeeded")
    async with watching(bench, "app/aa") as watch:
        (first,) = await watch.until(bool)
        ref = Ref("Pod", bench.namespace, first)
        own = metadata_of(await bench.get(kinds.POD, ref))
        adopted = {"labels": own["labels"], "ownerReferences": own["ownerReferences"]}
        await bench.patch(kinds.POD, ended, {"metadata": adopted})
        await watch.until(lambda names: names == {first, "ended"})

        await bench.patch(kinds.POD, ref, {"metadata": {"labels": {"app": "aside"}}})
        # Kubernetes' own controller does it by itself.
        await bench.patch(kinds.POD, ref, {"metadata": {"ownerReferences": None}})
        await watch.until(lambda names: len(names) == 2 and first not in names)


async def test_pods_that_a_rollout_makes_belong_to_it_too(bench: Bench) -> None:
    ref = await ready(bench, kinds.DEPLOYMENT, deployment("aa"))
    async with watching(bench, "app/aa") as watch:
        old = await watch.until(lambda names: len(names) == 1)
        again = {"template": {"metadata": {"annotations": {"again": "1"}}}}
        await bench.patch(kinds.DEPLOYMENT, ref, {"spec": again})
        await watch.until(lambda names: len(names) == 1 and names != old)


async def test_a_cron_jobs_pods_are_those_of_its_runs(bench: Bench) -> None:
    async def run_of(name: str) -> str:
        ref = await bench.create(kinds.CRON_JOB, cron(name))
        owner = {"name": name, "uid": ref.uid, "kind": "CronJob", "controller": True}
        metadata = {"name": f"{name}-1", "ownerReferences": [{"apiVersion": "batch/v1", **owner}]}
        template = {"spec": pod_spec("sleep", "100000")}
        job = await bench.create(kinds.JOB, {"metadata": metadata, "spec": {"template": template}})
        await bench.until(kinds.JOB, job, lambda one: (one.get("status") or {}).get("active"))
        (pod,) = await found(bench, f"run/{name}-1")
        return pod

    nightly, _ = await run_of("nightly"), await run_of("hourly")
    await bare(bench, "bare", {"job-name": "nightly-1"})
    assert await found(bench, "cron/nightly") == {nightly}
    async with watching(bench, "cron/nightly") as watch:
        assert await watch.until(bool) == {nightly}


async def test_only_what_may_belong_to_it_is_asked_for(faulty: Bench) -> None:
    await ready(faulty, kinds.DEPLOYMENT, deployment("aa"))
    assert faulty.sandbox is not None
    before = len(faulty.sandbox.requests)
    await found(faulty, "app/aa")
    lists = [path for _, path in faulty.sandbox.requests[before:] if "?" in path]
    assert len(lists) == 2
    assert all("labelSelector=app%3Daa" in path for path in lists)


async def test_where_replica_sets_may_not_be_read_it_says_so(faulty: Bench) -> None:
    await ready(faulty, kinds.DEPLOYMENT, deployment("aa"))
    assert faulty.sandbox is not None
    error = forbidden_to_list("replicasets", faulty.namespace, "apps")
    faulty.sandbox.inject(Refused(verb="list", resource="replicasets", error=error))
    for follows in (False, True):
        finder = Finder(faulty.client, faulty.namespace, parse_target("app/aa"), lambda _: None)
        await finder.resolve()
        with pytest.raises(KubeError, match=r"through its ReplicaSets, which .*is forbidden"):
            async with asyncio.timeout(TIMEOUT):
                await (finder.watch() if follows else finder.once())


@pytest.mark.parametrize("resource", ["replicasets", "pods", "deployments"])
async def test_what_may_only_be_listed_is_found_all_the_same(faulty: Bench, resource: str) -> None:
    await ready(faulty, kinds.DEPLOYMENT, deployment("aa"))
    assert faulty.sandbox is not None
    error = forbidden_to_list(resource, faulty.namespace)
    faulty.sandbox.inject(Refused(verb="watch", resource=resource, error=error))
    async with watching(faulty, "app/aa") as watch:
        assert await watch.until(bool)


async def test_where_pods_may_not_be_watched_it_says_so(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    error = forbidden_to_list("pods", faulty.namespace)
    faulty.sandbox.inject(Refused(verb="list", resource="pods", error=error))
    finder = Finder(faulty.client, faulty.namespace, parse_target("", "app=aa"), lambda _: None)
    with pytest.raises(KubeError, match="pods is forbidden"):
        async with asyncio.timeout(TIMEOUT):
            await finder.watch()


async def test_an_app_that_is_made_anew_is_followed_on(bench: Bench) -> None:
    first = await ready(bench, kinds.DEPLOYMENT, deployment("web"))
    async with watching(bench, "app/web") as watch:
        before = await watch.until(lambda names: len(names) == 1)
        await bench.client.send("DELETE", kinds.DEPLOYMENT.path(first.namespace, first.name))
        await bench.gone(kinds.DEPLOYMENT, first)
        await ready(bench, kinds.DEPLOYMENT, deployment("web"))
        after = await watch.until(lambda names: bool(names) and names.isdisjoint(before))
    assert len(after) == 1
