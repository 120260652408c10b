"""The team's journal in a SQLite file and in Redis. Nothing in it expires by itself."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from authserver.stores import scripts
from authserver.stores.interface import JournalRow, Trimmed
from authserver.stores.redisserver import RedisServer
from authserver.stores.sqlitefile import SqliteFile

_COLUMNS: Final = "id, cluster, changed, document, tag, sequence"
_FIELDS: Final = ("document", "tag", "changed", "cluster")
_BATCH: Final = 500
"""Entries that one script counts or deletes at most."""


class SqliteJournalStore:
    """See `JournalStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    async def add(self, row: JournalRow) -> bool:
        """Add an entry; False when the id is taken."""

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute("SELECT 1 FROM journal WHERE id = ?", (row.id,)).fetchone()
            if found is not None:
                return False
            values = (
                row.id,
                _next(connection),
                row.cluster,
                row.changed,
                row.tag,
                row.document,
            )
            connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", values)
            return True

        return await self.file.write(work)

    async def row(self, entry_id: str) -> JournalRow | None:
        """Return an entry, or None."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE id = ?"  # noqa: S608 - names of ours
        found = await self.file.read(lambda c: c.execute(query, (entry_id,)).fetchone())
        return None if found is None else JournalRow(*found)

    async def replace(self, row: JournalRow, tag: str) -> bool:
        """Write `row` if the stored entry has this tag; else return False."""

        def work(connection: sqlite3.Connection) -> bool:
            query = "SELECT 1 FROM journal WHERE id = ? AND tag = ?"
            if connection.execute(query, (row.id, tag)).fetchone() is None:
                return False
            values = (_next(connection), row.changed, row.tag, row.document, row.id)
            connection.execute(
                "UPDATE journal SET sequence = ?, changed = ?, tag = ?, document = ? WHERE id = ?",
                values,
            )
            return True

        return await self.file.write(work)

    async def after(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return what was written after `sequence`, in one cluster or all, oldest first."""
        return await self._page("sequence > ?", "ASC", sequence, limit, cluster)

    async def before(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return the newest entries that were written before `sequence`, oldest of them first."""
        found = await self._page("sequence < ?", "DESC", sequence, limit, cluster)
        return found[::-1]

    async def _page(
        self, condition: str, order: str, sequence: int, limit: int, cluster: str | None
    ) -> list[JournalRow]:
        values: tuple[object, ...] = (sequence, limit)
        if cluster is not None:
            condition, values = f"{condition} AND cluster = ?", (sequence, cluster, limit)
        query = (
            f"SELECT {_COLUMNS} FROM journal WHERE {condition}"  # noqa: S608 - words of ours
            f" ORDER BY sequence {order} LIMIT ?"
        )
        rows = await self.file.read(lambda c: c.execute(query, values).fetchall())
        return [JournalRow(*row) for row in rows]

    async def last(self) -> int:
        """Return the sequence of the latest write."""
        query = "SELECT last FROM journal_sequence"
        found = await self.file.read(lambda connection: connection.execute(query).fetchone())
        return 0 if found is None else int(found[0])

    async def trim(self, changed: float, keep: int) -> int:
        """Delete what is too old, and what is beyond the newest `keep`, a batch at a time."""
        query = (
            "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE changed < ?"
            " OR sequence <= (SELECT sequence FROM journal ORDER BY sequence DESC LIMIT 1 OFFSET ?)"
            " ORDER BY sequence LIMIT ?)"
        )
        values = (changed, keep, _BATCH)
        return await self.file.write(lambda c: c.execute(query, values).rowcount)

    async def claim_trimmed(self, seconds: int) -> Trimmed | None:
        """Return None: a file has no share of anything."""
        return None

    async def settle_trimmed(self, trimmed: Trimmed) -> None:
        """Do nothing; see `claim_trimmed`."""

    async def ping(self) -> None:
        """Return when the file answers."""
        await self.file.read(lambda connection: connection.execute("SELECT 1").fetchone())

    async def check_durability(self) -> None:
        """Do nothing: a file is on disk before it is acknowledged."""

    async def close(self) -> None:
        """Close the file; closing it twice is harmless."""
        await self.file.close()


def _next(connection: sqlite3.Connection) -> int:
    """Return the next number of the sequence, which never goes back, whatever is deleted."""
    query = (
        "INSERT INTO journal_sequence VALUES (1, 1)"
        " ON CONFLICT (one) DO UPDATE SET last = last + 1 RETURNING last"
    )
    return int(connection.execute(query).fetchone()[0])


class RedisJournalStore:
    """See `JournalStore`."""

    def __init__(self, server: RedisServer, percent: int) -> None:
        self.server = server
        self._percent = percent
        self._share: int | None = None

    def _entry(self, entry_id: str) -> str:
        return self.server.key("journal-entry", entry_id)

    def _order(self, cluster: str | None) -> str:
        if cluster is None:
            return self.server.key("journal")
        # Clusters are called as their users like; a key is not made of that.
        return self.server.key("journal-of", hashlib.sha256(cluster.encode()).hexdigest())

    async def _write(self, row: JournalRow, tag: str) -> bool:
        keys = [
            self._entry(row.id),
            self._order(None),
            self._order(row.cluster),
            self.server.key("journal-sequence"),
            self._sizes,
        ]
        if self._share is None:
            self._share = await self.server.share(self._percent)
        values = (row.id, tag, row.tag, row.document, f"{row.changed:.6f}", row.cluster)
        room = (self._entry(""), self._share, _BATCH)
        return await self.server.changed(scripts.WRITE_JOURNAL, keys, *values, *room)

    @property
    def _sizes(self) -> str:
        """Where the bytes of all entries are counted, and the entries that went because of them."""
        return self.server.key("journal-sizes")

    async def add(self, row: JournalRow) -> bool:
        """Add an entry; False when the id is taken."""
        return await self._write(row, "")

    async def row(self, entry_id: str) -> JournalRow | None:
        """Return an entry, or None; what is no entry comes as one without anything in it."""
        found = await self.server.run("HMGET", self._entry(entry_id), *_FIELDS)
        if all(value is None for value in found):
            return None
        return _row(entry_id, found)

    async def replace(self, row: JournalRow, tag: str) -> bool:
        """Write `row` if the stored entry has this tag; else return False."""
        return await self._write(row, tag)

    async def after(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return what was written after `sequence`, in one cluster or all, oldest first."""
        return await self._rows("ZRANGEBYSCORE", cluster, f"({sequence}", "+inf", limit)

    async def before(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return the newest entries that were written before `sequence`, oldest of them first."""
        found = await self._rows("ZREVRANGEBYSCORE", cluster, f"({sequence}", "-inf", limit)
        return found[::-1]

    async def _rows(
        self, command: str, cluster: str | None, first: str, last: str, limit: int
    ) -> list[JournalRow]:
        place = (self._order(cluster), first, last, "WITHSCORES", "LIMIT", 0, limit)
        answer = await self.server.run(command, *place)
        # The newer protocol of Redis pairs members with their scores, the older one does not.
        if not answer or isinstance(answer[0], bytes):
            answer = list(zip(answer[::2], answer[1::2], strict=True))
        ids = [member.decode("utf-8", "replace") for member, _score in answer]
        fields = (self.server.run("HMGET", self._entry(entry), *_FIELDS) for entry in ids)
        found = await asyncio.gather(*fields)
        # An entry that is written again meanwhile comes once more, further on: its place in this
        # page is the one that it was found at, or a reader would skip what lies between.
        return [
            msgspec.structs.replace(_row(entry_id, values), sequence=int(float(score)))
            for entry_id, values, (_member, score) in zip(ids, found, answer, strict=True)
        ]

    async def last(self) -> int:
        """Return the sequence of the latest write."""
        return int(await self.server.run("GET", self.server.key("journal-sequence")) or 0)

    async def trim(self, changed: float, keep: int) -> int:
        """Delete what is too old, beyond the newest `keep` or beyond the share, a batch at a time."""
        keys, prefix = [self._order(None), self._sizes], self._entry("")
        while await self.server.script(scripts.COUNT_JOURNAL, keys, prefix, _BATCH) == _BATCH:
            pass
        self._share = await self.server.share(self._percent)
        values = (prefix, f"{changed:.6f}", keep, self._share, _BATCH)
        return int(await self.server.script(scripts.TRIM_JOURNAL, keys, *values))

    async def claim_trimmed(self, seconds: int) -> Trimmed | None:
        """Return what went because the share was full, to one caller in so many seconds."""
        keys = [self._sizes, self.server.key("journal-told")]
        count, until = await self.server.script(scripts.CLAIM_TRIMMED, keys, seconds)
        return Trimmed(int(count), float(until or 0)) if count else None

    async def settle_trimmed(self, trimmed: Trimmed) -> None:
        """Take off what has been told."""
        await self.server.run("HINCRBY", self._sizes, "trimmed", -trimmed.count)

    async def ping(self) -> None:
        """Return when Redis answers."""
        await self.server.run("PING")

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the server would lose or evict what it acknowledged."""
        await self.server.check_durability(expiring=False)

    async def close(self) -> None:
        """Close the connections."""
        await self.server.close()


def _row(entry_id: str, values: Sequence[bytes | None]) -> JournalRow:
    """Return an entry from its fields; without anything in it if they are not those of one."""
    try:
        document, tag, changed, cluster = (value or b"" for value in values)
        return JournalRow(entry_id, cluster.decode(), float(changed), document, tag.decode())
    except ValueError:  # includes UnicodeError
        return JournalRow(entry_id, "", 0.0, b"", "")
