"""`make chaos`: changes through an API server that dies at random moments.

Every entry of the journal has to equal the cluster's truth, and nothing may be applied twice: a
Deployment's generation counts how often its spec was changed, and Jobs started by hand are counted.

`LEVIATHAN_TEST_KUBECONFIG` names a disposable cluster, `LEVIATHAN_TEST_CLUSTER` a program that
takes `stop apiserver` and `start apiserver`.
"""

import argparse
import asyncio
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.activity import Activity
from leviathan_tui.backend.changes.apps import Scale
from leviathan_tui.backend.changes.crons import RunNow
from leviathan_tui.backend.changes.entry import DONE, UNKNOWN, Entry
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.journal import Journal
from leviathan_tui.backend.changes.plan import Engine, Plan
from leviathan_tui.backend.changes.preview import Actor
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Result, Step
from leviathan_tui.backend.changes.records import Records
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import read_object, uid_of

WORKERS: Final = 8
IMAGE: Final = "busybox:1.36"

PAUSE: Final = 1.0
"""Most seconds between two mutations of a worker, so that a run meets many ends of the server."""

LIFE: Final = (0.3, 2.0)
"""Fewest and most seconds that the server lives: less than the shortest run takes."""


class Willing:
    """A door that agrees to everything and waits for no effect. Implements `proposal.Door`."""

    watch_timeout = None

    def takes(self, related: RelatedObject) -> bool:
        """Nothing is deleted here."""
        return False

    def trying(self) -> None:
        """Nobody looks."""

    async def refused(self, refusals: Sequence[Refusal]) -> None:
        """Nobody looks."""

    async def decide(self, proposal: Proposal) -> Decision:
        """Agree."""
        return Decision()

    def left(self) -> None:
        """Nobody looks."""

    def sending(self, number: int, count: int, step: Step) -> None:
        """Nobody looks."""

    def settled(self, step: Step) -> None:
        """Nobody looks."""

    async def report(self, result: Result) -> None:
        """Nobody looks."""

    def progressed(self, result: Result, step: Step) -> None:
        """Nobody looks."""

    def stopped_watching(self) -> None:
        """Nobody looks."""

    def ended(self, result: Result, seconds: float) -> None:
        """Nobody looks."""


