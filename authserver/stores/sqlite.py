"""Users and sessions in a SQLite file."""

import math
import sqlite3
from collections.abc import Sequence
from typing import Literal

from authserver.stores.documents import decode, encode
from authserver.stores.interface import ApiKey, Limit, Session, Started, User
from authserver.stores.sqlitefile import SqliteFile

Connection = sqlite3.Connection


def _document(connection: Connection, query: str, *values: object) -> bytes | None:
    row = connection.execute(query, values).fetchone()
    return None if row is None else bytes(row[0])


def _documents_of(
    connection: Connection, table: Literal["api_keys", "sessions"], user: str | None
) -> list[tuple[bytes]]:
    query = f"SELECT document FROM {table}"  # noqa: S608 - one of two names of ours
    if user is None:
        return connection.execute(query).fetchall()
    return connection.execute(f"{query} WHERE user = ?", (user,)).fetchall()


class _SqliteStore:
    def __init__(self, file: SqliteFile) -> None:
        self.file = file

    async def ping(self) -> None:
        """Return when the file answers."""
        await self.file.read(lambda connection: connection.execute("SELECT 1").fetchone())

    async def check_durability(self) -> None:
        """Do nothing: a file is on disk before it is acknowledged."""

    async def close(self) -> None:
        """Close the file; closing it twice is harmless."""
        await self.file.close()


class SqliteUserStore(_SqliteStore):
    """See `UserStore`."""

    async def create_user(self, user: User) -> bool:
        """Add a user; False when the name is taken."""
        return await self.file.write(lambda connection: _insert_user(connection, user))

    async def user(self, name: str) -> User | None:
        """Return a user, or None."""
        query = "SELECT document FROM users WHERE name = ?"
        return decode(await self.file.read(lambda c: _document(c, query, name)), User)

    async def users(self) -> list[User]:
        """Return all users by name."""
        query = "SELECT document FROM users ORDER BY name"
        rows = await self.file.read(lambda connection: connection.execute(query).fetchall())
        return [user for row in rows if (user := decode(row[0], User))]

    async def replace_user(self, user: User) -> bool:
        """Write `user` if the stored version is the one before it; else return False."""

        def work(connection: Connection) -> bool:
            changed = connection.execute(
                "UPDATE users SET version = ?, document = ? WHERE name = ? AND version = ?",
                (user.version, encode(user), user.name, user.version - 1),
            )
            return changed.rowcount == 1

        return await self.file.write(work)

    async def delete_user(self, name: str) -> bool:
        """Delete a user and any setup code; False when there is no such user."""

        def work(connection: Connection) -> bool:
            deleted = connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount
            if deleted:
                connection.execute(
                    "INSERT OR IGNORE INTO used_setup_codes SELECT digest FROM setup"
                )
                connection.execute("DELETE FROM setup")
            return deleted == 1

        return await self.file.write(work)

    async def add_api_key(self, key: ApiKey) -> None:
        """Add an API key."""
        values = (key.id, key.user, encode(key))
        await self.file.write(
            lambda connection: connection.execute("INSERT INTO api_keys VALUES (?, ?, ?)", values)
        )

    async def api_key(self, key_id: str) -> ApiKey | None:
        """Return an API key, or None."""
        query = "SELECT document FROM api_keys WHERE id = ?"
        return decode(await self.file.read(lambda c: _document(c, query, key_id)), ApiKey)

    async def api_keys(self, user: str | None = None) -> list[ApiKey]:
        """Return a user's API keys, or everybody's, by creation and id."""
        rows = await self.file.read(lambda connection: _documents_of(connection, "api_keys", user))
        found = [key for row in rows if (key := decode(row[0], ApiKey))]
        return sorted(found, key=lambda key: (key.created, key.id))

    async def delete_api_key(self, user: str, key_id: str) -> bool:
        """Delete a key of this user; False when there is none."""
        query = "DELETE FROM api_keys WHERE id = ? AND user = ?"
        deleted = await self.file.write(lambda c: c.execute(query, (key_id, user)).rowcount)
        return deleted == 1

    async def set_setup_code(self, digest: str, *, replace: bool) -> bool:
        """Keep the digest of a setup code; False when it may not count or another is to stay."""
        on_conflict = "REPLACE" if replace else "IGNORE"
        query = f"INSERT OR {on_conflict} INTO setup VALUES (1, ?)"  # noqa: S608 - words of ours

        def work(connection: Connection) -> bool:
            if _has_users(connection) or _is_used(connection, digest):
                return False
            return connection.execute(query, (digest,)).rowcount == 1

        return await self.file.write(work)

    async def spend_setup_code(self, digest: str) -> None:
        """Never let this code create a user (again)."""
        await self.file.write(lambda connection: _spend(connection, digest))

    async def drop_setup_code(self) -> None:
        """Forget a code that waits; it may be given again."""
        await self.file.write(lambda connection: connection.execute("DELETE FROM setup"))

    async def is_empty(self) -> bool:
        """Say whether there is no user."""
        return await self.file.read(lambda connection: not _has_users(connection))

    async def setup_code_waits(self) -> bool:
        """Say whether there is a code with which the first user can be made."""

        def work(connection: Connection) -> bool:
            found = connection.execute("SELECT 1 FROM setup").fetchone()
            return found is not None and not _has_users(connection)

        return await self.file.read(work)

    async def redeem_setup_code(self, digest: str, user: User) -> bool:
        """Create the first user if the digest is the kept one, for good; else return False."""

        def work(connection: Connection) -> bool:
            if _has_users(connection) or _is_used(connection, digest):
                return False
            query = "DELETE FROM setup WHERE digest = ?"
            if connection.execute(query, (digest,)).rowcount != 1:
                return False
            _spend(connection, digest)
            return _insert_user(connection, user)

        return await self.file.write(work)


