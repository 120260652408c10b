"""What every store can do, and the documents that it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec


class StoreUnavailable(Exception):
    """The store cannot answer now. The text is for the log; it holds no address and no password."""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person. `version` goes up with every change, `epoch` with each one that ends all sessions.

    `totp` and `totp_pending` are secrets sealed with the server secret: the one in use, and one
    that waits to be confirmed. `created` is in seconds since the epoch.
    """

    name: str
    password_hash: str
    groups: tuple[str, ...]
    created: int
    disabled: bool = False
    totp: str | None = None
    totp_pending: str | None = None
    epoch: int = 1
    version: int = 1


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key for programs, which act as its user with no more than these groups and audiences."""

    id: str
    user: str
    label: str
    digest: str
    audiences: tuple[str, ...]
    groups: tuple[str, ...]
    created: int
    expires: int | None = None
    introspect: bool = False


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A login and the chain of refresh tokens that came from it.

    `digest` is that of the present refresh token, `generation` its place in the chain, `rotated`
    when it took its parent's place. After `expires` a store may forget the session; `ends` is the
    latest that `expires` can become.
    """

    id: str
    user: str
    epoch: int
    audience: str
    methods: tuple[str, ...]
    created: int
    ends: int
    expires: int
    last_used: int
    address: str
    client: str
    generation: int
    digest: str
    rotated: int


@dataclass(frozen=True)
class Limit:
    """A counter of failures. After `allowed` of them the wait starts and doubles with each further.

    `first_wait` and `longest_wait` are in seconds; the counter is forgotten `forget_after` seconds
    after the last wait.
    """

    key: str
    allowed: int
    first_wait: float
    longest_wait: float
    forget_after: float


class Started(msgspec.Struct, frozen=True):
    """When a server was started: in seconds since the epoch, and how many seconds ago.

    It may have been up to a second earlier than `at` says, and not later.
    """

    at: float
    ago: float


class JournalRow(msgspec.Struct, frozen=True):
    """An entry of the journal as a store keeps it: a document, and what proves it.

    `changed` is in seconds since the epoch; `sequence` grows with every write to the journal, and is
    set by the store.
    """

    id: str
    cluster: str
    changed: float
    document: bytes
    tag: str
    sequence: int = 0


@dataclass(frozen=True)
class Trimmed:
    """Entries that went because the journal's share of memory was full.

    `until` is when the last of them was changed, in seconds since the epoch.
    """

    count: int
    until: float


