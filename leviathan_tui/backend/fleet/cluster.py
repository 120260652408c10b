"""One cluster as the screens use it: the store, and questions that are asked when somebody looks."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from leviathan_tui.backend.fleet import inspect, rights
from leviathan_tui.backend.fleet.archive import Archive, Saver
from leviathan_tui.backend.fleet.feed import Feed
from leviathan_tui.backend.fleet.first_paint import FirstPaint
from leviathan_tui.backend.fleet.messages import Message, Scope
from leviathan_tui.backend.fleet.prose import Prose
from leviathan_tui.backend.fleet.prose import clock as clock_time
from leviathan_tui.backend.fleet.records import Event, Ref
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kinds, objects, plugins, tables, yaml_text
from leviathan_tui.backend.kube.client import KubeClient, prepare
from leviathan_tui.backend.kube.credentials import BearerSource
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.untrusted import clean_block

T = TypeVar("T")

MOST_RUNS: Final = 3
"""Jobs of a cron job whose events are looked at."""

WATCHED: Final = (
    *kinds.WORKLOADS,
    kinds.POD,
    kinds.REPLICA_SET,
    kinds.CRON_JOB,
    kinds.JOB,
    kinds.NAMESPACE,
    kinds.NODE,
)
"""What is mirrored as long as the console runs."""

FIRST: Final[dict[str, tuple[Kind, ...]]] = {
    "apps": kinds.WORKLOADS,
    "pods": (kinds.POD,),
    "crons": (kinds.CRON_JOB, kinds.JOB),
    "schedule": (kinds.CRON_JOB, kinds.JOB),
    "runs": (kinds.JOB,),
    "nodes": (kinds.NODE,),
    "namespaces": (kinds.NAMESPACE,),
}
"""What each list needs before anything else."""

NEEDED: Final[dict[str, tuple[Kind, ...]]] = FIRST | {
    "apps": (*kinds.WORKLOADS, kinds.POD, kinds.REPLICA_SET)
}
"""What each list's rows are made of."""

CHUNK: Final = 4
"""Messages applied between two looks at the clock; a message holds up to 500 objects."""


