"""The second half of a change's path: sent once, and written down. Only `plan` imports this."""

import asyncio
import time
from collections.abc import Callable

from leviathan_tui.backend.changes import entry as outcomes
from leviathan_tui.backend.changes.announce import announce
from leviathan_tui.backend.changes.diff import differences, in_words
from leviathan_tui.backend.changes.entry import Entry, new_id
from leviathan_tui.backend.changes.intents import TRIES, Intent, Request
from leviathan_tui.backend.changes.preview import Actor, Outcome, Preview, Record
from leviathan_tui.backend.changes.redact import redacted
from leviathan_tui.backend.changes.refusals import (
    Changed,
    NotPossible,
    NotSent,
    NotWritten,
    Refusal,
)
from leviathan_tui.backend.changes.verdict import look_up
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, Conflict, KubeError, NotConnected
from leviathan_tui.backend.kube.objects import Document, decoded, metadata_of, uid_of


class Sender:
    """Sends changes of one cluster. Runs where the client runs."""

    def __init__(
        self,
        record: Record,
        actor: Callable[[], Actor],
        clock: Callable[[], float] = time.time,
        *,
        events: bool = False,
    ) -> None:
        """With `events`, changes are also written as Events on their objects."""
        self._record = record
        self._actor = actor
        self._clock = clock
        self._events = events
        self._busy: set[str] = set()

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
        await self._record.begin(entry)
        started = time.perf_counter()
        refusal: Refusal | None = None
        try:
            after = await self._attempt(client, preview)
            entry.outcome = outcomes.DONE
            if preview.change.target is not None and after.get("kind") == entry.kind:
                # The scale subresource answers with a Scale: there the tried state remains.
                entry.after = redacted(after)
                entry.uid = uid_of(after) or entry.uid
        except Refusal as error:
            refusal = error
            entry.outcome, entry.message = error.outcome, error.message
        except KubeError:
            # It may have been done: the object tells.
            await look_up(client, entry, _path_of(preview))
        if entry.outcome == outcomes.DONE and preview.change.afterwards:
            entry.message = "; ".join(filter(None, (entry.message, preview.change.afterwards)))
        entry.duration = round(time.perf_counter() - started, 3)
        try:
            await self._record.finish(entry)
        except NotWritten as error:
            # It was sent: what became of it stands, whether or not it can be written down.
            entry.message = (
                f"{entry.message} The outcome is not written down: {error.message}".strip()
            )
        if self._events and entry.outcome == outcomes.DONE:
            await announce(client, kinds.BY_NAME.get(entry.kind, preview.intent.kind), entry)
        return Outcome(preview, entry, refusal)

    async def _attempt(self, client: KubeClient, preview: Preview) -> Document:
        """Send it; on a conflict with a status write, send it to the newer object.

        Raises `Refusal`, or `KubeError` where nobody knows whether it was done.
        """
        intent, change, before = preview.intent, preview.change, preview.before
        if before is None and intent.makes:
            await _still_absent(client, intent)
        for _ in range(TRIES):
            try:
                return await submit(client, change.request)
            except Conflict as error:
                # The server refused this one for certain, so another cannot apply it twice.
                if error.reason != "Conflict" or error.causes or not intent.retries:
                    raise intent.refusal(error) from error
                now = await intent.read(client)
                # All but status and bookkeeping counts as a change of the object.
                changed = differences(redacted(before), redacted(now))
                if changed:
                    raise Changed(
                        f"{intent.not_done}: {intent.ref.name} changed while you were deciding "
                        f"({in_words(changed)}). Look again and repeat it.",
                        changed,
                    ) from error
                before = now
                change = await intent.plan(client, now, self._actor().name)
                if preview.narrowed and now is not None:
                    change = intent.narrower(now) or change
            except NotConnected as error:
                raise NotSent(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
            except ApiError as error:
                if error.code >= 500:
                    raise
                raise intent.refusal(error) from error
        raise Changed(f"{intent.not_done}: {intent.ref.name} changes all the time; try again.")

    def _entry(self, preview: Preview, batch: str) -> Entry:
        intent, actor = preview.intent, self._actor()
        target = preview.change.target
        name, kind = intent.ref.name, intent.kind
        posts = preview.change.request.method == "POST"
        if posts and target is not None:
            name = str(metadata_of(target).get("name") or name)
        creates = posts or preview.before is None
        made = target if target is not None and creates else None
        kind_name, group = kind.name, kind.group
        if made is not None and str(made.get("kind")) != kind.name:
            # As where a run is started from a cron job.
            kind_name = str(made.get("kind"))
            group = str(made.get("apiVersion", "")).rpartition("/")[0]
        plan: dict[str, object] = {"method": preview.change.request.method}
        if batch:
            plan["batch"] = batch
        applied = intent.manifest_applied
        if intent.part_of:
            plan["part_of"] = intent.part_of
        if applied is not None:
            plan["applied"] = redacted(applied)
        return Entry(
            id=new_id(),
            at=self._clock(),
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
            before=None if creates else redacted(preview.before),
            after=redacted(preview.after),
            plan=plan,
        )


async def submit(client: KubeClient, request: Request) -> Document:
    """Send a request that changes something; return the object of the answer. Raises `KubeError`."""
    answer = await client.send(
        request.method,
        request.path,
        request.body,
        content_type=request.content_type,
        params=request.query,
    )
    return decoded(answer)


def _path_of(preview: Preview) -> str:
    target = preview.change.target
    if preview.change.request.method == "POST" and target is not None:
        return f"{preview.change.request.path}/{metadata_of(target).get('name')}"
    return preview.intent.path


async def _still_absent(client: KubeClient, intent: Intent) -> None:
    """Raise `Refusal` where somebody has made the object meanwhile."""
    try:
        made = await intent.read(client) is not None
    except KubeError as error:
        raise NotSent(f"{intent.not_done}: {error.message}. Nothing was sent.") from error
    if made:
        raise Changed(f"{intent.not_done}: {intent.ref.name} was made by somebody else meanwhile.")
