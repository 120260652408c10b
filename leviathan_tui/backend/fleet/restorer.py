"""What a snapshot remembers, given to the store before the server has spoken."""

import asyncio
from collections.abc import Callable
from typing import Any

from leviathan_tui.backend.fleet.archive import Archive
from leviathan_tui.backend.fleet.first_paint import FirstPaint
from leviathan_tui.backend.fleet.messages import Restored, Scope, Upsert
from leviathan_tui.backend.fleet.outbox import Outbox
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.reflector import PAGE, Reflector


class Restorer:
    """Restores the scopes of one feed, in its thread."""

    def __init__(self, archive: Archive | None, outbox: Outbox, first_paint: FirstPaint) -> None:
        self._archive = archive
        self._outbox = outbox
        self._first_paint = first_paint
        self._tasks: dict[Scope, asyncio.Task[bool]] = {}

    def begin(
        self, scope: Scope, reflector: Reflector[Any], by_name: Callable[[], tuple[str, ...]]
    ) -> None:
        """Look for a scope's snapshot; `by_name` tells the namespaces that are known by name."""
        archive = self._archive
        if archive is None or not archive.keeps(scope.kind):
            return
        restoring = asyncio.create_task(self._restore(archive, scope, reflector, by_name))
        self._tasks[scope] = restoring
        if self._first_paint.needs(scope.kind):
            self._first_paint.wait_for(restoring)

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
    ) -> bool:
        """Give the store what a snapshot remembers, as long as the server has not spoken.

        Where all namespaces together are not remembered, those are taken that are known by name:
        whether the identity may read all of them only the server can tell. Returns whether there
        was anything.
        """
        if not self._first_paint.needs(scope.kind):
            await self._first_paint.wait()
        remembered = [await asyncio.wrap_future(archive.load(scope))]
        if remembered == [None] and not scope.namespace and kinds.BY_NAME[scope.kind].namespaced:
            remembered = [
                await asyncio.wrap_future(archive.load(Scope(scope.kind, namespace)))
                for namespace in by_name()
            ]
        found = False
        for one in remembered:
            if one is None:
                continue
            fresh = reflector.adopt([record.uid for record in one.records])
            records = [record for record in one.records if record.uid in fresh]
            if records:
                found = True
                self._post(scope, one.at, records)
        return found

    def _post(self, scope: Scope, at: float, records: list[Any]) -> None:
        post = self._outbox.post
        post(lambda number: Restored(number=number, scope=scope, at=at))
        for start in range(0, len(records), PAGE):
            page = records[start : start + PAGE]
            post(lambda number, page=page: Upsert(number=number, scope=scope, records=page))  # type: ignore[misc]
