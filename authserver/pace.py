"""How much somebody may ask for in a minute, counted in this process alone."""

from typing import Final

from authserver.clock import Clock

_SECONDS: Final = 60.0


class Pace:
    """A bucket for each user, which holds a minute's worth and fills up evenly.

    Only users with a good token come here: there are no more buckets than users.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._size = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, user: str, amount: int = 1) -> float:
        """Take an amount and return 0; or return the seconds to wait, and take nothing.

        More than a minute's worth is given out of a full bucket, which then takes longer to fill.
        """
        now = self._clock()
        left, since = self._buckets.get(user, (self._size, now))
        left = min(self._size, left + max(0.0, now - since) * self._size / _SECONDS)
        needed = min(float(amount), self._size)
        if left < needed:
            self._buckets[user] = (left, now)
            return (needed - left) * _SECONDS / self._size
        self._buckets[user] = (left - amount, now)
        return 0.0
