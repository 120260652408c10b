"""How much somebody may ask for in a minute, counted in this process alone."""

from typing import Final

from authserver.clock import Clock

_SECONDS: Final = 60.0


class Pace:
    """A bucket for each user, session or key, which holds a minute's worth and fills up evenly.

    Only who has proved something comes here; a bucket that is full again is forgotten.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._size = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._swept = clock()

    def wait(self, who: str, amount: int = 1) -> float:
        """Take an amount and return 0; or return the seconds to wait, and take nothing.

        More than a minute's worth is given out of a full bucket, which then takes longer to fill.
        """
        now = self._clock()
        self._sweep(now)
        left = self._left(who, now)
        needed = min(float(amount), self._size)
        if left < needed:
            self._buckets[who] = (left, now)
            return (needed - left) * _SECONDS / self._size
        self._buckets[who] = (left - amount, now)
        return 0.0

    def _left(self, who: str, now: float) -> float:
        left, since = self._buckets.get(who, (self._size, now))
        return min(self._size, left + max(0.0, now - since) * self._size / _SECONDS)

    def _sweep(self, now: float) -> None:
        if now - self._swept < _SECONDS:
            return
        self._swept = now
        for who in [who for who in self._buckets if self._left(who, now) >= self._size]:
            del self._buckets[who]
