"""The report that a crash leaves behind: where it happened, and nobody's secrets."""

import os
import re
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from leviathan_tui import __version__

_SECRET: Final = re.compile(
    r"(?i)((?:bearer|basic)\s+|(?:token|password|secret|key)[\"']?\s*[=:]\s*[\"']?|eyJ|://[^/@\s:]*:)"
    r"[^\s\"'@]+|-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)",
    re.DOTALL,
)


def redact(text: str) -> str:
    """Return a text with everything that looks like a credential blotted out."""
    return _SECRET.sub(lambda match: (match[1] or "") + "[redacted]", text)


def describe() -> str:
    """Return a report of the exception being handled.

    Local variables are left out: they hold tokens.
    """
    when = datetime.now(UTC).isoformat()
    about = f"leviathan {__version__}, Python {sys.version.split()[0]}, {when}"
    return f"{about}\n\n{redact(traceback.format_exc(limit=60))}"


def write_report() -> Path:
    """Write the report to a file of its own, 0600; return its path."""
    when = datetime.now(UTC)
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder /= "leviathan"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, path = tempfile.mkstemp(
            prefix=f"crash-{when:%Y%m%d-%H%M%S}-", suffix=".txt", dir=folder
        )
    except OSError:
        handle, path = tempfile.mkstemp(prefix="leviathan-crash-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(describe())
    return Path(path)
