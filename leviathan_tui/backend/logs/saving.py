"""Logs in a file: the lines that are shown, or all that were read."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from leviathan_tui.backend.logs import text
from leviathan_tui.backend.logs.ring import NOTE, Ring
from leviathan_tui.backend.logs.stamps import rfc3339


def save(path: Path, ring: Ring, numbers: Iterable[int], names: Mapping[int, str]) -> int:
    """Write lines to a new file that only its owner may read; return how many.

    Each has its time and its source's name; control bytes are shown as symbols, so that the file can
    be printed. Raises `OSError`, as where the file is there already.
    """
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        for number in numbers:
            line = ring.line(number)
            if line is None:
                continue
            name = names.get(line.source & ~NOTE, "")
            sign = (f"{name} │ " if name else "") + ("── " if line.is_note else "")
            file.write(f"{rfc3339(line.stamp)} {sign}{text.plain(line.text)}\n")
            count += 1
    return count


def file_name(subject: str, moment: str) -> str:
    """Return a name for a file, with nothing in it that a shell or a file system minds."""
    safe = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in subject)
    return f"{safe[:80] or 'logs'}-{moment}.log"
