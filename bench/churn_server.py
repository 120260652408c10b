"""A server of a fleet that never rests: lists, and watches that send events at a given rate.

It answers like an API server as far as the console's mirror needs, over plain HTTP on loopback. Objects
come, change and go, owners before what they own and after it, each with a name, a uid and labels that
never come again. Run as a program it prints its port; a line on its standard input ends the changes,
and it answers with what there is then.
"""

import argparse
import asyncio
import json
import random
import sys
from typing import Any, Final

from aiohttp import web

TICK: Final = 0.05
"""Seconds between two pieces of a stream."""

CREATED: Final = "2026-01-01T00:00:00Z"

Object = dict[str, Any]


class Collection:
    """The objects of one kind, by number, and what becomes of them."""

    def __init__(self, fleet: "Fleet", kind: str, size: int, share: float, owners: str) -> None:
        """`share` is the part of all events that are about it, `owners` the kind that owns them."""
        self.fleet = fleet
        self.kind = kind
        self.share = share
        self.owners = owners
        self.size = size
        self.next = size
        self.living = list(range(size))
        self._chance = random.Random(size)  # noqa: S311 - no secret

    def document(self, number: int) -> Object:
        """Return an object as it is now."""
        name = f"{self.kind.lower()}-{number}"
        turn = self.fleet.version
        metadata: Object = {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(turn),
            "creationTimestamp": CREATED,
            "generation": turn,
            "labels": {"app": f"app-{number % 100}", "hash": f"{number:x}"},
            "annotations": {"turn": str(turn)},
        }
        if self.kind != "Namespace":
            metadata["namespace"] = f"namespace-{number % 50}"
        if self.owners:
            # Some owners are gone already, or are never seen at all.
            owner = f"{self.owners.lower()}-{number % (self.fleet[self.owners].next + 7)}"
            metadata["ownerReferences"] = [
                {"kind": self.owners, "name": owner, "uid": f"uid-{owner}", "controller": True}
            ]
        containers = [{"name": "app", "image": f"registry.example/app:{turn}"}]
        pod = {"spec": {"containers": containers}}
        spec: Object = {"replicas": 2, "selector": {}, "template": pod}
        status: Object = {"observedGeneration": turn, "replicas": 2, "readyReplicas": turn % 3}
        if self.kind == "Pod":
            spec = {"containers": containers, "nodeName": f"node-{number % 20}"}
            ready = {"name": "app", "ready": turn % 9 > 0, "restartCount": turn % 5}
            status = {
                "phase": "Running",
                "containerStatuses": [ready],
                "podIP": f"10.0.0.{turn % 250}",
            }
        elif self.kind == "CronJob":
            spec = {
                "schedule": f"{number % 60} {turn % 24} * * *",
                "jobTemplate": {"spec": {"template": pod}},
            }
            status = {"lastScheduleTime": CREATED}
        elif self.kind == "Job":
            spec = {"template": pod}
            done = [{"type": "Complete", "status": "True", "lastTransitionTime": CREATED}]
            status = {"startTime": CREATED, "conditions": done if turn % 2 else []}
        return {"metadata": metadata, "spec": spec, "status": status}

    def event(self) -> bytes:
        """Let something become of an object, and return that as a line of a watch."""
        self.fleet.version += 1
        self.fleet.events += 1
        chance, wanted = self._chance.random(), len(self.living) - self.size
        if not self.living or chance < 0.25 - 0.002 * wanted:
            number, kind = self.next, "ADDED"
            self.next += 1
            self.living.append(number)
        else:
            at = self._chance.randrange(len(self.living))
            number, kind = self.living[at], "MODIFIED"
            if chance > 0.75 - 0.002 * wanted:
                kind = "DELETED"
                self.living[at] = self.living[-1]
                self.living.pop()
        return json.dumps({"type": kind, "object": self.document(number)}).encode() + b"\n"


class Fleet(dict[str, Collection]):
    """All collections, by kind."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.version = 1
        self.events = 0
        self.rests = False
        """Whether nothing changes any more."""
        for kind, size, share, owners in (
            ("Deployment", 300, 0.05, ""),
            ("StatefulSet", 50, 0.01, ""),
            ("DaemonSet", 20, 0.01, ""),
            ("ReplicaSet", 600, 0.08, "Deployment"),
            ("CronJob", 200, 0.05, ""),
            ("Job", 600, 0.2, "CronJob"),
            ("Pod", 2_000, 0.58, "ReplicaSet"),
            ("Namespace", 60, 0.02, ""),
            ("Node", 20, 0.0, ""),
        ):
            self[kind] = Collection(self, kind, size, share, owners)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a list or a watch; whatever else is asked for is not there."""
        plural = request.path.rpartition("/")[2]
        found = next((one for kind, one in self.items() if f"{kind.lower()}s" == plural), None)
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.37.0"})
        if found is None or "metrics.k8s.io" in request.path:
            status = {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}
            return web.json_response(status, status=404)
        if "watch" in request.query:
            return await self._watch(request, found, float(request.query["timeoutSeconds"]))
        items = [found.document(number) for number in found.living]
        metadata = {"resourceVersion": str(self.version)}
        return web.json_response(
            {"kind": f"{found.kind}List", "metadata": metadata, "items": items}
        )

    async def _watch(
        self, request: web.Request, collection: Collection, seconds: float
    ) -> web.StreamResponse:
        """Send what becomes of a collection. Nothing becomes of it while nobody watches."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while loop.time() < began + seconds:
            due = 0 if self.rests else int((loop.time() - began) * self.rate * collection.share)
            lines = [collection.event() for _ in range(max(due - sent, 0))]
            sent += len(lines)
            if lines:
                await response.write(b"".join(lines))
            await asyncio.sleep(TICK)
        return response


async def serve(rate: float) -> None:
    """Serve until the standard input ends."""
    fleet = Fleet(rate)
    app = web.Application()
    app.router.add_get("/{path:.*}", fleet.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"events": fleet.events}), flush=True)
        fleet.rests = True
        # What is on its way is a piece at most.
        await asyncio.sleep(4 * TICK)
        print(json.dumps({kind: len(one.living) for kind, one in fleet.items()}), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, required=True, help="events a second in all")
    asyncio.run(serve(parser.parse_args().rate))
