"""One connection to a Redis: the few commands that snapshots need, and nothing else.

A whole client costs a start 0.14 s before its first answer (docs/performance.md), and no start may
wait 0.05 s for a Redis. The protocol itself is read and written by hiredis, as that client does it:
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import socket
import time
from contextlib import suppress
from typing import Final

import hiredis

from leviathan_tui.backend.snapshots.address import Address

CHUNK: Final = 1 << 17

SIMPLE: Final = b"$+-:"
"""How the answers to these commands begin: a text, a word, an error, a number."""

Answer = bytes | int | None


class Connection:
    """Sends one command at a time and waits for its answer.

    After any error but a `hiredis.ReplyError` the connection is of no more use: an answer may still
    be on its way.
    """

    def __init__(self, address: Address, end: float, timeout: float, most: int) -> None:
        """Connect and log in, until `end` on the monotonic clock.

        Each step may take `timeout` seconds; `most` is the largest answer in bytes that is taken.
        Raises `OSError` or `ValueError` where nobody is there, `hiredis.HiredisError` for a refusal,
        `NoPassword` where the password's file is of no use.
        """
        password = address.read_password()
        self._timeout = timeout
        self._most = most
        self._socket = _connect(address, self._left(end))
        self._reader = hiredis.Reader()
        try:
            if address.username:
                self.ask(end, "AUTH", address.username, password)
            elif password:
                self.ask(end, "AUTH", password)
            if address.db:
                self.ask(end, "SELECT", address.db)
        except BaseException:
            self.close()
            raise

    def ask(self, end: float, *command: bytes | str | int) -> Answer:
        """Return the answer to a command, until `end` on the monotonic clock.

        Raises `hiredis.ReplyError` for one that is an error, `OSError` where none comes or one that
        none of these commands has.
        """
        self._socket.settimeout(self._left(end))
        # Its stub speaks of commands of one word.
        self._socket.sendall(hiredis.pack_command(command))  # type: ignore[arg-type]
        received = 0
        while (answer := self._reader.gets()) is False:
            self._socket.settimeout(self._left(end))
            data = self._socket.recv(CHUNK)
            if not data:
                raise ConnectionResetError("the connection was closed")
            if not received and data[0] not in SIMPLE:
                # The reader would make room for as many elements as a list says that it has.
                raise OSError("an answer of another kind than asked for")
            received += len(data)
            if received > self._most:
                raise OSError("the answer is too large")
            self._reader.feed(data)
        if self._reader.has_data():
            # The next question would be answered with it.
            raise OSError("more than one answer")
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        result: Answer = answer
        return result

    def _left(self, end: float) -> float:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        return min(self._timeout, left)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()


def _connect(address: Address, timeout: float) -> socket.socket:
    if address.path:
        made = socket.socket(socket.AF_UNIX)
    else:
        made = socket.create_connection((address.host, address.port), timeout)
    try:
        made.settimeout(timeout)
        if address.path:
            made.connect(address.path)
            return made
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _encrypt(made, address) if address.tls else made
    except BaseException:
        made.close()
        raise


def _encrypt(made: socket.socket, address: Address) -> socket.socket:
    import ssl

    context = ssl.create_default_context(cafile=address.authority or None)
    if not address.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if address.certificate:
        # With a password given, nothing asks for one on the terminal.
        context.load_cert_chain(address.certificate, address.key or None, password="")
    return context.wrap_socket(made, server_hostname=address.host)
