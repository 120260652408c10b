"""One connection to a Redis: the five commands that snapshots need, and nothing else.

A whole client costs a start 0.14 s before its first answer (docs/performance.md), and no start may
wait 0.05 s for a Redis. The protocol itself is read and written by hiredis, as that client does it:
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import socket
import time
from contextlib import suppress
from typing import Any, Final

import hiredis

from leviathan_tui.backend.snapshots.address import Address

CHUNK: Final = 1 << 17

LONGEST: Final = 5.0
"""Seconds after which an answer that comes in driblets is given up."""

Answer = bytes | int | None


class Connection:
    """Sends one command at a time and waits for its answer.

    After any `OSError` the connection is of no more use: an answer may still be on its way.
    """

    def __init__(self, address: Address, timeout: float, most: int) -> None:
        """Connect and log in. `most` is the largest answer in bytes that is taken.

        Raises `OSError` where nobody is there, and `hiredis.HiredisError` for a refusal.
        """
        self._most = most
        self._socket = _connect(address, timeout)
        self._reader = hiredis.Reader()
        try:
            if address.password:
                who = (address.username,) if address.username else ()
                self.ask("AUTH", *who, address.password)
            if address.db:
                self.ask("SELECT", address.db)
        except (OSError, hiredis.HiredisError):
            self.close()
            raise

    def ask(self, *command: bytes | str | int) -> Answer:
        """Return the answer to a command.

        Raises `hiredis.ReplyError` for one that is an error, `OSError` where none comes.
        """
        end = time.monotonic() + LONGEST
        # Its stub speaks of commands of one word.
        self._socket.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
        received = 0
        while (answer := self._reader.gets()) is False:
            data = self._socket.recv(CHUNK)
            received += len(data)
            if not data:
                raise ConnectionResetError("the connection was closed")
            if received > self._most:
                raise OSError("the answer is too large")
            if time.monotonic() > end:
                raise TimeoutError("the answer takes too long")
            self._reader.feed(data)
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        return _plain(answer)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()


def _connect(address: Address, timeout: float) -> socket.socket:
    if address.path:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout)
        try:
            made.connect(address.path)
        except OSError:
            made.close()
            raise
        return made
    made = socket.create_connection((address.host, address.port), timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not address.tls:
        return made
    import ssl

    try:
        context = ssl.create_default_context(cafile=address.authority or None)
        if not address.verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if address.certificate:
            context.load_cert_chain(address.certificate, address.key or None)
        return context.wrap_socket(made, server_hostname=address.host)
    except OSError:
        made.close()
        raise


def _plain(answer: Any) -> Answer:
    """Raises `OSError` for what none of these commands is answered with."""
    if answer is None or isinstance(answer, (bytes, int)):
        return answer
    raise OSError("an answer of another kind than asked for")
