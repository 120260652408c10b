"""The seam between whoever watches a cluster and the store.

The store is fed by one numbered stream of these messages and does not know who produces it: today a
thread with reflectors, one day a collector in another process. They hold records and plain values
only, so that they can be written to a wire as they are.
"""

from enum import Enum
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import Record


class Phase(Enum):
    """How far a scope is known."""

    LISTING = "listing"
    """Its first list is under way; rows may already be there."""
    LISTED = "listed"
    """The list is complete, the watch not yet open."""
    LIVE = "live"
    """Listed and watched."""
    POLLED = "polled"
    """Listed just now, and to be listed again in a while: the identity may not watch it."""
    BROKEN = "broken"
    """The server cannot be reached or answers with errors: the rows are the last known ones."""
    REFUSED = "refused"
    """The identity may not read it: there are no rows."""
    ABSENT = "absent"
    """The server has no such kind."""


FOLLOWED: Final = (Phase.LIVE, Phase.POLLED)
"""The phases in which changes are seen, at once or at the next list."""


class Scope(msgspec.Struct, frozen=True):
    """A collection: one kind in one namespace, or in all where `namespace` is empty."""

    kind: str
    namespace: str = ""


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of all messages."""

    number: int
    """Counts up by one, from 1, so that whoever reads them over a wire sees a gap."""
    scope: Scope


class Reset(Message, frozen=True, tag=True):
    """The scope is not watched any more."""

    keep: bool = False
    """Whether its objects stay, because a wider scope has taken them over."""


class Upsert(Message, frozen=True, tag=True):
    """New or changed objects."""

    records: list[Any]


class Delete(Message, frozen=True, tag=True):
    """Objects that are gone, by uid."""

    uids: list[str]


class Problem(msgspec.Struct, frozen=True):
    """Why a scope is not live."""

    sentence: str
    kind: str = "unreachable"
    """One of unreachable, late, busy, silent, untrusted, unauthorized, forbidden, absent, server."""

    @property
    def passes(self) -> bool:
        """Whether the answer is still being waited for, because the server is slow or asked to."""
        return self.kind in ("late", "busy")


class State(Message, frozen=True, tag=True):
    """The scope's phase changed."""

    phase: Phase
    at: float
    """When, in seconds since the epoch."""
    problem: Problem | None = None


class Proof(Message, frozen=True, tag=True):
    """The watch has shown that it is alive, by an event or a bookmark."""

    at: float
    """When, in seconds since the epoch."""


class Restored(Message, frozen=True, tag=True):
    """The objects of the scope that follow are from a snapshot, until the scope has been listed."""

    at: float
    """When they were current, in seconds since the epoch."""


class Malformed(Message, frozen=True, tag=True):
    """Objects of the scope that could not be read and are not shown."""

    count: int


class Usage(Message, frozen=True, tag=True):
    """What the pods of the scope use, by (namespace, name): millicores and bytes."""

    pods: dict[tuple[str, str], tuple[int, int]] | None
    """None where the cluster measures nothing."""


Stream = list[Message]
"""Messages in the order of their numbers."""

__all__ = [
    "FOLLOWED",
    "Delete",
    "Malformed",
    "Message",
    "Phase",
    "Problem",
    "Proof",
    "Record",
    "Reset",
    "Restored",
    "Scope",
    "State",
    "Stream",
    "Upsert",
    "Usage",
]
