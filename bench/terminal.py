"""A program in a terminal of its own, timed by what it writes."""

import compileall
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pyte

import leviathan_tui


def compile_once() -> None:
    """Compile what a person's second start finds compiled, whatever this environment forbids."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(leviathan_tui.__file__).parent, quiet=1)


class Terminal:
    """A child process on a pseudo-terminal; all times are in seconds."""

    def __init__(self, command: Sequence[str], columns: int = 180, rows: int = 50) -> None:
        self.started = time.perf_counter()
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
            os.environ.pop("COLORTERM", None)
            os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.received = 0
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def send(self, keys: str) -> float:
        """Type; return the time at which it was done."""
        now = time.perf_counter()
        os.write(self._file, keys.encode())
        return now

    def _read(self, timeout: float) -> bytes:
        ready, _, _ = select.select([self._file], [], [], timeout)
        if not ready:
            return b""
        try:
            data = os.read(self._file, 1 << 16)
        except OSError:
            return b""
        self.received += len(data)
        return data

    def until(self, pattern: str, timeout: float = 60.0) -> float:
        """Read until the screen's text matches; return when what made it match arrived.

        Only differences are sent, so the bytes alone do not tell: they are drawn, but never while
        more of them wait to be read.
        """
        wanted = re.compile(pattern)
        end = time.perf_counter() + timeout
        waiting: list[tuple[float, bytes]] = []
        while time.perf_counter() < end:
            data = self._read(0.0 if waiting else 0.5)
            if data:
                waiting.append((time.perf_counter(), data))
                continue
            while waiting:
                at, drawn = waiting.pop(0)
                self._draw(drawn)
                if wanted.search("\n".join(self._screen.display)):
                    for _, rest in waiting:
                        self._draw(rest)
                    return at
        raise TimeoutError(
            f"no {pattern!r} within {timeout} s:\n" + "\n".join(self._screen.display)
        )

    def shows(self, pattern: str, timeout: float = 60.0) -> None:
        """Wait until the screen's text matches, which it may do already: then nothing more arrives."""
        if not re.search(pattern, "\n".join(self._screen.display)):
            self.until(pattern, timeout)

    def when(self, pattern: str, seconds: float = 0.3) -> float | None:
        """Read for so long, and only then look when what made the screen match had arrived.

        Drawing takes time in which what arrives would not be noticed; None where nothing matched.
        """
        wanted = re.compile(pattern)
        end = time.perf_counter() + seconds
        pieces: list[tuple[float, bytes]] = []
        while (left := end - time.perf_counter()) > 0:
            data = self._read(left)
            if data:
                pieces.append((time.perf_counter(), data))
        found: float | None = None
        for at, data in pieces:
            self._draw(data)
            if found is None and wanted.search("\n".join(self._screen.display)):
                found = at
        return found

    def _draw(self, data: bytes) -> None:
        # The emulator knows no kitty keyboard protocol and would print its sequences.
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*[u$pm]", b"", data))

    def first_answer(self, timeout: float = 5.0) -> tuple[float, int]:
        """Return when the next output came, and the bytes until 30 ms passed without any."""
        data = self._read(timeout)
        at = time.perf_counter()
        while more := self._read(0.03):
            data += more
        self._draw(data)
        return at, len(data)

    def drain(self, seconds: float) -> int:
        """Read for so long; return the bytes."""
        before = self.received
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._draw(self._read(left))
        return self.received - before

    def settle(self, quiet: float = 1.0, timeout: float = 30.0) -> None:
        """Read until nothing was written for `quiet` seconds."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end and (data := self._read(quiet)):
            self._draw(data)

    def cpu(self) -> float:
        """Return the processor time used so far, children included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def close(self) -> None:
        """End the program."""
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            self._read(0.1)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._file)
