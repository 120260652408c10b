"""Audit lines of requests that nobody has proved anything with: all counted, few of them written.

Everybody can be refused as often as they like. A line for each would let anybody push the history
out of the audit log, which keeps only so much. What was refused in a minute to one network for one
reason becomes one line with its number; a log in a file gets the first few as they are, too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from authserver.addresses import network_of
from authserver.audit import Audit, Line, moment
from authserver.clock import Clock

_SECONDS: Final = 60
_WRITTEN: Final = 5
"""Lines of one network, action and reason in a minute before the rest is summed up."""
_MOST_GROUPS: Final = 100
"""Networks and reasons that are told apart in a minute: whoever has many networks fills no log."""
_MOST_WAITING: Final = 1000
"""Sums that wait to be written. Beyond it, as while the log is away, they are added together."""
_MOST_REASONS: Final = 10
"""Of one network, so that one alone does not use up the groups."""
_MOST_NAMES: Final = 10
OTHERS: Final = "other networks"

_Group: TypeAlias = tuple[str, str, str | None]


@dataclass
class _Sum:
    since: int
    written: int = 0
    summed: int = 0
    names: dict[str, None] = field(default_factory=dict)

    def add(self, actor: str | None) -> None:
        self.summed += 1
        if actor is not None and len(self.names) < _MOST_NAMES:
            self.names[actor] = None

    def absorb(self, other: "_Sum") -> None:
        self.since = min(self.since, other.since)
        self.summed += other.summed
        for name in list(other.names)[: _MOST_NAMES - len(self.names)]:
            self.names[name] = None


class Refusals:
    """Counts refusals and writes the sums to the audit log. In this process alone.

    `write_one` writes the first few of a minute as they are, where the log has room for that.
    """

    def __init__(
        self, audit: Audit, clock: Clock, write_one: Callable[[Line], None] | None = None
    ) -> None:
        self._audit = audit
        self._clock = clock
        self._write_one = write_one
        self._minute = 0
        self._sums: dict[_Group, _Sum] = {}
        self._waiting: dict[_Group, _Sum] = {}

    def add(self, line: Line) -> None:
        """Count one refusal, or write it in a line of its own."""
        self._end_minute()
        group = self._group(network_of(line.address or ""), line.action, line.reason)
        found = self._sums.setdefault(group, _Sum(self._minute))
        if self._write_one is not None and found.written < _WRITTEN:
            self._write_one(line)
            found.written += 1
        else:
            found.add(line.actor)

    def _group(self, network: str, action: str, reason: str | None) -> _Group:
        """Return what a refusal is counted with. Actions are few and words of our own."""
        group = (network, action, reason)
        if group in self._sums:
            return group
        reasons = sum(known[0] == network for known in self._sums)
        if reasons >= _MOST_REASONS:  # a reason may quote what was sent
            return (network, action, None)
        return group if len(self._sums) < _MOST_GROUPS else (OTHERS, action, None)

    def _end_minute(self, *, closing: bool = False) -> None:
        minute = int(self._clock() // _SECONDS)
        if minute == self._minute and not closing:
            return
        self._minute = minute
        for group, found in self._sums.items():
            self._wait(group, found)
        self._sums.clear()

    def _wait(self, group: _Group, found: _Sum) -> None:
        if not found.summed:
            return
        if group not in self._waiting and len(self._waiting) >= _MOST_WAITING:
            group = (OTHERS, group[1], None)
        if group in self._waiting:
            self._waiting[group].absorb(found)
        else:
            self._waiting[group] = found

    async def flush(self, *, closing: bool = False) -> None:
        """Write the sums of minutes that are over, and of the present one when we are `closing`.

        Raises what the audit log raises; what could not be written then waits for the next time.
        """
        self._end_minute(closing=closing)
        batch = list(self._waiting.items())
        self._waiting.clear()
        try:
            outcomes = await asyncio.gather(
                *(self._write(group, found) for group, found in batch), return_exceptions=True
            )
        except asyncio.CancelledError:
            for group, found in batch:
                self._wait(group, found)
            raise
        failures = []
        for (group, found), outcome in zip(batch, outcomes, strict=True):
            if outcome is not None:
                self._wait(group, found)
                failures.append(outcome)
        if failures:
            raise failures[0]

    async def _write(self, group: _Group, found: _Sum) -> None:
        network, action, reason = group
        details = {
            "since": moment(found.since * _SECONDS),
            "count": str(found.summed),
            "actors": ",".join(found.names) or None,
        }
        line = Line(action, "refused", "strangers", None, network, reason, details=details)
        await self._audit.write(line)
