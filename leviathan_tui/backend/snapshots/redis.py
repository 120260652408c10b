"""Snapshots in Redis, shared by the machines of one identity, or of a team that shares one."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from leviathan_tui.backend.snapshots.address import NoPassword, parse
from leviathan_tui.backend.snapshots.backend import TTL, BackendError

if TYPE_CHECKING:
    from leviathan_tui.backend.snapshots.connection import Answer, Connection

PREFIX: Final = "leviathan:snapshot:"

MOST_BYTES: Final = 8 * 1024 * 1024
"""The largest entry that is written to a Redis or read from one: its memory is everybody's."""

TIMEOUT: Final = 1.0
"""Seconds of silence after which a connection or an answer is given up."""

LONGEST: Final = 5.0
"""Seconds after which a question is given up that is answered in driblets."""

ENVELOPE: Final = 1024
"""Bytes that an answer has besides the entry in it."""

PAUSE: Final = 30.0
"""Seconds for which a Redis that failed is not asked again."""


class RedisBackend:
    """One key an entry, with a time to live. A Redis that fails is left alone for a while."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._connection: Connection | None = None
        self._pause_until = 0.0
        self._why = ""

    def _ask(self, *command: bytes | str | int) -> "Answer":
        if self._why and self._monotonic() < self._pause_until:
            raise BackendError(self._why)
        # Imported in the snapshots' own thread, and only where Redis is used.
        from hiredis import HiredisError

        try:
            answer = self._answer(time.monotonic() + LONGEST, command)
        except (HiredisError, NoPassword, OSError, ValueError) as error:
            self.close()
            self._why = _mark(error)
            self._pause_until = self._monotonic() + PAUSE
            raise BackendError(self._why) from error
        except BaseException:
            self.close()
            raise
        self._why = ""
        return answer

    def _answer(self, end: float, command: "Sequence[bytes | str | int]") -> "Answer":
        if self._connection is not None:
            try:
                return self._connection.ask(end, *command)
            except ConnectionError:
                # A server that was restarted, or that ends idle connections: each command may be
                # repeated without harm.
                self.close()
        from leviathan_tui.backend.snapshots.connection import Connection

        self._connection = Connection(parse(self._url), end, TIMEOUT, MOST_BYTES + ENVELOPE)
        return self._connection.ask(end, *command)

    def has(self, name: str) -> bool:
        """Whether there is an entry."""
        return bool(self.start_of(name, 1))

    def get(self, name: str) -> bytes | None:
        """Return an entry, unless it is too large to be one of ours."""
        # One byte more, which tells that there would be more.
        found = self.start_of(name, MOST_BYTES + 1)
        return found if 0 < len(found) <= MOST_BYTES else None

    def start_of(self, name: str, size: int) -> bytes:
        """Return an entry's first bytes."""
        found = self._ask("GETRANGE", PREFIX + name, 0, size - 1)
        return found if isinstance(found, bytes) else b""

    def put(self, name: str, entry: bytes) -> None:
        """Write an entry with its time to live."""
        if len(entry) <= MOST_BYTES:
            self._ask("SET", PREFIX + name, entry, "PX", int(TTL * 1000))

    def delete(self, name: str) -> None:
        """Delete an entry."""
        self._ask("DEL", PREFIX + name)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_MARKS: Final = (
    (
        (
            *("WRONGPASS", "NOAUTH", "ERR AUTH", "ERR Client sent AUTH", "ERR invalid password"),
            "ERR wrong number of arguments for 'auth'",
        ),
        "Redis refuses the password",
    ),
    (("NOPERM",), "Redis allows no snapshots"),
    (("OOM",), "Redis is full"),
)


def _mark(error: Exception) -> str:
    if isinstance(error, NoPassword):
        return "no Redis password"
    text = str(error)
    return next((mark for starts, mark in _MARKS if text.startswith(starts)), "no Redis")
