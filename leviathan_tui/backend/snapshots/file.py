"""Snapshots in local files: 0600, in a folder that is 0700 and the user's own."""

import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from leviathan_tui.backend.snapshots.backend import MOST_BYTES, TTL, BackendError

SUFFIX: Final = ".snapshot"

MOST_TOGETHER: Final = 256 * 1024 * 1024
"""Bytes that all entries of a user may take; the oldest go first."""


class FileBackend:
    """One file an entry."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        most_together: int = MOST_TOGETHER,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._most_together = most_together

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._path(name).exists()

    def get(self, name: str) -> bytes | None:
        """Return an entry that is not too old."""
        return self._read(name, MOST_BYTES + 1)

    def start_of(self, name: str, size: int) -> bytes:
        """Return an entry's first bytes."""
        return self._read(name, size) or b""

    def _read(self, name: str, size: int) -> bytes | None:
        try:
            handle = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackendError("snapshots unreadable") from error
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if facts.st_uid != os.getuid() or not stat.S_ISREG(facts.st_mode):
                raise BackendError("snapshots are somebody else's")
            if self._clock() - facts.st_mtime > TTL or facts.st_size > MOST_BYTES:
                return None
            return stream.read(size)

    def put(self, name: str, entry: bytes) -> None:
        """Replace an entry atomically and make room."""
        if len(entry) > MOST_BYTES:
            return
        try:
            self._prepare()
            handle, made = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(entry)
                os.replace(made, self._path(name))
            except BaseException:
                Path(made).unlink(missing_ok=True)
                raise
            self._prune()
        except OSError as error:
            raise BackendError("snapshots not saved") from error

    def delete(self, name: str) -> None:
        """Delete an entry."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise BackendError("snapshots not deleted") from error

    def close(self) -> None:
        """Nothing is open."""

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        facts = self._folder.stat()
        if facts.st_uid != os.getuid():
            raise BackendError("snapshots are somebody else's")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            self._folder.chmod(0o700)

    def _prune(self) -> None:
        """Delete what is too old, left over, or too much: the oldest first."""
        found = []
        for path in self._folder.iterdir():
            # Another console may have deleted or replaced it meanwhile.
            with suppress(FileNotFoundError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
        found.sort(reverse=True)
        total = 0
        for when, size, path in found:
            total += size
            leftover = not path.name.endswith(SUFFIX) and self._clock() - when > 3600
            if total > self._most_together or self._clock() - when > TTL or leftover:
                path.unlink(missing_ok=True)
