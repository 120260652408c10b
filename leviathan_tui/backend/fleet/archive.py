"""What the feed and the store know of snapshots: an archive that remembers a collection's records.

Where snapshots lie, and how they are sealed, is the business of `backend/snapshots`.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

import msgspec

from leviathan_tui.backend.fleet.messages import Delete, Message, Scope, Upsert
from leviathan_tui.backend.fleet.store import Store

QUIET: Final = 5.0
"""Seconds without a change after which a collection is saved."""

LONGEST: Final = 60.0
"""Seconds after which it is saved though it keeps changing."""

RENEWED: Final = 300.0
"""Seconds after which a collection that did not change is saved again, so that its age is true."""


class Remembered(msgspec.Struct, frozen=True):
    """A collection as it was."""

    at: float
    """When it was known to be so, in seconds since the epoch."""
    version: str
    """The resourceVersion up to which changes were seen; empty where it is not known."""
    records: list[Any]


class Archive(Protocol):
    """Remembers collections for one identity on one cluster. No method waits for anything."""

    @property
    def trouble(self) -> str:
        """What is wrong with it, in a few words for the header; empty when all is well."""

    def keeps(self, kind: str) -> bool:
        """Whether collections of a kind are remembered at all."""

    def expects(self, scope: Scope) -> bool:
        """Whether a collection will very likely be found at once; takes 0.04 s at most."""

    def load(self, scope: Scope) -> "Future[Remembered | None]":
        """Read a collection; None where it is not known, for whatever reason."""

    def save(self, scope: Scope, remembered: Remembered) -> None:
        """Write a collection down, some time soon."""

    def forget(self, scope: Scope) -> None:
        """Delete a collection: the identity may not read it any more, or there is none."""

    def rebind(self) -> None:
        """The identity changed: what is saved and loaded from now on belongs to the new one."""

    def close(self) -> None:
        """Write what was saved and end; waits for a short time at most."""


class Saver:
    """Decides when a collection of the store is saved: when it is live, changed, and calm.

    Lives in the store's thread; handing a collection over costs a list of references.
    """

    def __init__(
        self,
        archive: Archive,
        store: Store,
        version_of: Callable[[Scope], str],
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._store = store
        self._version_of = version_of
        self._clock = clock
        self._monotonic = monotonic
        self._changed: dict[Scope, tuple[float, float]] = {}
        """When a scope changed first and last since it was saved."""
        self._saved: dict[Scope, float] = {}

    def seen(self, messages: list[Message]) -> None:
        """Note which collections changed."""
        now = self._monotonic()
        for message in messages:
            scope = message.scope
            if isinstance(message, Upsert | Delete) and self._archive.keeps(scope.kind):
                first, _ = self._changed.get(scope, (now, now))
                self._changed[scope] = first, now

    def tick(self) -> None:
        """Save what is due."""
        now = self._monotonic()
        live = self._store.connection.followed()
        for scope in live:
            first, last = self._changed.get(scope, (now, now))
            old = now - self._saved.setdefault(scope, now) >= RENEWED
            due = scope in self._changed and (now - last >= QUIET or now - first >= LONGEST)
            if (due or old) and self._archive.keeps(scope.kind):
                self._save(scope, now)

    def finish(self) -> None:
        """Save whatever is live, because the console ends: what is then shown is from just now."""
        now = self._monotonic()
        for scope in self._store.connection.followed():
            if self._archive.keeps(scope.kind):
                self._save(scope, now)

    def _save(self, scope: Scope, now: float) -> None:
        self._changed.pop(scope, None)
        self._saved[scope] = now
        records = self._store.records(scope.kind, scope.namespace)
        remembered = Remembered(self._clock(), self._version_of(scope), records)
        self._archive.save(scope, remembered)
