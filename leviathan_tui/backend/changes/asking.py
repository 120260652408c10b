"""Questions to the cluster that can be given up while they are on their way."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.kube.client import KubeClient

T = TypeVar("T")

AT_ONCE: Final = 8
"""Objects that the server is asked about at the same time."""


class Asking:
    """What one plan asks of a cluster; one question at a time."""

    def __init__(self) -> None:
        self._asking: asyncio.Future[Any] | None = None

    def give_up(self) -> bool:
        """Cancel the question that is on its way; False where none is."""
        return self._asking is not None and self._asking.cancel()

    async def ask(self, question: Awaitable[T]) -> T:
        """Await an answer; raises `CancelledError` where it is given up."""
        asking: asyncio.Future[T] = asyncio.ensure_future(question)
        self._asking = asking
        try:
            return await asking
        finally:
            self._asking = None

    async def each(
        self,
        cluster: Cluster,
        question: Callable[[KubeClient, Any], Coroutine[Any, Any, T]],
        items: Iterable[Any],
    ) -> list[T]:
        """Ask the cluster about each of several things, a few at a time."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(client: KubeClient, item: Any) -> T:
            async with room:
                return await question(client, item)

        async def every(client: KubeClient) -> list[T]:
            return list(await asyncio.gather(*(one(client, item) for item in items)))

        return await self.ask(cluster.ask(every))
