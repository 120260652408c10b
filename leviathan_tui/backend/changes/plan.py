"""The one path that every change takes, through whichever door it comes.

guard → try all → related objects → decide → send → stop rule → watch → result. A door says what is
wanted and decides; the order, and what follows from what, is decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar

from leviathan_tui.backend.changes.entry import new_id
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.preview import Actor, Outcome, Preview, Progress, Record
from leviathan_tui.backend.changes.progress import STEADY_SECONDS, follow
from leviathan_tui.backend.changes.proposal import (
    UNDECIDED,
    Decision,
    Door,
    Proposal,
    Related,
    Result,
    Stage,
    Step,
)
from leviathan_tui.backend.changes.refusals import NotPossible, Refusal
from leviathan_tui.backend.changes.sending import Sender
from leviathan_tui.backend.changes.strategies import kept_pods, rolls_out
from leviathan_tui.backend.changes.trial import Trial
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.relations import RelatedObject, related_objects
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.objects import Document
from leviathan_tui.backend.kube.selectors import SelectorError

T = TypeVar("T")

AT_ONCE: Final = 8
"""Objects that the server is asked about at the same time."""


class Engine:
    """What changes one cluster as one person."""

    def __init__(
        self,
        cluster: Cluster,
        record: Record,
        actor: Callable[[], Actor],
        guard: Guard,
        clock: Callable[[], float],
        *,
        events: bool = False,
        steady_seconds: float = STEADY_SECONDS,
    ) -> None:
        """`clock` is in seconds since the epoch; with `events`, changes are also Events.

        For `steady_seconds`, new pods have to stay ready before a change counts as up.
        """
        self.cluster = cluster
        self.guard = guard
        self.steady_seconds = steady_seconds
        self.trial = Trial(actor, guard)
        self.sender = Sender(record, actor, clock, events=events)


class Plan:
    """One change of one or several objects, from being wanted to its effect."""

    def __init__(self) -> None:
        self.stage = Stage.WANTED
        self.what = ""
        """What it is about, as in a sentence."""
        self.abandon: Callable[[], object] = lambda: None
        """Ends the action that wanted it."""
        self._asking: asyncio.Future[Any] | None = None

    def stop(self) -> bool:
        """Give up what is still asked for, tried or watched; False where nothing is."""
        match self.stage:
            case Stage.WANTED:
                self.stage = Stage.OVER
                self.abandon()
                return True
            case Stage.TRYING if self._asking is not None:
                return self._asking.cancel()
            case Stage.WATCHING:
                # What was told in the meantime is not to be heard any more.
                self.stage = Stage.OVER
                if self._asking is not None:
                    self._asking.cancel()
                return True
        return False

    async def carry_out(
        self,
        engine: Engine,
        door: Door,
        intents: Sequence[Intent],
        watches: Callable[["Plan"], object] = lambda plan: None,
    ) -> Result | None:
        """Take changes from the intent to the effect; None where nothing was sent.

        `watches` is called when it begins to watch.
        """
        self.what = intents[0].ref.name if len(intents) == 1 else f"{len(intents)} objects"
        try:
            result = await self._begin(engine, door, intents)
            if result is None:
                return None
            if result.done:
                watches(self)
            self.stage = Stage.WATCHING
            watching = asyncio.ensure_future(self._watch(engine, door, result))
            try:
                await door.report(result)
                await watching
            finally:
                watching.cancel()
            return result
        finally:
            self.stage = Stage.OVER

    async def _begin(self, engine: Engine, door: Door, intents: Sequence[Intent]) -> Result | None:
        """Do everything up to the last request."""
        try:
            proposal = await self._propose(engine, door, intents)
            if not proposal.steps and not proposal.owned:
                await door.refused(proposal.refusals)
                return None
            while True:
                self.stage = Stage.DECIDING
                decision = await door.decide(proposal)
                if decision is None:
                    door.left()
                    return None
                if decision.take_over:
                    for intent in intents:
                        intent.force = True
                    return await self._begin(engine, door, intents)
                if not await self._try_late(engine, door, proposal):
                    break
        except Refusal as refusal:
            await door.refused([refusal])
            return None
        except asyncio.CancelledError:
            if _is_ending():
                raise
            door.left()
            return None
        self.stage = Stage.SENDING
        return await _send(engine, door, proposal.in_order(), proposal.refusals, decision)

    # Guard, try all, related objects

    async def _propose(self, engine: Engine, door: Door, intents: Sequence[Intent]) -> Proposal:
        """Return what may be decided about. Raises `Refusal` where nothing may be done."""
        engine.guard.check_count(len(intents))
        for intent in intents:
            # What is shown may be gone: nobody should decide by it.
            why = engine.cluster.only_snapshot(intent.kind.name, intent.ref.namespace)
            if why:
                raise NotPossible(f"{intent.not_done}. {why}")
        made = frozenset(
            (one.kind.name, one.ref.namespace, one.ref.name) for one in intents if one.makes
        )
        for intent in intents:
            intent.beside = made
        self.stage = Stage.TRYING
        door.trying()
        tried = await self._try_all(engine, intents)
        refusals = [one for one in tried if isinstance(one, Refusal)]
        steps = [Step(one) for one in tried if isinstance(one, Preview)]
        if refusals and all(intent.all_or_none for intent in intents):
            steps = []
        proposal = Proposal(steps, refusals)
        await self._add_related(engine, door, proposal)
        return proposal

    async def _try_all(self, engine: Engine, intents: Sequence[Intent]) -> list[Preview | Refusal]:
        async def one(client: KubeClient, intent: Intent) -> Preview | Refusal:
            try:
                return await engine.trial.prepare(client, intent)
            except Refusal as refusal:
                return refusal
            except KubeError as error:
                # One that cannot be read says nothing of the others.
                return NotPossible(f"{intent.not_done}: {error.message}. Nothing was sent.")

        return await self._ask_each(engine, one, intents)

    async def _add_related(self, engine: Engine, door: Door, proposal: Proposal) -> None:
        """Find what belongs to apps that are changed, and try to delete what goes with that."""
        apps = [
            (step, app)
            for step in proposal.steps
            if step.preview.intent.kind in kinds.WORKLOADS
            and (app := step.preview.before) is not None
        ]
        proposal.related = await self._kept_pods(engine, door, apps)
        deleted = [(step, app) for step, app in apps if step.preview.intent.takes_related]
        if deleted:
            proposal.related += await self._belongings(engine, door, proposal, deleted)
        try:
            engine.guard.check_count(len(proposal.steps) + len(proposal.going))
        except Refusal as refusal:
            for one in proposal.going:
                one.refusal, one.goes = refusal, False
        await self._try_related(engine, proposal.going)

    async def _kept_pods(
        self, engine: Engine, door: Door, apps: Sequence[tuple[Step, Document]]
    ) -> list[Related]:
        """Return the pods of apps that their controllers would not bring to the new release."""
        rolling = [(step, app) for step, app in apps if rolls_out(app, step.preview.after)]

        async def read(client: KubeClient, item: tuple[Step, Document]) -> list[RelatedObject]:
            step, app = item
            intent = step.preview.intent
            try:
                return await kept_pods(client, intent.kind, app, intent.ref)
            except (KubeError, SelectorError) as error:
                step.preview.change.warnings.append(f"Its pods cannot be read: {error}")
                return []

        answers = await self._ask_each(engine, read, rolling) if rolling else []
        return [
            Related(pod, [step], door.takes(pod))
            for (step, _), pods in zip(rolling, answers, strict=True)
            for pod in pods
        ]

    async def _belongings(
        self,
        engine: Engine,
        door: Door,
        proposal: Proposal,
        apps: Sequence[tuple[Step, Document]],
    ) -> list[Related]:
        """Return what belongs to apps that are deleted."""
        going = [(step.preview.intent.kind, app) for step, app in apps]
        try:
            answers = await self._ask(
                engine.cluster.ask(lambda client: related_objects(client, going))
            )
        except KubeError as error:
            intent = apps[0][0].preview.intent
            raise NotPossible(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
        found: dict[str, Related] = {}
        for (step, _), relations in zip(apps, answers, strict=True):
            proposal.unreadable |= relations.unreadable
            for item in relations.objects:
                known = found.setdefault(item.ref.uid, Related(item, [], door.takes(item)))
                known.owners.append(step)
        return list(found.values())

    async def _try_related(self, engine: Engine, related: Sequence[Related]) -> None:
        deletions = [one.deletion for one in related]
        for one, tried in zip(related, await self._try_all(engine, deletions), strict=True):
            if isinstance(tried, Preview):
                one.preview = tried
            else:
                one.refusal, one.goes = tried, False

    async def _try_late(self, engine: Engine, door: Door, proposal: Proposal) -> bool:
        """Try what is to go too and was not tried yet; True where that has to be decided about.

        Raises `Refusal` where it may not go.
        """
        late = [one for one in proposal.going if one.preview is None]
        if late:
            self.stage = Stage.TRYING
            door.trying()
            await self._try_related(engine, late)
        for one in late:
            if one.refusal is not None:
                raise one.refusal
        engine.guard.check_count(len(proposal.steps) + len(proposal.going))
        return any(one.preview is not None and one.preview.change.warnings for one in late)

    # Watching

    async def _watch(self, engine: Engine, door: Door, result: Result) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        timeout = door.watch_timeout or 0.0

        async def one(client: KubeClient, step: Step, outcome: Outcome) -> Progress:
            def tell(progress: Progress) -> None:
                loop.call_soon_threadsafe(self._progressed, door, result, step, progress)

            return await follow(client, outcome, tell, timeout, engine.steady_seconds)

        async def every(client: KubeClient) -> list[Progress]:
            watched = [(step, step.outcome) for step in result.watched]
            return list(
                await asyncio.gather(
                    *(
                        one(client, step, outcome)
                        for step, outcome in watched
                        if outcome is not None
                    )
                )
            )

        if result.watched and door.watch_timeout is not None:
            try:
                ends = await self._ask(engine.cluster.ask(every))
            except KubeError:
                # The connection to the cluster was closed: nothing more is heard of it.
                return
            except asyncio.CancelledError:
                if _is_ending():
                    raise
                door.stopped_watching()
                return
            for step, end in zip(result.watched, ends, strict=True):
                # Where the time is over the last step is told by nobody but this.
                step.progress = end
        door.ended(result, loop.time() - started)

    def _progressed(self, door: Door, result: Result, step: Step, progress: Progress) -> None:
        if self.stage is Stage.WATCHING:
            step.progress = progress
            door.progressed(result, step)

    # Asking the cluster

    async def _ask(self, question: Awaitable[T]) -> T:
        """Await an answer in such a way that `stop` can give it up."""
        asking: asyncio.Future[T] = asyncio.ensure_future(question)
        self._asking = asking
        try:
            return await asking
        finally:
            self._asking = None

    async def _ask_each(
        self,
        engine: Engine,
        question: Callable[[KubeClient, Any], Coroutine[Any, Any, T]],
        items: Iterable[Any],
    ) -> list[T]:
        """Ask the cluster about each of several things, a few at a time."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(client: KubeClient, item: Any) -> T:
            async with room:
                return await question(client, item)

        async def every(client: KubeClient) -> list[T]:
            return list(await asyncio.gather(*(one(client, item) for item in items)))

        return await self._ask(engine.cluster.ask(every))


