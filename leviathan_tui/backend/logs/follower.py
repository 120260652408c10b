"""Follows the logs of a changing set of pods into one output, in order."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.merge import WINDOW, Merger
from leviathan_tui.backend.logs.pods import PodFollower
from leviathan_tui.backend.logs.reading import Position
from leviathan_tui.backend.logs.ring import NOBODY, NOTE, Batch
from leviathan_tui.backend.logs.sources import PodKey, Source, Span, choose
from leviathan_tui.backend.logs.stamps import StampReader, rfc3339
from leviathan_tui.backend.logs.thread import LogThread
from leviathan_tui.backend.untrusted import clean

_log = logging.getLogger("leviathan.logs")

MOST_PODS: Final = 100
"""Pods that are followed at once."""

TICK: Final = 0.06
"""Seconds between two looks at what may be let go."""

QUIET: Final = 0.15
"""Seconds without a byte after which a source has sent its history."""

OPENINGS: Final = 16
"""Requests that are on their way at once."""

BUDGET_WINDOW: Final = 1.0
BUDGET: Final = 0.75
"""Seconds of each window that taking lines may cost; what comes beyond that is counted only."""

_ALIKE: Final = 3
"""Sources of which each gets a line of its own when the same befalls them."""


class Output(Protocol):
    """Where lines go; called in the logs' thread."""

    def append(self, batch: Batch) -> None:
        """Take lines."""


class Progress(msgspec.Struct):
    """How far it is; written by the logs' thread, read by any."""

    pods: int = 0
    left_out: int = 0
    """Pods beyond the limit."""
    open: int = 0
    """Streams that are open now."""
    unread: int = 0
    """Containers of which nothing is known yet."""
    dropped: int = 0
    """Lines that came faster than they could be taken."""
    refused: int = 0
    """Requests that were refused for good."""
    settled: bool = False
    """Whether everything that was there at the beginning has been read."""
    over: bool = False
    """Whether nothing more will come from the present pods."""


