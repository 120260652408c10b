"""The thread that watches a cluster and produces the message stream.

Reflectors run here, off the screen's event loop, so that a slow terminal never stalls a watch and a
large list never stalls a key press.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from leviathan_tui.backend.fleet.archive import Archive
from leviathan_tui.backend.fleet.convert import CODECS
from leviathan_tui.backend.fleet.first_paint import FirstPaint
from leviathan_tui.backend.fleet.messages import (
    FOLLOWED,
    Delete,
    Message,
    Phase,
    Problem,
    Reset,
    Scope,
    Usage,
)
from leviathan_tui.backend.fleet.outbox import Outbox
from leviathan_tui.backend.fleet.pulse import Clock, Pulse
from leviathan_tui.backend.fleet.records import Interner
from leviathan_tui.backend.fleet.restorer import Restorer
from leviathan_tui.backend.fleet.sink import ScopeSink, problem_of
from leviathan_tui.backend.fleet.usage import Meter, PodUsage
from leviathan_tui.backend.kube import errors, kinds
from leviathan_tui.backend.kube.client import KubeClient, let_go
from leviathan_tui.backend.kube.credentials import BearerSource
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.pace import PACE, Pace
from leviathan_tui.backend.kube.reflector import Reflector

T = TypeVar("T")

_log = logging.getLogger("leviathan.feed")

USAGE_EVERY: Final = 30.0
"""Seconds between two readings of what pods use; the metrics server itself measures each 15 s."""

DEFECT_PAUSE: Final = 10.0
"""Seconds after which a reflector that ended by a defect starts again."""


class Feed:
    """Watches a set of kinds in a set of namespaces, in a thread of its own.

    `wake` is called in the feed's thread when there is something to `drain`.
    """

    def __init__(
        self,
        target: Target,
        fallback: Iterable[str],
        wake: Callable[[], None],
        bearer: BearerSource | None = None,
        archive: Archive | None = None,
        pace: Pace = PACE,
        wall: Clock = time.time,
    ) -> None:
        self.target = target
        self._fallback = tuple(dict.fromkeys((target.namespace, *fallback)))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._client = KubeClient(target, bearer)
        self._outbox = Outbox(self._loop, wake, self._known)
        self.first_paint = FirstPaint(self._loop, self._outbox.wake)
        self._restorer = Restorer(archive, self._outbox, self.first_paint)
        self._keep = Interner()
        self._tasks: dict[Scope, asyncio.Task[None]] = {}
        self._reflectors: dict[Scope, Reflector[Any]] = {}
        self._instead: set[Scope] = set()
        """Namespaces that are watched because all of them together may not be."""
        self._refused: set[Scope] = set()
        self._ready: dict[Scope, asyncio.Event] = {}
        self._live: set[Scope] = set()
        self._doubted: set[Scope] = set()
        """Scopes that are broken only because the server did not answer beside their open watches."""
        self._heard = 0
        """How often a watch has shown that it is alive."""
        self._pace = pace
        self.wall = wall
        """The time of day, in seconds since the epoch."""
        self._once = False
        """Whether everything is only listed, and not followed."""
        self._namespaces: tuple[str, ...] = ()
        self._begun = asyncio.Event()
        """Set once anything is watched: before, there is nothing to measure."""
        self._meter = Meter(self._client)
        self._pulse = Pulse(
            self._client, pace, self._server_is_away, self._begin_anew, lambda: self._heard, wall
        )

    # Called from any thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End all watches, close the connections and wait for the thread to end."""
        if self._thread.is_alive():
            self._soon(self._loop.stop)
            self._thread.join(timeout=5.0)

    def watch(self, wanted: tuple[Kind, ...], namespaces: tuple[str, ...], urgent: int = 1) -> None:
        """Watch exactly these kinds in these namespaces ("" is all).

        The first `urgent` kinds are listed before the rest is asked for.
        """
        self._soon(lambda: self._watch(wanted, namespaces, urgent))

    def list_once(self, wanted: tuple[Kind, ...], namespaces: tuple[str, ...]) -> None:
        """List these kinds in these namespaces ("" is all) and watch nothing."""

        def work() -> None:
            self._once = True
            self._watch(wanted, namespaces, len(wanted))

        self._soon(work)

    def retry_now(self) -> None:
        """Try again at once whatever is waiting to be tried again."""

        def retry() -> None:
            for reflector in self._reflectors.values():
                reflector.retry_now()

        self._soon(retry)

    def _soon(self, work: Callable[[], None]) -> None:
        """Do something in the feed's thread; nothing once that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def call(self, ask: Callable[[KubeClient], Coroutine[Any, Any, T]]) -> "Future[T]":
        """Run a request with the feed's client in the feed's thread.

        Raises `Unreachable` where the thread has ended.
        """
        if self._loop.is_closed():
            raise errors.Unreachable("the connection to the cluster is closed")
        return asyncio.run_coroutine_threadsafe(ask(self._client), self._loop)

    def drain(self, most: int = 0) -> list[Message]:
        """Take the messages that have gathered, all of them or `most`."""
        return self._outbox.drain(most)

    # In the feed's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        beside = [self._loop.create_task(work) for work in (self._measure(), self._doubt())]
        try:
            self._loop.run_forever()
        finally:
            # In this order: a cancelled request would end its TLS politely, and wait for that.
            self._loop.run_until_complete(self._client.close())
            tasks = [*beside, *self._tasks.values(), *asyncio.all_tasks(self._loop)]
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(let_go())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _watch(self, wanted: tuple[Kind, ...], namespaces: tuple[str, ...], urgent: int) -> None:
        self._namespaces = namespaces
        self._begun.set()
        named = (name for name in namespaces if name)
        self._fallback = tuple(dict.fromkeys((*self._fallback, *named)))
        scopes: dict[Scope, Kind] = {}
        for kind in wanted:
            for namespace in namespaces if kind.namespaced else ("",):
                scopes[Scope(kind.name, namespace)] = kind
        known: dict[str, set[str]] = {}
        for scope in list(self._tasks):
            whole = Scope(scope.kind)
            if scope in scopes or (scope in self._instead and whole in scopes):
                continue
            taken_over = whole in scopes and whole not in self._tasks
            if taken_over:
                known.setdefault(scope.kind, set()).update(self._reflectors[scope].known)
            self._unwatch(scope, keep=taken_over)
        first = [scope for scope, kind in scopes.items() if kind in wanted[:urgent]]
        for scope, kind in scopes.items():
            if scope not in self._tasks:
                after = () if scope in first else tuple(first)
                self._start(scope, kind, after, known.get(scope.kind, ()))

    def _start(
        self,
        scope: Scope,
        kind: Kind,
        after: tuple[Scope, ...] = (),
        known: Iterable[str] = (),
    ) -> None:
        self._ready.setdefault(scope, asyncio.Event())
        sink = ScopeSink(self, scope, CODECS[kind.name], self._outbox, self._keep)
        decoder = msgspec.json.Decoder(CODECS[kind.name].struct)
        reflector = Reflector(
            self._client, kind, scope.namespace, decoder, sink, known=known, pace=self._pace
        )
        self._reflectors[scope] = reflector
        self.post_state(scope, Phase.LISTING)
        self._restorer.begin(scope, reflector, lambda: self._fallback)
        self._tasks[scope] = self._loop.create_task(self._mirror(scope, reflector, after))

    async def _mirror(
        self, scope: Scope, reflector: Reflector[Any], after: tuple[Scope, ...]
    ) -> None:
        await self.first_paint.wait()
        for other in after:
            ready = self._ready.get(other)
            if ready is not None:
                await ready.wait()
        while True:
            try:
                return await reflector.run(once=self._once)
            except Exception as error:
                # A defect of ours in one scope must show as such, and not end its rows for good.
                _log.exception("the reflector of %s ended", scope)
                name = type(error).__name__
                self.post_state(scope, Phase.BROKEN, Problem(f"internal error: {name}", "server"))
                await asyncio.sleep(DEFECT_PAUSE)

    def _unwatch(self, scope: Scope, *, keep: bool = False) -> None:
        self._tasks.pop(scope).cancel()
        self._restorer.cancel(scope)
        self._reflectors.pop(scope, None)
        self._live.discard(scope)
        self._doubted.discard(scope)
        self._refused.discard(scope)
        self._ready.pop(scope, asyncio.Event()).set()
        self._instead.discard(scope)
        self._outbox.post(lambda number: Reset(number=number, scope=scope, keep=keep))

    def post_state(self, scope: Scope, phase: Phase, problem: Problem | None = None) -> None:
        """Tell that a scope's phase changed."""
        where = scope.namespace or "all namespaces"
        why = f": {problem.sentence}" if problem is not None else ""
        _log.info("%s in %s: %s%s", scope.kind, where, phase.value, why)
        self._outbox.post_state(scope, phase, self.wall(), problem)
        self._doubted.discard(scope)
        if phase in FOLLOWED:
            self._live.add(scope)
        else:
            self._live.discard(scope)
        if phase is not Phase.LISTING and scope in self._ready:
            self._ready[scope].set()

    def heard(self, scope: Scope) -> None:
        """Tell that a scope's watch is alive, which ends every doubt about it."""
        self._heard += 1
        if scope in self._doubted:
            self.post_state(scope, Phase.LIVE)

    def include(self, namespace: str) -> None:
        """Watch one more namespace where all of them may not be read."""

        def work() -> None:
            self._fallback = tuple(dict.fromkeys((*self._fallback, namespace)))
            for scope in list(self._refused):
                self.refused(scope)

        self._soon(work)

    def forget(self, scope: Scope) -> None:
        """Have a scope's snapshot deleted: the identity may not read it, or there is none."""
        self._restorer.forget(scope)

    def refused(self, scope: Scope) -> None:
        """All namespaces may not be read: go on with those that are known by name."""
        if scope.namespace:
            return
        kind = kinds.BY_NAME[scope.kind]
        if not kind.namespaced:
            return
        self._refused.add(scope)
        for namespace in self._fallback:
            other = Scope(scope.kind, namespace)
            if other not in self._tasks:
                self._instead.add(other)
                self._start(other, kind)

    def granted(self, scope: Scope) -> None:
        """A scope was listed: all namespaces may be read again, so no single one is any more."""
        if scope not in self._refused:
            return
        self._refused.discard(scope)
        listed = self._reflectors[scope].known
        for other in [one for one in self._instead if one.kind == scope.kind]:
            # Nobody else will tell of these: the watch that knew them ends here.
            self._tell_gone(scope, self._reflectors[other].known - listed)
            self._unwatch(other, keep=True)

    def _tell_gone(self, scope: Scope, uids: frozenset[str]) -> None:
        if uids:
            self._outbox.post(lambda number: Delete(number=number, scope=scope, uids=list(uids)))

    async def _measure(self) -> None:
        scope = Scope(kinds.POD.name)
        await self._begun.wait()
        await self.first_paint.wait()
        while True:
            readable = self._namespaces
            if any(named.namespace for named in self._tasks) and "" in readable:
                readable = self._fallback
            # Where this fails, what is known stays; the reflectors report the absence.
            try:
                self._post_usage(scope, await self._meter.read(readable))
            except errors.KubeError as error:
                _log.debug("usage cannot be read: %s", error)
            except Exception:
                _log.exception("usage cannot be read")
            await asyncio.sleep(USAGE_EVERY)

    async def _doubt(self) -> None:
        await self._begun.wait()
        await asyncio.gather(self._pulse.ask(), self._pulse.compare())

    def _server_is_away(self, error: errors.KubeError) -> None:
        for scope in list(self._live):
            self.post_state(scope, Phase.BROKEN, problem_of(error))
            self._doubted.add(scope)

    def _begin_anew(self) -> None:
        """Open all watches again: what they stand on may be dead."""
        for reflector in self._reflectors.values():
            reflector.watch_anew()

    def _known(self) -> set[str]:
        return set().union(*(reflector.known for reflector in self._reflectors.values()))

    def _post_usage(self, scope: Scope, usage: PodUsage | None) -> None:
        self._outbox.post(lambda number: Usage(number=number, scope=scope, pods=usage))

    def version_of(self, scope: Scope) -> str:
        """Return up to which resourceVersion a scope was told; from any thread."""
        reflector = self._reflectors.get(scope)
        return "" if reflector is None else reflector.version