def _is_ending() -> bool:
    """Whether it is not one question that was given up, but everything that ends."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _send(
    engine: Engine, door: Door, steps: list[Step], refusals: list[Refusal], decision: Decision
) -> Result:
    """Send everything that may be sent, and say what became of each."""
    result = Result(steps, refusals)
    batch = new_id() if len(steps) > 1 else ""
    for number, step in enumerate(steps, 1):
        if step.kept_for is not None:
            step.kept = True
            door.settled(step)
            continue
        door.sending(number, len(steps), step)
        try:
            step.outcome = await engine.cluster.ask(
                lambda client, one=step.preview: engine.sender.send(client, one, batch)  # type: ignore[misc]
            )
        except (Refusal, KubeError) as error:
            # Without a journal, the next one cannot be made either.
            result.failure = NotPossible(f"{step.preview.intent.not_done}: {error}")
            break
        door.settled(step)
        if not step.done and decision.stop_at_first:
            break
    return result


class Plans:
    """The plans of one door, of which one at a time is decided about."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []

    @property
    def sending(self) -> Plan | None:
        """The plan of which something is being sent."""
        return next((plan for plan in self._plans if plan.stage is Stage.SENDING), None)

    @property
    def undecided(self) -> Plan | None:
        """The plan that a confirmation is about, or will be."""
        return next((plan for plan in self._plans if plan.stage in UNDECIDED), None)

    def want(self) -> Plan:
        """Return a new plan, to be ended by `give_up` where it comes to nothing."""
        self._plans = [plan for plan in self._plans if plan.stage is not Stage.OVER]
        self._plans.append(Plan())
        return self._plans[-1]

    @staticmethod
    def give_up(plan: Plan) -> None:
        """End a plan that came to nothing."""
        if plan.stage is Stage.WANTED:
            plan.stage = Stage.OVER

    async def carry_out(
        self, engine: Engine, door: Door, intents: Sequence[Intent]
    ) -> Result | None:
        """Take changes from the intent to the effect; None where nothing was sent."""
        plan = self.undecided or self.want()
        if plan.stage is not Stage.WANTED:
            await door.refused([NotPossible(f"First decide about {plan.what}.")])
            return None
        return await plan.carry_out(engine, door, intents, self._watch_only)

    def _watch_only(self, plan: Plan) -> None:
        """Watch no longer what was watched before."""
        for other in self._plans:
            if other is not plan and other.stage is Stage.WATCHING:
                other.stop()

    def stop(self) -> bool:
        """Give up what was begun last and can be given up; False where nothing can."""
        return any(plan.stop() for plan in reversed(self._plans))
