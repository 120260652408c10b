"""The HTTPS server and the work behind it, on the event loop of the sandbox's own thread."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Final

from aiohttp import web

from leviathan_sandbox.clock import ManualClock
from leviathan_sandbox.cluster import Cluster

_HOST: Final = "127.0.0.1"
_FAREWELL: Final = 0.05  # seconds for a polite end of TLS; on loopback it takes far less


class Serving:
    """Serves an application on loopback, and can stop and resume on the same port.

    Parameters:
        application: makes the web application; a new one each time.
        context: the TLS settings.
        port: 0 for any that is free.
    """

    def __init__(
        self, application: Callable[[], web.Application], context: ssl.SSLContext, port: int
    ) -> None:
        self._application = application
        self._context = context
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.port = port

    async def start(self) -> None:
        """Begin to listen.

        Raises OSError when the port is taken.
        """
        runner = web.AppRunner(
            self._application(),
            handler_cancellation=True,  # a watch ends with its connection, however quiet it is
            access_log=None,
            shutdown_timeout=_FAREWELL,  # none at all would be for ever
            keepalive_timeout=3600.0,
        )
        await runner.setup()
        handler = runner.server
        if handler is None:
            raise RuntimeError("the application has no server")
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                handler,
                _HOST,
                self.port,
                ssl=self._context,
                reuse_address=True,
                ssl_shutdown_timeout=_FAREWELL,
            )
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and break those that are open."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        if self._listener is not None:
            self._listener.close()
        if runner.server is not None:
            for connection in list(runner.server.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
        await runner.cleanup()
        # Connections in the middle of a handshake or of a farewell are on no list; they end now.
        await asyncio.sleep(2 * _FAREWELL)


class Driver:
    """Lets the controllers work whenever something is queued or due.

    Parameters:
        cluster: the cluster whose controllers they are.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._wake = asyncio.Event()
        cluster.manager.on_work = self._wake.set
        cluster.agenda.on_earlier = self._wake.set

    async def run(self) -> None:
        """Work until cancelled."""
        cluster = self._cluster
        while True:
            self._wake.clear()
            if cluster.work():
                await asyncio.sleep(0)  # requests get their turn
                continue
            due = cluster.agenda.next_due()
            timeout = None
            if due is not None and not isinstance(cluster.clock, ManualClock):
                timeout = max(0.0, due - cluster.clock.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout)


def settle(cluster: Cluster) -> None:
    """Work until nothing is left that can be done now."""
    while cluster.work():
        pass


def advance(cluster: Cluster, seconds: float) -> None:
    """Move a manual clock on, doing everything that is due on the way at its own time.

    Raises TypeError when the clock moves by itself.
    """
    clock = cluster.clock
    if not isinstance(clock, ManualClock):
        raise TypeError("only a manual clock can be moved")
    end = clock.time() + seconds
    settle(cluster)
    while (due := cluster.agenda.next_due()) is not None and due <= end:
        clock.set(due)
        settle(cluster)
    clock.set(end)
    settle(cluster)
