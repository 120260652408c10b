"""The one path that every change takes, through whichever door it comes.

guard → try all → related objects → decide → send → stop rule → watch → result. A door says what is
wanted and decides; the order, and what follows from what, is decided here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from leviathan_tui.backend.changes.asking import Asking
from leviathan_tui.backend.changes.entry import new_id
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.preview import Actor, Outcome, Progress, Record
from leviathan_tui.backend.changes.progress import STEADY_SECONDS, follow
from leviathan_tui.backend.changes.proposal import (
    UNDECIDED,
    Decision,
    Door,
    Result,
    Stage,
    Step,
)
from leviathan_tui.backend.changes.refusals import NotPossible, Refusal
from leviathan_tui.backend.changes.sending import Sender
from leviathan_tui.backend.changes.trial import Trial
from leviathan_tui.backend.changes.trying import Trials
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError

T = TypeVar("T")


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
        self._asking = Asking()

    def stop(self) -> bool:
        """Give up what is still asked for, tried or watched; False where nothing is."""
        match self.stage:
            case Stage.WANTED:
                self.stage = Stage.OVER
                self.abandon()
                return True
            case Stage.TRYING:
                return self._asking.give_up()
            case Stage.WATCHING:
                # What was told in the meantime is not to be heard any more.
                self.stage = Stage.OVER
                self._asking.give_up()
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

        def trying() -> None:
            self.stage = Stage.TRYING
            door.trying()

        trials = Trials(self._asking, engine.cluster, engine.trial, engine.guard, door, trying)
        try:
            proposal = await trials.propose(intents)
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
                if not await trials.try_late(proposal):
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
                ends = await self._asking.ask(engine.cluster.ask(every))
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
