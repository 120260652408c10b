"""The stores that the settings ask for."""

from dataclasses import dataclass
from typing import Self

from authserver.config import Settings, StoreSettings
from authserver.stores.interface import JournalStore, SessionStore, UserStore
from authserver.stores.journal import RedisJournalStore, SqliteJournalStore
from authserver.stores.redis import RedisSessionStore, RedisUserStore
from authserver.stores.redisserver import RedisServer
from authserver.stores.sqlite import SqliteSessionStore, SqliteUserStore
from authserver.stores.sqlitefile import SqliteFile


@dataclass(frozen=True)
class Stores:
    """Users, sessions and journal, wherever each of them is. Closes all as a context manager."""

    users: UserStore
    sessions: SessionStore
    journal: JournalStore

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all of them."""
        await self.users.close()
        await self.sessions.close()
        await self.journal.close()

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when a Redis server would lose or evict what it acknowledged."""
        if isinstance(self.users, RedisUserStore):
            await self.users.server.check_durability(expiring=False)
        if isinstance(self.sessions, RedisSessionStore):
            await self.sessions.server.check_durability(expiring=True)
        if isinstance(self.journal, RedisJournalStore):
            await self.journal.server.check_durability(expiring=False)


def open_stores(settings: Settings) -> Stores:
    """Open the stores. Users and sessions in one SQLite file open it once.

    Raises StoreUnavailable for a SQLite file that cannot be opened; Redis is first asked later.
    """
    users, sessions = settings.users, settings.sessions
    journal = _open_journal(settings)
    if users.backend == sessions.backend == "sqlite" and users.path == sessions.path:
        file = SqliteFile(settings.path(users.path), "users and sessions")
        return Stores(SqliteUserStore(file), SqliteSessionStore(file), journal)
    return Stores(_open_users(settings, users), _open_sessions(settings, sessions), journal)


def _open_journal(settings: Settings) -> JournalStore:
    store = settings.journal
    if store.backend == "sqlite":
        return SqliteJournalStore(SqliteFile(settings.path(store.path), "journal"))
    return RedisJournalStore(RedisServer(store, settings.path(""), "journal"))


def _open_users(settings: Settings, store: StoreSettings) -> UserStore:
    if store.backend == "sqlite":
        return SqliteUserStore(SqliteFile(settings.path(store.path), "users"))
    return RedisUserStore(RedisServer(store, settings.path(""), "users"))


def _open_sessions(settings: Settings, store: StoreSettings) -> SessionStore:
    if store.backend == "sqlite":
        return SqliteSessionStore(SqliteFile(settings.path(store.path), "sessions"))
    return RedisSessionStore(RedisServer(store, settings.path(""), "sessions"))
