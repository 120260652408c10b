"""Where a request comes from, believing nobody but the proxies we were told to trust."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.requests import HTTPConnection

UNKNOWN: Final = "unknown"


class Proxies:
    """The networks whose `X-Forwarded-For` is believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in networks]

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the client's address.

        From the peer backwards through the header's entries, each of which was added by the hop
        after it: the first that is no trusted proxy. What stands before that one, anybody can
        write.
        """
        address = peer
        for entry in reversed(",".join(forwarded).split(",")):
            if not self._trusts(address):
                break
            try:
                address = str(ipaddress.ip_address(entry.strip()))
            except ValueError:
                break
        return address

    def client_of(self, connection: HTTPConnection) -> str:
        """Return the address of the client behind an HTTP request."""
        peer = connection.client.host if connection.client else UNKNOWN
        return self.client(peer, connection.headers.getlist("x-forwarded-for"))


def network_of(address: str) -> str:
    """Return what limits are counted by: an IPv4 address, or the /64 that IPv6 gives one customer."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
