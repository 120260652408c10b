"""The thread in which logs are followed: off the screen's loop, and off the feed's too.

A container can write tens of thousands of lines a second; neither a key press nor a watch may wait
for them.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from leviathan_tui.backend.kube.client import KubeClient, let_go
from leviathan_tui.backend.kube.credentials import BearerSource
from leviathan_tui.backend.kube.errors import Unreachable
from leviathan_tui.backend.kube.kubeconfig import Target

T = TypeVar("T")


class Reconnects(Protocol):
    """What opens its streams anew when it is told to; may be told in any thread."""

    def reconnect(self) -> None:
        """Open all streams anew."""


class LogThread:
    """An event loop in a thread, with a client of its own; begins when it is first needed."""

    def __init__(self, target: Target, bearer: BearerSource | None = None) -> None:
        self._target = target
        self._bearer = bearer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: KubeClient | None = None
        self._closed = False
        self._followers: WeakSet[Reconnects] = WeakSet()

    def register(self, follower: "Reconnects") -> None:
        """Have a follower open its streams anew at `reconnect`."""
        self._followers.add(follower)

    def reconnect(self) -> None:
        """End all streams: the credential that opened them is not to be used any more."""
        for follower in list(self._followers):
            follower.reconnect()

    @property
    def client(self) -> KubeClient:
        """The client; only for use in this thread."""
        if self._client is None:
            self._client = KubeClient(self._target, self._bearer)
        return self._client

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise Unreachable("the connection to the cluster is closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._run, args=(self._loop,), name="logs", daemon=True
            )
            self._thread.start()
        return self._loop

    def soon(self, work: Callable[[], object]) -> None:
        """Do something in the thread; nothing once that has ended."""
        with suppress(RuntimeError, Unreachable):
            self._running().call_soon_threadsafe(work)

    def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "Future[T]":
        """Run a coroutine in the thread. Raises `Unreachable` once that has ended."""
        return asyncio.run_coroutine_threadsafe(work(), self._running())

    def stop(self) -> None:
        """End everything that is followed and wait for the thread to end."""
        self._closed = True
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5.0)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            # In this order: a cancelled request would end its TLS politely, and wait for that.
            if self._client is not None:
                loop.run_until_complete(self._client.close())
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(let_go())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
