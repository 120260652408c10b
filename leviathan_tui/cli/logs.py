"""The command line's side of the logs: `leviathan logs app/web --since 10m --grep ERROR -f`."""

import asyncio
import os
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, Final

import msgspec

from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.logs import stamps, text
from leviathan_tui.backend.logs.finder import Finder
from leviathan_tui.backend.logs.follower import Follower
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.log_target import TargetError, parse_target
from leviathan_tui.backend.logs.query import Matcher, Query, QueryError, parse_term
from leviathan_tui.backend.logs.ring import NOTE, Batch, Line, make_block
from leviathan_tui.backend.logs.sources import LogRange, PodKey, Source, short_names
from leviathan_tui.backend.logs.thread import LogThread
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli import reaching
from leviathan_tui.startup import fail, identify, load_config, trusting

LEVELS: Final = {
    "trace": Level.TRACE,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "warn": Level.WARN,
    "error": Level.ERROR,
    "fatal": Level.FATAL,
}
"""What `--level` takes."""


class _Record(msgspec.Struct):
    """A line as `--json` prints it."""

    time: str
    namespace: str
    pod: str
    container: str
    level: str
    message: str


class Printer:
    """Writes the lines that match; called in the logs' thread, which waits while nobody reads."""

    def __init__(
        self,
        out: BinaryIO,
        query: Query,
        *,
        as_json: bool = False,
        timestamps: bool = False,
        cleans: bool = True,
    ) -> None:
        """Write to `out`; with `cleans`, nothing that a terminal could act on but colours."""
        self.sources: Sequence[Source] = ()
        self.closed = threading.Event()
        """Set when nobody reads any more, or nothing can be written."""
        self.problem = ""
        """Why nothing can be written."""
        self._out = out
        self._query = query
        self._json = as_json
        self._timestamps = timestamps
        self._cleans = cleans
        self._names: dict[int, str] = {}

    def append(self, batch: Batch) -> None:
        """Write a batch's lines; the console's own go to the standard error."""
        if len(self._names) != len(self.sources):
            self._names = short_names(self.sources)
        block = make_block(0, batch)
        searched = [f"{source.pod}/{source.container}".lower() for source in self.sources]
        hits = set(Matcher(self._query, searched).find(block, 0, len(block)))
        chunks: list[bytes] = []
        try:
            for at in range(len(block)):
                line = block.line(at)
                if line.is_note:
                    self._flush(chunks)
                    self._tell(line)
                elif at in hits:
                    chunks.append(self._as_json(line) if self._json else self._as_text(line))
            self._flush(chunks)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                self.problem = error.strerror or str(error)
            self.closed.set()

    def _flush(self, chunks: list[bytes]) -> None:
        self._out.write(b"".join(chunks))
        self._out.flush()
        chunks.clear()

    def _tell(self, line: Line) -> None:
        source = line.source & ~NOTE
        whose = ""
        if source < len(self.sources):
            whose = f"{self.sources[source].pod}/{self.sources[source].container}: "
        sys.stderr.write(f"── {whose}{clean(line.text.decode(errors='replace'))}\n")

    def _as_json(self, line: Line) -> bytes:
        source = self.sources[line.source]
        message = line.text.decode(errors="replace")
        record = _Record(
            stamps.rfc3339(line.stamp),
            source.namespace,
            source.pod,
            source.container,
            Level(line.level).name.lower(),
            text.plain(line.text) if self._cleans else message.removesuffix("\r"),
        )
        return msgspec.json.encode(record) + b"\n"

    def _as_text(self, line: Line) -> bytes:
        name = self._names.get(line.source, "")
        head = f"{stamps.rfc3339(line.stamp)} " if self._timestamps else ""
        if name:
            head += f"{name} │ "
        body = text.coloured(line.text).encode() if self._cleans else line.text
        return head.encode() + body + b"\n"


