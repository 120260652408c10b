"""How the full screen takes a change from the wish to its effect: try, ask, send, watch."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from textual.geometry import Size

from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.entry import new_id
from leviathan_tui.backend.changes.flow import Outcome, Preview
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.refusals import Guarded, NotPossible, Owned, Refusal
from leviathan_tui.backend.changes.undo import Unmake
from leviathan_tui.backend.fleet.relations import RelatedObject, related_objects
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.session import Session
from leviathan_tui.console.watching import Watching
from leviathan_tui.screens.confirm import ConfirmScreen, Decision, Question

AT_ONCE: Final = 8
"""Changes that the server tries at the same time."""


class Host(Protocol):
    """What changing needs of the app."""

    session: Session

    @property
    def size(self) -> Size:
        """The terminal's size."""

    def push_screen_wait(self, screen: Any) -> Any:
        """Show a box and wait for its answer."""

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Show a line for a moment, or until the next one."""


class Changing:
    """Takes changes through the one flow, and watches them until they are true."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._watching = Watching(host)
        self._deciding = ""
        """The name of what is being tried and asked about."""
        self._turn = object()
        """Whose that is: a change that is still being sent may be followed by the next."""
        self._trying: asyncio.Future[Any] | None = None

    @property
    def trying(self) -> bool:
        """Whether a change is being tried or asked about: a confirmation is about to appear."""
        return bool(self._deciding)

    async def change(self, intents: Sequence[Intent]) -> None:
        """Take changes from the wish to the effect, after one confirmation for all of them.

        One at a time: what a key that was pressed twice asks for again is not asked.
        """
        if self._deciding:
            self._host.say(f"First decide about {self._deciding}.", "warn")
            return
        self._deciding = _called(intents)
        turn = self._turn = object()
        try:
            await self._change(intents, turn)
        except asyncio.CancelledError:
            self._host.say("Nothing was changed.")
        finally:
            self._decided(turn)

    def _decided(self, turn: object) -> None:
        """Let the next change begin, unless it has."""
        if self._turn is turn:
            self._deciding = ""

    async def _change(self, intents: Sequence[Intent], turn: object) -> None:
        session = self._host.session
        try:
            self._allow(session, intents)
            previews, refusals = await self._prepare(session, intents)
        except Refusal as refusal:
            await self._refused([refusal])
            return
        if refusals and all(isinstance(one, Apply) for one in intents):
            # Of several manifests, all are applied or none.
            previews = []
        if not previews and not any(isinstance(one, Owned) for one in refusals):
            await self._refused(refusals)
            return
        decision = await self._confirm(session, previews, refusals)
        if decision is None:
            self._host.say("Nothing was changed.")
            return
        if decision.force:
            forced = [one for one in intents if isinstance(one, Apply)]
            for intent in forced:
                intent.force = True
            await self._change(intents, turn)
            return
        if decision.companions:
            session.changes.guard.check_count(len(previews) + len(decision.companions))
            more, refused = await self._prepare(
                session, [Delete(one.kind, one.ref) for one in decision.companions]
            )
            if refused:
                await self._refused(refused)
                return
            previews += more
        self._decided(turn)
        await self._make(
            session,
            previews,
            refusals,
            stop_at_first=decision.stop_at_first,
            with_companions=bool(decision.companions),
        )

    @staticmethod
    def _allow(session: Session, intents: Sequence[Intent]) -> None:
        """Raise `Refusal` where nothing, or not so much at once, may be changed now."""
        session.changes.guard.check_count(len(intents))
        for intent in intents:
            # What is shown may be gone: nobody should decide by it.
            why = session.cluster.only_snapshot(intent.kind.name, intent.ref.namespace)
            if why:
                raise NotPossible(f"{intent.not_done}. {why}")

    async def _prepare(
        self, session: Session, intents: Sequence[Intent]
    ) -> tuple[list[Preview], list[Refusal]]:
        self._host.say("Asking the cluster to try it …", stay=True)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(client: KubeClient, intent: Intent) -> Preview | Refusal:
            async with room:
                try:
                    return await session.changes.prepare(client, intent)
                except Refusal as refusal:
                    return refusal
                except KubeError as error:
                    return NotPossible(f"{intent.not_done}: {error.message}. Nothing was sent.")

        async def every(client: KubeClient) -> list[Preview | Refusal]:
            return await asyncio.gather(*(one(client, intent) for intent in intents))

        self._trying = asyncio.ensure_future(session.cluster.ask(every))
        try:
            results = await self._trying
        finally:
            self._trying = None
            self._host.say("")
        previews = [item for item in results if isinstance(item, Preview)]
        return previews, [item for item in results if isinstance(item, Refusal)]

    async def _confirm(
        self, session: Session, previews: list[Preview], refusals: list[Refusal]
    ) -> Decision | None:
        belonging: list[RelatedObject] = []
        first = previews[0] if previews else None
        if (
            first is not None
            and len(previews) == 1
            and isinstance(first.intent, Delete)
            and not isinstance(first.intent, Unmake)
            and first.intent.kind in kinds.WORKLOADS
            and first.before is not None
        ):
            kind, document = first.intent.kind, first.before
            found_related = await session.cluster.ask(
                lambda client: related_objects(client, kind, document)
            )
            belonging = found_related.objects
        name = ""
        if session.changes.guard.types_the_name and first is not None:
            name = first.intent.ref.name if len(previews) == 1 else str(len(previews))
        question = Question(
            session.context_name, session.identity, previews, refusals, belonging, name
        )
        found: Decision | None = await self._host.push_screen_wait(ConfirmScreen(question))
        return found

    async def _refused(self, refusals: Sequence[Refusal]) -> None:
        """Say why nothing is done: in a line where it fits one, else in a box."""
        first = refusals[0]
        fits = len(first.message) + 2 < self._host.size.width
        if len(refusals) == 1 and (fits or isinstance(first, Guarded)):
            self._host.say(first.message, "warn")
            return
        session = self._host.session
        question = Question(session.context_name, session.identity, [], list(refusals))
        await self._host.push_screen_wait(ConfirmScreen(question))

    async def _make(
        self,
        session: Session,
        previews: list[Preview],
        refusals: list[Refusal],
        *,
        stop_at_first: bool,
        with_companions: bool,
    ) -> None:
        batch = new_id() if len(previews) > 1 else ""
        outcomes: list[Outcome] = []
        left = list(previews)
        for number, preview in enumerate(previews, 1):
            if len(previews) > 1:
                self._host.say(f"{number} of {len(previews)}: {preview.intent.ref.name}", stay=True)
            try:
                outcome = await session.cluster.ask(
                    lambda client, one=preview: session.changes.send(client, one, batch)  # type: ignore[misc]
                )
            except (Refusal, KubeError) as error:
                await self._refused([NotPossible(f"{preview.intent.not_done}: {error}")])
                break
            outcomes.append(outcome)
            left.remove(preview)
            if not outcome.done and (stop_at_first or (with_companions and number == 1)):
                # What belongs to an app stays where the app itself could not be deleted.
                break
        if len(previews) == 1 and outcomes and not refusals:
            self._tell(session, outcomes[0])
        elif outcomes:
            await self._report(session, outcomes, left, refusals)

    async def _report(
        self,
        session: Session,
        outcomes: list[Outcome],
        left: list[Preview],
        refusals: list[Refusal],
    ) -> None:
        """Say what became of each of several changes, and watch those that were made."""
        bad = [outcome for outcome in outcomes if not outcome.done]
        done = len(outcomes) - len(bad)
        self._watching.start(session, outcomes, len(refusals))
        if not bad and not left:
            if refusals:
                count = done + len(refusals)
                self._host.say(
                    f"{done} of {count} changed; {refusals[0].message}", "warn", stay=True
                )
            else:
                self._host.say(f"{done} changed. u takes all of it back.", "good")
            return
        words = [NotPossible(outcome.words) for outcome in bad]
        if left:
            names = ", ".join(preview.intent.ref.name for preview in left[:8])
            more = f" and {len(left) - 8} more" if len(left) > 8 else ""
            words.append(NotPossible(f"Not tried any more: {names}{more}."))
        words += [NotPossible(refusal.message) for refusal in refusals]
        count = done + len(bad) + len(left) + len(refusals)
        words.insert(0, NotPossible(f"{done} of {count} are changed."))
        question = Question(session.context_name, session.identity, [], list(words))
        await self._host.push_screen_wait(ConfirmScreen(question))

    def _tell(self, session: Session, outcome: Outcome) -> None:
        if not outcome.done:
            tone = "bad" if outcome.entry.outcome != "refused" else "warn"
            self._host.say(outcome.words, tone, stay=True)
            return
        # First, for it takes back what was said of the change before.
        self._watching.start(session, [outcome])
        trouble = session.records.trouble
        self._host.say(f"{outcome.words} {trouble}".strip(), "good")

    def stop(self) -> bool:
        """Give up what is being tried, or stop watching what was changed; False where neither is."""
        if self._trying is not None:
            self._trying.cancel()
            return True
        return self._watching.stop()


def _called(intents: Sequence[Intent]) -> str:
    """Return how several changes are called in a sentence."""
    return intents[0].ref.name if len(intents) == 1 else f"{len(intents)} objects"
