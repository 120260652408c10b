"""What the command line prints of the cluster: lists with kubectl's columns, or as JSON."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TextIO

import msgspec

from leviathan_tui.backend.fleet import runs
from leviathan_tui.backend.fleet.cluster import NEEDED
from leviathan_tui.backend.fleet.records import CronJob, Job
from leviathan_tui.backend.fleet.rows import CronRow
from leviathan_tui.backend.fleet.summary import verdict
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean, clean_block
from leviathan_tui.startup import fail
from leviathan_tui.widgets.text import age, span, width_of

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "apps": kinds.WORKLOADS,
    "crons": (kinds.CRON_JOB,),
    "runs": (kinds.JOB,),
    "pods": (kinds.POD,),
}
"""The kinds that each list is about."""

LIST_TIMEOUT: Final = 60.0
"""Seconds for which a list waits for the server."""

GAP: Final = "   "
"""What is between two columns, as kubectl has it."""

NONE: Final = "<none>"
"""What kubectl prints for nothing."""

STATUS_WIDTH: Final = 60
"""Characters of what is the matter with an app."""

_Columns = tuple[tuple[str, Callable[[Any, float], str]], ...]
"""Titles, and what a row has under them at a time."""


def mute(stream: TextIO) -> None:
    """Drop whatever is written to a stream from now on, and what waits in it: nobody reads it any more."""
    # The interpreter would complain about the pipe once more when it ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def put(text: str) -> None:
    """Print to the standard output; what nobody reads any more is dropped.

    A change that was begun is brought to its end, whoever stops reading about it.
    """
    try:
        print(text)  # noqa: T201 - the command's output
    except BrokenPipeError:
        mute(sys.stdout)


def complain(text: str) -> None:
    """Print to the standard error, nothing that a terminal could act on."""
    print(clean_block(text), file=sys.stderr)  # noqa: T201 - the command's output


async def print_rows(session: Session, view: str, options: Namespace) -> int:
    """Print the rows of a list once all of it is known. Returns the exit code.

    Raises `BrokenPipeError` where nobody reads on.
    """
    cluster = session.cluster
    conditions = getattr(options, "fail_on", ())
    wanted = NEEDED[view]
    if "failed" in conditions:
        # What keeps a running job from getting on is its pods' to tell.
        wanted = (*wanted, kinds.POD)
    cluster.list_once(wanted, session.namespace)
    connection = cluster.store.connection
    end = asyncio.get_running_loop().time() + LIST_TIMEOUT
    # An app is as well as its pods are: without them, all of them would be starting.
    said = set()
    while not all(connection.complete(kind.name) for kind in wanted):
        cluster.pump(0.05)
        problem = connection.status(session.clock()).problem
        if problem is not None and problem.kind == "forbidden":
            # Which kinds may not be read is said of each of them, once all have been asked for.
            problem = None
        is_over = asyncio.get_running_loop().time() > end
        if is_over or (problem is not None and not problem.passes):
            return fail(problem.sentence if problem is not None else "the server is too slow")
        if problem is not None and problem.sentence not in said:
            said.add(problem.sentence)
            complain(problem.sentence)
        await asyncio.sleep(0.02)
    while cluster.pump(0.05):
        pass
    refused = {state.scope.kind: state for state in connection.refusals()}
    for kind, state in refused.items():
        why = f": {state.problem.sentence}" if state.problem is not None else ""
        fail(f"{kind}s may not be read{why}")
    rows = sorted(cluster.store.rows(view).values(), key=lambda row: (row.namespace, row.name))
    rows = [row for row in rows if session.shows(row.namespace)]
    namespace = session.namespace
    if not rows and not refused and namespace and await cluster.lacks_namespace(namespace):
        # A list of what is in it says only that there is nothing.
        return fail(f"there is no namespace {clean(namespace, 100)}.")
    if options.json:
        for row in rows:
            print(msgspec.json.encode(_fields(row)).decode())  # noqa: T201 - the command's output
    elif rows:
        _print_table(view, rows, session.clock(), everywhere=not namespace)
    else:
        where = f" in {namespace}" if namespace else ""
        print(f"No {view}{where}.", file=sys.stderr)  # noqa: T201 - the command's output
    if all(kind.name in refused for kind in KINDS[view]):
        return 1
    # Of what may not be read, nobody knows that it is well.
    return _watch_over(session, rows, conditions) or int(bool(conditions and refused))


def _watch_over(session: Session, rows: Sequence[Any], conditions: Collection[str]) -> int:
    """Complain of the cron jobs that a monitor asks for; return 1 where there are any."""
    found = [(row, word) for row in rows for word in conditions if _is(session, row, word)]
    for row, word in found:
        words = "a run is due, and has not been started" if word == "late" else verdict(row)
        complain(f"{word}: {row.namespace}/{row.name}: {words}")
    return 1 if found else 0


def _is(session: Session, row: CronRow, condition: str) -> bool:
    match condition:
        case "missed":
            return bool(row.missed)
        case "failed":
            return row.broken
    store = session.cluster.store
    cron = store.record(kinds.CRON_JOB.name, row.uid)
    return isinstance(cron, CronJob) and runs.is_late(
        cron, store.crons.plan_of(cron), session.clock()
    )


def _fields(row: Any) -> Any:
    found = msgspec.to_builtins(row, enc_hook=str)
    # A pod's row is the pod and what it uses: for a script, one object.
    found |= found.pop("pod", {})
    found.pop("search", None)
    return found


def _print_table(view: str, rows: Sequence[Any], now: float, *, everywhere: bool) -> None:
    """Print aligned columns under their names, as kubectl does."""
    columns = COLUMNS[view]
    if everywhere:
        columns = (("NAMESPACE", lambda row, now: row.namespace), *columns)
    lines = [[title for title, _ in columns]]
    lines += [[clean(text(row, now) or NONE) for _, text in columns] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            text + " " * (width - width_of(text)) for text, width in zip(line, widths, strict=True)
        ]
        print(GAP.join(cells).rstrip())  # noqa: T201 - the command's output


def _age(row: Any, now: float) -> str:
    return age(now - row.created) if row.created else ""


def _restarts(row: Any, now: float) -> str:
    last = getattr(row, "restarted_at", 0)
    ago = f" ({age(now - last)} ago)" if row.restarts and last else ""
    return f"{row.restarts}{ago}"


def _next_run(row: CronRow, now: float) -> str:
    due = f"in {span(row.next_run - now)}" if row.next_run > now else "now"
    return row.why_no_next or due


def _last_run(row: CronRow, now: float) -> str:
    return f"{age(now - row.last_schedule)} ago" if row.last_schedule else ""


def _duration(row: Job, now: float) -> str:
    return span((row.finished or now) - row.started) if row.started else ""


_APPS: Final[_Columns] = (
    ("NAME", lambda row, now: row.name),
    ("KIND", lambda row, now: row.kind),
    ("READY", lambda row, now: f"{row.ready}/{row.desired}"),
    ("UP-TO-DATE", lambda row, now: str(row.updated)),
    # A scheduler's reasons may be long: all of it is in the JSON.
    ("STATUS", lambda row, now: clean(row.status, STATUS_WIDTH)),
    ("RESTARTS", _restarts),
    ("AGE", _age),
    ("IMAGE", lambda row, now: row.image),
)

_CRONS: Final[_Columns] = (
    ("NAME", lambda row, now: row.name),
    ("SCHEDULE", lambda row, now: row.schedule),
    ("TIMEZONE", lambda row, now: row.time_zone),
    ("SUSPEND", lambda row, now: str(row.suspended)),
    ("ACTIVE", lambda row, now: str(row.active)),
    ("LAST", _last_run),
    ("OUTCOME", lambda row, now: row.last_outcome),
    ("NEXT", _next_run),
    ("MISSED", lambda row, now: "100+" if row.missed >= 100 else str(row.missed)),
    ("AGE", _age),
)

_RUNS: Final[_Columns] = (
    ("NAME", lambda row, now: row.name),
    ("CRONJOB", lambda row, now: row.owner_name),
    ("STATUS", lambda row, now: row.outcome),
    ("COMPLETIONS", lambda row, now: f"{row.succeeded}/{row.completions}"),
    ("DURATION", _duration),
    ("AGE", _age),
    ("REASON", lambda row, now: row.reason),
)

_PODS: Final[_Columns] = (
    ("NAME", lambda row, now: row.name),
    ("READY", lambda row, now: f"{row.pod.ready}/{row.pod.total}"),
    ("STATUS", lambda row, now: row.pod.status),
    ("RESTARTS", lambda row, now: _restarts(row.pod, now)),
    ("AGE", lambda row, now: _age(row.pod, now)),
    ("IP", lambda row, now: row.pod.ip),
    ("NODE", lambda row, now: row.pod.node),
)

COLUMNS: Final = {"apps": _APPS, "crons": _CRONS, "runs": _RUNS, "pods": _PODS}
"""The columns of each list, by their titles."""
