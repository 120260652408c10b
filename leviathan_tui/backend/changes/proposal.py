"""What a plan puts before a door, what the door answers, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.preview import Outcome, Preview, Progress
from leviathan_tui.backend.changes.progress import is_watched
from leviathan_tui.backend.changes.refusals import Owned, Refusal
from leviathan_tui.backend.changes.strategies import ReplacePod
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.kube import kinds


class Stage(Enum):
    """How far a change has come."""

    WANTED = "wanted"
    """An action was begun that may come to a change; what exactly is still being asked."""
    TRYING = "trying"
    DECIDING = "deciding"
    SENDING = "sending"
    WATCHING = "watching"
    OVER = "over"


UNDECIDED: Final = frozenset({Stage.WANTED, Stage.TRYING, Stage.DECIDING})
"""The stages at the end of which a confirmation appears, or is answered."""


@dataclass(eq=False)
class Step:
    """One of the changes of a plan."""

    preview: Preview
    owners: "list[Step]" = field(default_factory=list)
    """The apps with which it goes; where one of them is not changed, it stays."""
    outcome: Outcome | None = None
    """What became of it; None where it was not tried."""
    kept: bool = False
    """Whether it was left as it is because of an owner."""
    progress: Progress = field(default_factory=lambda: Progress(""))
    """How far its effect has come."""

    @property
    def done(self) -> bool:
        """Whether the cluster has it."""
        return self.outcome is not None and self.outcome.done

    @property
    def kept_for(self) -> "Step | None":
        """The app for which it stays, as that is not known to be changed."""
        return next((owner for owner in self.owners if not owner.done), None)


@dataclass(eq=False)
class Related:
    """What belongs to apps that are to be changed, and whether it goes with them."""

    object: RelatedObject
    owners: list[Step]
    goes: bool
    """To be set by whoever decides."""
    preview: Preview | None = None
    """Its deletion, where it was tried."""
    refusal: Refusal | None = None
    """Why it cannot go."""

    @property
    def deletion(self) -> Intent:
        """What it takes to delete it."""
        if self.is_pod:
            return ReplacePod(self.object.ref, self.owners[0].preview.intent)
        return Delete(self.object.kind, self.object.ref)

    @property
    def is_pod(self) -> bool:
        """Whether it is a pod that would keep its release; else it belongs to what is deleted."""
        return self.object.kind == kinds.POD


@dataclass
class Proposal:
    """Everything that has been tried, to be decided about."""

    steps: list[Step]
    refusals: list[Refusal]
    """What was wanted too and is left out, with the reason."""
    related: list[Related] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Kinds that could not be read, with the reason: more of these may belong to what is deleted."""

    @property
    def name(self) -> str:
        """What is changed, in a word: a name, or how many objects."""
        return (
            self.steps[0].preview.intent.ref.name if len(self.steps) == 1 else str(len(self.steps))
        )

    @property
    def types_the_name(self) -> bool:
        """Whether the name is typed to confirm it, whatever the configuration says."""
        return any(step.preview.intent.types_the_name for step in self.steps)

    @property
    def owned(self) -> bool:
        """Whether something is left out that could be taken over from its owners."""
        return any(isinstance(one, Owned) for one in self.refusals)

    @property
    def going(self) -> list[Related]:
        """The related objects that go too."""
        return [one for one in self.related if one.goes]

    def in_order(self) -> list[Step]:
        """Return the steps in the order in which they are sent.

        What belongs to apps follows the last of them, so that a failure leaves little behind.
        """
        order: list[Step] = []
        for step in self.steps:
            order.append(step)
            order += [
                Step(one.preview, one.owners)
                for one in self.going
                if one.preview is not None and one.owners[-1] is step
            ]
        return order


@dataclass
class Decision:
    """The answer to a proposal."""

    stop_at_first: bool = True
    """Whether a failure ends the whole."""
    take_over: bool = False
    """Whether everything is tried again, taking over the fields that belong to others."""


@dataclass
class Result:
    """What became of a plan."""

    steps: list[Step]
    refusals: list[Refusal]
    failure: Refusal | None = None
    """Why nothing more could be sent, as where the journal cannot be written."""

    @property
    def done(self) -> list[Step]:
        """The steps that the cluster has."""
        return [step for step in self.steps if step.done]

    @property
    def failed(self) -> list[Step]:
        """The steps that failed, or whose outcome nobody knows."""
        return [step for step in self.steps if step.outcome is not None and not step.done]

    @property
    def kept(self) -> list[Step]:
        """The related objects that stay, for the app stays that they belong to."""
        return [step for step in self.steps if step.kept]

    @property
    def untried(self) -> list[Step]:
        """The steps that were not tried any more."""
        return [step for step in self.steps if step.outcome is None and not step.kept]

    @property
    def way_back(self) -> str:
        """How all that was done can be taken back, in words; empty where some of it never can."""
        done = [step.outcome.entry for step in self.steps if step.outcome and step.outcome.done]
        if any(entry.irreversible for entry in done):
            return ""
        empty = any(entry.comes_back_empty for entry in done)
        return f" u takes all of it back{', but volumes come back empty' if empty else ''}."

    @property
    def watched(self) -> list[Step]:
        """The steps whose effect takes its time."""
        return [one for one in self.steps if one.outcome is not None and is_watched(one.outcome)]


class Door(Protocol):
    """What a change needs of the door that it came through."""

    @property
    def watch_timeout(self) -> float | None:
        """Seconds for which an effect is waited for; None where nobody waits."""

    def takes(self, related: RelatedObject) -> bool:
        """Whether what belongs to a deleted app goes with it unless somebody says otherwise."""

    def trying(self) -> None:
        """The cluster is asked to try it."""

    async def refused(self, refusals: Sequence[Refusal]) -> None:
        """Nothing is changed; say why."""

    async def decide(self, proposal: Proposal) -> Decision | None:
        """Return whether and how it is to be done; None to leave it."""

    def left(self) -> None:
        """It was left; nothing was changed."""

    def sending(self, number: int, count: int, step: Step) -> None:
        """One of the steps is about to be sent."""

    def settled(self, step: Step) -> None:
        """What became of one of the steps is known."""

    async def report(self, result: Result) -> None:
        """Everything was sent; say what became of it."""

    def progressed(self, result: Result, step: Step) -> None:
        """The effect of a step has come further."""

    def stopped_watching(self) -> None:
        """The effects are not waited for any more."""

    def ended(self, result: Result, seconds: float) -> None:
        """All effects have come, or are waited for no longer."""