class Cluster:
    """A feed, the store that it feeds, and requests about single objects.

    Everything but `wake` happens in the thread that made it.
    """

    def __init__(
        self,
        target: Target,
        fallback: Iterable[str] = (),
        wake: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.time,
        bearer: BearerSource | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.target = target
        self.bearer = bearer
        self._clock = clock
        self.store = Store(clock)
        self._wake = wake
        self._feed = Feed(target, fallback, self._woken, bearer, archive, wall=clock)
        self._archive = archive
        self._saver: Saver | None = None
        if archive is not None:
            self._saver = Saver(archive, self.store, self._feed.version_of, clock)
        self._waiting: list[Message] = []
        self._namespaces: tuple[str, ...] = ()
        self._extra: tuple[Kind, ...] = ()
        self._resources: list[tables.Resource] | None = None

    def on_wake(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, in the feed's thread, whenever there is something to pump."""
        self._wake = wake

    def _woken(self) -> None:
        self._wake()

    def start(self, view: str, namespace: str) -> None:
        """Begin to watch, with what `view` shows first. An empty namespace means all."""
        self._namespaces = (namespace,)
        urgent = FIRST.get(view, kinds.WORKLOADS)
        first = Scope(urgent[0].name, namespace if urgent[0].namespaced else "")
        if self._archive is not None and self._archive.expects(first):
            self.first_paint.expect(NEEDED.get(view, urgent))
        else:
            prepare()
        self._feed.start()
        rest = tuple(kind for kind in WATCHED if kind not in urgent)
        self._feed.watch((*urgent, *rest), self._namespaces, len(urgent))

    def connect(self) -> None:
        """Be ready for requests without watching anything."""
        self._feed.start()

    def list_once(self, wanted: Sequence[Kind], namespace: str) -> None:
        """Read no more than these kinds, after `connect`, and watch nothing."""
        self._namespaces = (namespace,)
        self._feed.list_once(tuple(wanted), self._namespaces)

    async def lacks_namespace(self, name: str) -> bool:
        """Whether the server says that there is no such namespace. Raises `Unreachable`."""
        return await self.ask(lambda client: objects.lacks_namespace(client, name))

    @property
    def first_paint(self) -> FirstPaint:
        """When a snapshot's rows are on the screen; what the server has to say waits for it."""
        return self._feed.first_paint

    @property
    def awaits_paint(self) -> bool:
        """Whether all that the open list needs of a snapshot is in the store, to be drawn now."""
        return self.first_paint.is_ready and not self._waiting

    @property
    def _paints_first(self) -> bool:
        return not self.first_paint.is_set and self.store.connection.any_restored

    def stop(self) -> None:
        """Save what is live and end everything; blocks until the feed's thread has ended."""
        if self._saver is not None:
            self._saver.finish()
        self._feed.stop()
        if self._archive is not None:
            self._archive.close()

    @property
    def snapshot_trouble(self) -> str:
        """What is wrong with the snapshots, in a few words; empty when all is well."""
        return self._archive.trouble if self._archive is not None else ""

    def only_snapshot(self, kind: str, namespace: str) -> str:
        """Return why nothing may be changed yet, where only a snapshot is known; else nothing."""
        at = self.store.connection.restored(kind, namespace)
        if at is None:
            return ""
        return (
            f"Only the snapshot of {clock_time(at)} is known: "
            "nothing is changed before the cluster has answered."
        )

    def cover(self, namespace: str) -> None:
        """See to it that a namespace ("" is all) is watched too."""
        if "" in self._namespaces:
            if namespace:
                self._feed.include(namespace)
            return
        if namespace in self._namespaces:
            return
        self._namespaces = ("",) if not namespace else (*self._namespaces, namespace)
        self._feed.watch((*WATCHED, *self._extra), self._namespaces, 0)

    def also_watch(self, kind: Kind) -> None:
        """Watch one more kind, as long as a screen shows it."""
        self._extra = (*self._extra, kind)
        self._feed.watch((*WATCHED, *self._extra), self._namespaces, 0)

    def no_longer_watch(self, kind: Kind) -> None:
        """End what `also_watch` began, once it was ended as often as begun."""
        left = list(self._extra)
        left.remove(kind)
        self._extra = tuple(left)
        self._feed.watch((*WATCHED, *self._extra), self._namespaces, 0)

    def retry_now(self) -> None:
        """Try at once whatever waits to be tried again."""
        plugins.retry()
        self._feed.retry_now()

    def reconnect(self) -> None:
        """End all watches and begin anew, as after a logout: they lived on the old credential."""
        if self._archive is not None:
            self._archive.rebind()
        self._feed.watch((), self._namespaces, 0)
        self._feed.watch((*WATCHED, *self._extra), self._namespaces, 0)

    def pump(self, budget: float) -> bool:
        """Apply what has arrived for at most `budget` seconds and tell the store's listeners.

        Returns True while something is left to apply.
        """
        # What is not taken in yet waits in the feed, where it is bounded.
        if not self._waiting:
            self._waiting = self._feed.drain()
        end = time.perf_counter() + budget
        done = 0
        while done < len(self._waiting):
            taken = self._waiting[done : done + CHUNK]
            self.store.apply(taken)
            if self._saver is not None:
                self._saver.seen(taken)
            done += CHUNK
            # What a snapshot remembers goes to the screen as a whole, and before all else.
            if time.perf_counter() > end and not self._paints_first:
                break
        del self._waiting[:done]
        if not self._waiting:
            self._waiting = self._feed.drain()
        self.store.flush(heard_only=self._paints_first)
        if self._saver is not None:
            self._saver.tick()
        return bool(self._waiting)

    async def ask(self, question: Callable[[KubeClient], Coroutine[Any, Any, T]]) -> T:
        """Run a request in the feed's thread. Raises `KubeError`."""
        return await asyncio.wrap_future(self.call(question))

    def call(self, question: Callable[[KubeClient], Coroutine[Any, Any, T]]) -> Future[T]:
        """Begin a request in the feed's thread, from any thread. Raises `Unreachable`."""
        return self._feed.call(question)

    async def kind_of(self, ref: Ref) -> Kind:
        """Return the kind of an object. Raises `NotFound` for a kind that the server lacks."""
        known = kinds.BY_NAME.get(ref.kind)
        if known is not None and ref.group in ("", known.group):
            return known
        for resource in await self.resources():
            if resource.kind.name == ref.kind and ref.group in ("", resource.kind.group):
                return resource.kind
        raise NotFound(404, "NotFound", f"This cluster has no kind {ref.kind}.")

    async def resources(self) -> list[tables.Resource]:
        """Return every resource type the server offers; asked once."""
        if self._resources is None:
            self._resources = await self.ask(tables.discover)
        return self._resources

    async def table(self, kind: Kind, namespace: str = "") -> tables.ServerTable:
        """Return any collection as the server prints it."""
        return await self.ask(lambda client: tables.read_table(client, kind, namespace))

    async def manifest(self, ref: Ref) -> str:
        """Return an object as YAML, to be shown."""
        kind = await self.kind_of(ref)
        document = await self.ask(lambda client: inspect.manifest(client, kind, ref))
        return clean_block(yaml_text.dump(document))

    async def describe(self, ref: Ref) -> Prose:
        """Return an object in full."""
        from leviathan_tui.backend.fleet import describe

        kind = await self.kind_of(ref)

        async def both(client: KubeClient) -> Prose:
            document, events = await asyncio.gather(
                inspect.manifest(client, kind, ref), inspect.events_about(client, ref)
            )
            return describe.describe(document, events)

        return await self.ask(both)

    async def explain(self, ref: Ref) -> Prose:
        """Return why an object is not well."""
        from leviathan_tui.backend.fleet import explain
        from leviathan_tui.backend.fleet.summary import verdict

        pods = [] if ref.kind == kinds.POD.name else self.store.pods_of(ref.uid)
        kind = await self.kind_of(ref)
        runs = self.store.runs_of(ref.uid) if ref.kind == kinds.CRON_JOB.name else []
        made = [run.ref for run in runs[:MOST_RUNS] if run.outcome != "succeeded"]
        return await self.ask(
            lambda client: explain.explain(
                client, ref, pods, verdict(self.store.row(ref.uid)), made, kind
            )
        )

    async def whoami(self, namespace: str) -> Prose:
        """Return who the API server takes the user for, and what they may do in a namespace."""
        return await self.ask(lambda client: rights.whoami(client, namespace))

    async def app_story(self, ref: Ref, ago: Callable[[float], str]) -> Prose:
        """Return what serves an app, and its releases."""
        from leviathan_tui.backend.fleet.app_story import app_story

        kind = await self.kind_of(ref)
        return await self.ask(lambda client: app_story(client, kind, ref, ago))

    async def events(self, ref: Ref) -> list[Event]:
        """Return the events about one object, the newest first."""
        return await self.ask(lambda client: inspect.events_about(client, ref))
