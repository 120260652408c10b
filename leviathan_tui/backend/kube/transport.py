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
from leviathan_tui.backend.kube.kubeconfig import Target
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


class Way:
    """How one target is reached: a session, the proxy it goes through and the name it is verified under.

    They are made of the same target and stay together: what is sent on a session can take no other way
    than the one that the session was made for.
    """

    def __init__(self, target: Target, tls: "ssl.SSLContext | bool") -> None:
        import aiohttp

        self.proxy = target.proxy
        self._options: dict[str, Any] = {
            "server_hostname": target.cluster.tls_server_name or None,
            "allow_redirects": False,
        }
        # Each watch and log stream holds a connection: the default limit of 100 would make the next
        # ordinary request wait for ever.
        how: dict[str, Any] = {"limit": 0, "ssl": tls, "socket_factory": kept_alive}
        proxy = self.proxy
        if proxy is not None and proxy.socks:
            from leviathan_tui.backend.kube.socks import SocksConnector

            connector: aiohttp.TCPConnector = SocksConnector(proxy, **how)
        else:
            connector = aiohttp.TCPConnector(**how)
            if proxy is not None:
                self._options |= _by_http(proxy)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout(None),
            read_bufsize=READ_CHUNK,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # The library would send a DELETE again by itself where a connection breaks off: what became
        # of the first one would never be known.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Break all connections, those in use too."""
        await self._session.close()

    @asynccontextmanager
    async def request(
        self, method: str, url: "URL", **options: Any
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """Send a request and yield its answer. Raises `KubeError` for whatever goes wrong meanwhile."""
        import aiohttp

        try:
            async with self._session.request(method, url, **options, **self._options) as response:
                yield response
        except (aiohttp.ClientError, OSError, ValueError, ProxyFailed) as error:
            raise self._failure(error, url) from error

    def _failure(self, error: Exception, url: "URL") -> KubeError:
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
                return NotConnected(f"the host {clean(_host(url), 100)} is unknown")
            case aiohttp.ClientConnectorError():
                reason = why_not(error.os_error)
                where = f"the proxy {proxy}" if at_proxy else clean(f"{_host(url)}:{url.port}", 100)
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


def _by_http(proxy: Proxy) -> dict[str, Any]:
    """Return the options of a request that goes through an HTTP proxy."""
    options: dict[str, Any] = {"proxy": proxy.address}
    if proxy.user:
        pair = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        options["proxy_headers"] = {"Authorization": f"Basic {pair}"}
    return options


class Transport:
    """Gives requests their way, and makes a new one where what it is made of has changed."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._way: Way | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._generation = 0
        self._failed: tuple[int, int] | None = None
        """The generation and the state of the files of which no way could be made."""
        self._users: Counter[Way] = Counter()

    async def close(self) -> None:
        """Break all connections, those in use too."""
        self._closed = True
        for way in {*self._users, self._way}:
            if way is not None:
                await way.close()
        self._way = None

    @asynccontextmanager
    async def way(self) -> AsyncIterator[Way]:
        """Lend the present way. Raises `KubeconfigError`, and `Unreachable` once it is closed."""
        way = await self._present()
        self._users[way] += 1
        try:
            yield way
        finally:
            self._users[way] -= 1
            if not self._users[way]:
                del self._users[way]
                if way is not self._way:
                    await way.close()

    async def _present(self) -> Way:
        async with self._opening:
            if self._closed:
                raise Unreachable("the console is closing the connection")
            generation, files = self._credentials.generation, self._credentials.moves
            if self._way is not None and (
                self._generation == generation or self._failed == (generation, files)
            ):
                return self._way
            target = self._credentials.target
            try:
                tls = await self._credentials.tls(target)
            except KubeconfigError as error:
                if self._way is None:
                    raise
                # A certificate and its key are replaced one after the other. Until a file changes
                # again there is nothing else to be made of them.
                self._failed = generation, files
                _log.warning("the new certificate cannot be used yet: %s", error)
                return self._way
            old, self._way = self._way, Way(target, tls)
            self._generation, self._failed = generation, None
            if old is not None and not self._users[old]:
                # One that is in use is closed by its last user: what it sent may be a change.
                await old.close()
            return self._way


def _is_at(error: Exception, proxy: Proxy, url: "URL") -> bool:
    """Whether an error happened at the proxy and not behind it."""
    import aiohttp

    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return True
    key = getattr(error, "_conn_key", None)
    at = (getattr(key, "host", None), getattr(key, "port", None))
    return at == (proxy.host, proxy.port) and at != (url.raw_host, url.port)


def _host(url: "URL") -> str:
    try:
        return url.host or ""
    except UnicodeError:
        # It looks like an international name and is none, which is no reason not to ask for it.
        return url.raw_host or ""


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
