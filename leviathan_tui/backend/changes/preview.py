"""A change before and after it is sent: what the server says it would do, and what became of it."""

from dataclasses import dataclass
from typing import Protocol

from leviathan_tui.backend.changes import entry as outcomes
from leviathan_tui.backend.changes.diff import Difference
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.intents import Change, Intent
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.kube.objects import Document


@dataclass
class Actor:
    """Who acts, where."""

    name: str
    cluster: str
    context: str
    token_id: str = ""


class Record(Protocol):
    """Where entries are written: this user's journal, or that and the team's."""

    async def begin(self, entry: Entry) -> None:
        """Write an entry durably. Raises `NotWritten`."""

    async def finish(self, entry: Entry) -> None:
        """Write an entry's outcome. Raises `NotWritten`."""


@dataclass
class Preview:
    """A change that the server has tried and the user has not confirmed yet."""

    intent: Intent
    change: Change
    before: Document | None
    after: Document | None
    differences: tuple[Difference, ...]
    local: str = ""
    """Why the differences are computed here instead of by the server; empty where they are its."""
    narrowed: bool = False
    """Whether it is `Intent.narrower`, for the object itself may not be changed."""

    @property
    def is_secret(self) -> bool:
        """Whether values must be masked."""
        return self.intent.kind.name == "Secret" and not self.intent.kind.group


@dataclass
class Outcome:
    """What became of one change."""

    preview: Preview
    entry: Entry
    refusal: Refusal | None = None

    @property
    def done(self) -> bool:
        """Whether the cluster has it."""
        return self.entry.outcome == outcomes.DONE

    @property
    def words(self) -> str:
        """The outcome as a sentence."""
        intent = self.preview.intent
        match self.entry.outcome:
            case outcomes.DONE:
                return f"{intent.past}: {intent.ref.name}. {self.entry.message}".strip()
            case outcomes.UNKNOWN:
                return f"{intent.ref.name}: {self.entry.message}. Look at it before you try again."
        return self.refusal.message if self.refusal is not None else self.entry.message


@dataclass(frozen=True)
class Progress:
    """How far the effect of a change has come."""

    words: str
    done: bool = False
    failed: bool = False
    unknown: bool = False
    """Whether it is over, and nothing tells how it ended."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.done or self.failed or self.unknown
