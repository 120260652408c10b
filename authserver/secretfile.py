"""Files that hold secrets: made for the owner alone, refused when others can read them."""

import os
import stat
from pathlib import Path
from typing import Final

LARGEST: Final = 1 << 20
"""Bytes in a secret file; more is no key."""


class InsecureFile(Exception):
    """A secret can be read by others, or is missing; the text says what to do about it."""


def write_new(path: Path, content: bytes) -> None:
    """Create `path` with mode 0600; an interrupted write leaves nothing under that name.

    Raises FileExistsError when it exists.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike rename, link never replaces what another process made
    finally:
        draft.unlink()
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a new or renamed entry survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path, *, mounted: bool = False) -> bytes:
    """Return the content of a secret file that only its owner can read.

    A mounted Kubernetes Secret belongs to root, and a process without root's rights reads it
    through its group: with `mounted`, a group may read, but never write, and nobody else may do
    either. Raises InsecureFile.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InsecureFile(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        forbidden = 0o037 if mounted else 0o077
        if mode & forbidden:
            advice = "set defaultMode: 0440" if mounted else f"run: chmod 600 {path}"
            raise InsecureFile(f"{path}: mode {mode:04o} lets others read or change it; {advice}")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InsecureFile(f"{path}: too large for a secret")
    return content
