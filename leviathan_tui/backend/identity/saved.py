"""The saved session: one file that several processes share.

0600 in a folder that is 0700 and the user's own, replaced atomically; a lock beside it makes sure
that only one process at a time uses up the refresh token.
"""

import fcntl
import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.untrusted import clean

MAX_BYTES: Final = 256 * 1024

VERSION: Final = 1


class SavedToken(msgspec.Struct, frozen=True):
    """An access token for one audience."""

    token: str
    expires_at: int
    issued_at: int = 0
    """By the auth server's clock; 0 where an older console wrote it down."""

    def __repr__(self) -> str:
        """Leave the token out: this text may end in a log."""
        return f"SavedToken(expires_at={self.expires_at})"


class SavedSession(msgspec.Struct, frozen=True):
    """A session at one auth server."""

    version: int
    url: str
    username: str
    groups: tuple[str, ...]
    session_id: str
    refresh_token: str
    refresh_expires_at: int
    snapshot_key: str
    tokens: dict[str, SavedToken]
    """Access tokens by audience; one of them is never sent to another audience."""

    def __repr__(self) -> str:
        """Leave the secrets out: this text may end in a log."""
        return f"SavedSession({self.username!r} at {self.url!r})"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which the console keeps what it has to remember."""
    base = environment.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "leviathan"


class SessionStore(Protocol):
    """Where the session at one auth server is kept. Everything may raise `AuthRefused`."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock; blocks until it is free."""

    def read(self) -> SavedSession | None:
        """Return the session, or None where there is none or none that can be used."""

    def write(self, saved: SavedSession) -> None:
        """Replace the session."""

    def delete(self) -> None:
        """Forget the session."""


class MemorySession:
    """A session that ends with the program, which is one person's from the first login on.

    Whatever the program remembers of them needs no cleaning away, for nobody comes after them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._saved: SavedSession | None = None
        self._owner = ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; blocks until it is free."""
        with self._lock:
            yield

    def read(self) -> SavedSession | None:
        """Return the session, or None where there is none."""
        return self._saved

    def write(self, saved: SavedSession) -> None:
        """Replace the session. Raises `AuthRefused` for somebody else's."""
        if self._owner not in ("", saved.username):
            raise AuthRefused(
                f"This console was opened by {clean(self._owner, 64)}: "
                "leave it with ctrl-c and open it anew."
            )
        self._owner, self._saved = saved.username, saved

    def delete(self) -> None:
        """Forget the session, but not whose console this is."""
        self._saved = None


class SessionFile:
    """The file of one auth server's session."""

    def __init__(self, folder: Path, url: str) -> None:
        name = "".join(letter if letter.isalnum() else "-" for letter in url)[-100:]
        self.path = folder / f"session-{name}.json"
        self._folder = folder
        self._url = url

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; blocks until it is free."""
        self._prepare()
        try:
            handle = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise AuthRefused(f"Cannot lock the session: {error.strerror}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def read(self) -> SavedSession | None:
        """Return the saved session, or None where there is none or none that can be used.

        Raises `AuthRefused` for a file that others may read or that belongs to somebody else.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuthRefused(f"Cannot read {self.path}: {error.strerror}.") from error
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(stream.fileno())
            if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                raise AuthRefused(
                    f"{self.path} can be read by others or is somebody else's; "
                    "delete it and log in again."
                )
            body = stream.read(MAX_BYTES)
        try:
            saved = msgspec.json.decode(body, type=SavedSession)
        except msgspec.MsgspecError:
            return None
        return saved if saved.version == VERSION and saved.url == self._url else None

    def write(self, saved: SavedSession) -> None:
        """Replace the saved session, all of it or nothing. Raises `AuthRefused` where it cannot."""
        self._prepare()
        try:
            self._replace(saved)
        except OSError as error:
            raise AuthRefused(f"Cannot save the session: {error.strerror}.") from error

    def _replace(self, saved: SavedSession) -> None:
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".session-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.json.encode(saved))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def delete(self) -> None:
        """Forget the session."""
        self.path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            facts = self._folder.stat()
        except OSError as error:
            raise AuthRefused(f"Cannot use {self._folder}: {error.strerror}.") from error
        if facts.st_uid != os.getuid():
            raise AuthRefused(f"{self._folder} belongs to somebody else.")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            self._folder.chmod(0o700)
