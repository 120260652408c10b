"""Follows the logs of a changing set of pods into one output, in order."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from leviathan_tui.backend.logs.intake import Intake, Output
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.pods import PodFollower
from leviathan_tui.backend.logs.ring import NOBODY
from leviathan_tui.backend.logs.sources import LogRange, PodKey, choose
from leviathan_tui.backend.logs.thread import LogThread

_log = logging.getLogger("leviathan.logs")

MOST_PODS: Final = 100
"""Pods that are followed at once."""

OPENINGS: Final = 16
"""Requests that are on their way at once."""


class Follower:
    """See the module's docstring. `show`, `stop` and `retry_now` may be called from any thread."""

    def __init__(
        self,
        thread: LogThread,
        output: Output,
        log_range: LogRange,
        *,
        most: int = MOST_PODS,
        sheds: bool = True,
    ) -> None:
        """Prepare to follow; with `sheds`, lines that come too fast are dropped and counted."""
        self.log_range = log_range
        self._intake = Intake(output, sheds=sheds, follows=log_range.follows)
        self.sources = self._intake.sources
        """What lines come from, by index; only ever added to."""
        self.progress = self._intake.progress
        self._thread = thread
        self._most = most
        self._pods: dict[str, PodFollower] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._gate = asyncio.Semaphore(OPENINGS)
        thread.register(self)

    # From any thread

    def show(self, pods: Iterable[PodKey]) -> None:
        """Follow these pods; those that are gone are followed to their end, released ones left."""
        wanted = list(pods)
        self._thread.soon(lambda: self._show(wanted))

    def retry_now(self) -> None:
        """Try again at once whatever waits to be tried again."""

        def retry() -> None:
            for pod in self._pods.values():
                pod.look_again()

        self._thread.soon(retry)

    def reconnect(self) -> None:
        """Open all streams anew: the credential that opened them is not good any more."""

        def again() -> None:
            for pod in self._pods.values():
                pod.reconnect()

        self._thread.soon(again)

    def stop(self) -> None:
        """End all streams; what was read stays."""

        def end() -> None:
            self._stopped = True
            self._intake.stop()
            for task in self._tasks:
                task.cancel()

        self._thread.soon(end)

    # In the logs' thread

    def _show(self, pods: list[PodKey]) -> None:
        if self._stopped:
            return
        present = {key.uid for key in pods}
        for uid, pod in self._pods.items():
            if uid not in present and pod.wanted:
                pod.wanted = False
                pod.look_again()
        for key in pods:
            if key.uid in self._pods:
                self._pods[key.uid].changed_to(key)
        followed = sum(pod.wanted for pod in self._pods.values())
        new = [key for key in pods if key.uid not in self._pods]
        chosen, left_out = choose(new, max(0, self._most - followed))
        for key in chosen:
            client = self._thread.client
            self._pods[key.uid] = PodFollower(self._intake, client, self._gate, self.log_range, key)
            self._spawn(self._pods[key.uid])
        if left_out and left_out != self.progress.left_out:
            self._intake.tell(
                NOBODY,
                f"{left_out} more pods are not followed: {self._most} are the most; "
                "failing ones come first, then the newest",
                Level.WARN,
            )
        self.progress.left_out = left_out
        self.progress.pods = followed + len(chosen)
        self._intake.pump_soon()

    def _spawn(self, pod: PodFollower) -> None:
        task = asyncio.get_running_loop().create_task(pod.run())
        self._tasks.add(task)
        self._intake.pod_began()

        def done(finished: asyncio.Task[None]) -> None:
            self._tasks.discard(finished)
            if not finished.cancelled() and (error := finished.exception()) is not None:
                # A defect of ours in one pod must show, and leave the others alone.
                _log.error("following %s ended", pod.state.key.name, exc_info=error)
                self._intake.tell(NOBODY, f"internal error: {type(error).__name__}", Level.ERROR)
            self._intake.pod_ended()

        task.add_done_callback(done)
