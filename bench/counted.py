"""The console, and beside it the number of its live memory blocks in a file, every two seconds.

Resident memory also grows where the heap falls to pieces; these tell whether anything is kept.
"""

import gc
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from leviathan_tui.__main__ import main

EVERY: Final = 2.0
"""Seconds between two counts: each looks for reference cycles, which takes a tenth of one."""


def count(file: Path) -> None:
    """Write, for ever, how many blocks are left once reference cycles are gone."""
    following = file.with_suffix(".next")
    while True:
        gc.collect()
        following.write_text(str(sys.getallocatedblocks()))
        following.replace(file)
        time.sleep(EVERY)


if __name__ == "__main__":
    where = Path(os.environ["LEVIATHAN_BENCH_BLOCKS"])
    threading.Thread(target=count, args=(where,), daemon=True).start()
    sys.exit(main())
