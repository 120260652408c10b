"""Whether files have changed, told by their times without reading them."""

import os
import time
from collections.abc import Iterable
from typing import Final

LOOK_EVERY: Final = 1.0
"""Seconds between two looks; a request costs nothing in between."""

_Stamp = tuple[int, int, int, int] | None


class Stamps:
    """Remembers how files were when they were looked at last."""

    def __init__(self) -> None:
        self._known: dict[str, _Stamp] = {}
        self._looked = float("-inf")

    def moved(self, files: Iterable[str], *, at_once: bool = False) -> bool:
        """Return whether one of the files was changed, came or went since the last look.

        Within a second of that it says no, but for `at_once`. The first look finds nothing new.
        """
        now = time.monotonic()
        if not at_once and now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        before, self._known = self._known, {name: _stamp(name) for name in files}
        return bool(before) and any(before.get(name) != at for name, at in self._known.items())


def _stamp(name: str) -> _Stamp:
    try:
        status = os.stat(name)
    except OSError:
        return None
    # The last one tells what was written within its size and given its old time back.
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns
