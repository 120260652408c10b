"""How well the cluster is known right now: what the header says."""

from enum import Enum
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.messages import (
    FOLLOWED,
    Phase,
    Problem,
    Proof,
    Restored,
    Scope,
    State,
)

A_MOMENT: Final = 60.0
"""Seconds after which a cluster that does not answer counts as offline."""

SILENCE: Final = 90.0
"""Seconds without a sign of life after which what is watched counts as stale: the server sends a
bookmark about every minute. Source:
https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks"""


QUIET: Final = Problem("nothing has been heard from the server", "silent")
"""What is wrong where a watch only says nothing."""


class Freshness(Enum):
    """The state of the whole connection."""

    CONNECTING = "connecting"
    """Nothing is known yet."""
    LISTING = "listing"
    """Some rows are known, others are on their way."""
    LIVE = "live"
    POLLED = "polled"
    """Some rows are listed again and again, because they may not be watched."""
    STALE = "stale"
    """The rows are the last known ones, and the console is trying again."""
    OFFLINE = "offline"
    """The same for longer than a moment, or from the beginning."""
    REFUSED = "refused"
    """The credential is not accepted, or may read nothing at all."""


class Status(msgspec.Struct, frozen=True):
    """Freshness, since when, and why."""

    freshness: Freshness
    since: float
    """From when the oldest rows are, in seconds since the epoch; 0 where it does not matter."""
    problem: Problem | None = None


