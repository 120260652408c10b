"""The lines that are kept: the newest so many, in blocks that are dropped as a whole.

A line is a moment, a source, a level and bytes; it costs fifteen bytes beside its text. Lines are
numbered from 0 in the order in which they came, and keep their numbers when older ones are dropped.
"""

import os
import tempfile
import threading
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO, Final, NamedTuple

import msgspec

NOTE: Final = 0x8000
"""Set in the source of a line that the console itself wrote."""

NOBODY: Final = NOTE - 1
"""The source of a line of the console's own that is about no container."""


def note_source(source: int) -> int:
    """Return the index of the source that a line of the console's own is about."""
    return source & ~NOTE


BLOCK_LINES: Final = 1024
BLOCK_BYTES: Final = 256 * 1024
"""A block is closed at the first of both."""

LINES: Final = 200_000
BYTES: Final = 64 * 1024 * 1024
"""What a ring holds by default."""

SPILL_BYTES: Final = 4 * 1024 * 1024 * 1024
"""Bytes that a ring may put into its file."""

_OVERHEAD: Final = 15
_CACHED: Final = 8


class Line(NamedTuple):
    """One line as it is kept."""

    number: int
    stamp: int
    """Nanoseconds since the epoch."""
    source: int
    """Index of the source; with `NOTE` set the line is the console's own."""
    level: int
    text: bytes

    @property
    def is_note(self) -> bool:
        """Whether the console wrote it."""
        return bool(self.source & NOTE)


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Lines in their order, column by column."""

    stamps: Sequence[int]
    sources: Sequence[int]
    levels: bytes | bytearray
    texts: Sequence[bytes]

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.texts)


class Block(msgspec.Struct, frozen=True, gc=False):
    """Lines that follow one another; never changed."""

    first: int
    """The number of its first line."""
    text: bytes
    """All texts, a line feed after each."""
    starts: "array[int]"
    """Where each text begins, and where the one after the last would."""
    stamps: "array[int]"
    sources: "array[int]"
    levels: bytes
    worst: int = 0
    """The gravest level in it."""

    def __len__(self) -> int:
        """Return how many lines it has."""
        return len(self.levels)

    @property
    def end(self) -> int:
        """The number after its last line."""
        return self.first + len(self.levels)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.text) + _OVERHEAD * len(self.levels)

    def line(self, number: int) -> Line:
        """Return the line with this number, which has to be here."""
        at = number - self.first
        text = self.text[self.starts[at] : self.starts[at + 1] - 1]
        return Line(number, self.stamps[at], self.sources[at], self.levels[at], text)


def make_block(first: int, batch: Batch) -> Block:
    """Return a block of these lines."""
    starts = array("I", accumulate((len(text) + 1 for text in batch.texts), initial=0))
    text = b"\n".join(batch.texts) + b"\n" if batch.texts else b""
    return Block(
        first,
        text,
        starts,
        array("q", batch.stamps),
        array("H", batch.sources),
        bytes(batch.levels),
        max(batch.levels, default=0),
    )


class _Spilled(msgspec.Struct, frozen=True, gc=False):
    """A block that lies in the file."""

    first: int
    count: int
    at: int
    sizes: tuple[int, ...]
    worst: int

    @property
    def end(self) -> int:
        return self.first + self.count


class Ring:
    """See the module's docstring. One thread appends, any thread reads."""

    def __init__(
        self,
        lines: int = LINES,
        size: int = BYTES,
        *,
        spill: bool = False,
        spill_size: int = SPILL_BYTES,
    ) -> None:
        """Hold `lines` lines or `size` bytes, whichever is less; the rest is dropped or spilled."""
        self._most_lines = lines
        self._most_bytes = size
        self._lock = threading.Lock()
        self._blocks: list[_Spilled | Block] = []
        self._firsts: list[int] = []
        self._held = 0
        """Index of the first block that is in memory."""
        self._bytes = 0
        self._end = 0
        self._tail: tuple[list[int], list[int], bytearray, list[bytes]] = ([], [], bytearray(), [])
        self._tail_bytes = 0
        self._tail_block: Block | None = None
        self._spill = spill
        self._spill_size = spill_size
        self._file: BinaryIO | None = None
        self._loaded: dict[int, Block] = {}
        self.dropped = 0
        """Lines that were there and are not any more."""

    def __len__(self) -> int:
        """Return how many lines can be read."""
        return self._end - self.first

    @property
    def first(self) -> int:
        """The number of the oldest line that can be read."""
        with self._lock:
            return self._firsts[0] if self._firsts else self._end - len(self._tail[3])

    @property
    def end(self) -> int:
        """The number that the next line will get."""
        return self._end

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self._bytes + self._tail_bytes

    def close(self) -> None:
        """Give the file back, where there is one."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def clear(self) -> None:
        """Forget all lines; numbers go on."""
        with self._lock:
            self._blocks, self._firsts, self._held, self._bytes = [], [], 0, 0
            self._tail = ([], [], bytearray(), [])
            self._tail_bytes, self._tail_block = 0, None
            self._loaded.clear()

    def append(self, batch: Batch) -> None:
        """Add lines; the oldest go where there are too many."""
        with self._lock:
            at, count = 0, len(batch)
            while at < count:
                stamps, sources, levels, texts = self._tail
                room = BLOCK_LINES - len(texts)
                stop = min(count, at + room)
                new = batch.texts[at:stop]
                size = sum(map(len, new))
                if size > BLOCK_BYTES and stop - at > 1:
                    # Few lines at a time, so that huge ones make small blocks.
                    stop = at + max(1, (stop - at) // 2)
                    new = batch.texts[at:stop]
                    size = sum(map(len, new))
                stamps += batch.stamps[at:stop]
                sources += batch.sources[at:stop]
                levels += batch.levels[at:stop]
                texts += new
                self._tail_bytes += size + (_OVERHEAD + 1) * (stop - at)
                self._end += stop - at
                self._tail_block = None
                at = stop
                if len(texts) >= BLOCK_LINES or self._tail_bytes >= BLOCK_BYTES:
                    self._close_tail()

    def _close_tail(self) -> None:
        block = self._tail_as_block()
        self._blocks.append(block)
        self._firsts.append(block.first)
        self._bytes += block.size
        self._tail = ([], [], bytearray(), [])
        self._tail_bytes, self._tail_block = 0, None
        while self._held < len(self._blocks) - 1 and (
            self._end - self._blocks[self._held].first > self._most_lines + BLOCK_LINES
            or self._bytes > self._most_bytes
        ):
            self._let_go()

    def _let_go(self) -> None:
        """Put the oldest block in memory into the file, or drop it."""
        block = self._blocks[self._held]
        if isinstance(block, _Spilled):
            raise AssertionError  # `_held` counts the blocks that are in the file
        self._bytes -= block.size
        if self._spill:
            self._blocks[self._held] = self._write(block)
            self._held += 1
            first = self._blocks[0]
            if isinstance(first, _Spilled) and self._file is not None:
                # The file only grows: once it is full the oldest lines go for good.
                used = self._file.seek(0, os.SEEK_END)
                if used > self._spill_size:
                    self._drop(0)
                    self._held -= 1
            return
        self._drop(self._held)

    def _drop(self, index: int) -> None:
        block = self._blocks.pop(index)
        del self._firsts[index]
        self.dropped += block.end - block.first
        self._loaded.pop(block.first, None)

    def _write(self, block: Block) -> _Spilled:
        if self._file is None:
            # Without a name in the file system from the start, and nobody else's to read.
            self._file = tempfile.TemporaryFile(prefix="leviathan-logs-")  # noqa: SIM115
        parts = (
            block.text,
            block.starts.tobytes(),
            block.stamps.tobytes(),
            block.sources.tobytes(),
            block.levels,
        )
        at = self._file.seek(0, os.SEEK_END)
        self._file.write(b"".join(parts))
        return _Spilled(block.first, len(block), at, tuple(map(len, parts)), block.worst)

    def _load(self, spilled: _Spilled) -> Block:
        known = self._loaded.get(spilled.first)
        if known is not None:
            return known
        if self._file is None:
            raise ValueError("the ring is closed")
        self._file.seek(spilled.at)
        parts = [self._file.read(size) for size in spilled.sizes]
        starts, stamps, sources = array("I"), array("q"), array("H")
        starts.frombytes(parts[1])
        stamps.frombytes(parts[2])
        sources.frombytes(parts[3])
        block = Block(spilled.first, parts[0], starts, stamps, sources, parts[4], spilled.worst)
        if len(self._loaded) >= _CACHED:
            del self._loaded[next(iter(self._loaded))]
        self._loaded[spilled.first] = block
        return block

    def _tail_as_block(self) -> Block:
        if self._tail_block is None:
            stamps, sources, levels, texts = self._tail
            batch = Batch(stamps, sources, levels, texts)
            self._tail_block = make_block(self._end - len(texts), batch)
        return self._tail_block

    # Reading

    def block_at(self, number: int) -> Block | None:
        """Return the block that holds the line with this number; None where it is gone."""
        with self._lock:
            if not 0 <= number < self._end:
                return None
            if number >= self._end - len(self._tail[3]):
                return self._tail_as_block()
            index = bisect_right(self._firsts, number) - 1
            if index < 0:
                return None
            block = self._blocks[index]
            return self._load(block) if isinstance(block, _Spilled) else block

    def line(self, number: int) -> Line | None:
        """Return a line, None where it is gone."""
        block = self.block_at(number)
        return None if block is None else block.line(number)

    def at_or_after(self, stamp: int) -> int:
        """Return the number of the first line that is as late as a moment; `end` for none.

        Lines are in order but for what came late, so that this may be off by those few.
        """
        low, high = self.first, self._end
        while low < high:
            middle = (low + high) // 2
            line = self.line(middle)
            if line is None or line.stamp < stamp:
                low = middle + 1
            else:
                high = middle
        return low

    def worst(self, first: int, end: int) -> int:
        """Return the gravest level among lines `first` up to `end`, excluded."""
        gravest, number = 0, max(first, self.first)
        while number < end:
            with self._lock:
                index = bisect_right(self._firsts, number) - 1
                spilled = self._blocks[index] if 0 <= index < self._held else None
            if isinstance(spilled, _Spilled) and number < spilled.end:
                # As near as it gets without reading the file.
                gravest, number = max(gravest, spilled.worst), spilled.end
                continue
            block = self.block_at(number)
            if block is None:
                return gravest
            if number == block.first and block.end <= end:
                worst = block.worst
            else:
                worst = max(block.levels[number - block.first : end - block.first], default=0)
            gravest, number = max(gravest, worst), block.end
        return gravest
