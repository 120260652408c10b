"""Following one pod and its containers until the pod is gone, over and read, or released."""

import asyncio
import random
from typing import Final

from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import Forbidden
from leviathan_tui.backend.kube.pace import Backoff
from leviathan_tui.backend.logs.containers import (
    OUTAGE_RETRY_DELAY,
    REFUSAL_RETRY_DELAY,
    ContainerFollower,
)
from leviathan_tui.backend.logs.intake import Intake
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.pod_state import PodState
from leviathan_tui.backend.logs.ring import NOBODY
from leviathan_tui.backend.logs.sources import LogRange, PodKey

RECHECK: Final = 15.0
"""Seconds after which a pod is read again: nobody tells of a new ephemeral container."""

FEW: Final = 20
"""Pods up to which that is done."""


class PodFollower:
    """One pod. Everything happens in the logs' thread."""

    def __init__(
        self,
        intake: Intake,
        client: KubeClient,
        gate: asyncio.Semaphore,
        log_range: LogRange,
        key: PodKey,
    ) -> None:
        """Prepare to follow it; log requests are opened through the gate."""
        self.state = PodState(client, key)
        self.wanted = True
        """Whether it is still among the pods to follow.

        Else it is followed to its end, or left where its controller has released it.
        """
        self._intake = intake
        self._client = client
        self._gate = gate
        self._log_range = log_range
        self._told = False
        self._containers: dict[str, ContainerFollower] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._backoff = Backoff(random.Random())  # noqa: S311 - jitter, not a secret

    def changed_to(self, key: PodKey) -> None:
        """Look again where the pod is in another state than before, or was not wanted any more."""
        if key.version != self.state.key.version or not self.wanted:
            self.state.key, self.wanted = key, True
            self.look_again()

    def look_again(self) -> None:
        """Have the pod read again, and cut all pauses short."""
        self.state.wake()

    def reconnect(self) -> None:
        """Open the streams anew."""
        for container in self._containers.values():
            container.reconnect()
        self.state.wake()

    async def run(self) -> None:
        """Follow the pod until it is gone, or has ended and been read."""
        intake, pod = self._intake, self.state
        intake.progress.unread += 1
        known = False
        controller: str | None = None
        try:
            while True:
                await pod.refresh()
                if controller is None and pod.problem is None:
                    controller = pod.controller
                if not self.wanted and controller not in (None, pod.controller):
                    await self._set_aside()
                    controller = None
                    continue
                if not known and (pod.containers or pod.gone):
                    known = True
                    intake.progress.unread -= 1
                self._start_new()
                if pod.gone or (pod.over and self._all_done()):
                    break
                if pod.problem is not None:
                    self._tell_problem()
                    refused = isinstance(pod.problem, Forbidden)
                    pause = min(self._backoff.next(), OUTAGE_RETRY_DELAY)
                    await pod.wait(REFUSAL_RETRY_DELAY if refused else pause)
                    continue
                if self.wanted:
                    self._backoff.reset()
                self._told = False
                if not self._tasks and pod.containers and not self._log_range.follows:
                    break
                if self._tasks and self._all_done():
                    break
                await self._next_look()
            if pod.gone and not pod.containers and not self._log_range.previous:
                intake.tell(NOBODY, f"{pod.key.name}: the pod is gone, and its logs with it")
            await asyncio.gather(*self._tasks.values())
        finally:
            if not known:
                intake.progress.unread -= 1
            for task in self._tasks.values():
                task.cancel()

    def _all_done(self) -> bool:
        return all(task.done() for task in self._tasks.values())

    async def _set_aside(self) -> None:
        """Leave a pod that its controller has released, until it is wanted again."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        self._tasks.clear()
        words = "was released by its controller: it is not followed any more"
        self._intake.tell(NOBODY, f"{self.state.key.name} {words}")
        while not self.wanted:
            await self.state.wait(None)

    async def _next_look(self) -> None:
        """Wait until there may be something new about the pod."""
        waiting = [asyncio.ensure_future(self.state.wait(self._recheck()))]
        try:
            await asyncio.wait(
                [*waiting, *(task for task in self._tasks.values() if not task.done())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            waiting[0].cancel()

    def _recheck(self) -> float | None:
        if not self.wanted and not self.state.ending:
            # Its label may have gone before its controller lets go of it: nobody tells of that.
            return self._backoff.next()
        few = self._intake.progress.pods <= FEW
        return RECHECK if few and self._log_range.follows else None

    def _tell_problem(self) -> None:
        pod = self.state
        if pod.problem is not None and not self._tasks and not self._told:
            self._told = True
            words = f"{pod.key.name} cannot be read: {pod.problem.message}"
            self._intake.tell(NOBODY, words, Level.WARN)

    def _start_new(self) -> None:
        wanted = self._log_range.container
        for name, state in self.state.containers.items():
            if name in self._tasks or (wanted and name != wanted):
                continue
            if name not in self._containers:
                self._containers[name] = ContainerFollower(
                    self._intake, self._client, self._gate, self._log_range, self.state, state
                )
            self._tasks[name] = asyncio.create_task(self._containers[name].run())
