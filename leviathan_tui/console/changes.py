"""What the full screen shows and asks in the course of a change."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from textual.geometry import Size

from leviathan_tui.backend.changes.progress import WATCH_TIMEOUT
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Result, Step
from leviathan_tui.backend.changes.refusals import Guarded, NotPossible, Refusal
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.confirm import ConfirmScreen, Question

MOST_NAMED: Final = 8
"""Objects that a sentence names."""

HINT: Final = "  (esc stops watching; u takes it back)"
HINT_FOR_GOOD: Final = "  (esc stops watching)"
"""Where nothing can take the change back."""


class Host(Protocol):
    """What a change needs of the app."""

    @property
    def size(self) -> Size:
        """The terminal's size."""

    def push_screen_wait(self, screen: Any) -> Any:
        """Show a dialog and wait for its answer."""

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Show a line for a moment, or until the next one."""


class ChangeDialogs:
    """The full screen as the door of changes to one cluster. Implements `proposal.Door`."""

    watch_timeout = WATCH_TIMEOUT

    def __init__(self, host: Host, session: Session) -> None:
        self._host = host
        self._session = session

    def takes(self, related: RelatedObject) -> bool:
        """Tick what is to go unless somebody objects."""
        return related.ticked

    def trying(self) -> None:
        """Say so: a slow cluster takes its time."""
        self._host.say("Asking the cluster to try it …", stay=True)

    def left(self) -> None:
        """Say that nothing was changed."""
        self._host.say("Nothing was changed.")

    async def decide(self, proposal: Proposal) -> Decision | None:
        """Show everything, and wait for the answer."""
        self._host.say("")
        typed = self._session.engine.guard.types_the_name or proposal.types_the_name
        return await self._show(proposal, proposal.name if typed and proposal.steps else "")

    async def refused(self, refusals: Sequence[Refusal]) -> None:
        """Say why nothing is done: in a line where it fits one, else in a dialog."""
        first = refusals[0]
        fits = len(first.message) + 2 < self._host.size.width
        if len(refusals) == 1 and (fits or isinstance(first, Guarded)):
            self._host.say(first.message, "warn")
            return
        self._host.say("")
        await self._show(Proposal([], list(refusals)))

    async def _show(self, proposal: Proposal, name_to_type: str = "") -> Decision | None:
        session = self._session
        question = Question(session.context_name, session.identity, proposal, name_to_type)
        decision: Decision | None = await self._host.push_screen_wait(ConfirmScreen(question))
        return decision

    def sending(self, number: int, count: int, step: Step) -> None:
        """Say which of several it is."""
        if count > 1:
            self._host.say(f"{number} of {count}: {step.preview.intent.ref.name}", stay=True)

    def settled(self, step: Step) -> None:
        """Say nothing yet: all of it is told in the end."""

    async def report(self, result: Result) -> None:
        """Say what became of everything that was sent."""
        for step in result.done:
            intent, outcome = step.preview.intent, step.outcome
            if outcome is not None and intent.ref.kind == "CronJob" and outcome.entry.kind == "Job":
                self._session.note_run(intent.ref, outcome.entry.ref)
        if len(result.steps) == 1 and not result.refusals:
            await self._tell_one(result, result.steps[0])
        elif not (result.failed or result.untried or result.kept):
            self._tell_all(result)
        else:
            await self._show(Proposal([], _what_is_amiss(result)))

    async def _tell_one(self, result: Result, step: Step) -> None:
        if result.failure is not None:
            await self.refused([result.failure])
        outcome = step.outcome
        if outcome is None:
            return
        if not outcome.done:
            tone = "bad" if outcome.entry.outcome != "refused" else "warn"
            self._host.say(outcome.words, tone, stay=True)
            return
        trouble = self._session.records.trouble
        self._host.say(f"{outcome.words} {trouble}".strip(), "good")

    def _tell_all(self, result: Result) -> None:
        done, left_out = len(result.done), result.refusals
        if left_out:
            count = done + len(left_out)
            self._host.say(f"{done} of {count} changed; {left_out[0].message}", "warn", stay=True)
        else:
            self._host.say(f"{done} changed.{_lasting(result)}{result.way_back}", "good")

    def progressed(self, result: Result, step: Step) -> None:
        """Say how far it has come; of several, how many there are that have."""
        steps = [one.progress for one in result.watched]
        waiting = [one for one in steps if not one.over]
        if not waiting:
            return
        progress = step.progress
        if progress.over:
            progress = next((one for one in waiting if one.words), progress)
        count = len(steps) - len(waiting)
        begin = f"{count} of {len(steps)} done; " if len(steps) > 1 else ""
        hint = HINT if result.way_back else HINT_FOR_GOOD
        self._host.say(f"{begin}{progress.words}{hint}", stay=True)

    def stopped_watching(self) -> None:
        """Say that the effect is not known to have come."""
        self._host.say("Applied, not yet confirmed.", "warn")

    def ended(self, result: Result, seconds: float) -> None:
        """Say whether everything is as it should be."""
        # A pod that is made anew for an app is told with the app.
        watched = [one for one in result.watched if not one.preview.intent.part_of]
        steps = [one.progress for one in watched]
        if not steps:
            return
        failed = [step for step in steps if not step.done]
        count, left_out = len(steps), len(result.refusals)
        if failed:
            words = failed[0].words
            if not failed[0].over:
                words = f"Still not finished after {seconds / 60:.0f} min: {words}"
            rest = f" {count - len(failed)} of {count} are done." if count > 1 else ""
            tone = "bad" if any(step.failed for step in failed) else "warn"
            self._host.say(f"{words}{rest}", tone, stay=True)
        elif left_out:
            words = f"{count} of {count + left_out} are as they should be after {seconds:.0f} s."
            self._host.say(f"{words} {left_out} left out.", "warn", stay=True)
        elif count == 1:
            self._host.say(f"{steps[0].words}{_lasting(result)}", "good")
        else:
            words = f"All {count} are as they should be after {seconds:.0f} s."
            self._host.say(f"{words}{_lasting(result)}{result.way_back}", "good")


def _lasting(result: Result) -> str:
    """Return what is to be known of several changes once they are done, in words."""
    if len(result.steps) == 1:
        return ""
    told = [
        f" {step.preview.intent.ref.name}: {step.preview.change.afterwards}"
        for step in result.done
        if step.preview.change.afterwards
    ]
    return "".join(told[:MOST_NAMED])


def _what_is_amiss(result: Result) -> list[Refusal]:
    """Return what several changes did not come to, in words, after how many they did."""
    words = [step.outcome.words for step in result.failed if step.outcome is not None]
    for step in result.kept:
        if step.kept_for is not None:
            app = step.kept_for.preview.intent.ref.name
            intent = step.preview.intent
            changed = "changed" if intent.part_of else "deleted"
            words.append(f"{intent.subject} stays: {app} is not known to be {changed}.")
    if result.failure is not None:
        words.append(result.failure.message)
    if result.untried:
        names = [step.preview.intent.ref.name for step in result.untried]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        words.append(f"Not tried any more: {', '.join(names[:MOST_NAMED])}{more}.")
    words += [refusal.message for refusal in result.refusals]
    count = len(result.steps) + len(result.refusals)
    return [NotPossible(text) for text in (f"{len(result.done)} of {count} are changed.", *words)]
