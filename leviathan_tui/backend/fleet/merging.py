"""What of messages that nobody has read still matters.

While a terminal stands still (Ctrl+S, a stalled SSH) the cluster goes on. What was overtaken by something
later is left out then, so that what waits is bounded by what there is and not by how much happened.
"""

from collections.abc import Iterable, Set
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.messages import (
    Delete,
    Malformed,
    Message,
    Phase,
    Proof,
    State,
    Upsert,
    Usage,
)

_replaced: Final = msgspec.structs.replace


def weight(message: Message) -> int:
    """Return of how many objects a message tells; 1 where it tells of none."""
    match message:
        case Upsert():
            return len(message.records) or 1
        case Delete():
            return len(message.uids) or 1
        case Usage():
            return len(message.pods or ()) or 1
    return 1


def deleted(messages: Iterable[Message]) -> set[str]:
    """Return the uids of the objects that messages tell to be gone."""
    return {uid for one in messages if isinstance(one, Delete) for uid in one.uids}


def merged(messages: list[Message], told: Set[str]) -> list[Message]:
    """Return the fewest of these messages that leave a reader where all of them would.

    `told` are the uids that the reader may know already, or more: what is not among them and is
    gone again never has to be told. The messages keep their order, and those that stay their numbers.
    """
    last: set[object] = set()
    counts: dict[object, int] = {}
    kept: list[Message] = []
    for message in reversed(_first_breaks(messages)):
        kind = message.scope.kind
        match message:
            case Upsert():
                records = [one for one in message.records if (kind, one.uid) not in last]
                last.update((kind, one.uid) for one in message.records)
                if records:
                    kept.append(_replaced(message, records=records))
            case Delete():
                uids = [uid for uid in message.uids if (kind, uid) not in last]
                last.update((kind, uid) for uid in uids)
                uids = [uid for uid in uids if uid in told]
                if uids:
                    kept.append(_replaced(message, uids=uids))
            case Malformed():
                if message.scope not in counts:
                    kept.append(message)
                counts[message.scope] = counts.get(message.scope, 0) + message.count
            case State() | Proof() | Usage():
                what = (type(message), message.scope, getattr(message, "phase", None))
                if what not in last:
                    last.add(what)
                    kept.append(message)
            case _:
                kept.append(message)
    kept.reverse()
    return [
        _replaced(one, count=counts[one.scope]) if isinstance(one, Malformed) else one
        for one in kept
    ]


def _first_breaks(messages: list[Message]) -> list[Message]:
    """Give each break the time of the first in its row, so that the last of them says when it began."""
    since: dict[object, float] = {}
    found: list[Message] = []
    for message in messages:
        if isinstance(message, State):
            if message.phase is Phase.BROKEN:
                at = since.setdefault(message.scope, message.at)
                message = _replaced(message, at=min(at, message.at))
            else:
                since.pop(message.scope, None)
        found.append(message)
    return found
