"""A node whose containers a test runs by hand: what they write, when they end, how streams break off.

It speaks HTTP as the API server does for pods and their logs, so that everything above the socket is the
real thing.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from leviathan_tui.backend.kube.entries import Cluster, User
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.logs.follower import Follower
from leviathan_tui.backend.logs.ring import NOBODY, NOTE, Line, Ring
from leviathan_tui.backend.logs.sources import LogRange, PodKey
from leviathan_tui.backend.logs.stamps import SECOND, rfc3339
from leviathan_tui.backend.logs.thread import LogThread

TIMEOUT = 60.0

ALL = LogRange()

Written = tuple[int, bytes]
"""A moment in nanoseconds, and a line."""


@dataclass
class Run:
    """One run of a container, and the file that holds its log."""

    lines: list[Written] = field(default_factory=list)
    ending: dict[str, Any] | None = None


@dataclass
class Container:
    """A container: its runs, and why it waits where none of them goes on."""

    name: str
    kind: str = "main"
    runs: list[Run] = field(default_factory=list)
    waiting: dict[str, Any] | None = None

    def status(self) -> dict[str, Any]:
        """Return the container's status as a kubelet reports it."""
        found: dict[str, Any] = {"name": self.name, "ready": True, "restartCount": 0, "state": {}}
        if not self.runs:
            found["state"] = {"waiting": self.waiting or {"reason": "ContainerCreating"}}
            return found
        found["restartCount"] = len(self.runs) - 1
        last = self.runs[-1]
        if self.waiting is not None:
            found["state"] = {"waiting": self.waiting}
            found["lastState"] = {"terminated": last.ending}
        elif last.ending is not None:
            found["state"] = {"terminated": last.ending}
        else:
            found["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        if len(self.runs) > 1 and "lastState" not in found:
            found["lastState"] = {"terminated": self.runs[-2].ending}
        return found


@dataclass
class Pod:
    """A pod of the node."""

    name: str
    containers: list[Container]
    phase: str = "Running"
    controller: str = "uid-of-a-replica-set"

    @property
    def key(self) -> PodKey:
        """What a follower is told of it."""
        return PodKey("default", self.name, f"uid-{self.name}", str(time.monotonic_ns()))

    def document(self) -> dict[str, Any]:
        """Return the pod as the API has it."""
        groups: dict[str, list[Container]] = {"main": [], "init": [], "ephemeral": []}
        for container in self.containers:
            groups[container.kind].append(container)
        names = {"main": "", "init": "init", "ephemeral": "ephemeral"}

        def words(kind: str, last: str) -> str:
            return names[kind] + last if names[kind] else last[0].lower() + last[1:]

        spec = {
            words(kind, "Containers"): [{"name": one.name} for one in group]
            for kind, group in groups.items()
        }
        status = {
            words(kind, "ContainerStatuses"): [one.status() for one in group]
            for kind, group in groups.items()
        }
        owner = {"uid": self.controller, "controller": True}
        return {
            "metadata": {
                "name": self.name,
                "namespace": "default",
                "uid": f"uid-{self.name}",
                "ownerReferences": [owner] if self.controller else [],
            },
            "spec": spec,
            "status": {"phase": self.phase, **status},
        }


class Node:
    """Serves pods; all of its state is changed by the test's thread under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.pods: dict[str, Pod] = {}
        self.asked: list[dict[str, str]] = []
        """The parameters of all log requests."""
        self.refusals: list[tuple[int, str]] = []
        """Status and message for the next log requests."""
        self.down = False
        """Whether every request fails."""
        self._held: dict[str, asyncio.Event] = {}
        self._streams: set[asyncio.Transport] = set()
        self._ends: set[asyncio.Event] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(TIMEOUT)

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_get("/api/v1/namespaces/default/pods/{pod}", self._pod)
        app.router.add_get("/api/v1/namespaces/default/pods/{pod}/log", self._log)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    def close(self) -> None:
        """End everything."""
        self.end_streams()
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(TIMEOUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()

    @property
    def target(self) -> Target:
        """How to reach it."""
        cluster = Cluster(server=f"http://127.0.0.1:{self.port}")
        return Target(
            context="node",
            cluster_name="node",
            user_name="",
            namespace="default",
            cluster=cluster,
            user=User(),
        )

    # What the test does

    def pod(self, name: str = "web-1", *containers: Container) -> Pod:
        """Add a pod; without containers it has one that runs and has written nothing."""
        made = Pod(name, list(containers) or [Container("app", runs=[Run()])])
        with self.lock:
            self.pods[name] = made
        return made

    def write(self, run: Run, *texts: bytes, at: float | None = None) -> None:
        """Have a container write lines, now or at a moment in seconds."""
        with self.lock:
            for text in texts:
                stamp = time.time_ns() if at is None else int(at * SECOND)
                run.lines.append((stamp, text))

    def end(self, container: Container, code: int = 0) -> None:
        """End a container's present run; its streams end with it."""
        with self.lock:
            container.runs[-1].ending = {
                "exitCode": code,
                "reason": "Error" if code else "Completed",
            }

    def break_streams(self) -> None:
        """Cut all connections that carry streams."""

        def cut() -> None:
            for transport in self._streams:
                transport.abort()

        self._loop.call_soon_threadsafe(cut)

    def end_streams(self) -> None:
        """End all streams as a server does that goes away in good order."""

        def end() -> None:
            for event in self._ends:
                event.set()

        self._loop.call_soon_threadsafe(end)

    def hold(self, what: str) -> None:
        """Keep an answer back: `web-1` is that about a pod, `web-1/log` are its lines."""
        self._held[what] = asyncio.Event()

    def let_go(self) -> None:
        """Give the answers that were kept back."""
        for event in self._held.values():
            self._loop.call_soon_threadsafe(event.set)

    # What it answers

    def _status(self, code: int, message: str) -> web.Response:
        reason = {403: "Forbidden", 404: "NotFound", 400: "BadRequest"}.get(code, "InternalError")
        body = {"kind": "Status", "code": code, "reason": reason, "message": message}
        return web.json_response(body, status=code)

    async def _wait_for(self, what: str) -> None:
        if what in self._held:
            await self._held[what].wait()

    async def _pod(self, request: web.Request) -> web.StreamResponse:
        await self._wait_for(request.match_info["pod"])
        with self.lock:
            if self.down:
                return self._status(500, "etcdserver: leader changed")
            pod = self.pods.get(request.match_info["pod"])
            if pod is None:
                return self._status(404, "pods not found")
            return web.json_response(pod.document())

    async def _log(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        with self.lock:
            self.asked.append(query)
            pod = self.pods.get(request.match_info["pod"])
            if self.down:
                return self._status(500, "etcdserver: leader changed")
            if self.refusals:
                return self._status(*self.refusals.pop(0))
            if pod is None:
                return self._status(404, "pods not found")
            container = next(one for one in pod.containers if one.name == query["container"])
            if "previous" in query:
                if len(container.runs) < 2:
                    words = f'previous terminated container "{container.name}" not found'
                    return self._status(400, words)
                run = container.runs[-2]
            elif not container.runs:
                return self._status(400, f'container "{container.name}" is waiting to start')
            else:
                run = container.runs[-1]
        return await self._stream(request, query, run)

    async def _stream(
        self, request: web.Request, query: dict[str, str], run: Run
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        over = asyncio.Event()
        self._streams.add(transport)
        self._ends.add(over)
        try:
            await self._wait_for(f"{request.match_info['pod']}/log")
            with self.lock:
                lines, sent = _wanted(query, run.lines), len(run.lines)
            await response.write(_bytes(lines))
            while "follow" in query and not over.is_set():
                with self.lock:
                    ended = run.ending is not None
                    lines, sent = run.lines[sent:], len(run.lines)
                if lines:
                    await response.write(_bytes(lines))
                if ended:
                    break
                try:
                    await asyncio.wait_for(over.wait(), 0.01)
                except TimeoutError:
                    continue
        except ConnectionError:
            # The test broke it off.
            return response
        finally:
            self._streams.discard(transport)
            self._ends.discard(over)
        return response


def _wanted(query: dict[str, str], lines: Sequence[Written]) -> list[Written]:
    found = list(lines)
    if "sinceTime" in query:
        since = time.mktime(time.strptime(query["sinceTime"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        found = [line for line in found if line[0] >= since * SECOND]
    if "tailLines" in query:
        found = found[-int(query["tailLines"]) :]
    return found


def _bytes(lines: Sequence[Written]) -> bytes:
    return b"".join(
        b"%b %b\n" % (rfc3339(stamp).encode(), text) if stamp else text + b"\n"
        for stamp, text in lines
    )


class Reading:
    """A follower on a node, and the lines it has brought."""

    def __init__(self, node: Node, log_range: LogRange = ALL, **options: Any) -> None:
        self.ring = Ring()
        self.thread = LogThread(node.target)
        self.follower = Follower(self.thread, self.ring, log_range, **options)

    @property
    def lines(self) -> list[Line]:
        """All lines so far."""
        found = [self.ring.line(number) for number in range(self.ring.first, self.ring.end)]
        return [line for line in found if line is not None]

    @property
    def texts(self) -> list[bytes]:
        """The applications' lines so far."""
        return [line.text for line in self.lines if not line.is_note]

    @property
    def notes(self) -> list[str]:
        """The console's own lines so far."""
        return [self._named(line) for line in self.lines if line.is_note]

    def _named(self, line: Line) -> str:
        source = line.source & ~NOTE
        if source == NOBODY:
            return line.text.decode()
        whose = self.follower.sources[source]
        return f"{whose.pod}/{whose.container}: {line.text.decode()}"

    def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait until a condition is true."""
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(
                    f"{what or 'the condition'} was never met; {self.follower.progress}\n"
                    f"{self.texts[-20:]}\n{self.notes}"
                )
            threading.Event().wait(0.01)

    def sees(self, *texts: bytes) -> None:
        """Wait until exactly these lines have come."""
        self.until(lambda: self.texts == list(texts), f"{texts}")

    def told(self, words: str) -> None:
        """Wait until the console has said something."""
        self.until(lambda: any(words in note for note in self.notes), words)

    def close(self) -> None:
        """End it."""
        self.follower.stop()
        self.thread.stop()


@contextmanager
def reading(node: Node, *pods: Pod, log_range: LogRange = ALL, **options: Any) -> Iterator[Reading]:
    """Follow pods."""
    made = Reading(node, log_range, **options)
    made.follower.show([pod.key for pod in pods])
    try:
        yield made
    finally:
        made.close()