class Follower:
    """See the module's docstring. `show`, `stop` and `retry_now` may be called from any thread."""

    def __init__(
        self,
        thread: LogThread,
        output: Output,
        span: Span,
        *,
        most: int = MOST_PODS,
        sheds: bool = True,
    ) -> None:
        """Prepare to follow; with `sheds`, lines that come too fast are dropped and counted."""
        self.span = span
        self.sources: list[Source] = []
        """What lines come from, by index; only ever added to."""
        self.progress = Progress()
        self._thread = thread
        self._output = output
        self._most = most
        self._sheds = sheds
        self._merger = Merger()
        self._stamps = StampReader()
        self._pods: dict[str, PodFollower] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._notes: dict[tuple[str, int, int], list[int]] = {}
        self._heard: dict[int, float] = {}
        """When each source that still sends its history last sent something."""
        self._live_from: dict[int, int] = {}
        """From when on what such a source sends is no history any more."""
        self._pump_due = False
        self._stopped = False
        self._window = 0.0
        self._spent = 0.0
        self._shed: dict[int, int] = {}
        self._calm_since = 0.0
        """Since when every source has sent its history."""
        self.gate = asyncio.Semaphore(OPENINGS)
        thread.register(self)

    # From any thread

    def show(self, pods: Iterable[PodKey]) -> None:
        """Follow these pods; those that are gone are followed to their end."""
        wanted = list(pods)
        self._thread.soon(lambda: self._show(wanted))

    def note(self, text: str, level: int = Level.NONE) -> None:
        """Put a line of the console's own among the others."""
        self._thread.soon(lambda: self.tell(NOBODY, text, level))

    def retry_now(self) -> None:
        """Try again at once whatever waits to be tried again."""

        def retry() -> None:
            for pod in self._pods.values():
                pod.retry_now()

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
            for task in self._tasks:
                task.cancel()

        self._thread.soon(end)

    # In the logs' thread

    @property
    def thread(self) -> LogThread:
        """Where it runs."""
        return self._thread

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
            self._pods[key.uid] = PodFollower(self, key)
            self._spawn(self._pods[key.uid])
        if left_out and left_out != self.progress.left_out:
            self.tell(
                NOBODY,
                f"{left_out} more pods are not followed: {self._most} are the most; "
                "failing ones come first, then the newest",
                Level.WARN,
            )
        self.progress.left_out = left_out
        self.progress.pods = followed + len(chosen)
        self.pump_soon()

    def _spawn(self, pod: PodFollower) -> None:
        task = asyncio.get_running_loop().create_task(pod.run())
        self._tasks.add(task)
        self.progress.over = False
        self.progress.settled = False

        def done(finished: asyncio.Task[None]) -> None:
            self._tasks.discard(finished)
            if not finished.cancelled() and (error := finished.exception()) is not None:
                # A defect of ours in one pod must show, and leave the others alone.
                _log.error("following %s ended", pod.key.name, exc_info=error)
                self.tell(NOBODY, f"internal error: {type(error).__name__}", Level.ERROR)
            self.pump_soon()

        task.add_done_callback(done)

    def add_source(self, key: PodKey, container: str, kind: str) -> Source:
        """Return a new source."""
        index = min(len(self.sources), NOBODY - 1)
        source = Source(
            index,
            key.namespace,
            key.name,
            clean(container),
            kind,  # type: ignore[arg-type]
            key.label,
        )
        self.sources.append(source)
        return source

    def begin(self, source: Source) -> None:
        """A source is about to send its history."""
        self._merger.begin(source.index)
        self._heard[source.index] = float("inf")
        self.pump_soon()

    def opened(self, source: Source, moment: int) -> None:
        """Its stream is open since a moment, in nanoseconds since the epoch."""
        if source.index in self._heard:
            self._heard[source.index] = time.monotonic()
            self._live_from[source.index] = moment
        self.pump_soon()

    def caught_up(self, source: Source) -> None:
        """A source has nothing more of its history."""
        self._heard.pop(source.index, None)
        self._merger.caught_up(source.index)
        self.pump_soon()

    def finished(self, source: Source) -> None:
        """Nothing more will come of a source."""
        self.caught_up(source)
        self._merger.forget(source.index)

    def tell(self, source: int, text: str, level: int = Level.NONE, stamp: int = 0) -> None:
        """Put a line of the console's own after a source's lines; 0 is the present moment."""
        self._notes.setdefault((text, level, stamp), []).append(source)
        self.pump_soon()

    def take(self, source: Source, position: Position, lines: list[bytes]) -> int:
        """Take lines of a source; return how many of them are new."""
        began = time.thread_time()
        now = time.monotonic()
        index = source.index
        if index in self._heard:
            self._heard[index] = now
        elif self._sheds and self._is_over_budget(now):
            # Looking only at where it got to is all that there is time for.
            stamps, _ = self._stamps.split(lines[-1:])
            position.skip_to(stamps[0])
            self._drop(source, len(lines))
            return len(lines)
        stamps, texts = self._stamps.split(lines)
        if -1 in stamps:
            stamps, texts = self._without_words(source, stamps, texts)
        new = 0
        if stamps:
            stamps, texts, gap = position.take(stamps, texts)
            new = len(stamps)
            if gap:
                self._tell_gap(source, gap, stamps[0])
            if stamps:
                source.lines += new
                self._merger.add(index, stamps, texts, now)
                if index in self._heard and stamps[-1] >= self._live_from.get(index, 0):
                    self.caught_up(source)
        self.pump_soon()
        self._spent += time.thread_time() - began
        return new

    def _without_words(
        self, source: Source, stamps: list[int], texts: list[bytes]
    ) -> tuple[list[int], list[bytes]]:
        """Tell lines that have no time, which are the node's own words, and return the others."""
        for stamp, text in zip(stamps, texts, strict=True):
            if stamp < 0 and text.strip():
                words = clean(text.decode(errors="replace"), 500)
                self.tell(source.index, f"the node says: {words}", Level.WARN)
        kept = [pair for pair in zip(stamps, texts, strict=True) if pair[0] >= 0]
        return [stamp for stamp, _ in kept], [text for _, text in kept]

    def _tell_gap(self, source: Source, start: int, end: int) -> None:
        text = f"possible gap: the log was rotated between {rfc3339(start)} and {rfc3339(end)}"
        self._merger.add_note(source.index, end, text.encode(), Level.WARN, time.monotonic())

    def _is_over_budget(self, now: float) -> bool:
        if now - self._window >= BUDGET_WINDOW:
            self._window, self._spent = now, 0.0
        return self._spent > BUDGET

    def _drop(self, source: Source, count: int) -> None:
        source.dropped += count
        self.progress.dropped += count
        self._shed[source.index] = self._shed.get(source.index, 0) + count
        self.pump_soon()

    # Letting go

    def pump_soon(self) -> None:
        """See to it that what is held is let go in due time."""
        if not self._pump_due and not self._stopped:
            self._pump_due = True
            asyncio.get_running_loop().call_later(TICK, self._pump)

    def _pump(self) -> None:
        self._pump_due = False
        began = time.thread_time()
        now = time.monotonic()
        for index, heard in list(self._heard.items()):
            if now - heard > QUIET:
                del self._heard[index]
                self._merger.caught_up(index)
        self._flush_notes(now)
        batch = self._merger.release(now, everything=self._is_over)
        if batch is not None:
            self._output.append(batch)
        progress = self.progress
        if self._heard or progress.unread:
            self._calm_since = now
        elif not len(self._merger) or now - self._calm_since > 3 * WINDOW:
            progress.settled = True
        progress.over = self._is_over and not len(self._merger) and not self._notes
        self._spent += time.thread_time() - began
        if len(self._merger) or self._heard:
            self.pump_soon()

    @property
    def _is_over(self) -> bool:
        return not self._tasks

    def _flush_notes(self, now: float) -> None:
        for index, count in self._shed.items():
            text = f"{count:,} lines dropped: they came faster than they can be taken"
            self._notes.setdefault((text, Level.WARN, 0), []).append(index)
        self._shed.clear()
        present = time.time_ns()
        for (text, level, when), sources in self._notes.items():
            stamp = when or present
            if len(sources) > _ALIKE:
                text, sources = f"{text} ({len(sources)} containers)", [NOBODY]
            for source in sources:
                self._merger.add_note(source, stamp, text.encode(), level, now)
        self._notes.clear()


def note_source(source: int) -> int:
    """Return the index of the source that a line of the console's own is about."""
    return source & ~NOTE
