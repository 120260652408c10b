"""One SQLite file and the one thread that works on it.

Everything that waits when the thread is free is done in one transaction, and answered after its
commit: a hundred refreshes cost one fsync, and nothing is acknowledged before it is on disk
(https://www.sqlite.org/pragma.html#pragma_synchronous: FULL, in WAL mode, syncs at each commit).
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from authserver.stores.interface import StoreUnavailable

_T = TypeVar("_T")
Work: TypeAlias = Callable[[sqlite3.Connection], _T]

_LARGEST_BATCH: Final = 256
_BUSY_MILLISECONDS: Final = 5000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, document BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, document BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS api_keys_by_user ON api_keys (user);
CREATE TABLE IF NOT EXISTS setup (
    one INTEGER PRIMARY KEY CHECK (one = 1), digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS used_setup_codes (digest TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, generation INTEGER NOT NULL, expires INTEGER NOT NULL,
    document BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user);
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires);
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT PRIMARY KEY, failures INTEGER NOT NULL, waits_until REAL NOT NULL,
    expires REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attempts_by_expiry ON attempts (expires);
CREATE TABLE IF NOT EXISTS marks (key TEXT PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_by_expiry ON marks (expires);
CREATE TABLE IF NOT EXISTS journal (
    id TEXT PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, cluster TEXT NOT NULL,
    changed REAL NOT NULL, tag TEXT NOT NULL, document BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS journal_by_cluster ON journal (cluster, sequence);
CREATE TABLE IF NOT EXISTS journal_sequence (
    one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
PRAGMA user_version = 1;
"""


@dataclass
class _Job:
    work: Work[Any]
    writes: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None

    def answer(self) -> None:
        def settle() -> None:
            if self.future.done():
                return  # the caller gave up
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(self.result)

        try:
            self.loop.call_soon_threadsafe(settle)
        except RuntimeError:
            return  # the caller's loop has ended


class SqliteFile:
    """Opens the file, and makes it if need be, 0600. Raises StoreUnavailable.

    `store` says in the log what is kept there.
    """

    def __init__(self, path: Path, store: str) -> None:
        self._path = path
        self._store = store
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"{store}: {path}: {error}") from None
        self._thread = threading.Thread(target=self._serve, name="sqlite", daemon=True)
        self._thread.start()

    def _prepare(self) -> None:
        run = self._connection.execute
        run(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA trusted_schema = OFF")
        self._connection.executescript(_SCHEMA)

    async def read(self, work: Work[_T]) -> _T:
        """Run `work` on the connection and return what it returns. Raises StoreUnavailable."""
        return await self._submit(work, writes=False)

    async def write(self, work: Work[_T]) -> _T:
        """Run `work` in a transaction and return after its commit. Raises StoreUnavailable."""
        return await self._submit(work, writes=True)

    async def _submit(self, work: Work[_T], *, writes: bool) -> _T:
        if self._closed:
            raise StoreUnavailable(f"{self._store}: the file is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._queue.put(_Job(work, writes, loop, future))
        return await future

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            batch = [job]
            ending = False
            while len(batch) < _LARGEST_BATCH:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ending = True
                    break
                batch.append(more)
            self._run(batch)
            for done in batch:
                done.answer()
            if ending:
                break
        self._connection.close()

    def _run(self, batch: list[_Job]) -> None:
        writes = any(job.writes for job in batch)
        try:
            self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            for job in batch:
                self._run_one(job)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            for job in batch:
                job.error = self._unavailable(error)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _run_one(self, job: _Job) -> None:
        """Run one piece of work so that its failure undoes its own changes and no others."""
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            self._connection.execute("ROLLBACK TO job")
            failed = isinstance(error, sqlite3.Error)
            job.error = self._unavailable(error) if failed else error
        self._connection.execute("RELEASE job")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"{self._store}: SQLite: {error}")

    async def close(self) -> None:
        """Finish what was submitted and close the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)


def copy(source: Path, target: Path) -> None:
    """Write a consistent copy of a database, which may be in use. Raises StoreUnavailable."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as original,
            closing(sqlite3.connect(target)) as made,
        ):
            original.backup(made)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{source}: {error}") from None
