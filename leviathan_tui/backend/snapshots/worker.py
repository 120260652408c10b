"""A thread that does one thing after another, and that nobody waits for at the end."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """An executor of one thread which, unlike the library's, does not hold up the program's end.

    What it does may hang in a name server or a Redis for seconds.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._lock = threading.Lock()
        self._started = False
        self._closed = False

    def submit(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have something done after all that was submitted before; cancelled once it is closed."""
        future: Future[T] = Future()

        def task() -> None:
            if self._closed or not future.set_running_or_notify_cancel():
                future.cancel()
                return
            try:
                future.set_result(work(*arguments))
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            if self._closed:
                future.cancel()
                return future
            if not self._started:
                self._started = True
                self._thread.start()
        self._tasks.put(task)
        return future

    def close(self) -> None:
        """Cancel what has not begun; the thread ends after what it is doing."""
        with self._lock:
            self._closed = True
        self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
