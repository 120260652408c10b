"""The first half of a change's path: the server tries it, and nothing is changed."""

from collections.abc import Callable

from leviathan_tui.backend.changes.cautions import cautions
from leviathan_tui.backend.changes.diff import MASK, Difference, differences, value_at
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import TRIES, Change, Intent
from leviathan_tui.backend.changes.masks import refuse_masks
from leviathan_tui.backend.changes.preview import Actor, Preview
from leviathan_tui.backend.changes.redact import masked_fields, redacted
from leviathan_tui.backend.changes.references import missing
from leviathan_tui.backend.changes.refusals import (
    Changed,
    NotPossible,
    Rejected,
    lacks_its_namespace,
)
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, Conflict, Forbidden, NotFound
from leviathan_tui.backend.kube.objects import Document
from leviathan_tui.backend.names import leads_elsewhere


class Trial:
    """Has changes of one cluster tried. Runs where the client runs."""

    def __init__(self, actor: Callable[[], Actor], guard: Guard) -> None:
        self._actor = actor
        self._guard = guard

    async def prepare(self, client: KubeClient, intent: Intent) -> Preview:
        """Have the server try a change without making it.

        Raises `Refusal`; `KubeError` where the server cannot be asked.
        """
        self._allow(intent)
        preview = await self._try(client, intent, await intent.read(client))
        preview.change.warnings += await cautions(client, intent, preview.before, preview.after)
        preview.change.warnings += await missing(client, preview)
        return preview

    def _allow(self, intent: Intent) -> None:
        """Raise `Refusal` for what the configuration forbids, and for names that are paths."""
        ref = intent.ref
        if leads_elsewhere(ref.name) or (ref.namespace and leads_elsewhere(ref.namespace)):
            raise NotPossible(f"{intent.not_done}: “{ref.name}” is no name.")
        where = ref.name if intent.kind == kinds.NAMESPACE else ref.namespace
        for verb in intent.guarded_verbs:
            self._guard.check(verb, intent.not_done, where)

    async def _try(self, client: KubeClient, intent: Intent, before: Document | None) -> Preview:
        narrowed = False
        for _ in range(TRIES):
            change = await intent.plan(client, before, self._actor().name)
            refuse_masks(intent, change, before)
            if narrowed and before is not None:
                change = intent.narrower(before) or change
            warnings: list[str] = []
            local = ""
            after: Document | None
            try:
                after = await change.request.try_out(client, warnings)
            except Conflict as error:
                if error.reason != "Conflict" or error.causes:
                    raise intent.refusal(error) from error
                before = await intent.read(client)
                continue
            except Forbidden as error:
                if narrowed or not _has_narrower(intent, before, error):
                    raise intent.refusal(error) from error
                narrowed = True
                continue
            except ApiError as error:
                local = _why_not_tried(intent, before, error)
                if not local:
                    raise intent.refusal(error) from error
                after = change.target
            if narrowed:
                # The server answers with the subresource: the object is what was asked for.
                after = change.target
            if change.target is None:
                after = None
            change.warnings += [f"The server says: {text}" for text in warnings]
            return Preview(
                intent, change, before, after, _shown(change, before, after), local, narrowed
            )
        raise Changed(f"{intent.not_done}: {intent.ref.name} changes all the time; try again.")


def _has_narrower(intent: Intent, before: Document | None, error: Forbidden) -> bool:
    """Whether what is forbidden by the object's right may be allowed by a narrower one."""
    denied = isinstance(intent.refusal(error), Rejected)
    return not denied and before is not None and intent.narrower(before) is not None


def _why_not_tried(intent: Intent, before: Document | None, error: ApiError) -> str:
    """Return why the server cannot try a change that it may well make; else nothing."""
    if isinstance(error, NotFound):
        comes = (kinds.NAMESPACE.name, "", intent.ref.namespace) in intent.beside
        missing = before is None and comes and lacks_its_namespace(intent, error)
        return f"there is no namespace {intent.ref.namespace} yet" if missing else ""
    # Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
    refused = error.code == 400 and "does not support dry run" in error.message
    return error.message if refused else ""


def _shown(
    change: Change, before: Document | None, after: Document | None
) -> tuple[Difference, ...]:
    """Return the differences as they may be shown: of a secret, only that it changes."""
    old = None if change.request.method == "POST" else before
    kept = redacted(after)
    found = differences(redacted(old), kept)
    shown = {item.path for item in found}
    return found + tuple(
        Difference(item.path, item.label, MASK, MASK)
        for item in differences(old, after)
        if item.path not in shown and masked_fields(value_at(kept, item.path))
    )
