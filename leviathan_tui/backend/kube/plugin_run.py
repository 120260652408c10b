"""One run of a credential plugin, in a thread and a session of its own.

The program gets no terminal: it could not use the screen's, and would swallow keys. What it says on
its standard error is for the person in front of the screen alone, as it may be a code that logs in: it
is kept here, and is in no exception and no log.
"""

import atexit
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from leviathan_tui.backend.untrusted import clean_block

LONGEST: Final = 300.0
"""Seconds that a run may take in all; a person may have to log in meanwhile."""

MOST_WORDS: Final = 64 * 1024
"""Bytes kept of the standard error, the newest."""

MOST_OUTPUT: Final = 1024 * 1024
"""Bytes of the standard output after which it cannot be a credential any more."""

GRACE: Final = 1.0
"""Seconds between the request to end and the end."""

BY_USER: Final = "was ended by you"
"""Why a run ended that the user did not want."""

TOO_LONG: Final = "did not end within five minutes"
"""Why a run ended for which nobody logged in, or that hangs."""

_LOOK: Final = 0.1
"""Seconds between two looks at whether the program has ended."""

_CONTROL: Final = re.compile(r"\x1b\[[0-9;:?]{0,40}[ -/]?[@-~]")


class RunFailed(Exception):
    """The run gave no output that counts; the text says why, and nothing that the program said."""


class Run:
    """A program that was started; everything but `work` may be called in any thread."""

    def __init__(self, command: Sequence[str], path: str, environment: Mapping[str, str]) -> None:
        self.path = path
        """The program's path, for a title."""
        self.began = time.monotonic()
        self.failed = ""
        """Why it gave nothing, once that is so: a sentence."""
        self.failures = 0
        """How many runs in a row have failed with it."""
        self.done = False
        """Whether it has ended, and `failed` is known."""
        self._command = command
        self._environment = environment
        self._words = bytearray()
        self._output = bytearray()
        self._heard = 0
        self._process: subprocess.Popen[bytes] | None = None
        # A signal's handler may come in between in the same thread, and kills it too.
        self._guard = threading.RLock()
        self._ending = threading.Event()
        self.why = ""
        """Why it was told to end; nothing where only nobody waited for it any more."""

    @property
    def words(self) -> str:
        """What it has said so far: cleaned, its newest 64 KiB."""
        text = bytes(self._words).decode(errors="replace")
        lines = _CONTROL.sub("", text).replace("\r\n", "\n").split("\n")
        # A line that returns to its beginning writes over itself.
        return clean_block("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))

    @property
    def ending(self) -> bool:
        """Whether it was told to end."""
        return self._ending.is_set()

    def end(self, why: str) -> None:
        """Have it end, with everything that it started in its session.

        Its own thread sees to that: a program that takes long to start holds up nobody here.
        """
        self.why = self.why or why
        self._ending.set()

    def kill(self) -> None:
        """End it at once, where this process is about to be gone."""
        self.why = self.why or "was ended with the console"
        self._ending.set()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with self._guard:
            # Until it is waited for, nobody else can have its number.
            if self._process is not None and self._process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)

    def work(self) -> bytes:
        """Run the program to its end and return what it printed.

        Raises `RunFailed`, and `OSError` or `ValueError` where it cannot be started.
        """
        with _GUARD:
            if _over:
                raise RunFailed("is not run any more: the console ends")
            _RUNNING.add(self)
        try:
            process = self._start()
            heard = False
            try:
                self._listen(process)
                heard = True
            finally:
                code = self._conclude(process, at_once=not heard)
        finally:
            with _GUARD:
                _RUNNING.discard(self)
        if self.ending:
            raise RunFailed(self.why)
        if code:
            raise RunFailed(
                f"failed (signal {-code})" if code < 0 else f"failed (exit code {code})"
            )
        return bytes(self._output)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._guard:
            if self.ending:
                raise RunFailed(self.why)
            self._process = subprocess.Popen(  # noqa: S603 - the kubeconfig's own program
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
            return self._process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        sinks: dict[int, Callable[[bytes], object]] = {}
        for stream, sink in ((process.stdout, self._output.extend), (process.stderr, self._hear)):
            if stream is not None:
                sinks[stream.fileno()] = sink
        with selectors.DefaultSelector() as selector:
            for number in sinks:
                selector.register(number, selectors.EVENT_READ)
            while (selector.get_map() or not _ended(process)) and not self._over():
                ready = selector.select(_LOOK)
                for key, _ in ready:
                    chunk = os.read(key.fd, MOST_WORDS)
                    if chunk:
                        sinks[key.fd](chunk)
                    else:
                        selector.unregister(key.fd)
                if not ready and _ended(process):
                    # What it leaves behind, such as a browser, may hold its streams for days.
                    return
                if self._heard > MOST_WORDS:
                    # Whoever talks without an end waits for us, and not we for them.
                    self._ending.wait(0.01)

    def _hear(self, chunk: bytes) -> None:
        self._heard += len(chunk)
        self._words += chunk
        del self._words[:-MOST_WORDS]
        if _listener is not None and self._heard <= MOST_WORDS:
            _listener(clean_block(_CONTROL.sub("", chunk.decode(errors="replace"))))

    def _over(self) -> bool:
        if time.monotonic() - self.began > LONGEST:
            self.end(TOO_LONG)
        elif len(self._output) > MOST_OUTPUT:
            self.end("printed more than 1 MiB, which is no credential")
        return self.ending

    def _conclude(self, process: subprocess.Popen[bytes], *, at_once: bool) -> int:
        """Wait for its end, which it is made to find where it is not wanted. Returns its exit code."""
        if self.ending and not at_once:
            self._signal(signal.SIGTERM)
            end = time.monotonic() + GRACE
            while not _ended(process) and time.monotonic() < end:
                time.sleep(0.01)
        if self.ending or at_once:
            self._signal(signal.SIGKILL)
        with self._guard:
            code = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        return code


_RUNNING: Final[set[Run]] = set()
_GUARD: Final = threading.RLock()
_over = False
"""Whether this process is about to be gone: nothing is started any more."""
_listener: Callable[[str], object] | None = None


def listen(listener: Callable[[str], object] | None) -> None:
    """Have everything that plugins say handed on at once, cleaned, in the thread of the run.

    For a script, whose user would else not see the code with which to log in. None ends that.
    """
    global _listener
    _listener = listener


def running() -> list[Run]:
    """Return the runs that have not ended, the oldest first."""
    with _GUARD:
        return sorted(_RUNNING, key=lambda run: run.began)


@atexit.register
def kill_all() -> None:
    """End every program at once, and start no other: this process is about to be gone."""
    global _over
    with _GUARD:
        _over = True
    for run in running():
        run.kill()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program has ended; it stays to be waited for."""
    if not hasattr(os, "waitid"):
        # macOS, before Python 3.13: there, nothing can be ended any more that outlived the program.
        return process.poll() is not None
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None
