"""Watching a change until it is true: a rollout that ends, a job that starts, an object that goes."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from leviathan_tui.backend.changes.endings import Endings
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.preview import Outcome, Progress
from leviathan_tui.backend.changes.rollout import Rollout, rollout_state
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.objects import (
    Document,
    metadata_of,
    read_object,
    terminating,
    uid_of,
    whole,
)

LOOK_INTERVAL: Final = 0.7
"""Seconds between two looks."""

WATCH_TIMEOUT: Final = 600.0
"""Seconds after which a rollout is no longer watched; it goes on without."""


STEADY_SECONDS: Final = 10.0
"""Seconds for which new pods have to stay ready before a change counts as up."""


async def follow(
    client: KubeClient,
    outcome: Outcome,
    tell: Callable[[Progress], None],
    at_most: float = WATCH_TIMEOUT,
    steady: float = STEADY_SECONDS,
) -> Progress:
    """Watch the object of a change that was made until it shows the effect, and return the end.

    New pods have to stay ready for `steady` seconds; one that ends before fails the change. `tell`
    gets every step whose words differ. A server that is away is waited for. After `at_most` seconds
    the last step is returned, which is not `over`.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    entry = outcome.entry
    kind = kinds.BY_NAME.get(entry.kind, outcome.preview.intent.kind)
    path = kind.path(entry.namespace, entry.name)
    last = Progress("")
    endings = Endings(client, entry)
    rollout = None
    if entry.kind in _ROLLOUTS and not entry.ends:
        rollout = Rollout(client, kind, entry, steady)
    while True:
        took = loop.time() - started
        try:
            now = await _look(client, path)
            if rollout is not None and now is not None:
                progress = await rollout.look(now, loop.time(), took)
            elif now is None and entry.kind == kinds.JOB.name and not entry.ends:
                progress = await endings.look(loop.time())
            else:
                progress = state_of(entry, now, took)
        except KubeError as error:
            progress = Progress(f"{entry.name}: {error.message}; waiting for the server")
        if progress != last:
            last = progress
            tell(progress)
        if progress.over:
            return progress
        if took > at_most:
            return progress
        await asyncio.sleep(LOOK_INTERVAL)


async def _look(client: KubeClient, path: str) -> Document | None:
    try:
        return await read_object(client, path)
    except NotFound:
        return None


def state_of(entry: Entry, now: Document | None, took: float) -> Progress:
    """Return how far the object of a change has come, from what the server says of it now.

    `took` is in seconds.
    """
    name, seconds, deleting = entry.name, f"{took:.0f} s", entry.ends
    if now is None or (deleting and entry.uid and uid_of(now) != entry.uid):
        return Progress(f"{name} is gone after {seconds}.", done=deleting, failed=not deleting)
    if entry.lets_go and metadata_of(now).get("finalizers"):
        return Progress(f"{name} is still {terminating(now)}.", done=True)
    if deleting:
        return Progress(f"{name} is {terminating(now) or 'not terminating yet'}.")
    if entry.kind in _ROLLOUTS:
        return rollout_state(kinds.BY_NAME[entry.kind], entry, now, took)
    if entry.kind == kinds.JOB.name:
        return _job(name, now, seconds)
    return Progress(f"{name} is as it should be.", done=True)


_ROLLOUTS: Final = frozenset(kind.name for kind in kinds.WORKLOADS)


def is_watched(outcome: Outcome) -> bool:
    """Whether a change takes its time: it was made, and rolls out, runs, or ends something."""
    entry = outcome.entry
    return outcome.done and (entry.ends or entry.kind in (*_ROLLOUTS, kinds.JOB.name))


def _job(name: str, now: Document, seconds: str) -> Progress:
    status: dict[str, Any] = now.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("status") != "True":
            continue
        if condition.get("type") == "Complete":
            return Progress(f"{name} has succeeded after {seconds}.", done=True)
        if condition.get("type") == "Failed":
            why = condition.get("reason", "")
            return Progress(f"{name} has failed after {seconds}: {why}.", failed=True)
    if whole(status.get("ready")) or whole(status.get("succeeded")):
        return Progress(f"{name} is running.")
    return Progress(f"{name} is starting.")
