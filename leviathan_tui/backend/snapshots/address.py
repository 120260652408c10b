"""The address of a Redis: how it is read, when it is refused, and what of it may be shown."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

PORT: Final = 6379

OPTIONS: Final = frozenset(
    {"db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"}
)
"""What may stand behind the question mark of an address."""


LONGEST_NUMBER: Final = 5


class Address(msgspec.Struct, frozen=True):
    """Where a Redis is, who comes, and which certificates are believed."""

    host: str = ""
    port: int = PORT
    path: str = ""
    """A Unix socket, instead of host and port."""
    db: int = 0
    username: str = ""
    password: str = ""
    tls: bool = False
    verified: bool = True
    """Whether the server has to prove who it is."""
    authority: str = ""
    certificate: str = ""
    key: str = ""


def parse(url: str) -> Address:
    """Read a `redis://`, `rediss://` or `unix://` address.

    Raises `ValueError` with a few words, in which nothing of a password can be.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its own words would repeat what stands before the @.
        raise ValueError("the Redis address cannot be read") from None
    local = parts.scheme == "unix"
    if parts.scheme not in ("redis", "rediss", "unix") or not (
        parts.path if local else parts.hostname
    ):
        raise ValueError("neither file nor off, nor a redis://, rediss:// or unix:// address")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not options.keys() <= OPTIONS:
        raise ValueError(
            f"the Redis address has an option that is none of {', '.join(sorted(OPTIONS))}"
        )
    demand = options.get("ssl_cert_reqs", "required")
    if demand not in ("required", "none"):
        raise ValueError("ssl_cert_reqs is neither required nor none")
    database = options.get("db", "" if local else parts.path.strip("/")) or "0"
    if not database.isdecimal() or len(database) > LONGEST_NUMBER:
        raise ValueError("the Redis address names a database that is no number")
    try:
        port = parts.port or PORT
    except ValueError:
        raise ValueError("the Redis address names a port that is none") from None
    return Address(
        host="" if local else parts.hostname or "",
        port=port,
        path=unquote(parts.path) if local else "",
        db=int(database),
        username=options.get("username", unquote(parts.username or "")),
        password=options.get("password", unquote(parts.password or "")),
        tls=parts.scheme == "rediss",
        verified=demand == "required",
        authority=options.get("ssl_ca_certs", ""),
        certificate=options.get("ssl_certfile", ""),
        key=options.get("ssl_keyfile", ""),
    )


def refusal(url: str, *, insecure: bool = False) -> str:
    """Return why a Redis must not be used, in one sentence; empty where it may.

    Off loopback, snapshots are not sent without TLS, nor to a Redis that anybody may write to,
    unless `insecure` says so.
    """
    try:
        address = parse(url)
    except ValueError as error:
        return f"snapshots: {error}"
    if insecure or address.path or _is_local(address.host):
        return ""
    if not address.tls or not address.verified:
        return (
            "snapshots: Redis is only used with verified TLS (rediss://) unless it is on this "
            "machine; snapshots_insecure: true allows it all the same"
        )
    if not address.password:
        return (
            "snapshots: Redis is only used with a password unless it is on this machine; "
            "snapshots_insecure: true allows it all the same"
        )
    return ""


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Return an address as it may be shown: no more of it than where it leads."""
    try:
        address = parse(url)
    except ValueError:
        return f"{url.partition(':')[0]}:…" if ":" in url else url
    scheme = "unix" if address.path else "rediss" if address.tls else "redis"
    who = address.username + (":…" if address.password else "")
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = address.path or f"{host}:{address.port}"
    return f"{scheme}://{who}{'@' if who else ''}{place}" + (
        f" db {address.db}" if address.db else ""
    )
