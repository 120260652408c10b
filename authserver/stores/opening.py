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
        await self.users.check_durability()
        await self.sessions.check_durability()
        await self.journal.check_durability()


def open_stores(settings: Settings, *, held: bool = False) -> Stores:
    """Open the stores. Users and sessions in one SQLite file open it once.

    With `held`, each Redis is used only after `check_durability` has found it good. Raises
    StoreUnavailable for a SQLite file that cannot be opened; Redis is first asked later.
    """
    users, sessions, journal = settings.users, settings.sessions, settings.journal

    def server(store: StoreSettings, name: str) -> RedisServer:
        return RedisServer(store, settings.path(""), name, held=held)

    def file(store: StoreSettings, name: str) -> SqliteFile:
        return SqliteFile(settings.path(store.path), name)

    journal_store: JournalStore = (
        RedisJournalStore(server(journal, "journal"), journal.percent)
        if journal.backend == "redis"
        else SqliteJournalStore(file(journal, "journal"))
    )
    if users.backend == sessions.backend == "sqlite" and users.path == sessions.path:
        shared = file(users, "users and sessions")
        return Stores(SqliteUserStore(shared), SqliteSessionStore(shared), journal_store)
    user_store: UserStore = (
        RedisUserStore(server(users, "users"))
        if users.backend == "redis"
        else SqliteUserStore(file(users, "users"))
    )
    session_store: SessionStore = (
        RedisSessionStore(server(sessions, "sessions"))
        if sessions.backend == "redis"
        else SqliteSessionStore(file(sessions, "sessions"))
    )
    return Stores(user_store, session_store, journal_store)
