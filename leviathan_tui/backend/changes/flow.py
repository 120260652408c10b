"""The one flow of every change: tried by the server, confirmed, sent once, written down."""

import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from leviathan_tui.backend.changes import entry as outcomes
from leviathan_tui.backend.changes.announce import announce
from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.apps import Scale
from leviathan_tui.backend.changes.cautions import cautions
from leviathan_tui.backend.changes.diff import MASK, Difference, differences, in_words, value_at
from leviathan_tui.backend.changes.entry import Entry, new_id
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Change, Intent
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.masks import refuse_masks
from leviathan_tui.backend.changes.refusals import (
    Changed,
    Denied,
    Gone,
    NotPossible,
    NotSent,
    NotWritten,
    Owned,
    Refusal,
    Rejected,
)
from leviathan_tui.backend.changes.scrub import masked_fields, scrubbed
from leviathan_tui.backend.changes.verdict import look_up
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    KubeError,
    NotConnected,
    NotFound,
    Unauthorized,
)
from leviathan_tui.backend.kube.objects import Document, metadata_of, uid_of

TRIES: Final = 5
"""How often a change is tried against an object whose status moves all the time."""

_OURS: Final = 'conflict with "leviathan"'
"""How the server names a conflict with what the console itself set by another action."""


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


@dataclass
class Actor:
    """Who acts, where."""

    name: str
    cluster: str
    context: str
    token_id: str = ""


