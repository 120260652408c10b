"""What the tests of changes run on: the sandbox, and the real cluster where one is named."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from leviathan_sandbox import Sandbox
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.journal import Journal
from leviathan_tui.backend.changes.plan import Engine
from leviathan_tui.backend.changes.preview import Actor, Outcome, Preview, Progress, Record
from leviathan_tui.backend.changes.progress import follow
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Result, Step
from leviathan_tui.backend.changes.records import Records
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.changes.sending import Sender
from leviathan_tui.backend.changes.trial import Trial
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.objects import read_object, uid_of

IMAGE = "busybox:1.36"
TIMEOUT = 60.0


class Changer:
    """Both halves of a change's path, as a plan takes them."""

    def __init__(self, record: Record, actor: Actor, guard: Guard, *, events: bool = False) -> None:
        self.guard = guard
        self.trial = Trial(lambda: actor, guard)
        self.sender = Sender(record, lambda: actor, events=events)

    async def prepare(self, client: KubeClient, intent: Intent) -> Preview:
        """Have the server try a change."""
        return await self.trial.prepare(client, intent)

    async def send(self, client: KubeClient, preview: Preview, batch: str = "") -> Outcome:
        """Make a change that was prepared."""
        return await self.sender.send(client, preview, batch)


class Bench:
    """One cluster, one namespace, one journal, and what changes it."""

    def __init__(self, client: KubeClient, folder: Path, sandbox: Sandbox | None) -> None:
        self.client = client
        self.sandbox = sandbox
        self.namespace = f"changes-{secrets.token_hex(4)}"
        self.journal = Journal(folder / "journal.sqlite3")
        self.guard = GuardConfig()
        self.steps: list[Progress] = []
        """What was told while the last change was followed."""
        self.changes = self.changer()

    def changer(self, actor: str = "alice", *, events: bool = False) -> Changer:
        """Return what changes things as one person."""
        who = Actor(actor, self.client.target.cluster.server, "test")
        return Changer(Records(self.journal), who, Guard(self.guard, "test"), events=events)

    async def create(self, kind: Kind, document: dict[str, Any]) -> Ref:
        """Make an object as somebody else would, and return which it is."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        namespace = self.namespace if kind.namespaced else ""
        answer = await self.client.send("POST", kind.path(namespace), body)
        import msgspec

        made = msgspec.json.decode(answer)
        return Ref(kind.name, namespace, made["metadata"]["name"], uid_of(made), kind.group)

    async def app(self, name: str = "web", *, settles: bool = True, **spec: Any) -> Ref:
        """Make a Deployment of pods that only wait; return once its controllers are done with it.

        With `settles` false it is not waited for: what never becomes ready never settles.
        """
        ref = await self.create(kinds.DEPLOYMENT, deployment(name, **spec))
        if settles:
            await self.settled(ref)
        return ref

    async def settled(self, ref: Ref) -> dict[str, Any]:
        """Wait until a Deployment is at rest, and return it.

        Before that, any moment may bring a status write, and a request that is bound to a version
        a conflict.
        """
        return await self.until(kinds.DEPLOYMENT, ref, is_settled)

    async def get(self, kind: Kind, ref: Ref) -> dict[str, Any]:
        """Return an object."""
        return await read_object(self.client, kind.path(ref.namespace, ref.name))

    async def patch(self, kind: Kind, ref: Ref, body: dict[str, Any]) -> None:
        """Change an object as somebody else would."""
        await self.client.send(
            "PATCH",
            kind.path(ref.namespace, ref.name),
            body,
            content_type="application/merge-patch+json",
            params={"fieldManager": "somebody"},
        )

    async def do(self, intent: Intent) -> Outcome:
        """Prepare a change and make it."""
        return await self.changes.send(self.client, await self.changes.prepare(self.client, intent))

    async def try_(self, intent: Intent) -> Preview:
        """Prepare a change only."""
        return await self.changes.prepare(self.client, intent)

    async def follow(
        self, outcome: Outcome, steady: float = 0.0, at_most: float = TIMEOUT
    ) -> Progress:
        """Wait until a change has its effect, and its new pods stayed ready for so many seconds."""
        self.steps.clear()
        return await follow(self.client, outcome, self.steps.append, at_most, steady)

    async def gone(self, kind: Kind, ref: Ref) -> None:
        """Wait until an object is gone."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                try:
                    await self.get(kind, ref)
                except NotFound:
                    return
                await asyncio.sleep(0.05)

    async def until(
        self, kind: Kind, ref: Ref, condition: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """Wait until an object is as it should be, and return it."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                document = await self.get(kind, ref)
                if condition(document):
                    return document
                await asyncio.sleep(0.05)

    @property
    def entries(self) -> list[Entry]:
        """The journal, the newest entry first."""
        return self.journal.latest()


def is_settled(deployment: dict[str, Any]) -> bool:
    """Whether the controllers have seen a Deployment as it is and have nothing left to write."""
    status = deployment.get("status") or {}
    wanted = deployment["spec"]["replicas"]
    if status.get("observedGeneration") != deployment["metadata"]["generation"]:
        return False
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    if any(status.get(count, 0) != wanted for count in counts) or status.get("terminatingReplicas"):
        return False
    # A real cluster does not look at the progress of what it scales to nothing.
    return not wanted or any(
        condition["type"] == "Progressing" and condition["reason"] == "NewReplicaSetAvailable"
        for condition in status.get("conditions") or ()
    )


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Deployment of pods that only wait."""
    labels = {"app": name}
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
            **spec,
        },
    }


