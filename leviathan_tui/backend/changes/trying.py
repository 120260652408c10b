"""Having everything tried that a plan may come to: what is wanted, and what goes with it."""

from collections.abc import Callable, Sequence

from leviathan_tui.backend.changes.asking import Asking
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.proposal import Door, Proposal, Related, Step
from leviathan_tui.backend.changes.refusals import NotPossible, Refusal
from leviathan_tui.backend.changes.strategies import kept_pods, rolls_out
from leviathan_tui.backend.changes.trial import Trial
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.relations import RelatedObject, related_objects
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.objects import Document
from leviathan_tui.backend.kube.selectors import SelectorError


class Trials:
    """The trials of one plan."""

    def __init__(
        self,
        asking: Asking,
        cluster: Cluster,
        trial: Trial,
        guard: Guard,
        door: Door,
        trying: Callable[[], None],
    ) -> None:
        """`trying` is called each time when something begins to be tried."""
        self._asking = asking
        self._cluster = cluster
        self._trial = trial
        self._guard = guard
        self._door = door
        self._trying = trying

    async def propose(self, intents: Sequence[Intent]) -> Proposal:
        """Return what may be decided about. Raises `Refusal` where nothing may be done."""
        self._guard.check_count(len(intents))
        for intent in intents:
            # What is shown may be gone: nobody should decide by it.
            why = self._cluster.only_snapshot(intent.kind.name, intent.ref.namespace)
            if why:
                raise NotPossible(f"{intent.not_done}. {why}")
        made = frozenset(
            (one.kind.name, one.ref.namespace, one.ref.name) for one in intents if one.makes
        )
        for intent in intents:
            intent.beside = made
        self._trying()
        tried = await self._try_all(intents)
        refusals = [one for one in tried if isinstance(one, Refusal)]
        steps = [Step(one) for one in tried if isinstance(one, Preview)]
        if refusals and all(intent.all_or_none for intent in intents):
            steps = []
        proposal = Proposal(steps, refusals)
        await self._add_related(proposal)
        return proposal

    async def _try_all(self, intents: Sequence[Intent]) -> list[Preview | Refusal]:
        async def one(client: KubeClient, intent: Intent) -> Preview | Refusal:
            try:
                return await self._trial.prepare(client, intent)
            except Refusal as refusal:
                return refusal
            except KubeError as error:
                # One that cannot be read says nothing of the others.
                return NotPossible(f"{intent.not_done}: {error.message}. Nothing was sent.")

        return await self._asking.each(self._cluster, one, intents)

    async def _add_related(self, proposal: Proposal) -> None:
        """Find what belongs to apps that are changed, and try to delete what goes with that."""
        apps = [
            (step, app)
            for step in proposal.steps
            if step.preview.intent.kind in kinds.WORKLOADS
            and (app := step.preview.before) is not None
        ]
        proposal.related = await self._kept_pods(apps)
        deleted = [(step, app) for step, app in apps if step.preview.intent.takes_related]
        if deleted:
            proposal.related += await self._belongings(proposal, deleted)
        try:
            self._guard.check_count(len(proposal.steps) + len(proposal.going))
        except Refusal as refusal:
            for one in proposal.going:
                one.refusal, one.goes = refusal, False
        await self._try_related(proposal.going)

    async def _kept_pods(self, apps: Sequence[tuple[Step, Document]]) -> list[Related]:
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

        answers = await self._asking.each(self._cluster, read, rolling) if rolling else []
        return [
            Related(pod, [step], self._door.takes(pod))
            for (step, _), pods in zip(rolling, answers, strict=True)
            for pod in pods
        ]

    async def _belongings(
        self, proposal: Proposal, apps: Sequence[tuple[Step, Document]]
    ) -> list[Related]:
        """Return what belongs to apps that are deleted."""
        going = [(step.preview.intent.kind, app) for step, app in apps]
        try:
            answers = await self._asking.ask(
                self._cluster.ask(lambda client: related_objects(client, going))
            )
        except KubeError as error:
            intent = apps[0][0].preview.intent
            raise NotPossible(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
        found: dict[str, Related] = {}
        for (step, _), relations in zip(apps, answers, strict=True):
            proposal.unreadable |= relations.unreadable
            for item in relations.objects:
                known = found.setdefault(item.ref.uid, Related(item, [], self._door.takes(item)))
                known.owners.append(step)
        return list(found.values())

    async def _try_related(self, related: Sequence[Related]) -> None:
        deletions = [one.deletion for one in related]
        for one, tried in zip(related, await self._try_all(deletions), strict=True):
            if isinstance(tried, Preview):
                one.preview = tried
            else:
                one.refusal, one.goes = tried, False

    async def try_late(self, proposal: Proposal) -> bool:
        """Try what is to go too and was not tried yet; True where that has to be decided about.

        Raises `Refusal` where it may not go.
        """
        late = [one for one in proposal.going if one.preview is None]
        if late:
            self._trying()
            await self._try_related(late)
        for one in late:
            if one.refusal is not None:
                raise one.refusal
        self._guard.check_count(len(proposal.steps) + len(proposal.going))
        return any(one.preview is not None and one.preview.change.warnings for one in late)
