"""What stays in Terminating, for tests, and is let go of in the end."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from leviathan_tui.backend.fleet.explain import explain
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench, cron, deployment

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
    # Without a policy, a job would be held by `orphan` too.
    policy = {"propagationPolicy": "Background"}
    await bench.client.send("DELETE", kind.path(ref.namespace, ref.name), policy)
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