def cron(name: str, **spec: Any) -> dict[str, Any]:
    """Return a CronJob that seldom runs."""
    container = {"name": "main", "image": IMAGE, "command": ["true"]}
    return {
        "metadata": {"name": name},
        "spec": {
            "schedule": "0 3 1 1 *",
            "jobTemplate": {
                "spec": {
                    "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}
                }
            },
            **spec,
        },
    }


class ScriptedDoor:
    """Decides as a test says, and writes down what it was asked and told."""

    def __init__(self, decide: Callable[[Proposal], Decision | None] | None = None) -> None:
        self.heard: list[str] = []
        self.proposals: list[Proposal] = []
        self.watch_timeout: float | None = None
        self.tried = asyncio.Event()
        self.asked = asyncio.Event()
        self.reported = asyncio.Event()
        self.heard_progress = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        self._decide = decide or (lambda proposal: Decision())

    def takes(self, related: RelatedObject) -> bool:
        return related.ticked

    def trying(self) -> None:
        self.heard.append("trying")
        self.tried.set()

    async def refused(self, refusals: Sequence[Refusal]) -> None:
        self.heard += [f"refused {refusal.message}" for refusal in refusals]

    async def decide(self, proposal: Proposal) -> Decision | None:
        self.proposals.append(proposal)
        self.asked.set()
        await self.answer.wait()
        return self._decide(proposal)

    def left(self) -> None:
        self.heard.append("left")

    def sending(self, number: int, count: int, step: Step) -> None:
        ref = step.preview.intent.ref
        self.heard.append(f"sending {number}/{count} {ref.kind} {ref.name}")

    def settled(self, step: Step) -> None:
        if step.kept:
            self.heard.append(f"kept {step.preview.intent.ref.kind}")

    async def report(self, result: Result) -> None:
        self.heard.append("report")
        self.reported.set()

    def progressed(self, result: Result, step: Step) -> None:
        self.heard.append(f"progress of {step.preview.intent.ref.name}")
        self.heard_progress.set()

    def stopped_watching(self) -> None:
        self.heard.append("stopped watching")

    def ended(self, result: Result, seconds: float) -> None:
        self.heard.append("ended")


@asynccontextmanager
async def engine_of(bench: Bench, folder: Path) -> AsyncIterator[Engine]:
    """What changes a bench's cluster as alice, with a journal of its own."""
    target = bench.client.target
    cluster = Cluster(target)
    cluster.connect()
    records = Records(Journal(folder / "plan.sqlite3"))
    who = Actor("alice", target.cluster.server, "test")
    yield Engine(cluster, records, lambda: who, Guard(bench.guard, "test"), time.time)
    cluster.stop()
    await records.close()


@pytest.fixture(scope="module")
def busy_sandbox() -> Iterator[Sandbox]:
    """A sandbox with nothing in it, whose pods start at once."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        yield sandbox
        assert sandbox.failures == []


def _cluster_target() -> Target:
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_KUBECONFIG names no cluster")
    return kubeconfig.resolve(kubeconfig.load([Path(named)]))


async def _bench(target: Target, folder: Path, sandbox: Sandbox | None) -> AsyncIterator[Bench]:
    client = KubeClient(target)
    bench = Bench(client, folder, sandbox)
    await bench.create(kinds.NAMESPACE, {"metadata": {"name": bench.namespace}})
    account = Kind("ServiceAccount", "serviceaccounts")
    # Pods are refused until their service account is there.
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                await bench.get(account, Ref("ServiceAccount", bench.namespace, "default"))
                break
            except NotFound:
                await asyncio.sleep(0.05)
    try:
        yield bench
    finally:
        if sandbox is not None:
            sandbox.clear_faults()
        await client.send("DELETE", kinds.NAMESPACE.path("", bench.namespace))
        await client.close()
        bench.journal.close()


@pytest_asyncio.fixture(params=["sandbox", pytest.param("cluster", marks=pytest.mark.cluster)])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The sandbox, and the real cluster where one is named."""
    if request.param == "sandbox":
        sandbox: Sandbox | None = request.getfixturevalue("busy_sandbox")
        assert sandbox is not None
        target = kubeconfig.resolve(kubeconfig.from_document(sandbox.kubeconfig()))
    else:
        sandbox, target = None, _cluster_target()
    async for one in _bench(target, tmp_path, sandbox):
        yield one


@pytest_asyncio.fixture
async def faulty(busy_sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    """The sandbox alone, for what a real cluster cannot be made to do."""
    target = kubeconfig.resolve(kubeconfig.from_document(busy_sandbox.kubeconfig()))
    async for one in _bench(target, tmp_path, busy_sandbox):
        yield one
