"""The audit log: one JSON line per attempt and change, appended, rotated by size, without secrets."""

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from authserver.clock import Clock
from authserver.stores import StoreUnavailable

Outcome: TypeAlias = Literal["ok", "refused", "failed"]

_LONGEST_TEXT: Final = 256
_READ_BLOCK: Final = 1 << 16


class AuditLog:
    """Appends to one file. Several processes may share it: a line is written by a single call."""

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

    def write(
        self,
        action: str,
        outcome: Outcome,
        *,
        actor: str | None = None,
        address: str | None = None,
        reason: str | None = None,
        jti: str | None = None,
        **details: str | None,
    ) -> None:
        """Append one line. `address` is written as `from`; what is None is left out."""
        time = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        fields: dict[str, str | None] = {
            "time": time.replace("+00:00", "Z"),
            "actor": actor,
            "action": action,
            "from": address,
            "outcome": outcome,
            "reason": reason,
            "jti": jti,
            **details,
        }
        entry = {key: value[:_LONGEST_TEXT] for key, value in fields.items() if value is not None}
        self._follow_rotation()
        os.write(self._file, encode(entry))

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

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
        self._file = -1


def encode(entry: dict[str, str]) -> bytes:
    """Return one line of plain ASCII, in which no character can act on a terminal or a parser."""
    text = json.dumps(entry, ensure_ascii=True, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


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
