"""When Python looks for reference cycles, which stops everything else meanwhile.

The cost of a look grows with the objects made since the last one. Where tens of thousands of records
come at once, from a snapshot or a first list, looks cost a tenth of the start and find nothing;
afterwards a look among as many objects would be felt in a key's way to the screen.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_USUAL: Final = gc.get_threshold()

STARTING: Final = 5.0
"""Seconds that a start, or a change of the context, is given."""


def look_later() -> None:
    """Do not look until `look_briefly`: records are about to arrive."""
    gc.disable()


def look_briefly() -> None:
    """Look among few objects at a time, and leave out all that is there now."""
    if gc.get_freeze_count():
        # There were records before, of a cluster that was left: they go first.
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(5_000, 20, 50)


@contextmanager
def looking_later() -> Iterator[None]:
    """Do not look while the console starts, and leave no trace however it ends."""
    look_later()
    try:
        yield
    finally:
        look_as_usual()


def look_as_usual() -> None:
    """Leave no trace: the console has ended, the program may go on."""
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*_USUAL)