class JournalStore(Protocol):
    """The team's journal. Every method raises StoreUnavailable.

    An entry that is written again moves to the end of the sequence.
    """

    async def add(self, row: JournalRow) -> bool:
        """Add an entry; False when the id is taken."""

    async def row(self, entry_id: str) -> JournalRow | None:
        """Return an entry, or None."""

    async def replace(self, row: JournalRow, tag: str) -> bool:
        """Write `row` if the stored entry has this tag; else return False."""

    async def after(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return what was written after `sequence`, in one cluster or all, oldest first."""

    async def before(self, sequence: int, limit: int, cluster: str | None) -> list[JournalRow]:
        """Return the newest entries that were written before `sequence`, oldest of them first."""

    async def last(self) -> int:
        """Return the sequence of the latest write."""

    async def trim(self, changed: float, keep: int) -> int:
        """Delete what was written last before `changed`, and what is beyond the newest `keep`.

        Return how many entries it were; there may be more. In Redis, the journal's share of memory
        is kept here, too, as it is with every write.
        """

    async def claim_trimmed(self, seconds: int) -> Trimmed | None:
        """Return what went because the share was full, for whoever asks first in `seconds`.

        The caller tells it, and says so with `settle_trimmed`; else it is told later.
        """

    async def settle_trimmed(self, trimmed: Trimmed) -> None:
        """Forget what has been told."""

    async def ping(self) -> None:
        """Return when the store answers."""

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the store would lose or evict what it acknowledged."""

    async def close(self) -> None:
        """Let go of files and connections."""


class UserStore(Protocol):
    """Users and their API keys. Every method raises StoreUnavailable."""

    async def create_user(self, user: User) -> bool:
        """Add a user; False when the name is taken."""

    async def user(self, name: str) -> User | None:
        """Return a user, or None."""

    async def users(self) -> list[User]:
        """Return all users by name."""

    async def replace_user(self, user: User) -> bool:
        """Write `user` if the stored version is the one before it; else return False."""

    async def delete_user(self, name: str) -> bool:
        """Delete a user, but none of their API keys; False when there is none.

        A setup code goes too, as used: one that waited must not count again after the last user.
        """

    async def add_api_key(self, key: ApiKey) -> None:
        """Add an API key."""

    async def api_key(self, key_id: str) -> ApiKey | None:
        """Return an API key, or None."""

    async def api_keys(self, user: str | None = None) -> list[ApiKey]:
        """Return a user's API keys, or everybody's, by creation and id."""

    async def delete_api_key(self, user: str, key_id: str) -> bool:
        """Delete a key of this user; False when there is none."""

    async def set_setup_code(self, digest: str, *, replace: bool) -> bool:
        """Keep the digest of a setup code, and no other.

        False when there are users or this code has been used, and, unless it is to `replace` it,
        when a code waits already.
        """

    async def spend_setup_code(self, digest: str) -> None:
        """Never let this code create a user (again)."""

    async def drop_setup_code(self) -> None:
        """Forget a code that waits; it may be given again."""

    async def is_empty(self) -> bool:
        """Say whether there is no user."""

    async def setup_code_waits(self) -> bool:
        """Say whether there is a code with which the first user can be made."""

    async def redeem_setup_code(self, digest: str, user: User) -> bool:
        """Create the first user if the digest is the kept one; else return False.

        The digest is remembered in the same step, so that this code never counts again.
        """

    async def ping(self) -> None:
        """Return when the store answers."""

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the store would lose or evict what it acknowledged."""

    async def close(self) -> None:
        """Let go of files and connections."""


class SessionStore(Protocol):
    """Sessions, attempts and marks. Every method raises StoreUnavailable."""

    async def open_session(self, session: Session) -> None:
        """Add a session."""

    async def session(self, session_id: str) -> Session | None:
        """Return a session, or None."""

    async def sessions(self, user: str | None = None) -> list[Session]:
        """Return a user's sessions, or all, by creation and id. Expired ones may be among them."""

    async def advance(self, session: Session) -> bool:
        """Write `session` if the stored generation is the one before it; else return False."""

    async def end_session(self, session_id: str) -> bool:
        """Delete a session; False when there is none."""

    async def end_sessions(self, user: str) -> int:
        """Delete all of a user's sessions and return how many there were."""

    async def attempt(self, limits: Sequence[Limit], now: float) -> float:
        """Count an attempt as failed on all limits at once and return 0.

        When one of them still waits, count nothing and return the longest wait in seconds.
        """

    async def forgive(self, keys: Sequence[str]) -> None:
        """Take the last failure and its wait back from each of these counters."""

    async def clear(self, keys: Sequence[str]) -> None:
        """Forget these counters."""

    async def claim(self, key: str, now: float, seconds: float) -> bool:
        """Take `key` for so many seconds; False when it is taken."""

    async def mark(self, key: str, now: float, seconds: float) -> None:
        """Remember `key` for so many seconds from now."""

    async def marked(self, key: str, now: float) -> bool:
        """Say whether `key` is taken or remembered."""

    async def purge(self, now: float) -> None:
        """Delete what has expired, where the store does not do so by itself."""

    async def started(self) -> Started:
        """Return when the store began to answer; long ago for a file."""

    async def ping(self) -> None:
        """Return when the store answers."""

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the store would lose or evict what it acknowledged."""

    async def close(self) -> None:
        """Let go of files and connections."""