@dataclass
class Changes:
    """Prepares and sends changes of one cluster. All methods run where the client runs."""

    record: Record
    actor: Callable[[], Actor]
    guard: Guard
    clock: Callable[[], float] = time.time
    events: bool = False
    """Whether changes are also written as Events on their objects."""
    _busy: set[str] = field(default_factory=set)

    async def prepare(self, client: KubeClient, intent: Intent) -> Preview:
        """Have the server try a change without making it.

        Raises `Refusal`; `KubeError` where the server cannot be asked.
        """
        self._allow(intent)
        preview = await self._try(client, intent, await intent.read(client))
        preview.change.warnings += await cautions(client, intent, preview.before, preview.after)
        return preview

    def _allow(self, intent: Intent) -> None:
        """Raise `Refusal` for what the configuration forbids, and for names that are paths."""
        ref = intent.ref
        if ref.name in ("", ".", "..") or set(ref.name + ref.namespace) & set("/?#%"):
            raise NotPossible(f"{intent.not_done}: “{ref.name}” is no name.")
        where = ref.name if intent.kind == kinds.NAMESPACE else ref.namespace
        for verb in dict.fromkeys(
            (intent.verb, *(("delete",) if isinstance(intent, Delete) else ()))
        ):
            self.guard.check(verb, intent.not_done, where)

    async def _try(self, client: KubeClient, intent: Intent, before: Document | None) -> Preview:
        only_scale = False
        for _ in range(TRIES):
            change = await intent.plan(client, before, self.actor().name)
            refuse_masks(intent, change, before)
            if only_scale and isinstance(intent, Scale) and before is not None:
                change.request = intent.by_scale(before)
                # Nothing else is changed that way: a pause's annotations stay.
                change.target = copy.deepcopy(before)
                change.target["spec"]["replicas"] = intent.replicas
            warnings: list[str] = []
            local = ""
            after: Document | None
            try:
                after = await change.request.send(client, dry_run=True, warnings=warnings)
                if only_scale:
                    # The server answers with a Scale: the object is what was asked for.
                    after = change.target
            except Conflict as error:
                if error.reason != "Conflict" or error.causes:
                    raise refusal_for(intent, error) from error
                before = await intent.read(client)
                continue
            except Forbidden as error:
                denied = isinstance(refusal_for(intent, error), Rejected)
                if denied or only_scale or not isinstance(intent, Scale) or before is None:
                    raise refusal_for(intent, error) from error
                # Whoever may scale and nothing else may still scale.
                only_scale = True
                continue
            except NotFound as error:
                if (
                    before is not None
                    or not isinstance(intent, Apply)
                    or "namespace" not in error.message
                ):
                    raise refusal_for(intent, error) from error
                local, after = f"there is no namespace {intent.ref.namespace} yet", change.target
            except ApiError as error:
                if not _refuses_dry_runs(error):
                    raise refusal_for(intent, error) from error
                local, after = error.message, change.target
            if change.target is None:
                after = None
            change.warnings += [f"The server says: {text}" for text in warnings]
            old = None if change.request.method == "POST" else before
            found = differences(scrubbed(old), scrubbed(after))
            shown = {item.path for item in found}
            # What differs and is not shown is a secret: that it changes has to be seen.
            found += tuple(
                Difference(item.path, item.label, MASK, MASK)
                for item in differences(old, after)
                if item.path not in shown and masked_fields(value_at(scrubbed(after), item.path))
            )
            return Preview(intent, change, before, after, found, local)
        raise Changed(f"{intent.not_done}: {intent.ref.name} changes all the time; try again.")

    async def send(self, client: KubeClient, preview: Preview, batch: str = "") -> Outcome:
        """Make a change that was prepared, once, and write down what became of it.

        Never raises for what the cluster or the network does: the outcome says it. Raises
        `NotWritten` where the journal cannot be written, in which case nothing is sent.
        """
        intent = preview.intent
        key = f"{intent.path} {intent.verb}"
        entry = self._entry(preview, batch)
        if key in self._busy:
            refusal = NotPossible(f"{intent.not_done}: the same is being done already.")
            entry.outcome, entry.message = refusal.outcome, refusal.message
            return Outcome(preview, entry, refusal)
        self._busy.add(key)
        # Shielded: what is on its way is written down, whoever stops waiting for it.
        sending = asyncio.ensure_future(self._send(client, preview, entry))
        sending.add_done_callback(lambda _: self._busy.discard(key))
        return await asyncio.shield(sending)

    async def _send(self, client: KubeClient, preview: Preview, entry: Entry) -> Outcome:
        await self.record.begin(entry)
        started = time.perf_counter()
        refusal: Refusal | None = None
        try:
            after = await self._attempt(client, preview)
            entry.outcome = outcomes.DONE
            if preview.change.target is not None and after.get("kind") == entry.kind:
                # The scale subresource answers with a Scale: there the tried state remains.
                entry.after = scrubbed(after)
                entry.uid = uid_of(after) or entry.uid
        except Refusal as error:
            refusal = error
            entry.outcome, entry.message = error.outcome, error.message
        except KubeError:
            # It may have been done: the object tells.
            await look_up(client, entry, self._path_of(preview))
        entry.duration = round(time.perf_counter() - started, 3)
        try:
            await self.record.finish(entry)
        except NotWritten as error:
            # It was sent: what became of it stands, whether or not it can be written down.
            entry.message = (
                f"{entry.message} The outcome is not written down: {error.message}".strip()
            )
        if self.events and entry.outcome == outcomes.DONE:
            await announce(client, kinds.BY_NAME.get(entry.kind, preview.intent.kind), entry)
        return Outcome(preview, entry, refusal)

    @staticmethod
    def _path_of(preview: Preview) -> str:
        target = preview.change.target
        if preview.change.request.method == "POST" and target is not None:
            return f"{preview.change.request.path}/{metadata_of(target).get('name')}"
        return preview.intent.path

    async def _attempt(self, client: KubeClient, preview: Preview) -> Document:
        """Send it; on a conflict with a status write, send it to the newer object.

        Raises `Refusal`, or `KubeError` where nobody knows whether it was done.
        """
        intent, change, before = preview.intent, preview.change, preview.before
        if before is None and isinstance(intent, Apply):
            await self._still_absent(client, intent)
        for _ in range(TRIES):
            try:
                return await change.request.send(client)
            except Conflict as error:
                # The server refused this one for certain, so another cannot apply it twice.
                if error.reason != "Conflict" or error.causes or not intent.retries:
                    raise refusal_for(intent, error) from error
                now = await intent.read(client)
                changed = differences(_content(before), _content(now))
                if changed:
                    raise Changed(
                        f"{intent.not_done}: {intent.ref.name} changed while you were deciding "
                        f"({in_words(changed)}). Look again and repeat it.",
                        changed,
                    ) from error
                before = now
                change = await intent.plan(client, now, self.actor().name)
                if isinstance(intent, Scale) and preview.change.request.path.endswith("/scale"):
                    change.request = intent.by_scale(now or {})
            except NotConnected as error:
                raise NotSent(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
            except ApiError as error:
                if error.code >= 500:
                    raise
                raise refusal_for(intent, error) from error
        raise Changed(f"{intent.not_done}: {intent.ref.name} changes all the time; try again.")

    @staticmethod
    async def _still_absent(client: KubeClient, intent: Apply) -> None:
        """Raise `Refusal` where somebody has made the object meanwhile."""
        try:
            made = await intent.read(client) is not None
        except KubeError as error:
            raise NotSent(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
        if made:
            raise Changed(
                f"{intent.not_done}: {intent.ref.name} was made by somebody else meanwhile."
            )

    def _entry(self, preview: Preview, batch: str) -> Entry:
        intent, actor = preview.intent, self.actor()
        target = preview.change.target
        name, kind = intent.ref.name, intent.kind
        if preview.change.request.method == "POST" and target is not None:
            name = str(metadata_of(target).get("name") or name)
        creates = preview.change.request.method == "POST" or preview.before is None
        made = target if target is not None and creates else None
        if made is not None and str(made.get("kind")) != kind.name:
            kind_name, group = (
                str(made.get("kind")),
                str(made.get("apiVersion", "")).rpartition("/")[0],
            )
        else:
            kind_name, group = kind.name, kind.group
        plan: dict[str, object] = {"method": preview.change.request.method}
        if batch:
            plan["batch"] = batch
        if intent.verb in ("apply", "deploy"):
            plan["applied"] = scrubbed(intent.manifest if isinstance(intent, Apply) else None)
        return Entry(
            id=new_id(),
            at=self.clock(),
            actor=actor.name,
            token_id=actor.token_id,
            cluster=actor.cluster,
            context=actor.context,
            group=group,
            kind=kind_name,
            namespace=intent.ref.namespace,
            name=name,
            uid="" if creates else uid_of(preview.before or {}),
            verb=intent.verb,
            summary=preview.change.effect,
            undo_of=intent.undo_of,
            before=None if creates else scrubbed(preview.before),
            after=scrubbed(preview.after),
            plan=plan,
        )


def _content(document: Document | None) -> Document | None:
    """Return what counts as a change of an object: everything but status and bookkeeping."""
    return scrubbed(document)


def refusal_for(intent: Intent, error: ApiError) -> Refusal:
    """Return the server's refusal as one of ours, in words that say what did not happen."""
    name, says = intent.ref.name, error.message
    if isinstance(error, Forbidden):
        if "admission webhook" in says or "denied the request" in says:
            return Rejected(f"{intent.not_done}: the cluster's rules refuse it: {says}")
        return Denied(f"{intent.not_done}: you may not: {says}")
    if isinstance(error, Unauthorized):
        return Denied(f"{intent.not_done}: the server does not know you any more; log in again.")
    if isinstance(error, NotFound):
        return Gone(f"{intent.not_done}: {name} is gone.")
    if isinstance(error, Conflict):
        owned = [cause for cause in error.causes if cause.reason == "FieldManagerConflict"]
        if owned:
            fields = tuple((cause.field, cause.message) for cause in owned)
            ours = tuple(cause.field for cause in owned if _OURS in cause.message)
            whose = "were set by earlier actions of this console"
            if len(ours) < len(fields):
                whose = "belong to others"
            return Owned(
                f"{intent.not_done}: fields of {name} {whose} ({len(fields)}).", fields, ours
            )
        if error.reason == "AlreadyExists":
            return Rejected(f"{intent.not_done}: {name} exists already.")
        return Changed(f"{intent.not_done}: {name} changed or was made anew: {says}")
    return Rejected(f"{intent.not_done}: the server refuses it: {says}")


def _refuses_dry_runs(error: ApiError) -> bool:
    """Whether a webhook of the cluster cannot be asked to try a change only.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
    """
    return error.code == 400 and "does not support dry run" in error.message
