"""What a console that is served to several people keeps from the others of its account."""

import ctypes
import resource
import sys
from contextlib import suppress
from typing import Final

PR_SET_DUMPABLE: Final = 4
"""Of prctl(2)."""


def keep_to_itself() -> None:
    """Leave no core dump, and let no process of the same account read this one's memory.

    Tokens are there. Where the system has no such switch, nothing is changed.
    """
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
