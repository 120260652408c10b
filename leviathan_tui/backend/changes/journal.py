"""The journal of this user on this machine: SQLite, written through to the disk before a request.

A console that writes no file has it in memory.
"""

import os
import socket
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from leviathan_tui.backend.changes.entry import PENDING, UNKNOWN, Entry
from leviathan_tui.backend.changes.refusals import NotWritten

SCHEMA: Final = 1

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  at REAL NOT NULL,
  cluster TEXT NOT NULL,
  outcome TEXT NOT NULL,
  writer TEXT NOT NULL,
  owed INTEGER NOT NULL DEFAULT 0,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_at ON entries (cluster, at);
CREATE INDEX IF NOT EXISTS entries_open ON entries (outcome) WHERE outcome IN ('pending', 'unknown');
CREATE INDEX IF NOT EXISTS entries_owed ON entries (owed) WHERE owed > 0;
"""

OWED_BEGIN: Final = 1
"""The team's journal has nothing of the entry yet."""
OWED_OUTCOME: Final = 2
"""The team's journal has the beginning, not the outcome."""


class Journal:
    """Entries in the order in which they were begun.

    Several consoles may write at the same time, and any thread may call. Everything raises
    `NotWritten` where the file cannot be used. Without a path it is in memory, and gone with `close`.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._writer = f"{socket.gethostname()}:{os.getpid()}"
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                if self._database is None:
                    self._database = self._connect()
                with self._database:
                    yield self._database
        except (sqlite3.Error, OSError) as error:
            where = self.path or "in memory"
            raise NotWritten(f"The journal {where} cannot be used: {error}.") from error

    def _connect(self) -> sqlite3.Connection:
        if self.path is not None:
            _make_private(self.path)
        database = sqlite3.connect(self.path or ":memory:", timeout=10.0, check_same_thread=False)
        try:
            if self.path is None:
                database.execute("PRAGMA temp_store = MEMORY")
            else:
                database.execute("PRAGMA journal_mode = WAL")
                # What is begun must be on the disk before the request is on its way.
                database.execute("PRAGMA synchronous = FULL")
            database.executescript(_TABLE)
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA:
                raise PermissionError("a newer leviathan wrote it")
            database.execute(f"PRAGMA user_version = {SCHEMA}")
        except BaseException:
            database.close()
            raise
        return database

    def begin(self, entry: Entry, *, owed: bool = False) -> None:
        """Write an entry before its request is sent; `owed` where a team's journal wants it too."""
        with self._open() as database:
            database.execute(
                "INSERT INTO entries (id, at, cluster, outcome, writer, owed, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.id,
                    entry.at,
                    entry.cluster,
                    entry.outcome,
                    self._writer,
                    OWED_BEGIN if owed else 0,
                    msgspec.json.encode(entry),
                ),
            )

    def finish(self, entry: Entry, *, owed: bool = False) -> None:
        """Write the outcome. A final outcome stays what it is.

        `owed` where a team's journal wants it: an outcome that was unknown and shared is owed again.
        """
        with self._open() as database:
            database.execute(
                "UPDATE entries SET owed = CASE WHEN owed = 0 AND ? THEN ? ELSE owed END,"
                " outcome = ?, body = ? WHERE id = ? AND outcome IN ('pending', 'unknown')",
                (owed, OWED_OUTCOME, entry.outcome, msgspec.json.encode(entry), entry.id),
            )

    def latest(self, cluster: str = "", limit: int = 500) -> list[Entry]:
        """Return the newest entries, of one cluster or of all, the newest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT body, outcome, writer FROM entries WHERE ? IN ('', cluster)"
                " ORDER BY seq DESC LIMIT ?",
                (cluster, limit),
            ).fetchall()
        return [self._read(row) for row in rows]

    def unsettled(self, cluster: str) -> list[Entry]:
        """Return the entries of which nobody knows what became of them, the oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT body, outcome, writer FROM entries"
                " WHERE outcome IN ('pending', 'unknown') AND cluster = ? ORDER BY seq",
                (cluster,),
            ).fetchall()
        return [entry for entry in map(self._read, rows) if entry.outcome == UNKNOWN]

    def owed(self, limit: int = 100) -> list[tuple[Entry, int]]:
        """Return what the team's journal lacks, the oldest first, with `OWED_…`."""
        with self._open() as database:
            rows = database.execute(
                "SELECT body, outcome, writer, owed FROM entries WHERE owed > 0"
                " ORDER BY seq LIMIT ?",
                (limit,),
            ).fetchall()
        return [(self._read(row[:3]), row[3]) for row in rows]

    def settle_debt(self, entry_id: str, owed: int) -> None:
        """Write down what the team's journal still lacks of an entry; 0 for nothing."""
        with self._open() as database:
            database.execute("UPDATE entries SET owed = ? WHERE id = ?", (owed, entry_id))

    def _read(self, row: tuple[bytes, str, str]) -> Entry:
        body, outcome, writer = row
        entry = msgspec.json.decode(body, type=Entry)
        entry.outcome = outcome
        if outcome == PENDING and not self._lives(writer):
            # Whoever began it has ended without writing what became of it.
            entry.outcome, entry.message = UNKNOWN, "the console ended before the answer; check"
        return entry

    def _lives(self, writer: str) -> bool:
        if writer == self._writer:
            return True
        host, _, process = writer.rpartition(":")
        if host != socket.gethostname() or not process.isdigit():
            return False
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _make_private(path: Path) -> None:
    """See to it that the file is there, this user's, and nobody else's to read. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with closing(os.fdopen(descriptor, "rb")) as file:
        facts = os.fstat(file.fileno())
        if facts.st_uid != os.getuid():
            raise PermissionError("it belongs to somebody else")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            os.fchmod(file.fileno(), 0o600)
