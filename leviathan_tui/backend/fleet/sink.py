"""What a reflector tells of one scope, as messages and as news for the feed."""

import logging
import time
from typing import Any, Final, Protocol

from leviathan_tui.backend.fleet.convert import Codec
from leviathan_tui.backend.fleet.messages import (
    Delete,
    Malformed,
    Phase,
    Problem,
    Proof,
    Scope,
    Upsert,
)
from leviathan_tui.backend.fleet.outbox import Outbox
from leviathan_tui.backend.fleet.records import Interner
from leviathan_tui.backend.kube import errors

_log = logging.getLogger("leviathan.feed")

PROOF_EVERY: Final = 5.0
"""Seconds in which one sign of life of a watch is told: there may be a thousand."""

_PROBLEMS: Final[tuple[tuple[type[errors.KubeError], str], ...]] = (
    (errors.Untrusted, "untrusted"),
    (errors.Late, "late"),
    (errors.Unreachable, "unreachable"),
    (errors.Unauthorized, "unauthorized"),
    (errors.Forbidden, "forbidden"),
    (errors.NotFound, "absent"),
)


def problem_of(error: errors.KubeError) -> Problem:
    """Return an error as a plain value that can travel in a message."""
    if error.retry_after is not None:
        return Problem(error.message, "busy")
    for cls, word in _PROBLEMS:
        if isinstance(error, cls):
            return Problem(error.message, word)
    return Problem(error.message, "server")


class Owner(Protocol):
    """The feed, as far as its sinks speak to it."""

    def wall(self) -> float:
        """Return the time of day, in seconds since the epoch."""

    def post_state(self, scope: Scope, phase: Phase, problem: Problem | None = None) -> None:
        """Tell that a scope's phase changed."""

    def heard(self, scope: Scope) -> None:
        """A scope's watch is alive."""

    def granted(self, scope: Scope) -> None:
        """A scope was listed."""

    def refused(self, scope: Scope) -> None:
        """A scope may not be read."""

    def forget(self, scope: Scope) -> None:
        """A scope may not be read, or there is none."""


class ScopeSink:
    """Turns what one reflector tells into messages."""

    def __init__(
        self, feed: Owner, scope: Scope, codec: Codec, outbox: Outbox, keep: Interner
    ) -> None:
        self._feed = feed
        self._scope = scope
        self._codec = codec
        self._outbox = outbox
        self._keep = keep
        self._heard = time.monotonic()

    def upsert(self, objects: list[Any]) -> None:
        """These objects are new or changed."""
        convert, keep = self._codec.convert, self._keep
        records = []
        for item in objects:
            try:
                records.append(convert(item, keep))
            except (ValueError, TypeError, OverflowError, AttributeError):
                # One object that cannot be understood must not take the others with it.
                _log.exception("an object of %s cannot be read", self._scope.kind)
        if len(records) < len(objects):
            self.malformed(len(objects) - len(records))
        self._outbox.post(lambda number: Upsert(number=number, scope=self._scope, records=records))

    def delete(self, uids: list[str]) -> None:
        """These objects are gone."""
        self._outbox.post(lambda number: Delete(number=number, scope=self._scope, uids=uids))

    def listed(self) -> None:
        """A list is complete."""
        self._feed.granted(self._scope)
        self._feed.post_state(self._scope, Phase.LISTED)

    def live(self) -> None:
        """The scope is watched."""
        self._feed.post_state(self._scope, Phase.LIVE)

    def heard(self) -> None:
        """The watch is alive."""
        self._feed.heard(self._scope)
        now = time.monotonic()
        if now - self._heard >= PROOF_EVERY:
            self._heard = now
            at = self._feed.wall()
            self._outbox.post(lambda number: Proof(number=number, scope=self._scope, at=at))

    def polled(self, problem: errors.KubeError) -> None:
        """The scope was listed, and may not be watched."""
        self._feed.post_state(self._scope, Phase.POLLED, problem_of(problem))

    def broken(self, problem: errors.KubeError) -> None:
        """Something is in the way, or the scope may not be read."""
        phase = Phase.BROKEN
        if isinstance(problem, errors.Forbidden):
            phase = Phase.REFUSED
        elif isinstance(problem, errors.NotFound):
            phase = Phase.ABSENT
        if phase is not Phase.BROKEN:
            self._feed.forget(self._scope)
        if phase is Phase.REFUSED:
            # Before it is told: until they are listed, what is read instead is not complete.
            self._feed.refused(self._scope)
        self._feed.post_state(self._scope, phase, problem_of(problem))

    def malformed(self, count: int) -> None:
        """So many objects could not be read."""
        self._outbox.post(lambda number: Malformed(number=number, scope=self._scope, count=count))
