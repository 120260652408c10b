"""The command line as the door of a change: what it prints, and how it decides.

Exit codes: 0 done, 1 refused or failed, 3 some were done and some not, 4 nobody knows whether it was
done. (2 is the parser's, for a command line that is wrong.)
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.diff import as_prose
from leviathan_tui.backend.changes.entry import UNKNOWN, Entry
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.proposal import Decision, Proposal, Related, Result, Step
from leviathan_tui.backend.changes.refusals import Owned, Refusal
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.relations import RelatedObject
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.objects import replicas_of
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli.tables import complain, put

REFUSED: Final = 1
SOME_FAILED: Final = 3
NOT_KNOWN: Final = 4

SHORT: Final = {
    "svc": "service",
    "ing": "ingress",
    "pdb": "poddisruptionbudget",
    "hpa": "horizontalpodautoscaler",
    "cm": "configmap",
    "pvc": "persistentvolumeclaim",
}
"""kubectl's short names of what may belong to an app."""


class ScriptDoor:
    """Prints, and decides by the command line's options. Implements `proposal.Door`."""

    def __init__(self, session: Session, options: Namespace, *, refused: bool = False) -> None:
        """`refused` where something that was asked for is left out already."""
        self._session = session
        self._options = options
        self._refused = refused
        self._named: list[str] = getattr(options, "related", [])
        self.code = REFUSED
        """The exit code."""
        self.watch_timeout: float | None = None if options.no_wait else options.timeout

    def takes(self, related: RelatedObject) -> bool:
        """What serves the app alone goes with it, unless `--keep`; and what `--with` names.

        No pod goes without `--delete-pods`.
        """
        if related.kind == kinds.POD:
            return bool(getattr(self._options, "delete_pods", False))
        keeps = getattr(self._options, "keep", False)
        return (related.ticked and not keeps) or any(_means(one, related) for one in self._named)

    def trying(self) -> None:
        """Say nothing: a script waits."""

    def left(self) -> None:
        """Say nothing: whoever decided has said why."""

    async def refused(self, refusals: Sequence[Refusal]) -> None:
        """Print why nothing is changed."""
        self._complain_of(refusals)

    def _complain_of(self, refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            self._refused = True
            complain(refusal.message)
            if isinstance(refusal, Owned):
                for path, owner in refusal.fields:
                    ours = path in refusal.ours
                    complain(f"  {path}  {'an earlier action of this console' if ours else owner}")
                complain("--force takes them over.")

    async def decide(self, proposal: Proposal) -> Decision | None:
        """Print what would be done; agree where `--yes` or somebody at the terminal does."""
        self._complain_of(proposal.refusals)
        if not proposal.steps or self._names_something_else(proposal):
            return None
        wanted = [one for one in proposal.related if self.takes(one.object)]
        refusals = [one.refusal for one in wanted if one.refusal is not None]
        if refusals:
            self._complain_of(refusals)
            return None
        for kind, reason in proposal.unreadable.items():
            complain(f"warning: {kind} cannot be read, and more may belong to it: {reason}")
        self._show(proposal)
        if self._options.dry_run:
            self.code = SOME_FAILED if self._refused else 0
            return None
        if not self._agrees(proposal):
            return None
        return Decision(stop_at_first=not self._options.keep_going)

    def _names_something_else(self, proposal: Proposal) -> bool:
        """Whether `--with` names what belongs to nothing that is deleted, which is said."""
        for text in self._named:
            if not any(_means(text, one.object) for one in proposal.related):
                known = ", ".join(_called(one.object) for one in proposal.related) or "nothing"
                complain(
                    f"Not deleted: {clean(text, 200)} does not belong to what is deleted; "
                    f"{known} does."
                )
                return True
        return False

    def _show(self, proposal: Proposal) -> None:
        for step in proposal.steps:
            related = [one for one in proposal.related if step in one.owners]
            first = [one for one in related if one.owners[0] is step and one.goes]
            if self._options.json:
                if self._options.dry_run:
                    put(json.dumps(_plain(step.preview, related)))
                    for one in first:
                        if one.preview is not None:
                            put(json.dumps(_plain(one.preview)))
                continue
            lines = _about(step.preview, [_fate(one) for one in related])
            for one in first:
                # Without a warning, its app's lines have said enough of it.
                if one.preview is not None and one.preview.change.warnings:
                    lines += _about(one.preview)
            put("\n".join(clean(text, 2000) for text in lines))

    def _agrees(self, proposal: Proposal) -> bool:
        """Whether it is to be done: by `--yes`, by the name, or by somebody at the terminal."""
        what, guarded = proposal.name, self._session.engine.guard.types_the_name
        typed = guarded or proposal.types_the_name
        named = getattr(self._options, "confirm", None)
        if named is not None and named != what:
            complain(f"Nothing was changed: --confirm names {named}, and this is about {what}.")
            return False
        if not guarded and (named is not None or (self._options.yes and not typed)):
            return True
        if not sys.stdin.isatty():
            need = "a terminal to type the name" if guarded else "--yes"
            if proposal.types_the_name and not guarded:
                need = f"--confirm {what}; --yes is not enough for what cannot be undone"
            complain(f"Nothing was changed: without a terminal it takes {need}.")
            return False
        where = self._session.context_name
        if typed:
            answer = input(f"Type {what} to do this in {where}: ")
            agreed = answer.strip() == what
        else:
            agreed = input(f"Do this in {where}? [y/N] ").strip().lower() in ("y", "yes")
        if not agreed:
            complain("Nothing was changed.")
        return agreed

    def sending(self, number: int, count: int, step: Step) -> None:
        """Say nothing: what became of it follows."""

    def settled(self, step: Step) -> None:
        """Print what became of a step."""
        outcome, intent = step.outcome, step.preview.intent
        if outcome is None:
            app = step.kept_for.preview.intent.ref.name if step.kept_for is not None else ""
            changed = "changed" if intent.part_of else "deleted"
            complain(f"{intent.subject} stays, for {app} is not known to be {changed}.")
        elif self._options.json:
            put(msgspec.json.encode(outcome.entry).decode())
        elif outcome.done and step.owners and not intent.part_of:
            put(f"{intent.past} with it: {intent.subject}. {outcome.entry.message}".strip())
        elif outcome.done:
            put(outcome.words)
        else:
            complain(outcome.words)

    async def report(self, result: Result) -> None:
        """Print what was not tried any more."""
        if result.failure is not None:
            complain(result.failure.message)
        left = len(result.untried) - (result.failure is not None)
        if left:
            complain(f"{left} {'was' if left == 1 else 'were'} not tried any more.")

    def progressed(self, result: Result, step: Step) -> None:
        """Print how far the effect has come."""
        # What goes with an app has its name as a rule: its steps would be taken for the app's.
        if not self._options.json and not step.owners:
            complain(step.progress.words)

    def stopped_watching(self) -> None:
        """Say nothing: nobody stops a script's waiting but by ending it."""

    def ended(self, result: Result, seconds: float) -> None:
        """Print what did not come about, and set the exit code."""
        late: list[Step] = []
        if self.watch_timeout is None and result.watched and not self._options.json:
            complain("Applied, not yet confirmed.")
        if self.watch_timeout is not None:
            late = [step for step in result.watched if not step.progress.done]
            for step in late:
                self._complain_of_effect(step, self.watch_timeout)
        unknown = any(
            step.outcome is not None and step.outcome.entry.outcome == UNKNOWN
            for step in result.failed
        ) or any(step.progress.unknown for step in late)
        good = len(result.done) - len(late)
        if unknown:
            self.code = NOT_KNOWN
        elif good == len(result.steps) and not self._refused:
            self.code = 0
        else:
            self.code = SOME_FAILED if good else REFUSED

    def _complain_of_effect(self, step: Step, seconds: float) -> None:
        outcome, progress = step.outcome, step.progress
        if outcome is None:
            return
        if progress.over:
            if self._options.json or step.owners:
                complain(progress.words)
            return
        name = step.preview.intent.subject if step.owners else outcome.entry.name
        complain(_unfinished(name, outcome.entry, progress.words, seconds))


def _about(preview: Preview, related: Sequence[str] = ()) -> list[str]:
    """Return lines on what a change would do, to related objects too."""
    change = preview.change
    lines = [f"{preview.intent.subject}: {change.effect}"]
    lines += [f"  warning: {text}" for text in change.warnings]
    lines += [f"  {text}" for text in change.notes]
    lines += [f"  {text}" for text in related]
    if change.target is not None:
        diff = plain_text(as_prose(preview.differences, secret=preview.is_secret))
        lines += [f"  {text}" for text in diff.split("\n") if text]
    if preview.local:
        lines.append(f"  computed here, for the server cannot try it: {preview.local}")
    return lines


def _fate(one: Related) -> str:
    """Return whether something goes with its app, in words."""
    if one.is_pod:
        goes = "is deleted too" if one.goes else "stays unless --delete-pods"
    else:
        goes = "goes with it" if one.goes else "stays"
    return f"{goes}: {_called(one.object)} ({one.object.why})"


def _plain(preview: Preview, related: Sequence[Related] = ()) -> dict[str, Any]:
    """Return what the server has tried, for scripts."""
    found: dict[str, Any] = {
        "object": preview.intent.subject,
        "verb": preview.intent.verb,
        "effect": preview.change.effect,
        "warnings": preview.change.warnings,
        "notes": preview.change.notes,
        "differences": [
            {
                "path": item.label,
                "before": None if preview.is_secret else item.before,
                "after": None if preview.is_secret else item.after,
            }
            for item in preview.differences
        ],
        "by": "leviathan" if preview.local else "server",
    }
    if related:
        found["belonging"] = [
            {
                "kind": one.object.kind.name,
                "name": one.object.ref.name,
                "why": one.object.why,
                "deleted": one.goes,
            }
            for one in related
        ]
    return found


def _unfinished(name: str, entry: Entry, words: str, seconds: float) -> str:
    """Return in words that the time is over before the effect has come."""
    state = words.removeprefix(entry.name).lstrip(": ").rstrip(".")
    state = f"it {state}" if state.startswith("is ") else state
    if entry.ends:
        wanted = "gone"
    elif entry.kind == kinds.JOB.name:
        wanted = "over"
    else:
        runs = entry.kind == kinds.DAEMON_SET.name or replicas_of(entry.after or {})
        wanted = "up" if runs else "down"
    return f"{name} is not {wanted} after {seconds:g} s: {state}; it goes on."


def _called(one: RelatedObject) -> str:
    return f"{one.kind.name}/{one.ref.name}"


def _means(text: str, one: RelatedObject) -> bool:
    """Whether `KIND/NAME` is this object, its kind being spelled in one of kubectl's ways."""
    kind, _, name = text.partition("/")
    word = SHORT.get(kind.lower(), kind.lower())
    return name == one.ref.name and word in (one.kind.name.lower(), one.kind.plural)
