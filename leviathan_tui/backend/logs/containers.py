"""Following one container from run to run, through everything that breaks a stream off."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, Forbidden, KubeError
from leviathan_tui.backend.kube.pace import Backoff
from leviathan_tui.backend.logs.intake import Intake
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.pod_state import PodState
from leviathan_tui.backend.logs.reading import LineSplitter, Position, parameters
from leviathan_tui.backend.logs.sources import ContainerState, LogRange
from leviathan_tui.backend.logs.stamps import SECOND

SILENCE: Final = 300.0
"""Seconds without a byte after which a stream is opened anew: its connection may be dead."""

OUTAGE_RETRY_DELAY: Final = 5.0
"""Seconds at most between two tries while a server is away; whoever looks wants to go on soon."""

REFUSAL_RETRY_DELAY: Final = 60.0
"""Seconds between two tries of what may not be read."""

SMALL: Final = 64 * 1024
GATHER: Final = 0.04
"""Seconds to let more bytes gather behind a piece that is smaller than `SMALL`."""

BRIEF: Final = 3.0
"""Seconds for which a container may be starting without a word about it."""

_BRIEF: Final = ("waiting to start", "ContainerCreating", "PodInitializing")
_TOO_MANY: Final = 429


class ContainerFollower:
    """One container of a pod. Everything happens in the logs' thread."""

    def __init__(
        self,
        intake: Intake,
        client: KubeClient,
        gate: asyncio.Semaphore,
        log_range: LogRange,
        pod: PodState,
        state: ContainerState,
    ) -> None:
        """Prepare to follow it; its requests are opened through the gate."""
        self._intake = intake
        self._client = client
        self._gate = gate
        self._log_range = log_range
        self._pod = pod
        self._name = state.name
        self._source = intake.add_source(pod.key, state.name, state.kind)
        self._news = asyncio.Event()
        """Set whenever the pod has been read."""
        pod.readers.append(self._news)
        self._position = Position()
        self._run = -1
        self._finished = -1
        self._said = ""
        self._limit: asyncio.Timeout | None = None
        self._broken = False
        self._backoff = Backoff(random.Random())  # noqa: S311 - jitter, not a secret

    def reconnect(self) -> None:
        """End the present stream; it is opened anew where it ended."""
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    def _tell(self, text: str, level: int = Level.NONE, stamp: int = 0) -> None:
        self._intake.tell(self._source.index, text, level, stamp)

    async def run(self) -> None:
        """Follow the container until its pod is over."""
        self._intake.begin(self._source)
        try:
            if self._log_range.follows:
                await self._follow()
            else:
                await self._read_once()
        finally:
            self._intake.finished(self._source)

    async def _read_once(self) -> None:
        state = self._pod.containers.get(self._name)
        if state is not None and state.run < 0 and not self._log_range.previous:
            self._tell(state.waiting)
            return
        while True:
            self._position.resume()
            problem = await self._stream(follow=False, previous=self._log_range.previous)
            if problem is None:
                return
            if _is_final(problem):
                self._tell_refusal(problem)
                return
            await self._pause(problem)

    async def _follow(self) -> None:
        while True:
            self._news.clear()
            state = self._pod.containers.get(self._name)
            if state is None:
                return
            if state.run >= 0 and state.run != self._finished:
                await self._follow_run(state)
                continue
            self._intake.caught_up(self._source)
            reason = state.waiting.partition(":")[0]
            # Not the message behind it, in which a time may count down.
            if reason in _BRIEF and self._said != reason and await self._soon_news():
                continue
            if reason and reason != self._said:
                self._said = reason
                self._tell(state.waiting, Level.WARN if state.run >= 0 else Level.NONE)
            if self._pod.over:
                return
            await self._news.wait()

    async def _soon_news(self) -> bool:
        """Wait a little for what usually follows at once; False where nothing did."""
        try:
            await asyncio.wait_for(self._news.wait(), BRIEF)
        except TimeoutError:
            return False
        return True

    async def _follow_run(self, state: ContainerState) -> None:
        """Read one run to its end."""
        run = state.run
        if 0 <= self._run < run - 1:
            self._tell(f"{run - self._run - 1} runs in between came and went unread")
        self._run = run
        was_over = state.ended
        if not was_over:
            last = await self._keep_reading(run)
            if last is None:
                self._finished = run
                return
            state = last
        # Also behind a stream that ended well: a server that goes away ends it just so.
        await self._read_rest(run, state)
        how = state.how if state.run == run else state.last_how
        clean = how.startswith("exit code 0") or not how
        if not (was_over and clean and self._source.kind == "init"):
            stamp = self._position.stamp if was_over else 0
            level = Level.NONE if clean else Level.ERROR
            self._tell(f"ended: {how}" if how else "ended", level, stamp)
        self._finished, self._said = run, ""

    async def _keep_reading(self, run: int) -> ContainerState | None:
        """Follow a run until it is over; return how the container stands then, None if it is gone."""
        while True:
            self._position.resume(run)
            before = self._source.lines
            problem = await self._stream(follow=True, previous=False)
            if self._source.lines != before:
                self._backoff.reset()
            over, now = await self._is_over(run, problem)
            if over:
                return now

    async def _is_over(
        self, run: int, problem: KubeError | None
    ) -> tuple[bool, ContainerState | None]:
        """Return whether a run whose stream ended is over, and how its container stands then.

        Where it is not, this takes its time, and the answer is from behind the pause: a request that
        assumed too much would read the next run's log as this one's.
        """
        pod, paused = self._pod, False
        while True:
            await pod.refresh()
            now = pod.containers.get(self._name)
            if pod.gone or now is None:
                lost = "" if problem is None else "; its last lines may be missing"
                self._tell(f"the pod is gone{lost}", Level.NONE if problem is None else Level.WARN)
                return True, None
            if pod.problem is None:
                if now.run != run or now.ended:
                    return True, now
                if paused:
                    return False, now
            await self._pause(problem or pod.problem)
            paused = True

    async def _read_rest(self, run: int, state: ContainerState) -> None:
        """Read what of a run has not been read yet, where that can still be had."""
        while True:
            if state.run > run + 1:
                self._tell("the end of this run may be missing: it ran twice since", Level.WARN)
                return
            self._position.resume(run)
            problem = await self._stream(follow=False, previous=state.run == run + 1)
            if problem is None:
                return
            if _is_final(problem):
                self._tell_refusal(problem)
                return
            await self._pause(problem)
            await self._pod.refresh()
            newer = self._pod.containers.get(self._name)
            if self._pod.gone or newer is None:
                self._tell("the end of this run may be missing: the pod is gone", Level.WARN)
                return
            state = newer

    async def _pause(self, problem: KubeError | None) -> None:
        """Say what happened, once for each outage, and wait before the next try."""
        if problem is None:
            # The stream ended and the pod does not say yet that the container has.
            await self._pod.wait(min(self._backoff.next(), OUTAGE_RETRY_DELAY))
            return
        self._intake.caught_up(self._source)
        if isinstance(problem, ApiError) and _is_final(problem):
            if problem.message != self._said:
                self._said = problem.message
                self._tell_refusal(problem)
            refused = isinstance(problem, Forbidden)
            await self._pod.wait(REFUSAL_RETRY_DELAY if refused else OUTAGE_RETRY_DELAY)
            return
        if not self._broken:
            self._broken = True
            self._tell(f"the stream broke off: {problem.message}", Level.WARN)
        await self._pod.wait(min(self._backoff.next(), OUTAGE_RETRY_DELAY))

    def _tell_refusal(self, problem: KubeError) -> None:
        self._intake.progress.refused += 1
        words = problem.message
        if isinstance(problem, Forbidden):
            words = f"you may not read these logs: {words}"
        elif self._log_range.previous:
            words = f"no previous run: {words}"
        self._tell(words, Level.WARN)

    async def _stream(self, *, follow: bool, previous: bool) -> KubeError | None:
        """Read one answer to its end; return what ended it before its time."""
        intake, client = self._intake, self._client
        path = kinds.POD.path(self._pod.key.namespace, self._pod.key.name, "log")
        asked = parameters(
            self._name, self._log_range, self._position, follow=follow, previous=previous
        )
        heard = time.monotonic()
        try:
            # A stream must not outlive the credential that opened it.
            life = await client.life()
            async with (
                asyncio.timeout(max(1.0, life) if life < 1e9 else None) as self._limit,
                AsyncExitStack() as stack,
            ):
                async with self._gate:
                    response = await stack.enter_async_context(
                        client.request(
                            "GET",
                            path,
                            params=asked,
                            accept="*/*",
                            read_timeout=SILENCE,
                            compressed=False,
                        )
                    )
                self._opened(response.headers.get("Date", ""))
                intake.progress.open += 1
                stack.callback(self._closed)
                splitter = LineSplitter()
                async for chunk in response.content.iter_any():
                    heard = time.monotonic()
                    lines = splitter.feed(chunk)
                    if lines and self._take(lines):
                        return None
                    if len(chunk) < SMALL:
                        await asyncio.sleep(GATHER)
                if not follow and (rest := splitter.finish()):
                    # Only here: the rest of a followed stream may be half a line, and comes again.
                    self._take(rest)
        except TimeoutError:
            return None
        except KubeError as error:
            return None if time.monotonic() - heard >= SILENCE - 1.0 else error
        finally:
            self._limit = None
        return None

    def _opened(self, date: str) -> None:
        now = _seconds(date) or time.time()
        if not self._position.stamp:
            # Where nothing comes before it breaks off, what is wanted begins here nevertheless.
            self._range_begins(now)
        self._intake.opened(self._source, int(now * SECOND))
        if self._broken:
            self._broken = False
            self._tell("the stream goes on")

    def _range_begins(self, now: float) -> None:
        if self._log_range.follows and self._log_range.tail:
            self._log_range = LogRange(
                since=int((now - 2) * SECOND), container=self._log_range.container
            )

    def _closed(self) -> None:
        self._intake.progress.open -= 1

    def _take(self, lines: list[bytes]) -> bool:
        """Hand lines on; True where no more are wanted."""
        head = self._log_range.head
        if head:
            lines = lines[: head - self._source.lines]
        if lines:
            self._intake.take(self._source, self._position, lines)
        return bool(head) and self._source.lines >= head


def _is_final(problem: KubeError) -> bool:
    """Whether asking again would bring the same answer."""
    return (
        isinstance(problem, ApiError)
        and problem.code < 500
        and problem.code not in (401, _TOO_MANY)
    )


def _seconds(date: str) -> float:
    """Return the moment of a Date header in seconds since the epoch; 0 where it has none."""
    try:
        found: datetime = parsedate_to_datetime(date)
        return found.timestamp()
    except (ValueError, TypeError):
        return 0.0
