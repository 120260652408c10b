"""Opening the files that say how a cluster is reached."""

import os
import stat
from typing import BinaryIO


def opened(path: str | os.PathLike[str], *, again: bool) -> BinaryIO:
    """Open a file for reading; `again` is for one that was read before. Raises `OSError`.

    A pipe gives its text once, as `--kubeconfig <(…)` does: to open it again would wait for ever for
    whoever writes to it.
    """
    waiting = os.O_NONBLOCK if again else 0
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | waiting)
    stream = os.fdopen(descriptor, "rb")
    if again and not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise OSError(0, "it is no ordinary file, and can be read only once")
    return stream
