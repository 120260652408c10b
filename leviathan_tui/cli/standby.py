"""`leviathan standby`: process 1 of a container that people enter with `kubectl exec`.

Whoever is there when the container has to end is asked to leave first, so that sessions are ended
and journals are written; what would kill it at once is the end of process 1.
"""

import os
import signal
import time
from pathlib import Path
from typing import Final

from leviathan_tui.startup import fail

TIMEOUT: Final = 15.0
"""Seconds that consoles have to end; the container's own time has to be longer."""

PAUSE: Final = 0.1

_WAITED_FOR: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def standby() -> int:
    """Wait for a signal, then ask every other process to end and wait for them; return 0.

    Returns 1 anywhere but in process 1, where "every other process" would be too many.
    """
    if os.getpid() != 1:
        return fail("standby is process 1 of a container that people enter with kubectl exec.")
    # What process 1 neither handles nor blocks, the kernel does not deliver to it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    while signal.sigwait(_WAITED_FOR) == signal.SIGCHLD:
        _reap()
    _end_others()
    return 0


def _end_others() -> None:
    try:
        os.kill(-1, signal.SIGTERM)
    except ProcessLookupError:
        return
    end = time.monotonic() + TIMEOUT
    while _others() and time.monotonic() < end:
        _reap()
        time.sleep(PAUSE)


def _others() -> bool:
    names = (entry.name for entry in Path("/proc").iterdir())
    return any(name.isdecimal() and name != "1" for name in names)


def _reap() -> None:
    """Let go of what has ended: whose parent is gone becomes a child of process 1."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return
