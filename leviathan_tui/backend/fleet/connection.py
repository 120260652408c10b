"""How well the cluster is known right now: what the header says."""

from enum import Enum
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.messages import Phase, Problem, Restored, Scope, State

A_MOMENT: Final = 60.0
"""Seconds after which a cluster that does not answer counts as offline."""


class Freshness(Enum):
    """The state of the whole connection."""

    CONNECTING = "connecting"
    """Nothing is known yet."""
    LISTING = "listing"
    """Some rows are known, others are on their way."""
    LIVE = "live"
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
    """Seconds since the epoch; 0 where it does not matter."""
    problem: Problem | None = None


class Connection:
    """Sums up the phases of all scopes."""

    def __init__(self) -> None:
        self._states: dict[Scope, State] = {}
        self._listed: set[Scope] = set()
        self._listed_at: dict[Scope, float] = {}
        """When each scope was last listed: from then on, no change went by unseen."""
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
        if state.phase in (Phase.LISTED, Phase.LIVE):
            self._listed.add(state.scope)
        if state.phase is Phase.LISTED:
            self._listed_at[state.scope] = state.at
        if state.phase not in (Phase.LISTING, Phase.BROKEN):
            self._restored.pop(state.scope, None)
        self._states[state.scope] = state

    def forget(self, scope: Scope, *, keep: bool = False) -> None:
        """The scope is not watched any more; `keep` means that its whole kind is, instead."""
        self._states.pop(scope, None)
        self._listed.discard(scope)
        self._listed_at.pop(scope, None)
        at = self._restored.pop(scope, None)
        whole = Scope(scope.kind)
        if keep and at is not None and whole not in self._listed:
            self._restored[whole] = min(at, self._restored.get(whole, at))

    def live(self) -> list[Scope]:
        """Return the scopes that are listed and watched."""
        return [scope for scope, state in self._states.items() if state.phase is Phase.LIVE]

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
        """Return until when a kind was watched in a namespace: `now`, or the time of the break.

        What happened after that is not known, whatever the clock says.
        """
        at = self.restored(kind, namespace)
        if at is not None:
            return min(at, now)
        breaks = [
            state.at
            for state in self.of(kind)
            if state.phase is Phase.BROKEN and state.scope.namespace in ("", namespace)
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
        broken = [state for state in states if state.phase is Phase.BROKEN]
        if broken:
            first = min(broken, key=lambda state: state.at)
            credential = first.problem is not None and first.problem.kind == "unauthorized"
            freshness = Freshness.STALE
            if credential:
                freshness = Freshness.REFUSED
            elif not self._listed or now - first.at > A_MOMENT:
                freshness = Freshness.OFFLINE
            since = min((first.at, *self._restored.values()))
            return Status(freshness, min(since, now), first.problem)
        if self._restored:
            return Status(Freshness.STALE, min((now, *self._restored.values())))
        if all(state.phase is Phase.LIVE for state in states):
            return Status(Freshness.LIVE, 0.0)
        if self._listed:
            return Status(Freshness.LISTING, 0.0)
        return Status(Freshness.CONNECTING, 0.0)
