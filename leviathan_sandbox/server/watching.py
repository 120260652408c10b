"""Watches: every change from a version on, as one JSON event a line.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from aiohttp import web

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object, encode
from leviathan_sandbox.selectors import Matcher
from leviathan_sandbox.server.faults import StreamFault
from leviathan_sandbox.server.reading import matchers
from leviathan_sandbox.server.requests import (
    ListOptions,
    Target,
    list_options,
    version_number,
    version_problem,
    wants_table,
)
from leviathan_sandbox.server.responses import headers
from leviathan_sandbox.server.tables import table_of
from leviathan_sandbox.server.views import encoder, shown_object, stored_kind
from leviathan_sandbox.status import StatusError, expired
from leviathan_sandbox.storage import Change, ChangeType, Entry, Storage

_MAX_QUEUE: Final = 20_000
"""Changes that may wait for a slow reader; its watch is closed then, as the API server does."""
_LAST_BOOKMARK: Final = 2.0
"""Seconds before its end at which a watch gets a last bookmark."""
_MIN_TIMEOUT: Final = 1800
"""Seconds after which a watch without a timeout ends, at least; at most it is twice as long."""


class Watch:
    """The events of one watch, from its start on.

    Parameters:
        storage: what is watched.
        target: which objects.
        wanted: what its selectors let through.
        options: from where, and with what extras.
        render: turns a change's type and an entry into one line.
    """

    def __init__(
        self,
        storage: Storage,
        target: Target,
        wanted: list[Matcher],
        options: ListOptions,
        render: Callable[[str, Entry], bytes],
    ) -> None:
        self._storage = storage
        self._target = target
        self._collection = storage.collections[stored_kind(target.kind)]
        self._wanted = wanted
        self._options = options
        self._render = render
        self._queue: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self.overrun = False
        """Set when the reader was too slow."""

    def start(self) -> None:
        """Queue what the watch begins with, and whatever changes from now on.

        Raises StatusError: 410 when the history does not go back that far, 500 for no version.
        """
        options = self._options
        version = version_number(options.resource_version or "0")
        if version is None:
            raise StatusError(500, "", version_problem(options.resource_version))
        if options.initial_events or version == 0:
            if options.initial_events is not False:
                self._queue.extend(self._initial())
            if options.initial_events:
                self._queue.append(self.bookmark(end_of_initial=True))
        else:
            floor = self._collection.floor
            if version < floor:
                raise expired(f"too old resource version: {version} ({floor})")
            for change in self._collection.history:
                if change.revision > version:
                    self._take(change)
        if self._queue:
            self._ready.set()
        self._collection.watchers.add(self._take)

    def stop(self) -> None:
        """End the watch."""
        self._collection.watchers.discard(self._take)

    def _initial(self) -> Iterator[bytes]:
        for entry in self._storage.all(self._collection.kind, self._target.namespace):
            if self._selects(entry):
                yield self._render("ADDED", entry)

    def _selects(self, entry: Entry | None) -> bool:
        if entry is None:
            return False
        shown = shown_object(self._target.kind, entry)
        metadata = shown["metadata"]
        if self._target.namespace and metadata.get("namespace") != self._target.namespace:
            return False
        if self._target.name and metadata["name"] != self._target.name:
            return False
        return all(matches(shown) for matches in self._wanted)

    def _take(self, change: Change) -> None:
        kind = self._event_type(change)
        if kind is None:
            return
        if len(self._queue) >= _MAX_QUEUE:
            self.overrun = True
            self.stop()
        else:
            self._queue.append(self._render(kind, change.entry))
        self._ready.set()

    def _event_type(self, change: Change) -> ChangeType | None:
        """Return what the change is to this watch: an object may enter or leave its selection."""
        was = self._selects(change.previous)
        if change.type == "DELETED":
            return "DELETED" if was else None
        now = self._selects(change.entry)
        if now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None

    def bookmark(self, *, end_of_initial: bool = False) -> bytes:
        """Return an event that only says how far the watch has come."""
        kind = self._target.kind
        metadata: Object = {"resourceVersion": str(self._storage.revision)}
        if end_of_initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Object = {
            "kind": kind.name,
            "apiVersion": kind.api_version,
            "metadata": metadata,
        }
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    async def next(self, seconds: float) -> list[bytes]:
        """Return the lines that have come up, waiting `seconds` for the first at most."""
        if not self._queue:
            self._ready.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), seconds)
        lines = list(self._queue)
        self._queue.clear()
        return lines


def _line(kind: str, encoded: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + encoded + b"}\n"


def _renderer(
    kind: Kind, include: str | None, now: Callable[[], datetime]
) -> Callable[[str, Entry], bytes]:
    """Return what makes an event's line: of the object, or of a Table of one row."""
    if include is None:
        plain = encoder(kind)
        return lambda event, entry: _line(event, plain(entry))
    described = False

    def table_line(event: str, entry: Entry) -> bytes:
        nonlocal described
        metadata = {"resourceVersion": str(entry.revision)}
        shown = [shown_object(kind, entry)]
        table = table_of(kind, shown, metadata, include, now(), headers=not described)
        described = True
        return _line(event, encode(table))

    return table_line


def _error_line(error: StatusError) -> bytes:
    return _line("ERROR", encode(error.status))


def _bookmark_time(now: float, end: float, interval: float) -> float:
    """Return when the next bookmark is due: regularly, and once more just before the end."""
    last = end - _LAST_BOOKMARK
    return min(now + interval, last) if now < last else end + 1


async def serve_watch(
    request: web.Request,
    storage: Storage,
    target: Target,
    now: Callable[[], datetime],
    bookmark_interval: float,
    fault: StreamFault | None,
    garbage: Iterable[bytes] = (),
) -> web.StreamResponse:
    """Answer a watch until its time is over, or its reader gone or too slow.

    `garbage` are objects that it begins with, whatever they are.

    Raises StatusError while nothing has been sent.
    """
    as_table = wants_table(request.headers.get("Accept", ""))
    options = list_options(request.query)
    include = request.query.get("includeObject", "Metadata") if as_table else None
    wanted = matchers(target.kind, options)
    watch = Watch(storage, target, wanted, options, _renderer(target.kind, include, now))
    response = web.StreamResponse(headers=headers() | {"Content-Type": "application/json"})
    loop = asyncio.get_running_loop()
    timeout = options.timeout or _MIN_TIMEOUT * (1 + random.random())  # noqa: S311 (no secret)
    end = loop.time() + timeout
    try:
        try:
            watch.start()
        except StatusError as error:
            if error.code != 410:
                raise
            await response.prepare(request)
            await response.write(_error_line(error))
            return response
        await response.prepare(request)
        for obj in garbage:
            await response.write(_line("MODIFIED", obj))
        sent = 0
        next_bookmark = _bookmark_time(loop.time(), end, bookmark_interval)
        while not watch.overrun and loop.time() < end:
            wait = min(end, next_bookmark) - loop.time()
            if fault is not None and fault.is_over(sent):
                wait = 0.0
            lines = await watch.next(max(wait, 0))
            if fault is not None and fault.is_over(sent + len(lines)):
                await response.write(b"".join(lines[: fault.after_events - sent]))
                if fault.last_line:
                    await response.write(fault.last_line)
                return response
            sent += len(lines)
            if loop.time() >= next_bookmark:
                next_bookmark = _bookmark_time(loop.time(), end, bookmark_interval)
                if options.bookmarks:
                    lines.append(watch.bookmark())
            if lines:
                await response.write(b"".join(lines))
        return response
    finally:
        watch.stop()