def run(options: Namespace) -> int:
    """Print the logs that the command line asks for. Returns the exit code."""
    try:
        target = parse_target(options.target or "", options.selector or "")
        query = _query(options)
        log_range = _log_range(options)
        loaded = load_config(options.auth or "")
        cluster, _ = reaching.find(options)
        if options.auth:
            loaded.config = trusting(loaded.config, cluster.context)
        _, _, bearer = identify(cluster, loaded.config)
    except (TargetError, QueryError, ConfigError, KubeError, AuthRefused) as error:
        return fail(str(error))
    namespace = "" if options.all_namespaces else (options.namespace or cluster.namespace)
    if not namespace and target.kinds:
        return fail("An object has a namespace: name it with -n.")
    printer = Printer(
        sys.stdout.buffer,
        query,
        as_json=options.json,
        timestamps=options.timestamps,
        cleans=sys.stdout.isatty() and not options.raw,
    )
    thread = LogThread(cluster, bearer)
    follower = Follower(thread, printer, log_range, most=options.most, sheds=False)
    printer.sources = follower.sources
    empty = False

    def show(pods: Sequence[PodKey]) -> None:
        nonlocal empty
        if not pods and not empty:
            sys.stderr.write(f"── {target.words}: no pods now; waiting for some\n")
        empty = not pods
        follower.show(pods)

    # The watch brings changes; what must end with the answer asks once.
    finder = Finder(thread.client, namespace, target, show)
    try:
        return asyncio.run(_until_done(thread, finder, follower, printer, target.words))
    except KubeError as error:
        return fail(error.message)
    finally:
        thread.stop()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        if printer.closed.is_set():
            # The interpreter would complain about the pipe once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _until_done(
    thread: LogThread, finder: Finder, follower: Follower, printer: Printer, words: str
) -> int:
    await asyncio.wrap_future(thread.call(finder.resolve))
    follows = follower.log_range.follows
    watching = None
    if follows:
        watching = asyncio.wrap_future(thread.call(finder.watch))
    else:
        pods: list[PodKey] = await asyncio.wrap_future(thread.call(finder.once))
        if not pods:
            return fail(
                f"No pods belong to {words}: it is not there, or its logs went with its pods."
            )
        follower.show(pods)
    while not printer.closed.is_set():
        await asyncio.sleep(0.05)
        if watching is not None and watching.done():
            watching.result()
        if not follows and follower.progress.over:
            break
    if printer.problem:
        return fail(f"The logs cannot be written: {printer.problem}.")
    wanted = follower.log_range.container
    if wanted and not follower.sources and not printer.closed.is_set():
        return fail(f"{words} has no container {clean(wanted, 63)}.")
    refused = follower.progress.refused
    return 1 if refused and not any(source.lines for source in follower.sources) else 0


def _query(options: Namespace) -> Query:
    if "" in (*(options.grep or ()), *(options.without or ())):
        raise QueryError("--grep and --without need something to look for.")
    terms = [parse_term(f"/{pattern}/") for pattern in options.grep or ()]
    terms += [parse_term(f"!/{pattern}/") for pattern in options.without or ()]
    return Query(tuple(terms), LEVELS[options.level] if options.level else Level.NONE)


def _log_range(options: Namespace) -> LogRange:
    """Return the part that is wanted. Raises `TargetError`."""
    since = 0
    if options.since:
        moment = stamps.moment(options.since, time.time())
        if moment is None:
            raise TargetError(
                f"{options.since!r} is no time: 10m, 1h30m, 14:05 or 2026-11-24T09:41:07Z are."
            )
        since = int(moment * stamps.SECOND)
    tail = options.tail if options.tail is not None else 0
    if tail < 0 or (options.head or 0) < 0:
        raise TargetError("--tail and --head take no number of lines below 0.")
    if options.tail == 0:
        # As with kubectl: nothing of what is there, only what comes.
        since = time.time_ns()
    return LogRange(
        tail=tail,
        head=options.head or 0,
        since=since,
        previous=options.previous,
        follow=options.follow,
        container=options.container or "",
    )
