"""Keeping up with one collection: list it in pages, watch it, and recover from everything.

The client library's own watch loops at full speed on a clean end of the stream and retries an
expired resourceVersion; hence this one. Source:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import (
    ApiError,
    Expired,
    Forbidden,
    KubeError,
    Late,
    NotFound,
    Silent,
    Unreachable,
    error_from,
)
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.pace import PACE, Backoff, Pace
from leviathan_tui.backend.kube.wire import UNREADABLE, Metadata, WatchEvent

PAGE: Final = 500
"""Objects a list asks for at once."""

METHOD_NOT_ALLOWED: Final = 405
"""The status of what a kind has no verb for: some can be listed and not watched."""

LONGEST_REFUSED: Final = 10.0
"""How many times its first length the pause after a refusal grows to."""

_EVENT: Final = msgspec.json.Decoder(WatchEvent)


class HasMetadata(Protocol):
    """Any wire struct of an object."""

    @property
    def metadata(self) -> Metadata:
        """The object's metadata."""


T = TypeVar("T", bound=HasMetadata)


class Sink(Protocol[T]):
    """What a reflector tells; called in the reflector's own thread, and never blocking."""

    def upsert(self, objects: list[T]) -> None:
        """These objects are new or changed."""

    def delete(self, uids: list[str]) -> None:
        """These objects are gone."""

    def listed(self) -> None:
        """The first or a renewed list is complete: what was not in it is deleted."""

    def live(self) -> None:
        """The collection is up to date and watched."""

    def heard(self) -> None:
        """The watch has shown that it is alive."""

    def polled(self, problem: KubeError) -> None:
        """The collection was just listed and will be again: it may not be watched."""

    def broken(self, problem: KubeError) -> None:
        """Something is in the way; the reflector goes on trying."""

    def malformed(self, count: int) -> None:
        """So many objects could not be read and were left out."""


