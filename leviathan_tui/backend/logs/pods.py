"""Following one pod and its containers until the pod is gone, or over and read."""

import asyncio
import random
from typing import TYPE_CHECKING, Final

import msgspec

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import Forbidden, KubeError, NotFound
from leviathan_tui.backend.kube.reflector import Backoff
from leviathan_tui.backend.logs.containers import LONGEST_PAUSE, REFUSED_PAUSE, ContainerFollower
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.ring import NOBODY
from leviathan_tui.backend.logs.sources import (
    ContainerState,
    LogPod,
    PodKey,
    containers_of,
    is_over,
)

if TYPE_CHECKING:
    from leviathan_tui.backend.logs.follower import Follower

RECHECK: Final = 15.0
"""Seconds after which a pod is read again: nobody tells of a new ephemeral container."""

FEW: Final = 20
"""Pods up to which that is done."""

_POD: Final = msgspec.json.Decoder(LogPod)


class PodFollower:
    """One pod. Everything happens in the logs' thread."""

    def __init__(self, follower: "Follower", key: PodKey) -> None:
        self.follower = follower
        self.key = key
        self.gone = False
        self.over = False
        """Whether nothing of it will run again."""
        self.wanted = True
        """Whether it is still among the pods to follow; else it is followed to its end."""
        self.problem: KubeError | None = None
        """Why it could not be read the last time."""
        self._states: dict[str, ContainerState] = {}
        self._changed = asyncio.Event()
        self._reading = asyncio.Lock()
        self._read_count = 0
        self._told = False
        self._containers: dict[str, ContainerFollower] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._backoff = Backoff(random.Random())  # noqa: S311 - jitter, not a secret

    def state_of(self, container: str) -> ContainerState | None:
        """Return how a container stood when the pod was last read."""
        return self._states.get(container)

    def changed_to(self, key: PodKey) -> None:
        """Look again where the pod is in another state than before."""
        if key.version != self.key.version:
            self.key = key
            self.look_again()

    def look_again(self) -> None:
        """Have the pod read again."""
        self._wake()

    def retry_now(self) -> None:
        """Cut all pauses short."""
        self._wake()

    def reconnect(self) -> None:
        """Open the streams anew."""
        for container in self._containers.values():
            container.reconnect()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float | None) -> bool:
        """Wait for a change, at most so many seconds; False where none came."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Follow the pod until it is gone, or has ended and been read."""
        follower = self.follower
        follower.progress.unread += 1
        known = False
        try:
            while True:
                await self.refresh()
                if not known and (self._states or self.gone):
                    known = True
                    follower.progress.unread -= 1
                self._start_new()
                if self.gone or (self.over and all(task.done() for task in self._tasks)):
                    break
                if self.problem is not None:
                    self._tell_problem()
                    refused = isinstance(self.problem, Forbidden)
                    pause = min(self._backoff.next(), LONGEST_PAUSE)
                    await self.wait(REFUSED_PAUSE if refused else pause)
                    continue
                self._backoff.reset()
                self._told = False
                if not self._tasks and self._states and not follower.span.follows:
                    break
                if self._tasks and all(task.done() for task in self._tasks):
                    break
                await self._next_look()
            if self.gone and not self._states and not follower.span.previous:
                follower.tell(NOBODY, f"{self.key.name}: the pod is gone, and its logs with it")
            await asyncio.gather(*self._tasks)
        finally:
            if not known:
                follower.progress.unread -= 1
            for task in self._tasks:
                task.cancel()

    async def _next_look(self) -> None:
        """Wait until there may be something new about the pod."""
        waiting = [asyncio.ensure_future(self.wait(self._recheck()))]
        try:
            await asyncio.wait(
                [*waiting, *(task for task in self._tasks if not task.done())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            waiting[0].cancel()

    def _recheck(self) -> float | None:
        few = self.follower.progress.pods <= FEW
        return RECHECK if few and self.follower.span.follows else None

    def _tell_problem(self) -> None:
        if self.problem is not None and not self._tasks and not self._told:
            self._told = True
            self.follower.tell(
                NOBODY, f"{self.key.name} cannot be read: {self.problem.message}", Level.WARN
            )

    async def refresh(self) -> None:
        """Read the pod, unless somebody did while this waited for its turn."""
        count = self._read_count
        async with self._reading:
            if count != self._read_count:
                return
            path = kinds.POD.path(self.key.namespace, self.key.name)
            try:
                pod = _POD.decode(await self.follower.thread.client.read(path))
            except NotFound:
                self.gone = self.over = True
            except KubeError as error:
                self.problem = error
                return
            except msgspec.MsgspecError:
                self.problem = KubeError("the server did not answer as Kubernetes does")
                return
            else:
                if pod.metadata.uid != self.key.uid and self.key.uid:
                    # Another pod of the same name, as StatefulSets make them.
                    self.gone = self.over = True
                else:
                    self._states = {state.name: state for state in containers_of(pod)}
                    self.over = is_over(pod)
            self.problem = None
            self._read_count += 1
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        for container in self._containers.values():
            container.news.set()

    def _start_new(self) -> None:
        wanted = self.follower.span.container
        for name, state in self._states.items():
            if name in self._containers or (wanted and name != wanted):
                continue
            container = ContainerFollower(self, state)
            self._containers[name] = container
            self._tasks.append(asyncio.get_running_loop().create_task(container.run()))
