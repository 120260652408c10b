"""Connections through a SOCKS5 proxy, which resolves the server's name itself, as with Go."""

import socket
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy as Tunnel

from leviathan_tui.backend.kube.errors import why_not
from leviathan_tui.backend.kube.proxies import Proxy, ProxyFailed
from leviathan_tui.backend.kube.sockets import keep_alive

ANSWERS: Final = {
    2: "its rules do not allow the connection",
    3: "the network cannot be reached from it",
    4: "the host cannot be reached from it, or is unknown to it",
    5: "the server refused its connection",
    6: "its connection took too long",
}
"""What a proxy's reply codes mean. Source: RFC 1928, section 6."""


class _AsItIs(AbstractResolver):
    """Leaves names to the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


class SocksConnector(aiohttp.TCPConnector):
    """Connects through a proxy, and then does all else as for any connection."""

    def __init__(self, proxy: Proxy, **options: Any) -> None:
        super().__init__(resolver=_AsItIs(), **options)
        self._proxy = proxy

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: Any,
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **options: Any,
    ) -> Any:
        host, port = addr_infos[0][4][:2]
        proxy = self._proxy
        tunnel = Tunnel(
            proxy_type=ProxyType.SOCKS5,
            host=proxy.host,
            port=proxy.port,
            username=proxy.user or None,
            password=proxy.password or None,
            rdns=True,
        )
        try:
            wire = await tunnel.connect(host, port, timeout=timeout.sock_connect)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise ProxyFailed(_why(error)) from error
        except OSError as error:
            raise ProxyFailed(why_not(error)) from error
        keep_alive(wire)
        try:
            # As for a connection of its own: the library's way from a socket to a connection.
            return await self._wrap_existing_connection(
                *args,
                timeout=timeout,
                req=req,
                client_error=client_error,
                sock=wire,
                **options,
            )
        except BaseException:
            wire.close()
            raise


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it does not answer"
        case ProxyConnectionError():
            cause = error.__cause__
            return why_not(cause if isinstance(cause, OSError) else error)
        case ProxyError(error_code=int(code)) if code in ANSWERS:
            return ANSWERS[code]
    return "it does not accept the login, or speaks no SOCKS5"