class Reflector(Generic[T]):
    """Mirrors one collection into a sink until it is cancelled."""

    def __init__(
        self,
        client: KubeClient,
        kind: Kind,
        namespace: str,
        decoder: "msgspec.json.Decoder[T]",
        sink: Sink[T],
        chance: random.Random | None = None,
        known: Iterable[str] = (),
        selector: str = "",
        fields: str = "",
        pace: Pace = PACE,
    ) -> None:
        """Prepare to mirror; `known` are uids that the sink already has of this collection.

        A label `selector` and a selector of `fields` narrow it.
        """
        self.kind = kind
        self.namespace = namespace
        self._client = client
        self._decoder = decoder
        self._sink = sink
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not a secret
        self._pace = pace
        self._late = (pace.patience, self._say_late)
        self._backoff = Backoff(self._chance, pace.slowest)
        self._known: set[str] = set(known)
        self._selector = selector
        self._fields = fields
        self._settled = False
        self._version = ""
        self._expired = 0
        self._refusals = 0
        self._unwatched: tuple[KubeError, float] | None = None
        self._watch_refusals = 0
        """Why the collection may not be watched, and when that is to be tried again."""
        self._retry = asyncio.Event()
        self._stream: asyncio.Future[None] | None = None
        """The list or the watch that is under way."""
        self._anew = False
        """Whether that was ended to be begun again."""

    @property
    def known(self) -> frozenset[str]:
        """The uids of the objects that the sink has."""
        return frozenset(self._known)

    @property
    def version(self) -> str:
        """The resourceVersion up to which the sink was told; empty where a list is due."""
        return self._version

    def adopt(self, uids: Iterable[str]) -> set[str]:
        """Return those of a snapshot's objects that the sink does not have and should be given.

        The first complete list deletes those that it does not hold. After it, and after a refusal,
        none is taken in any more: what the server said counts.
        """
        if self._settled:
            return set()
        fresh = set(uids) - self._known
        self._known |= fresh
        return fresh

    def retry_now(self) -> None:
        """Cut the present pause short: somebody asked for a refresh."""
        self._retry.set()

    def watch_anew(self) -> None:
        """Ask again for what is under way, from where it is: its connection may be dead without an end."""
        self._retry.set()
        if self._stream is not None:
            self._anew = True
            self._stream.cancel()

    async def run(self, *, once: bool = False) -> None:
        """Mirror for ever, or until the collection was listed `once`; else ends by cancellation."""
        while True:
            try:
                if once and self._version:
                    return
                await self._go_on(once)
            except Expired as problem:
                # Both forms of 410 end here. Listing again is the cure, and a server that
                # expires everything at once must not be asked in a loop: only a watch that
                # lasts starts the pauses from the shortest again.
                self._version = ""
                self._expired += 1
                if self._expired > 1:
                    self._sink.broken(problem)
                await self._pause(self._backoff.next())
            except (Forbidden, NotFound) as problem:
                # Rights are granted, and kinds installed, while the console runs.
                self._version = ""
                self._forget()
                self._sink.broken(problem)
                longer = 2.0**self._refusals if isinstance(problem, Forbidden) else 1.0
                await self._pause(self._pace.refused * min(longer, LONGEST_REFUSED))
                self._refusals += 1
            except KubeError as problem:
                self._sink.broken(problem)
                await self._pause(max(self._backoff.next(), problem.retry_after or 0.0))

    async def _go_on(self, once: bool) -> None:
        """List where that is due, then watch until the watch ends; poll what may not be watched."""
        fresh = not self._version
        if fresh and not await self._unless_anew(self._list()):
            return
        if once:
            return
        if self._unwatched is not None:
            problem, again = self._unwatched
            self._sink.polled(problem)
            await self._pause(self._pace.poll * self._chance.uniform(0.8, 1.2))
            self._version = ""
            if time.monotonic() >= again:
                self._unwatched = None
            return
        try:
            await self._unless_anew(self._watch())
        except ApiError as problem:
            if not isinstance(problem, Forbidden) and problem.code != METHOD_NOT_ALLOWED:
                raise
            # A server that has just started refuses for a moment what it allows ever after.
            soon = self._pace.poll / 2 * 2.0**self._watch_refusals
            self._unwatched = problem, time.monotonic() + min(soon, self._pace.rewatch)
            self._watch_refusals = min(self._watch_refusals + 1, 20)
            if not fresh:
                # It was watched until now: whether it may still be read only a list can tell.
                self._version = ""

    def _say_late(self) -> None:
        self._sink.broken(
            Late(f"the server has not answered for {self._pace.patience:.0f} s; still waiting")
        )

    async def _pause(self, seconds: float) -> None:
        self._retry.clear()
        try:
            await asyncio.wait_for(self._retry.wait(), seconds)
        except TimeoutError:
            return

    def _forget(self) -> None:
        self._settled = True
        if self._known:
            self._sink.delete(list(self._known))
            self._known.clear()

    async def _list(self) -> None:
        seen: set[str] = set()
        version = ""
        async for page in self._client.pages(
            self.kind,
            self.namespace,
            limit=PAGE,
            selector=self._selector,
            fields=self._fields,
            late=self._late,
        ):
            objects = self._decode(page.items)
            uids = [item.metadata.uid for item in objects]
            seen.update(uids)
            self._known.update(uids)
            version = page.metadata.resource_version
            if objects:
                self._sink.upsert(objects)
        vanished = self._known - seen
        if vanished:
            self._sink.delete(list(vanished))
        self._known = seen
        self._settled = True
        self._refusals = 0
        self._version = version
        self._sink.listed()

    def _decode(self, items: list[msgspec.Raw]) -> list[T]:
        objects: list[T] = []
        malformed = 0
        for raw in items:
            try:
                objects.append(self._decoder.decode(raw))
            except UNREADABLE:
                malformed += 1
        if malformed:
            self._sink.malformed(malformed)
        return objects

    async def _unless_anew(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do what may be ended to be done again; whether it was not."""
        self._stream = asyncio.ensure_future(work)
        try:
            await self._stream
            return True
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if not self._anew or (ours is not None and ours.cancelling()):
                raise
            return False
        finally:
            self._stream, self._anew = None, False

    async def _watch(self) -> None:
        """Watch from the last version seen until the stream, or the credential, ends."""
        seconds = min(self._chance.uniform(*self._pace.watch), await self._client.life())
        params = {
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        if self._selector:
            params["labelSelector"] = self._selector
        if self._fields:
            params["fieldSelector"] = self._fields
        began = time.monotonic()
        opened = False
        path = self.kind.path(self.namespace)
        try:
            async with self._client.lines(path, params, self._pace.silence, self._late) as batches:
                opened = True
                self._sink.live()
                async for batch in batches:
                    self._apply(batch)
                    self._sink.heard()
        except Silent:
            if not opened:
                raise
            # It may be dead without an end, or have nothing to say: the next one will tell.
        finally:
            lasted = time.monotonic() - began >= self._pace.steady
            if opened and lasted:
                self._backoff.reset()
                self._expired = 0
        if not lasted:
            # A clean end is normal. What ends soon is a server in trouble, or something in between
            # that lets every event be the last. Where it never lasts, lists show what it hides.
            pause = self._backoff.next()
            if self._backoff.is_longest:
                self._version = ""
            await self._pause(pause)

    def _apply(self, lines: list[bytes]) -> None:
        changed: dict[str, T] = {}
        deleted: dict[str, None] = {}
        malformed = 0
        try:
            for line in lines:
                if not line:
                    continue
                try:
                    event = _EVENT.decode(line)
                except UNREADABLE as error:
                    # Whoever says such things: only a list shows that the server is back.
                    self._version = ""
                    raise Unreachable("the watch did not answer as Kubernetes does") from error
                if event.type == "ERROR":
                    raise error_from(_code(event.object), bytes(event.object))
                if event.type == "BOOKMARK":
                    # Its object is empty but for the version, with nulls where lists belong.
                    self._version = _version(event.object) or self._version
                    continue
                try:
                    item = self._decoder.decode(event.object)
                except UNREADABLE:
                    malformed += 1
                    self._version = _version(event.object) or self._version
                    continue
                metadata = item.metadata
                self._version = metadata.resource_version or self._version
                if event.type == "DELETED":
                    changed.pop(metadata.uid, None)
                    deleted[metadata.uid] = None
                else:
                    deleted.pop(metadata.uid, None)
                    changed[metadata.uid] = item
                    self._known.add(metadata.uid)
        finally:
            if changed:
                self._sink.upsert(list(changed.values()))
            if deleted:
                self._sink.delete(list(deleted))
                # Not before: the sink knows of it until it is told.
                self._known.difference_update(deleted)
            if malformed:
                self._sink.malformed(malformed)


class _AnyVersion(msgspec.Struct):
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class _AnyCode(msgspec.Struct):
    code: int = 500


def _version(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_AnyVersion).metadata.resource_version
    except UNREADABLE:
        return ""


def _code(raw: msgspec.Raw) -> int:
    try:
        return msgspec.json.decode(raw, type=_AnyCode).code
    except UNREADABLE:
        return 500
