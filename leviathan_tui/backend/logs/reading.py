"""One log request: its parameters, its bytes as lines, and where to go on after it broke off."""

from typing import Final

from leviathan_tui.backend.logs.sources import LogRange
from leviathan_tui.backend.logs.stamps import since_time

LINE_BYTES: Final = 256 * 1024
"""Bytes kept of one line."""


class LineSplitter:
    """Cuts a stream's bytes into lines, wherever the pieces end; keeps the beginning of huge ones."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipped = 0
        """Bytes of the present line that were thrown away."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now."""
        if self._skipped:
            end = data.find(b"\n")
            if end < 0:
                self._skipped += len(data)
                return []
            first = self._cut(self._rest, self._skipped + end)
            self._rest, self._skipped = b"", 0
            return [first, *self.feed(data[end + 1 :])]
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        lines = data[:end].split(b"\n")
        self._keep(data[end + 1 :])
        if end > LINE_BYTES:
            lines = [
                line
                if len(line) <= LINE_BYTES
                else self._cut(line[:LINE_BYTES], len(line) - LINE_BYTES)
                for line in lines
            ]
        return lines

    def _keep(self, rest: bytes) -> None:
        if len(rest) > 2 * LINE_BYTES:
            self._skipped = len(rest) - LINE_BYTES
            rest = rest[:LINE_BYTES]
        self._rest = rest

    def _cut(self, line: bytes, missing: int) -> bytes:
        return line + b" \xe2\x80\xa6 (%d more bytes)" % missing

    def finish(self) -> list[bytes]:
        """Return what stands behind the last line feed."""
        rest, self._rest = self._rest, b""
        if self._skipped:
            rest, self._skipped = self._cut(rest, self._skipped), 0
        return [rest] if rest else []


class Position:
    """How far one container's log has been read.

    A request can only say from which second on it wants lines, so that what was read already comes
    again and is left out here.
    """

    def __init__(self) -> None:
        self.stamp = 0
        """Of the last line read, in nanoseconds; 0 before the first."""
        self._count = 0
        """Lines read with that very moment."""
        self._again = 0
        """How many of those are still to be left out; -1 where nothing is."""
        self._seen_again = True
        self._run = -1
        """Which run's log is being read."""
        self._run_of_last = -1

    def resume(self, run: int = 0) -> None:
        """The next lines come from a request that begins in the last line's second."""
        self._again = self._count if self.stamp else -1
        self._run = run
        # In another run's log the last line cannot be: missing it there means nothing.
        self._seen_again = run != self._run_of_last

    def take(self, stamps: list[int], texts: list[bytes]) -> tuple[list[int], list[bytes], int]:
        """Return the lines that are new, and where a gap may lie before them: its start or 0."""
        gap = 0
        if self._again >= 0:
            keep = 0
            for stamp in stamps:
                if stamp > self.stamp:
                    break
                if stamp == self.stamp:
                    self._seen_again = True
                    if not self._again:
                        break
                    self._again -= 1
                keep += 1
            if keep == len(stamps):
                return [], [], 0
            stamps, texts = stamps[keep:], texts[keep:]
            if not self._seen_again:
                # The last line read is not in the file any more: neither may be what followed it.
                gap = self.stamp
            self._again = -1
        self._run_of_last = self._run
        newest = max(stamps)
        if newest > self.stamp:
            self.stamp = newest
            self._count = stamps.count(newest)
        else:
            self._count += stamps.count(self.stamp)
        return stamps, texts, gap

    def skip_to(self, stamp: int) -> None:
        """Everything up to and with one line of this moment was passed over."""
        if stamp > self.stamp:
            self.stamp, self._count, self._again = stamp, 1, -1


def parameters(
    container: str, log_range: LogRange, position: Position, *, follow: bool, previous: bool
) -> dict[str, str]:
    """Return the parameters of a request for what has not been read yet."""
    found = {"container": container, "timestamps": "true"}
    if follow:
        found["follow"] = "true"
    if previous:
        found["previous"] = "true"
    if position.stamp:
        found["sinceTime"] = since_time(position.stamp)
    elif log_range.tail:
        found["tailLines"] = str(log_range.tail)
    elif log_range.seconds:
        found["sinceSeconds"] = str(log_range.seconds)
    elif log_range.since:
        found["sinceTime"] = since_time(log_range.since)
    return found
