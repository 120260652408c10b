"""`leviathan journal`: who did what, when, with what outcome; and what was last applied."""

import sys
from argparse import Namespace

from leviathan_tui.backend.changes.activity import as_json_lines
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.masks import applied
from leviathan_tui.backend.fleet.prose import clock
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli.tables import complain


async def print_journal(session: Session, options: Namespace) -> int:
    """Print the newest entries, or the manifests that were last applied. Returns the exit code.

    Raises `BrokenPipeError` where nobody reads on.
    """
    entries = await session.read_activity()
    if session.activity.trouble:
        complain(session.activity.trouble)
    if options.applied:
        # What was applied long ago is looked for first: the limit is of manifests here.
        _print_applied(entries, options.limit)
        return 0
    entries = entries[: options.limit]
    if options.json:
        sys.stdout.write(as_json_lines(entries))
        return 0
    for entry in reversed(entries):
        words = (
            entry.id[:8],
            clock(entry.at),
            f"{clean(entry.actor, 20):<12}",
            f"{clean(entry.verb, 16):<16}",
            f"{clean(str(entry.ref), 80):<40}",
            f"{entry.outcome:<8}",
            clean(entry.summary, 200),
        )
        print("  ".join(words))  # noqa: T201 - the command's output
    return 0


def _print_applied(entries: list[Entry], limit: int) -> None:
    """Print the manifests that were last applied, as one YAML stream."""
    found = applied(entries)[:limit]
    for one in found:
        sys.stdout.write(one.as_yaml())
    lost = sum(len(one.not_kept) for one in found)
    if lost:
        what = "1 value is" if lost == 1 else f"{lost} values are"
        complain(
            f"{what} not kept, for the journal has no secrets: see the comments in the output."
        )
