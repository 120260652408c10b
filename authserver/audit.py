"""The audit log: one line per attempt and change, in a file or in Redis, without secrets."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

Outcome: TypeAlias = Literal["ok", "refused", "failed"]
Stream: TypeAlias = Literal["known", "routine", "strangers"]
"""Where a line belongs in a log that keeps acts, the tokens of running sessions and what is about
those who have proved nothing apart: none of them pushes out the others.
"""

_LONGEST_TEXT: Final = 256


class Line(msgspec.Struct, frozen=True):
    """What is to be written. What is None is left out.

    `address` is written as `from`; `details` are further fields, such as the session.
    """

    action: str
    outcome: Outcome
    stream: Stream = "known"
    actor: str | None = None
    address: str | None = None
    reason: str | None = None
    jti: str | None = None
    details: Mapping[str, str | None] = msgspec.field(default_factory=dict)


class Audit(Protocol):
    """Where audit lines go. Every method raises StoreUnavailable; a file's may raise OSError too."""

    async def write(self, line: Line) -> None:
        """Return when the line is kept."""

    async def maintain(self) -> None:
        """Keep the log within its bounds; called now and then."""

    async def ping(self) -> None:
        """Return when the log can be written."""

    async def check_durability(self) -> None:
        """Raise UnsafeRedis when the log would lose what it acknowledged."""

    async def close(self) -> None:
        """Let go of files and connections."""


def moment(now: float) -> str:
    """Return a time as lines of the log have it: UTC, to the millisecond."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def fields_of(line: Line, now: float) -> dict[str, str]:
    """Return what is written of a line that comes about `now`."""
    fields = {
        "time": moment(now),
        "actor": line.actor,
        "action": line.action,
        "from": line.address,
        "outcome": line.outcome,
        "reason": line.reason,
        "jti": line.jti,
        **line.details,
    }
    return {key: value[:_LONGEST_TEXT] for key, value in fields.items() if value is not None}


def encode(fields: dict[str, str]) -> bytes:
    """Return one line of plain ASCII, in which no character can act on a terminal or a parser."""
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return text.encode("ascii") + b"\n"
