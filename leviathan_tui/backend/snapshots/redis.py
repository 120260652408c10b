"""Snapshots in Redis, shared by the machines of one identity, or of a team that shares one."""

import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from leviathan_tui.backend.snapshots.backend import MOST_BYTES, TTL, BackendError

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

PREFIX: Final = "leviathan:snapshot:"

TIMEOUT: Final = 1.0
"""Seconds for a connection or an answer. Nothing on the screen waits for it."""

PAUSE: Final = 30.0
"""Seconds for which a Redis that failed is not asked again."""


def refusal(url: str, *, insecure: bool = False) -> str:
    """Return why a Redis must not be used, in one sentence; empty where it may.

    Off loopback, snapshots are not sent without TLS, nor to a Redis that anybody may write to,
    unless `insecure` says so.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return ""
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return "snapshots: neither file nor off, nor a redis://, rediss:// or unix:// address"
    try:
        local = parts.hostname == "localhost" or ip_address(parts.hostname).is_loopback
    except ValueError:
        local = False
    if local or insecure:
        return ""
    verified = parse_qs(parts.query).get("ssl_cert_reqs", ["required"]) == ["required"]
    if parts.scheme != "rediss" or not verified:
        return (
            "snapshots: Redis is only used with verified TLS (rediss://) unless it is on this "
            "machine; snapshots_insecure: true allows it all the same"
        )
    if not parts.password:
        return (
            "snapshots: Redis is only used with a password unless it is on this machine; "
            "snapshots_insecure: true allows it all the same"
        )
    return ""


def without_password(url: str) -> str:
    """Return an address as it may be shown."""
    return re.sub(r"(?<=://)([^/@]*):[^/]*@|(?<=password=)[^&]*", _hidden, url)


def _hidden(found: "re.Match[str]") -> str:
    return "…" if found[1] is None else f"{found[1]}:…@"


class RedisBackend:
    """One key an entry, with a time to live. A Redis that fails is left alone for a while."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._client: Redis | None = None
        self._pause_until = 0.0
        self._why = ""

    def _ask(self, question: "Callable[[Redis], Any]") -> Any:
        if self._why and self._monotonic() < self._pause_until:
            raise BackendError(self._why)
        # Imported in the snapshots' own thread, and only where Redis is used.
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    self._url,
                    socket_timeout=TIMEOUT,
                    socket_connect_timeout=TIMEOUT,
                    retry=Retry(NoBackoff(), 1),
                )
            answer = question(self._client)
        except (redis.RedisError, OSError, ValueError) as error:
            self._why = _mark(error)
            self._pause_until = self._monotonic() + PAUSE
            raise BackendError(self._why) from error
        self._why = ""
        return answer

    def has(self, name: str) -> bool:
        """Not known: asking would be waiting."""
        return False

    def get(self, name: str) -> bytes | None:
        """Return an entry, unless it is too large to be one of ours."""
        key = PREFIX + name
        if self._ask(lambda client: client.strlen(key)) > MOST_BYTES:
            return None
        found: bytes | None = self._ask(lambda client: client.get(key))
        return found

    def start_of(self, name: str, size: int) -> bytes:
        """Return an entry's first bytes."""
        found: bytes = self._ask(lambda client: client.getrange(PREFIX + name, 0, size - 1))
        return found

    def put(self, name: str, entry: bytes) -> None:
        """Write an entry with its time to live."""
        if len(entry) <= MOST_BYTES:
            life = int(TTL * 1000)
            self._ask(lambda client: client.set(PREFIX + name, entry, px=life))

    def delete(self, name: str) -> None:
        """Delete an entry."""
        self._ask(lambda client: client.delete(PREFIX + name))

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def _mark(error: Exception) -> str:
    import redis

    text = str(error)
    if isinstance(error, redis.AuthenticationError) or text.startswith(("WRONGPASS", "NOAUTH")):
        return "Redis refuses the password"
    if isinstance(error, redis.exceptions.NoPermissionError):
        return "Redis allows no snapshots"
    if text.startswith(("OOM", "command not allowed when used memory")):
        return "Redis is full"
    return "no Redis"
