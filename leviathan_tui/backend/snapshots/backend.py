"""Where entries lie: the interface that file and Redis share."""

from typing import Final, Protocol

TTL: Final = 7 * 24 * 3600.0
"""Seconds after which an entry that was not written again is gone."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest entry that any backend writes or reads."""


class BackendError(Exception):
    """Entries cannot be read or written now; the text is a mark of a few words for the header."""


class Backend(Protocol):
    """Entries by name. Every method may raise `BackendError`, and none blocks for long."""

    def has(self, name: str) -> bool:
        """Whether there is an entry."""

    def get(self, name: str) -> bytes | None:
        """Return an entry, or None where there is none."""

    def start_of(self, name: str, size: int) -> bytes:
        """Return an entry's first bytes; none where there is no entry."""

    def put(self, name: str, entry: bytes) -> None:
        """Write an entry, all of it or nothing. One that is too large replaces none."""

    def delete(self, name: str) -> None:
        """Delete an entry, if there is one."""

    def close(self) -> None:
        """Let go of connections."""
