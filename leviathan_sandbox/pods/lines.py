"""Where a container's log lines come from."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeAlias

_KEPT: Final = 3000
"""Lines that a log goes back; the older ones have been rotated away."""


class Line(NamedTuple):
    """One line of a container's output."""

    at: float
    """Seconds since the container was started."""
    text: str


NumberedLine: TypeAlias = Callable[[int], tuple[str, float]]
"""Makes the text of line number n, and says where in its period it falls (0 to 1)."""


class LineSource(Protocol):
    """The output of one container's process. All times are seconds since its start."""

    def between(self, after: float, end: float) -> list[Line]:
        """Return the lines written after `after` and not after `end`, as far as they are kept."""

    def tail(self, count: int, end: float) -> list[Line]:
        """Return the last `count` of the lines written up to `end`."""

    def next_after(self, moment: float) -> float | None:
        """Return when the next line after `moment` is written; None when there will be none."""


class Script:
    """Lines that are known one by one: the output of a finite or endless script.

    Parameters:
        lines: the lines in the order of time; read no further than is asked for.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self._rest = lines
        self._lines: list[Line] = []

    def _read(self, end: float) -> None:
        """Read on until a line comes after `end`."""
        while not self._lines or self._lines[-1].at <= end:
            more = list(islice(self._rest, 100))
            if not more:
                return
            self._lines += more

    def between(self, after: float, end: float) -> list[Line]:
        """Return the lines written after `after` and not after `end`, as far as they are kept."""
        self._read(end)
        return [line for line in self._lines if after < line.at <= end][-_KEPT:]

    def tail(self, count: int, end: float) -> list[Line]:
        """Return the last `count` of the lines written up to `end`."""
        lines = self.between(-1.0, end)
        return lines[len(lines) - min(count, len(lines)) :]

    def next_after(self, moment: float) -> float | None:
        """Return when the next line after `moment` is written."""
        self._read(moment)
        return next((line.at for line in self._lines if line.at > moment), None)


class Chatter:
    """Lines at random but reproducible times: any of them can be told without those before it.

    Parameters:
        period: the mean number of seconds between two lines.
        line: makes the lines. One may hold line feeds: a stack trace is written at once.
    """

    def __init__(self, period: float, line: NumberedLine) -> None:
        self._period = period
        self._line = line

    def _at(self, number: int) -> list[Line]:
        text, place = self._line(number)
        at = (number + place) * self._period
        return [Line(at, part) for part in text.split("\n")]

    def between(self, after: float, end: float) -> list[Line]:
        """Return the lines written after `after` and not after `end`, as far as they are kept."""
        last = int(end / self._period)
        first = max(0, last - _KEPT, int(after / self._period))
        lines = [line for number in range(first, last + 1) for line in self._at(number)]
        return [line for line in lines if after < line.at <= end]

    def tail(self, count: int, end: float) -> list[Line]:
        """Return the last `count` of the lines written up to `end`."""
        last = int(end / self._period)
        found: list[Line] = []
        for number in range(last, max(-1, last - _KEPT - 1), -1):
            if len(found) >= count:
                break
            found = [line for line in self._at(number) if line.at <= end] + found
        return found[len(found) - min(count, len(found)) :]

    def next_after(self, moment: float) -> float | None:
        """Return when the next line after `moment` is written."""
        number = max(0, int(moment / self._period))
        while True:
            at = self._at(number)[0].at
            if at > moment:
                return at
            number += 1
