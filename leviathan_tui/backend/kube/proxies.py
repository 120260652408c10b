"""Through which proxy a server is reached: the kubeconfig's own, or the environment's.

The rules are those of Go, by which kubectl goes. Source:
https://pkg.go.dev/golang.org/x/net/http/httpproxy
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.untrusted import clean

PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The schemes that are spoken, with their usual ports."""


class ProxyFailed(Exception):
    """The proxy was not reached, or made no connection; the text says why."""


class Proxy(msgspec.Struct, frozen=True):
    """One proxy; its text never shows the password."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    named_in: str = ""
    """Where it was named: `proxy-url`, or a variable of the environment."""

    @property
    def socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.scheme.startswith("socks")

    @property
    def address(self) -> str:
        """Scheme, host and port as a URL, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        """Return what a message may say."""
        return f"{clean(self.address, 200)} ({self.named_in})"

    __repr__ = __str__


def parse(text: str, named_in: str, *, scheme: str = "") -> Proxy:
    """Read a proxy's address; `scheme` is taken where it names none.

    Raises `KubeconfigError` with a sentence that repeats nothing which could be a password.
    """
    said = f"{named_in} is not the address of a proxy: it takes {', '.join(PORTS)}."
    try:
        parts = urlsplit(text)
        if scheme and not (parts.scheme and parts.netloc):
            parts = urlsplit(f"{scheme}://{text}")
        port = parts.port
    except ValueError:
        # Its text would repeat what may be a part of a password.
        raise KubeconfigError(said) from None
    kind = parts.scheme.lower()
    # An @ behind the host means that a password was not encoded, and what looks like the host is not.
    if kind not in PORTS or not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        raise KubeconfigError(said)
    return Proxy(
        scheme=kind,
        host=parts.hostname,
        port=port or PORTS[kind],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        named_in=named_in,
    )


def find(server: str, proxy_url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy through which a server is reached; None where it is reached directly.

    `proxy_url` is the kubeconfig's and counts for every server; the environment's proxies spare
    loopback and what `NO_PROXY` names. Raises `KubeconfigError`.
    """
    if proxy_url:
        return parse(proxy_url, "proxy-url")
    parts = urlsplit(server)
    secure = parts.scheme.lower() == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    name = "HTTPS_PROXY" if secure else "HTTP_PROXY"
    for variable in (name, name.lower()):
        if environment.get(variable):
            if spared(host, port, environment.get("NO_PROXY") or environment.get("no_proxy", "")):
                return None
            return parse(environment[variable], variable, scheme="http")
    return None


def spared(host: str, port: int, no_proxy: str) -> bool:
    """Return whether a host is reached directly in spite of the environment's proxy."""
    host = host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _matches(entry.strip().lower(), host, port, address) for entry in no_proxy.split(",")
    )


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _matches(entry: str, host: str, port: int, address: _Address | None) -> bool:
    if entry == "*":
        return True
    _, slash, bits = entry.partition("/")
    if slash and bits.isascii() and bits.isdigit():
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, only = _split_port(entry)
    if not name or (only and only != str(port)):
        return False
    wanted = _address(name)
    if wanted is not None:
        return wanted == address
    if name.startswith("*."):
        name = name[1:]
    # `example.com` means itself and everything under it, `.example.com` only what is under it.
    return host.endswith(name if name.startswith(".") else f".{name}") or host == name


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, only = entry.partition(":")
        return name, only
    return entry, ""
