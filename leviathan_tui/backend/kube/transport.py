"""The connections to one server: directly or through a proxy, and made anew with another certificate."""

import asyncio
import base64
import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.errors import (
    KubeconfigError,
    KubeError,
    NotConnected,
    Silent,
    Unreachable,
    Untrusted,
    why_not,
)
from leviathan_tui.backend.kube.proxies import Proxy, ProxyFailed
from leviathan_tui.backend.kube.sockets import kept_alive
from leviathan_tui.backend.untrusted import clean

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

_log = logging.getLogger("leviathan.transport")

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to wait for a connection, with all that a proxy has to do for it."""

READ_CHUNK: Final = 256 * 1024
"""Bytes that a stream may hold unread before the connection is held back."""


class Transport:
    """Gives requests their session."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._generation = 0
        self._users: Counter[aiohttp.ClientSession] = Counter()

    @property
    def proxy(self) -> Proxy | None:
        """Through which the server is reached."""
        return self._credentials.target.proxy

    async def close(self) -> None:
        """Break all connections, those in use too."""
        self._closed = True
        for session in {*self._users, self._session}:
            if session is not None:
                await session.close()
        self._session = None

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[aiohttp.ClientSession]":
        """Lend the present session. Raises `KubeconfigError`, and `Unreachable` once it is closed."""
        session = await self._present()
        self._users[session] += 1
        try:
            yield session
        finally:
            self._users[session] -= 1
            if not self._users[session]:
                del self._users[session]
                if session is not self._session:
                    await session.close()

    async def _present(self) -> "aiohttp.ClientSession":
        async with self._opening:
            if self._closed:
                raise Unreachable("the console is closing the connection")
            generation = self._credentials.generation
            if self._session is not None and self._generation == generation:
                return self._session
            try:
                tls = await self._credentials.tls()
            except KubeconfigError as error:
                if self._session is None:
                    raise
                # A certificate and its key are replaced one after the other.
                _log.warning("the new certificate cannot be used yet: %s", error)
                return self._session
            old, self._session = self._session, self._made(tls)
            self._generation = generation
            if old is not None and not self._users[old]:
                # One that is in use is closed by its last user: what it sent may be a change.
                await old.close()
            return self._session

    def _made(self, tls: "ssl.SSLContext | bool") -> "aiohttp.ClientSession":
        import aiohttp

        # Each watch and log stream holds a connection: the default limit of 100 would make the next
        # ordinary request wait for ever.
        options: dict[str, Any] = {"limit": 0, "ssl": tls, "socket_factory": kept_alive}
        proxy = self.proxy
        if proxy is not None and proxy.socks:
            from leviathan_tui.backend.kube.socks import SocksConnector

            connector: aiohttp.TCPConnector = SocksConnector(proxy, **options)
        else:
            connector = aiohttp.TCPConnector(**options)
        session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout(None),
            read_bufsize=READ_CHUNK,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # The library would send a DELETE again by itself where a connection breaks off: what became
        # of the first one would never be known.
        session._retry_connection = False
        return session

    def way(self) -> dict[str, Any]:
        """Return the options that send a request through an HTTP proxy, and name the server for TLS."""
        options: dict[str, Any] = {
            "server_hostname": self._credentials.target.cluster.tls_server_name or None
        }
        proxy = self.proxy
        if proxy is not None and not proxy.socks:
            options["proxy"] = proxy.address
            if proxy.user:
                pair = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
                options["proxy_headers"] = {"Authorization": f"Basic {pair}"}
        return options

    def failure(self, error: Exception, url: "URL") -> KubeError:
        """Return what went wrong on the way to the server, and whose fault it is.

        None of the library's own texts is repeated that may hold an address with a password.
        """
        import aiohttp

        proxy = self.proxy
        through = f" through the proxy {proxy}" if proxy is not None else ""
        at_proxy = proxy is not None and _is_at(error, proxy, url)
        match error:
            case aiohttp.ClientHttpProxyError():
                refusal = "asks for a login" if error.status == 407 else f"answers {error.status}"
                return NotConnected(f"the proxy {proxy} makes no connection: it {refusal}")
            case aiohttp.ClientConnectorCertificateError():
                whose = (
                    f"the certificate of the proxy {proxy}"
                    if at_proxy
                    else "the server's certificate"
                )
                return Untrusted(f"{whose} does not verify: {_tls(error)}")
            case aiohttp.ClientSSLError():
                whom = f"with the proxy {proxy}" if at_proxy else f"with the server{through}"
                why = getattr(error.os_error, "reason", None) or type(error.os_error).__name__
                words = clean(str(why).lower().replace("_", " "), 200)
                return Untrusted(f"no TLS connection {whom}: {words}")
            case aiohttp.ClientConnectorDNSError() if not at_proxy:
                return NotConnected(f"the host {clean(url.host or '', 100)} is unknown")
            case aiohttp.ClientConnectorError():
                reason = why_not(error.os_error)
                where = f"the proxy {proxy}" if at_proxy else clean(f"{url.host}:{url.port}", 100)
                return NotConnected(f"no connection to {where}: {reason}")
            case TimeoutError():
                return Silent(f"the server does not answer{through}")
            case (
                aiohttp.ClientOSError()
                | aiohttp.ClientPayloadError()
                | ConnectionError()
                | aiohttp.ServerDisconnectedError()
            ):
                return Unreachable(f"the connection{through} broke off")
            case ProxyFailed():
                return NotConnected(f"no connection{through}: {clean(str(error), 200)}")
            case _:
                return Unreachable(f"the request{through} failed: {_words(error)}")


def _is_at(error: Exception, proxy: Proxy, url: "URL") -> bool:
    """Whether an error happened at the proxy and not behind it."""
    import aiohttp

    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return True
    key = getattr(error, "_conn_key", None)
    at = (getattr(key, "host", None), getattr(key, "port", None))
    return at == (proxy.host, proxy.port) and at != (url.host, url.port)


def _words(error: Exception) -> str:
    import aiohttp

    if isinstance(error, aiohttp.InvalidURL | aiohttp.ClientResponseError):
        return type(error).__name__
    return clean(str(error), 200)


def _tls(error: "aiohttp.ClientConnectorCertificateError") -> str:
    cause = error.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return clean(cause.verify_message, 200)
    return clean(type(cause).__name__, 200)


def timeout(read: float | None) -> "aiohttp.ClientTimeout":
    """Return the limits of a request; `read` is in seconds without a byte, None is for ever."""
    import aiohttp

    return aiohttp.ClientTimeout(
        total=None, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT, sock_read=read
    )
