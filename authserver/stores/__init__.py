"""Where users, sessions and the journal are kept: one interface, SQLite and Redis.

`open_stores` gives the parts as the settings ask for them; they may lie in different places. A
store knows no rules of its own: it keeps documents, changes them only from the version that the
caller has seen, and answers a write after it is on disk.
"""

from authserver.stores.interface import (
    ApiKey,
    JournalRow,
    JournalStore,
    Limit,
    Session,
    SessionStore,
    StoreUnavailable,
    Trimmed,
    User,
    UserStore,
)
from authserver.stores.opening import Stores, open_stores

__all__ = [
    "ApiKey",
    "JournalRow",
    "JournalStore",
    "Limit",
    "Session",
    "SessionStore",
    "StoreUnavailable",
    "Stores",
    "Trimmed",
    "User",
    "UserStore",
    "open_stores",
]
