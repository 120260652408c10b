"""The archive of one console: loads and saves snapshots in a thread of its own.

Whatever goes wrong is a miss and a mark in the header; the cluster's own answer is on its way anyway.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final

from leviathan_tui.backend.fleet.archive import Remembered
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.backend import TTL, Backend, BackendError
from leviathan_tui.backend.snapshots.entries import RECORDS, Damaged, Head, pack, schema_of, unpack
from leviathan_tui.backend.snapshots.sealing import HEAD_AT_MOST, Identity, Vault
from leviathan_tui.backend.snapshots.worker import Worker

_log = logging.getLogger("leviathan.snapshots")

EXPECTS_TIMEOUT: Final = 0.04
"""Seconds that a start waits to be told whether there is a snapshot."""

LAST_CHANCE: Final = 1.5
"""Seconds that the end of the console waits for the last snapshots."""

DAMAGED: Final = "snapshot damaged"


class Snapshots:
    """An `Archive` over a backend.

    `identify` says who acts now, None for nobody. The first identity that it names is kept until
    `rebind`: as soon as it names another, nothing is loaded or saved any more, because what the
    store holds may belong to either.
    """

    def __init__(
        self,
        target: Target,
        backend: Backend,
        identify: Callable[[], Identity | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._backend = backend
        self._identify = identify
        self._clock = clock
        self._bound: Identity | None = None
        self._vault: Vault | None = None
        self._thread = Worker("snapshots")
        self._round = 0
        """Counts up with each `rebind`: what was asked for before is not done after."""
        self._damaged = ""
        self._away = ""

    @property
    def trouble(self) -> str:
        """What is wrong, in a few words."""
        return self._away or self._damaged

    def keeps(self, kind: str) -> bool:
        """Whether collections of a kind are remembered at all."""
        return kind in RECORDS

    def expects(self, scope: Scope) -> bool:
        """Whether there is an entry for whoever acts now; False where nobody says so at once."""
        if not self.keeps(scope.kind):
            return False
        try:
            return self._thread.submit(self._expects, scope, self._round).result(EXPECTS_TIMEOUT)
        except TimeoutError:
            return False

    def load(self, scope: Scope) -> "Future[Remembered | None]":
        """Read a collection in the archive's thread."""
        return self._thread.submit(self._load, scope, self._round)

    def save(self, scope: Scope, remembered: Remembered) -> None:
        """Write a collection down in the archive's thread."""
        self._thread.submit(self._save, scope, remembered, self._round)

    def forget(self, scope: Scope) -> None:
        """Delete a collection in the archive's thread."""
        self._thread.submit(self._forget, scope, self._round)

    def rebind(self) -> None:
        """Begin anew with whoever acts now."""
        self._round += 1
        self._thread.submit(self._unbind)

    def close(self) -> None:
        """Finish what was asked for, for a moment at most."""
        last = self._thread.submit(self._backend.close)
        wait((last,), LAST_CHANCE)
        self._thread.close()

    # In the archive's thread

    def _unbind(self) -> None:
        self._bound = self._vault = None

    def _open_vault(self, asked_in: int) -> Vault | None:
        if asked_in != self._round:
            return None
        identity = self._identify()
        if identity is None:
            return None
        if self._bound is None:
            self._bound = identity
            self._vault = Vault(self._target, identity)
        return self._vault if identity == self._bound else None

    def _expects(self, scope: Scope, asked_in: int) -> bool:
        try:
            vault = self._open_vault(asked_in)
            return vault is not None and self._backend.has(vault.name(scope))
        except BackendError as error:
            self._away = str(error)
        except Exception:
            # A defect here must not cost more than the snapshot.
            _log.exception("whether there is a snapshot of %s cannot be told", scope)
        return False

    def _load(self, scope: Scope, asked_in: int) -> Remembered | None:
        if not self.keeps(scope.kind):
            return None
        try:
            vault = self._open_vault(asked_in)
            if vault is None:
                return None
            name = vault.name(scope)
            entry = self._backend.get(name)
            self._away = ""
            if entry is None:
                return None
            return self._opened(vault, name, scope, entry)
        except BackendError as error:
            self._away = str(error)
        except Exception:
            # A defect here must not cost more than the snapshot.
            _log.exception("the snapshot of %s cannot be loaded", scope)
        return None

    def _opened(self, vault: Vault, name: str, scope: Scope, entry: bytes) -> Remembered | None:
        try:
            head, body = vault.open(name, entry)
            if head.schema != schema_of(scope.kind):
                raise Damaged("is of another schema")
            records = unpack(scope.kind, body)
            if len(records) != head.count:
                raise Damaged("is incomplete")
        except Damaged as error:
            # Nobody else can have a name that is made with this identity's key.
            _log.warning("the snapshot of %s %s", scope, error)
            self._damaged = DAMAGED
            self._backend.delete(name)
            return None
        if self._clock() - head.at > TTL:
            return None
        return Remembered(head.at, head.version, records)

    def _save(self, scope: Scope, remembered: Remembered, asked_in: int) -> None:
        try:
            vault = self._open_vault(asked_in)
            if vault is None:
                return
            name = vault.name(scope)
            start = self._backend.start_of(name, HEAD_AT_MOST)
            if start and _newer(vault, name, start, remembered):
                return
            head = Head(
                schema_of(scope.kind),
                remembered.at,
                remembered.version,
                len(remembered.records),
            )
            self._backend.put(name, vault.seal(name, head, pack(remembered.records)))
            # A damaged entry has a whole one in its place now.
            self._away = self._damaged = ""
        except BackendError as error:
            self._away = str(error)
        except Exception:
            # A defect here must not cost more than the snapshot.
            _log.exception("the snapshot of %s cannot be saved", scope)

    def _forget(self, scope: Scope, asked_in: int) -> None:
        try:
            vault = self._open_vault(asked_in)
            if vault is not None and self.keeps(scope.kind):
                self._backend.delete(vault.name(scope))
        except BackendError as error:
            self._away = str(error)
        except Exception:
            # A defect here must not cost more than the snapshot.
            _log.exception("the snapshot of %s cannot be deleted", scope)


def _newer(vault: Vault, name: str, start: bytes, ours: Remembered) -> bool:
    """Whether the entry that is there is newer than ours: its time and its version both say so.

    Two consoles' clocks may differ, and a cluster that was restored from a backup counts its
    versions from an older one again; so one of the two alone proves nothing. Versions are compared
    as numbers: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    try:
        head, _ = vault.head(name, start)
    except Damaged:
        return False
    comparable = head.version.isdecimal() and ours.version.isdecimal()
    older_version = comparable and int(head.version) <= int(ours.version)
    return head.at > ours.at and not older_version