class Chaos:
    """One run."""

    def __init__(self, client: KubeClient, tool: str, mutations: int, folder: Path) -> None:
        self.client = client
        self.namespace = f"chaos-{secrets.token_hex(3)}"
        self.journal = Journal(folder / "journal.sqlite3")
        self.records = Records(self.journal)
        who = Actor("chaos", client.target.cluster.server, "chaos")
        self.cluster = Cluster(client.target)
        self.cluster.connect()
        guard = Guard(GuardConfig(), "chaos")
        self.engine = Engine(self.cluster, self.records, lambda: who, guard, time.time)
        self.left = mutations
        self.kills = 0
        self.wrong: list[str] = []
        self._tool = tool
        self._done = asyncio.Event()

    async def run(self) -> int:
        """Do everything; return how many things were wrong."""
        await self._create(kinds.NAMESPACE, {"metadata": {"name": self.namespace}})
        apps = [await self._app(f"app-{number}") for number in range(WORKERS)]
        # One for each worker: what is being done already is refused, and would show nothing here.
        crons = [await self._cron(f"nightly-{number}") for number in range(WORKERS)]
        baseline = {ref.name: await self._generation(ref) for ref in apps}
        killer = asyncio.create_task(self._kill())
        await asyncio.gather(*map(self._work, apps, crons))
        self._done.set()
        await killer
        await self._up()
        await self._settle()
        await self._check(apps, baseline)
        await self.client.send("DELETE", kinds.NAMESPACE.path("", self.namespace))
        return len(self.wrong)

    # What is done

    async def _work(self, app: Ref, cron: Ref) -> None:
        replicas, taken = 1, False
        while taken or self.left > 0:
            if not taken:
                self.left, taken = self.left - 1, True
            intent: Intent
            if random.random() < 0.3:  # noqa: S311 - nothing is kept secret by it
                intent = RunNow(kinds.CRON_JOB, cron)
            else:
                replicas = replicas % 50 + 1
                intent = Scale(kinds.DEPLOYMENT, app, replicas)
            if await Plan().carry_out(self.engine, Willing(), [intent]) is None:
                # Nothing was sent; a person would try again once the server is back.
                await asyncio.sleep(0.2)
                continue
            taken = False
            await asyncio.sleep(random.uniform(0.0, PAUSE))  # noqa: S311 - as above

    async def _kill(self) -> None:
        while not self._done.is_set():
            try:
                async with asyncio.timeout(random.uniform(*LIFE)):  # noqa: S311 - as above
                    await self._done.wait()
            except TimeoutError:
                await self._part("stop")
                self.kills += 1
                await self._part("start")

    async def _part(self, verb: str) -> None:
        process = await asyncio.create_subprocess_exec(
            self._tool, verb, "apiserver", stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            raise SystemExit(f"{self._tool} {verb} apiserver failed")

    async def _up(self) -> None:
        """Wait until the server answers again."""
        async with asyncio.timeout(120):
            while True:
                try:
                    await self.client.read("/readyz", accept="*/*")
                except KubeError:
                    await asyncio.sleep(0.2)
                else:
                    return

    async def _settle(self) -> None:
        """Look up what nobody knew, until all of it is known."""
        activity = Activity(self.records, self.client.target.cluster.server)
        async with asyncio.timeout(120):
            while self.journal.unsettled(self.client.target.cluster.server):
                await activity.settle(self.client, kinds.BY_NAME)

    # What must be true afterwards

    async def _check(self, apps: list[Ref], baseline: dict[str, int]) -> None:
        entries = list(reversed(self.journal.latest(limit=100_000)))
        for entry in entries:
            if entry.outcome in (UNKNOWN, "pending"):
                self.wrong.append(f"{entry.id} is {entry.outcome}")
        for app in apps:
            mine = [one for one in entries if one.name == app.name and one.outcome == DONE]
            now = await read_object(self.client, kinds.DEPLOYMENT.path(app.namespace, app.name))
            made = int(now["metadata"]["generation"]) - baseline[app.name]
            if made != len(mine):
                self.wrong.append(f"{app.name}: {len(mine)} entries are done, {made} were applied")
            if mine and now["spec"]["replicas"] != _replicas(mine[-1]):
                self.wrong.append(f"{app.name} has {now['spec']['replicas']} replicas")
        started = {one.name for one in entries if one.verb == "run" and one.outcome == DONE}
        jobs = await self._jobs()
        if started != jobs:
            self.wrong.append(f"jobs: {len(started)} in the journal, {len(jobs)} there")
        if not self.kills:
            self.wrong.append("the API server never ended, so nothing is shown")
        counts = Counter(entry.outcome for entry in entries)
        words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        print(f"{len(entries)} mutations through {self.kills} ends of the API server: {words}")  # noqa: T201 - the output

    async def _jobs(self) -> set[str]:
        found: set[str] = set()
        async for page in self.client.pages(kinds.JOB, self.namespace):
            found |= {msgspec.json.decode(raw)["metadata"]["name"] for raw in page.items}
        return found

    # What it is done to: nothing that starts pods

    async def _app(self, name: str) -> Ref:
        labels = {"app": name}
        return await self._create(
            kinds.DEPLOYMENT,
            {
                "metadata": {"name": name},
                "spec": {
                    "paused": True,
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "main", "image": IMAGE}]},
                    },
                },
            },
        )

    async def _cron(self, name: str) -> Ref:
        pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": IMAGE}]}
        job = {"spec": {"suspend": True, "template": {"spec": pod}}}
        return await self._create(
            kinds.CRON_JOB,
            {
                "metadata": {"name": name},
                "spec": {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job},
            },
        )

    async def _create(self, kind: Kind, document: dict[str, Any]) -> Ref:
        namespace = self.namespace if kind.namespaced else ""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        made = msgspec.json.decode(await self.client.send("POST", kind.path(namespace), body))
        return Ref(kind.name, namespace, made["metadata"]["name"], uid_of(made))

    async def _generation(self, ref: Ref) -> int:
        """Return how often the spec was changed: no controller writes it, so none is waited for."""
        now = await read_object(self.client, kinds.DEPLOYMENT.path(ref.namespace, ref.name))
        return int(now["metadata"]["generation"])


def _replicas(entry: Entry) -> Any:
    return (entry.after or {}).get("spec", {}).get("replicas")


async def _main(mutations: int) -> int:
    named, tool = (
        os.environ.get("LEVIATHAN_TEST_KUBECONFIG"),
        os.environ.get("LEVIATHAN_TEST_CLUSTER"),
    )
    if not named or not tool:
        print("Set LEVIATHAN_TEST_KUBECONFIG and LEVIATHAN_TEST_CLUSTER.", file=sys.stderr)  # noqa: T201 - the output
        return 2
    target = kubeconfig.resolve(kubeconfig.load([Path(named)]))
    client = KubeClient(target)
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(client, tool, mutations, Path(folder))
        try:
            wrong = await chaos.run()
        except NotFound as error:
            print(f"An object vanished: {error}", file=sys.stderr)  # noqa: T201 - the output
            wrong = 1
        finally:
            await client.close()
            chaos.cluster.stop()
            chaos.journal.close()
        for words in chaos.wrong:
            print(words, file=sys.stderr)  # noqa: T201 - the output
    print("The journal is the truth." if not wrong else f"{wrong} things are wrong.")  # noqa: T201 - the output
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--mutations", type=int, default=200)
    sys.exit(asyncio.run(_main(parser.parse_args().mutations)))
