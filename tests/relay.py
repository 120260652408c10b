"""A wire that can be frozen: TCP through which nothing comes while it still acknowledges."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self
from urllib.parse import urlsplit

from leviathan_tui.backend.kube.kubeconfig import Target


class Relay:
    """Passes connections on to a server; it lives in a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._freezes_new = False
        self._flows: set[asyncio.Event] = set()
        """For each connection an event that is set while it flows."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connections = 0
        """Connections accepted so far."""
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *problem: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def freeze(self, *, new_ones: bool = True) -> None:
        """Let nothing through any more; with `new_ones`, neither through connections to come."""
        self._do(self._set(flows=False, freezes_new=new_ones))

    def thaw(self) -> None:
        """Let everything through again, also what waited."""
        self._do(self._set(flows=True, freezes_new=False))

    def thaw_new(self) -> None:
        """Let connections to come through; those that are frozen stay so."""
        self._do(self._set(flows=None, freezes_new=False))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _set(self, *, flows: bool | None, freezes_new: bool) -> None:
        self._freezes_new = freezes_new
        for event in self._flows if flows is not None else ():
            (event.set if flows else event.clear)()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        flows = asyncio.Event()
        if not self._freezes_new:
            flows.set()
        self._flows.add(flows)
        writers = [writer]
        try:
            await flows.wait()
            back, forth = await asyncio.open_connection(*self._to)
            writers.append(forth)
            await asyncio.gather(_pass(reader, forth, flows), _pass(back, writer, flows))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._flows.discard(flows)
            self._tasks.discard(task)
            for one in writers:
                one.transport.abort()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
) -> None:
    while data := await reader.read(65536):
        await flows.wait()
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError


def relay_to(target: Target) -> Relay:
    """Return a relay to a target's server."""
    parts = urlsplit(target.cluster.server)
    assert parts.hostname is not None
    assert parts.port is not None
    return Relay(parts.hostname, parts.port)


def through(relay: Relay, target: Target) -> Target:
    """Have a target reached through a relay that runs; returns the target."""
    target.cluster.tls_server_name = target.cluster.tls_server_name or "127.0.0.1"
    target.cluster.server = f"https://127.0.0.1:{relay.port}"
    return target
