"""The console in a real pseudo-terminal, its output kept raw and drawn by a terminal emulator."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pexpect
import pyte

TIMEOUT: Final = 60.0
PROGRAM: Final = str(Path(sys.executable).with_name("leviathan"))


class Terminal:
    """Runs `leviathan`, or another program, with arguments; `raw` has every byte it wrote."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environment: dict[str, str] | None = None,
        program: str | None = None,
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._text = ""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("TEXTUAL", "LEVIATHAN", "KUBECONFIG", "NO_COLOR", "COLORTERM", "COLUMNS", "LINES")
            )
        }
        clean |= {"TERM": "xterm-256color", "TZ": "UTC", "LEVIATHAN_STEADY_SECONDS": "0.2"}
        clean |= environment or {}
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            program or PROGRAM,
            list(arguments),
            dimensions=(rows, columns),
            env=clean,
            timeout=TIMEOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing alone gives each signal a tenth of a second, which is too short on a busy machine.
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close()

    @property
    def text(self) -> str:
        """What is on the screen."""
        if self.screen.dirty or not self._text:
            self._text = "\n".join(line.rstrip() for line in self.screen.display)
            self.screen.dirty.clear()
        return self._text

    def read(self, timeout: float = 0.05) -> bytes:
        """Read what is there."""
        try:
            data: bytes = self.child.read_nonblocking(65536, timeout)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return b""
        self.raw += data
        # The emulator knows no kitty keyboard protocol and would print its answer.
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*[u$pm]", b"", data))
        return data

    def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Read until a condition is true."""
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what or 'the condition'} was never met:\n{self.text}")
            # What arrives together is looked at once.
            if self.read():
                while self.read(0):
                    pass

    def sees(self, *texts: str) -> None:
        """Read until all the texts are on the screen."""
        self.until(lambda: all(text in self.text for text in texts), f"{texts} on screen")

    def quiet(self, seconds: float = 0.4) -> None:
        """Read until nothing comes for so long."""
        end = time.monotonic() + TIMEOUT
        while self.read(seconds) and time.monotonic() < end:
            pass

    def press(self, keys: str) -> None:
        """Type."""
        self.child.send(keys)

    def wait_gone(self, *, reading: bool = True) -> None:
        """Wait until the program has ended, and read meanwhile what it writes, or nothing."""
        end = time.monotonic() + TIMEOUT
        while self.child.isalive():
            if time.monotonic() > end:
                raise AssertionError(f"it never ended:\n{self.text}")
            if not (reading and self.read()):
                time.sleep(0.02)  # between looks: a closed terminal has nothing to wait for

    def ended(self) -> int:
        """Wait until the program has ended; return its exit code, or minus its signal."""
        self.wait_gone()
        while self.read():
            pass
        if self.child.exitstatus is not None:
            return self.child.exitstatus
        return -(self.child.signalstatus or 0)

    @property
    def pid(self) -> int:
        """The program's process id."""
        assert self.child.pid is not None
        return self.child.pid
