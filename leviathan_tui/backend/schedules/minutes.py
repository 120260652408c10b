"""Sets of minutes as the bits of one integer, and what can be computed from them all at once.

A day of a thousand cron jobs that run every minute is 1.4 million runs. As bits it is a thousand
integers, and each operation below costs what it would cost for one run.
"""


def lengthened(starts: int, minutes: int) -> int:
    """Return the minutes in which something runs that takes `minutes` from each of `starts`."""
    bits, done = starts, 1
    while done < minutes:
        step = min(done, minutes - done)
        bits |= bits << step
        done += step
    return bits


def overlapping(starts: int, minutes: int) -> int:
    """Return those of `starts` at which what began at an earlier one, and takes `minutes`, goes on."""
    return starts & lengthened(starts << 1, minutes - 1) if minutes > 1 else 0


def positions(bits: int) -> list[int]:
    """Return the positions of the bits that are set, ascending."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found


class Tally:
    """Counts, for each minute, how many of the added sets hold it.

    The counts are kept as binary digits, one integer for each digit, so that adding a set is a few
    operations however many minutes it has.
    """

    def __init__(self) -> None:
        self._digits: list[int] = []

    def add(self, bits: int) -> None:
        """Count a set of minutes."""
        for position, digit in enumerate(self._digits):
            self._digits[position], bits = digit ^ bits, digit & bits
            if not bits:
                return
        if bits:
            self._digits.append(bits)

    def counts(self, minutes: int) -> list[int]:
        """Return the counts of the first `minutes` minutes."""
        counts = [0] * minutes
        for position, digit in enumerate(self._digits):
            weight = 1 << position
            for minute, bit in enumerate(f"{digit:0{minutes}b}"[: -minutes - 1 : -1]):
                if bit == "1":
                    counts[minute] += weight
        return counts
