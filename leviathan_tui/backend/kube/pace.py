"""How often a cluster is asked, and how long its silence is believed; all in seconds."""

import random
from typing import Final

import msgspec


class Pace(msgspec.Struct, frozen=True):
    """The times by which collections are followed; tests choose shorter ones."""

    watch: tuple[float, float] = (240.0, 300.0)
    """The range from which a watch's length is drawn, so that many do not end together."""
    patience: float = 8.0
    """Without an answer to a request, after which that is said; the request goes on waiting."""
    silence: float = 80.0
    """Without a byte, after which a watch is opened again. The server sends a bookmark about every
    minute, a quarter later at most; kinds that it does not cache have none."""
    steady: float = 10.0
    """For which a watch has to last, to be opened again at once when it ends."""
    slowest: float = 30.0
    """Of the longest pause between two tries."""
    poll: float = 20.0
    """Between two lists of what may not be watched."""
    rewatch: float = 300.0
    """Between two tries of a watch that was refused."""
    refused: float = 60.0
    """Between two tries of something that the identity may not read; doubles up to ten times that."""
    pulse: float = 15.0
    """Between two questions whether the server answers."""
    pulse_wait: float = 8.0
    """Without an answer to such a question, after which the server counts as away."""
    clocks: float = 2.0
    """Between two comparisons of the clocks."""


PACE: Final = Pace()
"""What the console keeps to."""


class Backoff:
    """Pauses that double from 0.2 s, with jitter, and start again after success."""

    def __init__(self, chance: random.Random, slowest: float = PACE.slowest) -> None:
        self._chance = chance
        self._slowest = slowest
        self._pause = 0.0

    def reset(self) -> None:
        """Start from the shortest pause again."""
        self._pause = 0.0

    @property
    def is_longest(self) -> bool:
        """Whether the pauses do not grow any more."""
        return self._pause >= self._slowest

    def next(self) -> float:
        """Return the seconds to wait before the next try."""
        self._pause = min(self._pause * 2 or 0.2, self._slowest)
        return self._pause * self._chance.uniform(0.5, 1.0)