class Connection:
    """Sums up the phases of all scopes."""

    def __init__(self) -> None:
        self._states: dict[Scope, State] = {}
        self._listed: set[Scope] = set()
        self._listed_at: dict[Scope, float] = {}
        """When each scope was last listed: from then on, no change went by unseen."""
        self._proofs: dict[Scope, float] = {}
        """When each scope was last known to be as it is: by a list, an event or a bookmark."""
        self._restored: dict[Scope, float] = {}
        """Scopes of which only a snapshot is known, and when that was current."""

    def restore(self, message: Restored) -> None:
        """A scope's rows are from a snapshot, unless it has been listed."""
        if message.scope not in self._listed:
            self._restored[message.scope] = message.at

    def update(self, state: State) -> None:
        """Take in a scope's new phase; the first break in a row keeps its time."""
        before = self._states.get(state.scope)
        if (
            state.phase is Phase.BROKEN
            and before is not None
            and before.phase is Phase.BROKEN
            and before.at <= state.at
        ):
            state = State(
                number=state.number,
                scope=state.scope,
                phase=state.phase,
                at=before.at,
                problem=state.problem,
            )
        if state.phase in (Phase.LISTED, *FOLLOWED):
            self._listed.add(state.scope)
            self._proofs[state.scope] = state.at
        if state.phase is Phase.LISTED:
            self._listed_at[state.scope] = state.at
        elif state.phase is Phase.POLLED:
            # What came and went between two lists was not seen.
            self._listed_at.pop(state.scope, None)
        if state.phase not in (Phase.LISTING, Phase.BROKEN):
            self._restored.pop(state.scope, None)
        self._states[state.scope] = state

    def prove(self, proof: Proof) -> None:
        """A scope's watch is alive."""
        if proof.scope in self._proofs:
            self._proofs[proof.scope] = proof.at

    def forget(self, scope: Scope, *, keep: bool = False) -> None:
        """The scope is not watched any more; `keep` means that its whole kind is, instead."""
        self._states.pop(scope, None)
        self._listed.discard(scope)
        self._listed_at.pop(scope, None)
        self._proofs.pop(scope, None)
        at = self._restored.pop(scope, None)
        whole = Scope(scope.kind)
        if keep and at is not None and whole not in self._listed:
            self._restored[whole] = min(at, self._restored.get(whole, at))

    def followed(self) -> list[Scope]:
        """Return the scopes that are listed and watched, or listed again and again."""
        return [scope for scope, state in self._states.items() if state.phase in FOLLOWED]

    def _is_silent(self, state: State, now: float) -> bool:
        """Whether what should be followed has given no sign of life for too long."""
        return state.phase in FOLLOWED and now - self._age_of(state) > SILENCE

    def _age_of(self, state: State) -> float:
        return self._proofs.get(state.scope, state.at)

    @property
    def any_restored(self) -> bool:
        """Whether anything is known only from a snapshot."""
        return bool(self._restored)

    def restored(self, kind: str, namespace: str) -> float | None:
        """Return when the snapshot was current, where a kind is known only from one in a namespace.

        An empty namespace asks for all of them.
        """
        found = [
            at
            for scope, at in self._restored.items()
            if scope.kind == kind and (not namespace or scope.namespace in ("", namespace))
        ]
        return min(found, default=None)

    def seen(self, kind: str, namespace: str, now: float) -> float:
        """Return until when a kind was watched in a namespace: `now`, or its last sign of life.

        What happened after that is not known, whatever the clock says.
        """
        at = self.restored(kind, namespace)
        if at is not None:
            return min(at, now)
        breaks = [
            self._age_of(state)
            for state in self.of(kind)
            if (state.phase in (Phase.BROKEN, Phase.POLLED) or self._is_silent(state, now))
            and state.scope.namespace in ("", namespace)
        ]
        return min(now, *breaks) if breaks else now

    def listed_at(self, kind: str, namespace: str, now: float) -> float:
        """Return since when a kind has been watched in a namespace; `now` where it is not."""
        found = [
            at
            for scope, at in self._listed_at.items()
            if scope.kind == kind and scope.namespace in ("", namespace)
        ]
        return min(found, default=now)

    def of(self, kind: str) -> list[State]:
        """Return the states of one kind's scopes."""
        return [state for scope, state in self._states.items() if scope.kind == kind]

    def bearing_on(self, kind: str, namespace: str) -> list[State]:
        """Return the states that decide what is known of a kind in a namespace; empty for all."""
        states = self.of(kind)
        return [one for one in states if namespace and one.scope.namespace == namespace] or states

    def known(self, kind: str, namespace: str) -> bool:
        """Whether a kind has been listed in a namespace, or anywhere where that is empty.

        What may not be read is not known to be none.
        """
        return any(
            state.scope in self._listed and state.phase is not Phase.REFUSED
            for state in self.bearing_on(kind, namespace)
        )

    def instead(self, kind: str) -> list[str] | None:
        """Return the namespaces in which a kind is read because all together may not be.

        None where they may, or are not asked for.
        """
        whole = self._states.get(Scope(kind))
        if whole is None or whole.phase is not Phase.REFUSED:
            return None
        return sorted(
            scope.namespace
            for scope, state in self._states.items()
            if scope.kind == kind and scope in self._listed and state.phase is not Phase.REFUSED
        )

    def complete(self, kind: str) -> bool:
        """Whether every scope of a kind that may be read has been listed once."""
        states = [(scope, state) for scope, state in self._states.items() if scope.kind == kind]
        return bool(states) and all(
            scope in self._listed or state.phase in (Phase.REFUSED, Phase.ABSENT)
            for scope, state in states
        )

    def polled(self) -> list[State]:
        """Return the scopes that are listed again and again, because they may not be watched."""
        return [state for state in self._states.values() if state.phase is Phase.POLLED]

    def refusals(self) -> list[State]:
        """Return the scopes that the identity may not read."""
        return [state for state in self._states.values() if state.phase is Phase.REFUSED]

    def status(self, now: float) -> Status:
        """Sum up: the worst scope decides, except that what may not be read is left out.

        `now` is in seconds since the epoch.
        """
        states = [
            state
            for state in self._states.values()
            if state.phase not in (Phase.REFUSED, Phase.ABSENT)
        ]
        if not states:
            refused = self.refusals()
            if refused:
                return Status(Freshness.REFUSED, refused[0].at, refused[0].problem)
            return Status(Freshness.CONNECTING, 0.0)
        broken = [
            state for state in states if state.phase is Phase.BROKEN or self._is_silent(state, now)
        ]
        if broken:
            return self._trouble(broken, now)
        if self._restored:
            return Status(Freshness.STALE, min((now, *self._restored.values())))
        if all(state.phase in FOLLOWED for state in states):
            polled = [self._age_of(state) for state in self.polled()]
            return Status(Freshness.POLLED, min(polled)) if polled else Status(Freshness.LIVE, 0.0)
        if self._listed:
            return Status(Freshness.LISTING, 0.0)
        return Status(Freshness.CONNECTING, 0.0)

    def _trouble(self, broken: list[State], now: float) -> Status:
        """Sum up the scopes of which nothing is heard."""
        since = {
            state.scope: state.at if state.phase is Phase.BROKEN else self._age_of(state) + SILENCE
            for state in broken
        }
        first = min(broken, key=lambda state: since[state.scope])
        problem = first.problem if first.phase is Phase.BROKEN else QUIET
        age = min((*map(self._age_of, broken), *self._restored.values(), now))
        if problem is not None and problem.kind == "unauthorized":
            return Status(Freshness.REFUSED, age, problem)
        if not self._listed and not self._restored and problem is not None and problem.passes:
            return Status(Freshness.CONNECTING, 0.0, problem)
        offline = not self._listed or now - since[first.scope] > A_MOMENT
        return Status(Freshness.OFFLINE if offline else Freshness.STALE, age, problem)
