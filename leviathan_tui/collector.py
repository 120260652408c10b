"""When Python looks for reference cycles, which stops everything else meanwhile.

The cost of a look grows with the objects made since the last one. Where tens of thousands of records
come at once, from a snapshot or a first list, looks cost a tenth of the start and find nothing;
afterwards a look among as many objects would be felt in a key's way to the screen.
"""

import gc
from typing import Final

STARTING: Final = 5.0
"""Seconds that a start, or a change of the context, is given."""


def look_later() -> None:
    """Do not look until `look_briefly`: records are about to arrive."""
    gc.unfreeze()
    gc.disable()


def look_briefly() -> None:
    """Look among few objects at a time, and leave out all that is there now."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(5_000, 20, 50)


def look_as_usual() -> None:
    """Leave no trace: the console has ended, the program may go on."""
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(700, 10, 10)
