"""Takes the lines of many containers and hands them on in order: merged, shed where they are too many.

What the console itself has to say goes among them.
"""

import asyncio
import time
from typing import Final, Protocol

import msgspec

from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.merge import WINDOW, Merger
from leviathan_tui.backend.logs.reading import Position
from leviathan_tui.backend.logs.ring import NOBODY, Batch
from leviathan_tui.backend.logs.sources import ContainerKind, PodKey, Source
from leviathan_tui.backend.logs.stamps import StampReader, rfc3339
from leviathan_tui.backend.untrusted import clean

TICK: Final = 0.06
"""Seconds between two looks at what may be let go."""

QUIET: Final = 0.15
"""Seconds without a byte after which a source has sent its history."""

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


class Intake:
    """See the module's docstring. Everything happens in the logs' thread."""

    def __init__(self, output: Output, *, sheds: bool = True, follows: bool = True) -> None:
        """Prepare to take lines; with `sheds`, those that come too fast are dropped and counted.

        Without `follows`, every source has an end, and the order of time counts for more than being
        quick.
        """
        self.sources: list[Source] = []
        """What lines come from, by index; only ever added to."""
        self.progress = Progress()
        self._output = output
        self._sheds = sheds
        self._merger = Merger(ends=not follows)
        self._stamps = StampReader()
        self._pods = 0
        """Pods of which more may come."""
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

    def stop(self) -> None:
        """Let go of nothing any more."""
        self._stopped = True

    def pod_began(self) -> None:
        """The lines of one more pod are to come."""
        self._pods += 1
        self.progress.over = False
        self.progress.settled = False

    def pod_ended(self) -> None:
        """Nothing more comes of a pod."""
        self._pods -= 1
        self.pump_soon()

    def add_source(self, key: PodKey, container: str, kind: ContainerKind) -> Source:
        """Return a new source."""
        index = min(len(self.sources), NOBODY - 1)
        source = Source(index, key.namespace, key.name, clean(container), kind, key.label)
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
                    del self._heard[index]
                    self._merger.seems_caught_up(index)
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
                self._merger.seems_caught_up(index)
        self._flush_notes(now)
        progress = self.progress
        unread = progress.unread > 0
        batch = self._merger.release(now, everything=self._is_over, unread=unread)
        if batch is not None:
            self._output.append(batch)
        if self._heard or unread or (len(self._merger) and self._merger.is_behind):
            self._calm_since = now
        elif not len(self._merger) or now - self._calm_since > 3 * WINDOW:
            progress.settled = True
        progress.over = self._is_over and not len(self._merger) and not self._notes
        self._spent += time.thread_time() - began
        if len(self._merger) or self._heard:
            self.pump_soon()

    @property
    def _is_over(self) -> bool:
        return not self._pods

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
