"""How a job ended that is gone already: looked up, for its being gone says nothing of it.

A job whose time to live is over, or of which its cron job keeps none, is deleted as soon as it has
ended. Its events stay for an hour, and its cron job knows its last success. Sources:
https://kubernetes.io/docs/concepts/workloads/controllers/job/#ttl-mechanism-for-finished-jobs and
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/#CronJobStatus
"""

from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.preview import Progress
from leviathan_tui.backend.fleet.inspect import events_about
from leviathan_tui.backend.fleet.records import Event, seconds_at
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import Forbidden, NotFound
from leviathan_tui.backend.kube.objects import (
    Document,
    controller_of,
    metadata_of,
    read_object,
    uid_of,
)
from leviathan_tui.backend.untrusted import clean

LOOK_UP_SECONDS: Final = 5.0
"""For how long a sign of how a job ended is looked for: events are written a little later."""

_SUCCEEDED: Final = "Completed"

_FAILED: Final = frozenset(
    {
        "BackoffLimitExceeded",
        "DeadlineExceeded",
        "FailedIndexes",
        "MaxFailedIndexesExceeded",
        "PodFailurePolicy",
    }
)
"""Why a job fails, as its last event says it."""

_LIMITS: Final = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")


class Ending(msgspec.Struct, frozen=True):
    """What is known of the end of a job that is gone."""

    words: str
    """A sentence without the job's name, as in `has succeeded; its job is gone already`."""
    succeeded: bool | None
    """None where nothing tells."""


class Endings:
    """Looks for how the job of an entry ended, which is gone."""

    def __init__(self, client: KubeClient, entry: Entry) -> None:
        self._client = client
        self._entry = entry
        self._since: float | None = None

    async def look(self, now: float) -> Progress:
        """Return what is known; `now` is of any clock that never goes back, in seconds.

        Raises `KubeError` where the server does not answer.
        """
        self._since = now if self._since is None else self._since
        end, name = await ending(self._client, self._entry), self._entry.name
        if end.succeeded is None and now - self._since < LOOK_UP_SECONDS:
            return Progress(f"{name} is gone; looking up how it ended.")
        words = f"{name} {end.words}."
        if end.succeeded is None:
            return Progress(words, unknown=True)
        return Progress(words, done=end.succeeded, failed=not end.succeeded)


async def ending(client: KubeClient, entry: Entry) -> Ending:
    """Return how the job of an entry ended. Raises `KubeError` where the server does not answer."""
    cron = await _cron_of(client, entry)
    setting = short_lived((entry.after or {}).get("spec") or {}, cron.get("spec") or {})
    gone = f"gone already ({setting})" if setting else "gone already"
    for event in await _events(client, entry):
        if event.reason == _SUCCEEDED:
            return Ending(f"has succeeded; its job is {gone}", True)
        if event.reason in _FAILED:
            why = f"{clean(event.message, 200).rstrip('.')} ({event.reason})"
            return Ending(f"has failed: {why}; its job is {gone}", False)
    made = seconds_at(metadata_of(entry.after or {}).get("creationTimestamp"))
    status: dict[str, Any] = cron.get("status") or {}
    last = status.get("lastSuccessfulTime")
    if made and seconds_at(last) >= made:
        # A run that was planned since may be the one that succeeded.
        alone = not status.get("active") and seconds_at(status.get("lastScheduleTime")) < made
        name = clean(str(metadata_of(cron).get("name")), 100)
        words = f"the last success of {name} was at {clean(str(last), 40)}, after this was started"
        return Ending(f"is {gone}; {words}", True if alone else None)
    return Ending(f"is {gone}, and nothing tells how it ended", None)


def short_lived(job_spec: Document, cron_spec: Document) -> str:
    """Return which setting has a job deleted as soon as it has ended; nothing where none does."""
    ttl = job_spec.get("ttlSecondsAfterFinished")
    if isinstance(ttl, int) and ttl <= LOOK_UP_SECONDS:
        return f"ttlSecondsAfterFinished is {ttl}"
    none = [name for name in _LIMITS if cron_spec.get(name) == 0]
    return f"{' and '.join(none)} {'are' if len(none) > 1 else 'is'} 0" if none else ""


async def _events(client: KubeClient, entry: Entry) -> list[Event]:
    try:
        return await events_about(client, entry.ref)
    except Forbidden:
        # Whoever may not read events has to do without.
        return []


async def _cron_of(client: KubeClient, entry: Entry) -> Document:
    """Return the cron job that the job belonged to; empty where there is none to be read."""
    owner = controller_of(entry.after or {})
    if owner.get("kind") != kinds.CRON_JOB.name:
        return {}
    path = kinds.CRON_JOB.path(entry.namespace, str(owner.get("name")))
    try:
        cron = await read_object(client, path)
    except (Forbidden, NotFound):
        return {}
    return cron if uid_of(cron) == owner.get("uid") else {}
