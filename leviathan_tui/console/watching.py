"""Watching what was changed until the cluster shows it, and saying how far it has come."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from leviathan_tui.backend.changes.flow import Outcome
from leviathan_tui.backend.changes.progress import Progress, follow, is_watched
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.session import Session


class Teller(Protocol):
    """Where it is said."""

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Show a line for a moment, or until the next one."""


class Watching:
    """Watches the objects of one change, or of several that were made together."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._task: asyncio.Task[None] | None = None
        self._steps: list[Progress] = []
        self._left_out = 0

    def start(self, session: Session, outcomes: Sequence[Outcome], left_out: int = 0) -> None:
        """Watch these instead of what was watched before; what is done at once is not watched.

        `left_out` objects were meant too and could not be changed.
        """
        self.stop()
        watched = [outcome for outcome in outcomes if is_watched(outcome)]
        if watched:
            self._steps = [Progress("")] * len(watched)
            self._left_out = left_out
            self._task = asyncio.create_task(self._watch(session, watched, self._steps))

    def stop(self) -> bool:
        """Watch no longer; what is watched goes on without. False where nothing is."""
        if self._task is None:
            return False
        self._task.cancel()
        self._task = None
        self._teller.say("")
        return True

    async def _watch(
        self, session: Session, outcomes: list[Outcome], steps: list[Progress]
    ) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def one(client: KubeClient, number: int) -> None:
            def tell(progress: Progress) -> None:
                loop.call_soon_threadsafe(self._step, steps, number, progress)

            # Where the time is over the last step is told by nobody but this.
            last[number] = await follow(client, outcomes[number], tell)

        async def every(client: KubeClient) -> None:
            await asyncio.gather(*(one(client, number) for number in range(len(outcomes))))

        last = list(steps)
        await session.cluster.ask(every)
        self._task, self._steps = None, last
        self._say_end(loop.time() - started)

    def _step(self, steps: list[Progress], number: int, progress: Progress) -> None:
        if steps is not self._steps:
            # It was on its way when something else began to be watched.
            return
        steps[number] = progress
        waiting = [step for step in self._steps if not step.done and not step.failed]
        if self._task is None or not waiting:
            return
        if progress.done or progress.failed:
            progress = next((step for step in waiting if step.words), progress)
        count = len(self._steps) - len(waiting)
        begin = f"{count} of {len(self._steps)} done; " if len(self._steps) > 1 else ""
        hint = "  (esc stops watching; u takes it back)"
        self._teller.say(f"{begin}{progress.words}{hint}", stay=True)

    def _say_end(self, took: float) -> None:
        failed = [step for step in self._steps if not step.done]
        count = len(self._steps)
        if failed:
            rest = f" {count - len(failed)} of {count} are done." if count > 1 else ""
            tone = "bad" if any(step.failed for step in failed) else "warn"
            self._teller.say(f"{failed[0].words}{rest}", tone, stay=True)
        elif self._left_out:
            words = f"{count} of {count + self._left_out} are as they should be after {took:.0f} s."
            self._teller.say(f"{words} {self._left_out} left out.", "warn", stay=True)
        elif count == 1:
            self._teller.say(self._steps[0].words, "good")
        else:
            words = f"All {count} are as they should be after {took:.0f} s. u takes all of it back."
            self._teller.say(words, "good")
