"""What a snapshot remembers, given to the store before the server has spoken.

Reading a large list, or snapshots that nothing on the screen is made of, takes processor time from
drawing: a start may hold them back until what it needs is drawn.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from leviathan_tui.backend.fleet.archive import Archive
from leviathan_tui.backend.fleet.messages import Restored, Scope, Upsert
from leviathan_tui.backend.fleet.outbox import Outbox
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.reflector import PAGE, Reflector

HELD: Final = 1.0
"""Seconds for which the first lists wait at most for a snapshot to be drawn."""


class Restorer:
    """Restores the scopes of one feed, in its thread."""

    def __init__(self, archive: Archive | None, outbox: Outbox) -> None:
        self._archive = archive
        self._outbox = outbox
        self._tasks: dict[Scope, asyncio.Task[None]] = {}
        self._needed: frozenset[str] = frozenset()
        """The kinds whose snapshots are read before anything else."""
        self.pending = 0
        """How many of those are still being looked for in the archive."""
        self._gave = False
        """Whether any snapshot had something to draw."""
        self._released = asyncio.Event()
        self._released.set()

    def hold(self, needed: Iterable[Kind]) -> None:
        """Read only the snapshots of needed kinds until `release`; called before anything begins."""
        self._needed = frozenset(kind.name for kind in needed)
        self._released.clear()

    def release(self) -> None:
        """End what `hold` began."""
        self._released.set()

    async def until_released(self) -> None:
        """Wait for `release`, or long enough, which is a release too."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), HELD)
        self._released.set()

    def begin(
        self, scope: Scope, reflector: Reflector[Any], by_name: Callable[[], tuple[str, ...]]
    ) -> None:
        """Look for a scope's snapshot; `by_name` tells the namespaces that are known by name."""
        archive = self._archive
        if archive is None or not archive.keeps(scope.kind):
            return
        self._tasks[scope] = task = asyncio.create_task(
            self._restore(archive, scope, reflector, by_name)
        )
        if scope.kind in self._needed:
            self.pending += 1
            task.add_done_callback(self._restored)

    def cancel(self, scope: Scope) -> None:
        """Look for a scope's snapshot no longer."""
        if scope in self._tasks:
            self._tasks.pop(scope).cancel()

    def forget(self, scope: Scope) -> None:
        """Have a scope's snapshot deleted: the identity may not read it, or it is no more."""
        if self._archive is not None:
            self._archive.forget(scope)

    async def _restore(
        self,
        archive: Archive,
        scope: Scope,
        reflector: Reflector[Any],
        by_name: Callable[[], tuple[str, ...]],
    ) -> None:
        """Give the store what a snapshot remembers, as long as the server has not spoken.

        Where all namespaces together are not remembered, those are taken that are known by name:
        whether the identity may read all of them only the server can tell.
        """
        if self._needed and scope.kind not in self._needed:
            await self.until_released()
        found = [await asyncio.wrap_future(archive.load(scope))]
        if found == [None] and not scope.namespace and kinds.BY_NAME[scope.kind].namespaced:
            found = [
                await asyncio.wrap_future(archive.load(Scope(scope.kind, namespace)))
                for namespace in by_name()
            ]
        for remembered in found:
            if remembered is None:
                continue
            fresh = reflector.adopt([record.uid for record in remembered.records])
            records = [record for record in remembered.records if record.uid in fresh]
            if records:
                self._post(scope, remembered.at, records)

    def _restored(self, _: "asyncio.Task[None]") -> None:
        self.pending -= 1
        if self.pending:
            return
        if not self._gave:
            # There is nothing to draw that the lists would have to wait for.
            self._released.set()
        self._outbox.wake()

    def _post(self, scope: Scope, at: float, records: list[Any]) -> None:
        self._gave = True
        post = self._outbox.post
        post(lambda number: Restored(number=number, scope=scope, at=at))
        for start in range(0, len(records), PAGE):
            page = records[start : start + PAGE]
            post(lambda number, page=page: Upsert(number=number, scope=scope, records=page))  # type: ignore[misc]
