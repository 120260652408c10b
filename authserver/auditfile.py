"""The audit log as a file: appended to, rotated by size, read at a shell."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authserver.audit import Line, encode, fields_of
from authserver.clock import Clock
from authserver.stores import StoreUnavailable

_READ_BLOCK: Final = 1 << 16


class AuditFile:
    """See `Audit`. Several processes may share the file: a line is written by a single call."""

    def __init__(self, path: Path, clock: Clock, *, max_bytes: int, keep: int) -> None:
        self._path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._keep = keep
        self._file = -1
        self._inode = -1
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        # The old file only goes for a new one: a descriptor that is closed may become another file.
        opened = os.open(self._path, flags, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file = opened
        self._inode = os.fstat(opened).st_ino

    def append(self, line: Line) -> None:
        """Append one line. Raises OSError."""
        self._follow_rotation()
        os.write(self._file, encode(fields_of(line, self._clock())))

    async def write(self, line: Line) -> None:
        """Append one line. Raises OSError."""
        self.append(line)

    async def maintain(self) -> None:
        """Do nothing: the file is rotated by whoever fills it."""

    async def check_durability(self) -> None:
        """Do nothing: the file is the system's."""

    async def ping(self) -> None:
        """Return when the file is there to be written. Raises StoreUnavailable."""
        try:
            self._follow_rotation()
        except OSError as error:
            raise StoreUnavailable(f"audit: {self._path}: {error.strerror}") from None

    def _follow_rotation(self) -> None:
        """Rotate when the file is full, and notice when another process has done so."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            self._open()
            return
        if status.st_ino != self._inode:
            self._open()
        elif status.st_size >= self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            # Whoever held the lock before us may have rotated already, once or more than once.
            if self._is_current():
                for number in range(self._keep - 1, 0, -1):
                    older = self._numbered(number)
                    if older.exists():
                        older.replace(self._numbered(number + 1))
                self._path.replace(self._numbered(1))
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._open()

    def _is_current(self) -> bool:
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:  # another process is between its renaming and its opening
            return False

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    async def close(self) -> None:
        """Close the file."""
        os.close(self._file)
        self._file = -1


def tail(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a log, oldest first, reading no more than they need."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        data = b""
        while position and data.count(b"\n") <= count:
            start = max(0, position - _READ_BLOCK)
            file.seek(start)
            data = file.read(position - start) + data
            position = start
    return [line.decode("ascii", "replace") for line in data.splitlines()[-count:]]


def follow(path: Path) -> Iterator[str | None]:
    """Yield each line as it is appended, and None when there is nothing new, across rotations."""
    file = path.open("rb")
    try:
        file.seek(0, os.SEEK_END)
        pending = b""
        while True:
            pending += file.readline()
            if pending.endswith(b"\n"):
                yield pending[:-1].decode("ascii", "replace")
                pending = b""
                continue
            yield None
            if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open("rb")
    finally:
        file.close()
