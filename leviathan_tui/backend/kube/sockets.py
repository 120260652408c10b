"""Sockets that notice when there is nobody at their other end any more."""

import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp.connector import AddrInfoType

IDLE: Final = 10
"""Seconds without a byte after which the other end is asked whether it is there."""

INTERVAL: Final = 5
"""Seconds between two such questions."""

PROBES: Final = 3
"""Questions without an answer after which the connection is dead."""

_OPTIONS: Final = (
    # The first is what Linux and others call it, the second macOS.
    (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), IDLE),
    (("TCP_KEEPINTVL",), INTERVAL),
    (("TCP_KEEPCNT",), PROBES),
    # The questions are asked on an idle connection only: a request that nobody acknowledges would be
    # sent again and again, for a quarter of an hour. In milliseconds.
    (("TCP_USER_TIMEOUT",), (IDLE + INTERVAL * PROBES) * 1000),
)


def kept_alive(address: "AddrInfoType") -> socket.socket:
    """Return a socket for an address of `getaddrinfo` that finds a dead peer in 25 seconds."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    keep_alive(made)
    return made


def keep_alive(made: socket.socket) -> None:
    """Have a socket find a dead peer in 25 seconds.

    Source: https://man7.org/linux/man-pages/man7/tcp.7.html
    """
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for names, value in _OPTIONS:
        option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
