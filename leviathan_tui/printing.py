"""What the command line prints without changing anything: lists, and the journal."""

import asyncio
import sys
from argparse import Namespace
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.activity import as_json_lines
from leviathan_tui.backend.changes.entry import DONE, Entry
from leviathan_tui.backend.fleet.prose import clock
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.front import fail

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "apps": kinds.WORKLOADS,
    "crons": (kinds.CRON_JOB,),
    "runs": (kinds.JOB,),
    "pods": (kinds.POD,),
}
"""The kinds behind each list."""


async def print_rows(session: Session, view: str, options: Namespace) -> int:
    """Print the rows of a list once all of it is known. Returns the exit code."""
    cluster = session.cluster
    wanted = KINDS[view]
    cluster.watch_only(view, session.namespace)
    store = cluster.store
    end = asyncio.get_running_loop().time() + 60.0
    while not all(store.connection.complete(kind.name) for kind in wanted):
        cluster.pump(0.05)
        status = store.connection.status(session.clock())
        if status.problem is not None or asyncio.get_running_loop().time() > end:
            return fail(status.problem.sentence if status.problem else "the server is too slow")
        await asyncio.sleep(0.02)
    while cluster.pump(0.05):
        pass
    rows = sorted(store.rows(view).values(), key=lambda row: (row.namespace, row.name))
    rows = [row for row in rows if session.shows(row.namespace)]
    for row in rows:
        if options.json:
            print(msgspec.json.encode(_fields(row)).decode())  # noqa: T201 - the command's output
        else:
            print("  ".join(_cells(row)))  # noqa: T201 - the command's output
    return 0


def _fields(row: Any) -> Any:
    found = msgspec.to_builtins(row, enc_hook=str)
    found.pop("search", None)
    return found


def _cells(row: Any) -> list[str]:
    cells = [f"{row.namespace:<16}", f"{row.name:<40}"]
    words = ("status", "schedule", "outcome")
    cells += [str(getattr(row, name)) for name in words if hasattr(row, name)]
    if hasattr(row, "ready"):
        cells.insert(2, f"{row.ready}/{row.desired}")
    return cells


async def print_journal(session: Session, options: Namespace) -> int:
    """Print the newest entries, or the manifests that were last applied. Returns the exit code."""
    entries = (await session.read_activity())[: options.limit]
    if session.activity.trouble:
        print(session.activity.trouble, file=sys.stderr)  # noqa: T201 - the command's output
    if options.applied:
        _print_applied(entries)
    elif options.json:
        sys.stdout.write(as_json_lines(entries))
    else:
        for entry in reversed(entries):
            words = (
                entry.id[:8],
                clock(entry.at),
                f"{clean(entry.actor, 20):<12}",
                f"{clean(entry.verb, 16):<10}",
                f"{clean(str(entry.ref), 80):<40}",
                f"{entry.outcome:<8}",
                clean(entry.summary, 200),
            )
            print("  ".join(words))  # noqa: T201 - the command's output
    return 0


def _print_applied(entries: list[Entry]) -> None:
    """Print the manifests that were last applied, as one YAML stream."""
    from leviathan_tui.backend.fleet.inspect import as_yaml

    seen: set[tuple[str, str, str]] = set()
    for entry in entries:
        key = (entry.kind, entry.namespace, entry.name)
        applied = (entry.plan or {}).get("applied")
        if applied and entry.outcome == DONE and key not in seen:
            seen.add(key)
            print(f"---\n{as_yaml(applied)}", end="")  # noqa: T201 - the command's output
