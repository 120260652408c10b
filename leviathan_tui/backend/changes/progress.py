"""Watching a change until it is true: a rollout that ends, a job that starts, an object that goes."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.endings import LOOK_UP_SECONDS, Ending, ending
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.new_pods import NewPods
from leviathan_tui.backend.changes.preview import Outcome
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.objects import (
    Document,
    metadata_of,
    read_object,
    replicas_of,
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


class Progress(msgspec.Struct, frozen=True):
    """How far a change has come."""

    words: str
    done: bool = False
    failed: bool = False
    unknown: bool = False
    """Whether it is over, and nothing tells how it ended."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.done or self.failed or self.unknown


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
    gone_since: float | None = None
    rolls_out = entry.kind in _ROLLOUTS and not entry.deletes
    pods = NewPods(client, entry.ref) if rolls_out else None
    while True:
        took = loop.time() - started
        try:
            now = await _look(client, path)
            progress = state_of(entry, now, took)
            if pods is not None and now is not None:
                await pods.look(now, loop.time())
                progress = await _with_pods(entry, progress, pods, loop.time(), steady)
            if now is None and entry.kind == kinds.JOB.name and not entry.deletes:
                gone_since = loop.time() if gone_since is None else gone_since
                late = loop.time() - gone_since >= LOOK_UP_SECONDS
                progress = _gone_job(entry, await ending(client, entry), late=late)
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


async def _with_pods(
    entry: Entry, progress: Progress, pods: NewPods, now: float, steady: float
) -> Progress:
    """Return what the new pods make of a step: a reason, a wait, or a failure."""
    if not pods.readable:
        return progress
    if crash := await pods.crash():
        return Progress(f"{entry.name} came up and {crash}.{_way_back(entry)}", failed=True)
    if progress.failed:
        return progress
    if not progress.done:
        why = pods.why()
        return Progress(f"{progress.words} {why}") if why else progress
    if pods.remaining(now, steady) <= 0:
        return progress
    return Progress(f"{entry.name} is ready, and has to stay so for {steady:g} s.")


async def _look(client: KubeClient, path: str) -> Document | None:
    try:
        return await read_object(client, path)
    except NotFound:
        return None


def _way_back(entry: Entry) -> str:
    return "" if entry.irreversible else " u takes the change back."


def state_of(entry: Entry, now: Document | None, took: float) -> Progress:
    """Return how far the object of a change has come, from what the server says of it now.

    `took` is in seconds.
    """
    name, seconds, deleting = entry.name, f"{took:.0f} s", entry.deletes
    if now is None or (deleting and entry.uid and uid_of(now) != entry.uid):
        return Progress(f"{name} is gone after {seconds}.", done=deleting, failed=not deleting)
    if deleting:
        return Progress(f"{name} is {terminating(now) or 'not terminating yet'}.")
    if entry.kind in _ROLLOUTS:
        return _rollout(entry, now, seconds)
    if entry.kind == kinds.JOB.name:
        return _job(name, now, seconds)
    return Progress(f"{name} is as it should be.", done=True)


_ROLLOUTS: Final = frozenset(kind.name for kind in kinds.WORKLOADS)


def is_watched(outcome: Outcome) -> bool:
    """Whether a change takes its time: it was made, and rolls out, runs, or ends something."""
    entry = outcome.entry
    return outcome.done and (entry.deletes or entry.kind in (*_ROLLOUTS, kinds.JOB.name))


def _rollout(entry: Entry, now: Document, seconds: str) -> Progress:
    status: dict[str, Any] = now.get("status") or {}
    spec: dict[str, Any] = now.get("spec") or {}
    seen = whole(status.get("observedGeneration")) >= whole(metadata_of(now).get("generation"))
    if entry.kind == kinds.DAEMON_SET.name:
        wanted = whole(status.get("desiredNumberScheduled"))
        ready, total = (
            whole(status.get("numberAvailable")),
            whole(status.get("currentNumberScheduled")),
        )
        updated = whole(status.get("updatedNumberScheduled"))
    else:
        wanted = replicas_of(now)
        ready, total = whole(status.get("availableReplicas")), whole(status.get("replicas"))
        updated = whole(status.get("updatedReplicas"))
    if spec.get("paused"):
        return Progress(f"{entry.name}: the rollout is paused.", done=True)
    strategy = (spec.get("updateStrategy") or {}).get("type")
    if strategy == "OnDelete":
        updated = wanted
    if seen and not wanted and not total:
        # Those that end are not counted any more, and may take their time.
        ending = whole(status.get("terminatingReplicas"))
        pods = f"{_pods(ending)} to end" if ending else "no pods"
        return Progress(f"{entry.name} is down after {seconds}: {pods}.", done=True)
    if seen and wanted and ready >= wanted and updated >= wanted and total == wanted:
        return Progress(f"{entry.name} is up: {ready}/{wanted} ready in {seconds}.", done=True)
    for condition in status.get("conditions") or ():
        if seen and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(
                f"{entry.name} is stuck: {ready}/{wanted} ready, and its deadline is over."
                f"{_way_back(entry)}",
                failed=True,
            )
    if not wanted:
        return Progress(f"{entry.name}: {_pods(total)} to go.")
    return Progress(
        f"{entry.name}: {min(updated, wanted)}/{wanted} updated, {ready}/{wanted} ready."
    )


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _gone_job(entry: Entry, end: Ending, *, late: bool) -> Progress:
    """Return what is known of a job that is gone; with `late`, no other sign is waited for."""
    if end.succeeded is None and not late:
        return Progress(f"{entry.name} is gone; looking up how it ended.")
    words = f"{entry.name} {end.words}."
    return Progress(
        words,
        done=bool(end.succeeded),
        failed=end.succeeded is False,
        unknown=end.succeeded is None,
    )


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