def _insert_user(connection: Connection, user: User) -> bool:
    values = (user.name, user.version, encode(user))
    inserted = connection.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?)", values)
    return inserted.rowcount == 1


def _has_users(connection: Connection) -> bool:
    return connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def _is_used(connection: Connection, digest: str) -> bool:
    query = "SELECT 1 FROM used_setup_codes WHERE digest = ?"
    return connection.execute(query, (digest,)).fetchone() is not None


def _spend(connection: Connection, digest: str) -> None:
    connection.execute("INSERT OR IGNORE INTO used_setup_codes VALUES (?)", (digest,))


class SqliteSessionStore(_SqliteStore):
    """See `SessionStore`."""

    async def started(self) -> Started:
        """Return that it was long ago: a file is away only together with whoever reads it."""
        return Started(0.0, math.inf)

    async def open_session(self, session: Session) -> None:
        """Add a session."""
        values = (
            session.id,
            session.user,
            session.generation,
            session.expires,
            encode(session),
        )
        query = "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)"
        await self.file.write(lambda connection: connection.execute(query, values))

    async def session(self, session_id: str) -> Session | None:
        """Return a session, or None."""
        query = "SELECT document FROM sessions WHERE id = ?"
        return decode(await self.file.read(lambda c: _document(c, query, session_id)), Session)

    async def sessions(self, user: str | None = None) -> list[Session]:
        """Return a user's sessions, or all, by creation and id."""
        rows = await self.file.read(lambda connection: _documents_of(connection, "sessions", user))
        found = [session for row in rows if (session := decode(row[0], Session))]
        return sorted(found, key=lambda session: (session.created, session.id))

    async def advance(self, session: Session) -> bool:
        """Write `session` if the stored generation is the one before it; else return False."""
        query = (
            "UPDATE sessions SET generation = ?, expires = ?, document = ?"
            " WHERE id = ? AND generation = ?"
        )
        generation = session.generation
        document = encode(session)
        values = (generation, session.expires, document, session.id, generation - 1)
        return await self.file.write(lambda c: c.execute(query, values).rowcount) == 1

    async def end_session(self, session_id: str) -> bool:
        """Delete a session; False when there is none."""
        query = "DELETE FROM sessions WHERE id = ?"
        return await self.file.write(lambda c: c.execute(query, (session_id,)).rowcount) == 1

    async def end_sessions(self, user: str) -> int:
        """Delete all of a user's sessions and return how many there were."""
        query = "DELETE FROM sessions WHERE user = ?"
        return await self.file.write(lambda c: c.execute(query, (user,)).rowcount)

    async def attempt(self, limits: Sequence[Limit], now: float) -> float:
        """Count an attempt as failed on all limits, unless one of them still waits."""
        return await self.file.write(lambda connection: _attempt(connection, limits, now))

    async def forgive(self, keys: Sequence[str]) -> None:
        """Take the last failure and its wait back from each of these counters."""

        def work(connection: Connection) -> None:
            rows = [(key,) for key in keys]
            connection.executemany(
                "UPDATE attempts SET failures = failures - 1, waits_until = 0 WHERE key = ?", rows
            )
            connection.executemany("DELETE FROM attempts WHERE key = ? AND failures <= 0", rows)

        await self.file.write(work)

    async def clear(self, keys: Sequence[str]) -> None:
        """Forget these counters."""
        query = "DELETE FROM attempts WHERE key = ?"
        await self.file.write(lambda c: c.executemany(query, [(key,) for key in keys]))

    async def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take `key` for so many seconds; False when it is taken."""
        query = (
            "INSERT INTO marks VALUES (?1, ?2) ON CONFLICT (key)"
            " DO UPDATE SET expires = ?2 WHERE expires <= ?3"
        )
        values = (key, now + seconds, now)
        return await self.file.write(lambda c: c.execute(query, values).rowcount) == 1

    async def mark(self, key: str, now: float, seconds: float) -> None:
        """Remember `key` for so many seconds from now."""
        values = (key, now + seconds)
        await self.file.write(
            lambda c: c.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", values)
        )

    async def marked(self, key: str, now: float) -> bool:
        """Say whether `key` is taken or remembered."""
        query = "SELECT 1 FROM marks WHERE key = ? AND expires > ?"
        return await self.file.read(lambda c: c.execute(query, (key, now)).fetchone()) is not None

    async def purge(self, now: float) -> None:
        """Delete what has expired."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
            connection.execute("DELETE FROM attempts WHERE expires <= ?", (now,))
            connection.execute("DELETE FROM marks WHERE expires <= ?", (now,))

        await self.file.write(work)


def _attempt(connection: Connection, limits: Sequence[Limit], now: float) -> float:
    query = "SELECT failures, waits_until FROM attempts WHERE key = ? AND expires > ?"
    found = [connection.execute(query, (limit.key, now)).fetchone() or (0, 0.0) for limit in limits]
    wait = max((until - now for _, until in found), default=0.0)
    if wait > 0:
        return float(wait)
    for limit, (before, _) in zip(limits, found, strict=True):
        failures = before + 1
        until = now
        if failures >= limit.allowed:
            # The exponent is bounded so that a long attack does not overflow the number.
            doubled = limit.first_wait * 2.0 ** min(failures - limit.allowed, 60)
            until = now + min(doubled, limit.longest_wait)
        expires = until + limit.forget_after
        values = (limit.key, failures, until, expires)
        connection.execute("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?)", values)
    return 0.0
