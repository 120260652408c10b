"""What became of a request whose answer never came: looked up, not guessed."""

import asyncio
import logging
from typing import Final

from leviathan_tui.backend.changes.diff import MASK, differences, value_at
from leviathan_tui.backend.changes.entry import DONE, FAILED, UNKNOWN, Entry
from leviathan_tui.backend.changes.redact import redacted
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, KubeError, NotFound
from leviathan_tui.backend.kube.objects import metadata_of, read_object, uid_of

_log = logging.getLogger("leviathan.changes")

LOOK_UP_TIMEOUT: Final = 30.0
"""Seconds for which a server that is away is asked again."""

RETRY_DELAY: Final = 0.5
"""Seconds between two such questions."""

SECOND_LOOK_DELAY: Final = 2.0
"""Seconds after which an object that shows nothing of the change is looked at once more.

A server that broke off the connection may still be at work on the request.
"""


_ALLOCATED: Final = frozenset(
    {
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "healthCheckNodePort",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
    }
)
"""Fields that a server gives a new object, and another value in a dry run."""


async def look_up(
    client: KubeClient, entry: Entry, path: str, at_most: float = LOOK_UP_TIMEOUT
) -> None:
    """Set an entry's outcome and message from the state of its object at `path`.

    The outcome stays `unknown` where the server does not answer within `at_most` seconds, or
    where the object shows neither the state before nor the one after.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + at_most
    looked_twice = False
    while True:
        try:
            outcome, message = await _look(client, entry, path)
        except ApiError as error:
            if error.code < 500 and error.code != 429:
                entry.outcome, entry.message = UNKNOWN, f"cannot be looked up: {error.message}"
                return
        except KubeError as error:
            _log.info("looking up %s: %s", entry.id, error.message)
        else:
            if outcome != FAILED or looked_twice:
                entry.outcome, entry.message = outcome, message
                return
            looked_twice = True
            await asyncio.sleep(SECOND_LOOK_DELAY)
            continue
        if loop.time() > end:
            entry.outcome = UNKNOWN
            entry.message = "the server did not answer; whether it was done is not known yet"
            return
        await asyncio.sleep(RETRY_DELAY)


async def _look(client: KubeClient, entry: Entry, path: str) -> tuple[str, str]:
    try:
        now = await read_object(client, path)
    except NotFound:
        if entry.ends:
            return DONE, "the answer was lost; the object is gone"
        if entry.creates:
            return FAILED, "the answer was lost; the object was not made"
        return UNKNOWN, "the answer was lost, and the object is gone since"
    if entry.deletes:
        if uid_of(now) != entry.uid:
            return DONE, "the answer was lost; the object is gone"
        if entry.lets_go and metadata_of(now).get("deletionGracePeriodSeconds"):
            return FAILED, "the answer was lost; the object is terminating as before"
        if metadata_of(now).get("deletionTimestamp"):
            return DONE, "the answer was lost; the object is terminating"
        return FAILED, "the answer was lost; the object was not deleted"
    current = redacted(now)
    if entry.creates:
        found = differences(entry.after, current)
        # What others add to it later (defaults, a controller's fields) is no sign of another maker.
        if any(
            item.before not in (None, MASK) and item.path[-1] not in _ALLOCATED for item in found
        ):
            return UNKNOWN, "the answer was lost; an object of this name is there, but differs"
        entry.uid = uid_of(now)
        return DONE, "the answer was lost; the object was made"
    if uid_of(now) != entry.uid:
        return UNKNOWN, "the answer was lost; another object has the name now"
    fields = differences(entry.before, entry.after)
    if not fields:
        return UNKNOWN, "the answer was lost; what changed is a secret and not kept: look at it"
    applied = [value_at(current, item.path) == item.after for item in fields]
    if all(applied):
        return DONE, "the answer was lost; the object shows the change"
    if all(value_at(current, item.path) == item.before for item in fields):
        return FAILED, "the answer was lost; the object shows no change"
    return UNKNOWN, "the answer was lost; the object shows neither the state before nor after"
