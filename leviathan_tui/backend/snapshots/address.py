"""The address of a Redis: how it is read, when it is refused, and what of it may be shown."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

PORT: Final = 6379

OPTIONS: Final = frozenset(
    {
        *("db", "username", "password", "password_file"),
        *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"),
    }
)
"""What may stand behind the question mark of an address."""


LONGEST_NUMBER: Final = 5

LONGEST_PASSWORD: Final = 4096
"""Bytes of a password file; a longer one is something else."""


class NoPassword(Exception):
    """The file that has the password cannot be read, or has none."""


class Address(msgspec.Struct, frozen=True):
    """Where a Redis is, who comes, and which certificates are believed."""

    host: str = ""
    port: int = PORT
    path: str = ""
    """A Unix socket, instead of host and port."""
    db: int = 0
    username: str = ""
    password: str = ""
    password_file: str = ""
    """What has the password instead, read again at each connection: it may be replaced meanwhile."""
    tls: bool = False
    verified: bool = True
    """Whether the server has to prove who it is."""
    authority: str = ""
    certificate: str = ""
    key: str = ""

    def read_password(self) -> str:
        """Return the password, from its file where there is one. Raises `NoPassword`."""
        if not self.password_file:
            return self.password
        try:
            with Path(self.password_file).open("rb") as stream:
                read = stream.read(LONGEST_PASSWORD + 1)
            password = read.decode().removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            raise NoPassword("the password file cannot be read") from error
        if not password or len(read) > LONGEST_PASSWORD:
            raise NoPassword("the password file has no password")
        return password


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
    password = options.get("password", unquote(parts.password or ""))
    password_file = options.get("password_file", "")
    if password and password_file:
        raise ValueError("the Redis address has both a password and a password_file")
    return Address(
        host="" if local else parts.hostname or "",
        port=port,
        path=unquote(parts.path) if local else "",
        db=int(database),
        username=options.get("username", unquote(parts.username or "")),
        password=password,
        password_file=password_file,
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
    if not address.password and not address.password_file:
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
    who = address.username + (":…" if address.password or address.password_file else "")
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = address.path or f"{host}:{address.port}"
    return f"{scheme}://{who}{'@' if who else ''}{place}" + (
        f" db {address.db}" if address.db else ""
    )
