"""Audit lines of requests that nobody has proved anything with: all counted, few of them written.

Everybody can be refused as often as they like. A line for each would let anybody push the history
out of the audit log, which keeps only so many bytes. The first few of a minute from one network for
one reason are written as they are; the others of that minute become one line with their number.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from authserver.addresses import network_of
from authserver.audit import AuditLog
from authserver.clock import Clock

_SECONDS: Final = 60
_WRITTEN: Final = 5
"""Lines of one network, action and reason in a minute before the rest is summed up."""
_MOST_GROUPS: Final = 100
"""Networks and reasons that are told apart in a minute: whoever has many networks fills no log."""
_MOST_REASONS: Final = 10
"""Of one network, so that one alone does not use up the groups."""
_MOST_NAMES: Final = 10
OTHERS: Final = "other networks"

_Group: TypeAlias = tuple[str, str, str | None]


@dataclass
class _Sum:
    written: int = 0
    summed: int = 0
    names: dict[str, None] = field(default_factory=dict)

    def add(self, actor: str | None) -> None:
        self.summed += 1
        if actor is not None and len(self.names) < _MOST_NAMES:
            self.names[actor] = None


class Refusals:
    """Writes refusals to the audit log, or counts them. In this process alone."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._minute = 0
        self._sums: dict[_Group, _Sum] = {}

    def write(
        self,
        action: str,
        *,
        actor: str | None,
        address: str,
        reason: str | None,
        **details: str | None,
    ) -> None:
        """Audit one refusal: in a line of its own, or in the sum of its minute."""
        self.flush()
        found = self._sums.setdefault(self._group(network_of(address), action, reason), _Sum())
        if found.written < _WRITTEN:
            self._audit.write(
                action, "refused", actor=actor, address=address, reason=reason, **details
            )
            found.written += 1
        else:
            found.add(actor)

    def _group(self, network: str, action: str, reason: str | None) -> _Group:
        """Return what a refusal is counted with. Actions are few and words of our own."""
        group = (network, action, reason)
        if group in self._sums:
            return group
        reasons = sum(known[0] == network for known in self._sums)
        if reasons >= _MOST_REASONS:  # a reason may quote what was sent
            return (network, action, None)
        return group if len(self._sums) < _MOST_GROUPS else (OTHERS, action, None)

    def flush(self, *, closing: bool = False) -> None:
        """Write the sums of the minute that is over, or of the present one when we are `closing`."""
        minute = int(self._clock() // _SECONDS)
        if minute == self._minute and not closing:
            return
        self._minute = minute
        for network, action, reason in list(self._sums):
            found = self._sums[network, action, reason]
            if found.summed:
                self._audit.write(
                    action,
                    "refused",
                    address=network,
                    reason=reason,
                    count=str(found.summed),
                    actors=",".join(found.names) or None,
                )
            # Only now: what cannot be written is still known the next time.
            del self._sums[network, action, reason]
