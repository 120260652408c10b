"""The command line as a front end: the same commands, managers and journal as the full screen's.

Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong, 3 some of several failed,
4 nobody knows whether it was done.
"""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.deploy_line import answers_from
from leviathan_tui.backend.changes.deploying import app_manifests, cron_manifests
from leviathan_tui.backend.changes.diff import as_prose
from leviathan_tui.backend.changes.entry import UNKNOWN, Entry, new_id
from leviathan_tui.backend.changes.flow import Outcome, Preview
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.progress import Progress, follow
from leviathan_tui.backend.changes.refusals import Owned, Refusal
from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.commands import REGISTRY
from leviathan_tui.commands.base import Check, Front, Option, Place
from leviathan_tui.commands.deploying import deployments
from leviathan_tui.front import fail, find_target, load_config, make_session, trusting
from leviathan_tui.printing import KINDS, print_journal, print_rows

REFUSED: Final = 1
SOME_FAILED: Final = 3
NOT_KNOWN: Final = 4

COMMANDS: Final[dict[tuple[str, str], str]] = {
    ("apps", "boot"): "boot",
    ("apps", "pause"): "pause",
    ("apps", "restart"): "restart",
    ("apps", "scale"): "scale",
    ("apps", "image"): "image",
    ("apps", "rollback"): "rollback",
    ("apps", "pause-rollout"): "pause-rollout",
    ("apps", "resume-rollout"): "resume-rollout",
    ("apps", "delete"): "delete",
    ("crons", "pause"): "pause-cron",
    ("crons", "resume"): "resume-cron",
    ("crons", "run"): "run",
    ("crons", "schedule"): "schedule-edit",
    ("crons", "delete"): "delete",
    ("runs", "retry"): "retry",
    ("runs", "delete"): "delete",
    ("pods", "delete"): "delete",
}
"""View and action to the command that does it."""


class _Row:
    def __init__(self, ref: Ref) -> None:
        self.ref = ref


class _Rows:
    """What was named on the command line, as a list in which all of it is marked."""

    def __init__(self, refs: Sequence[Ref]) -> None:
        self.chosen = [_Row(ref) for ref in refs]
        self.row = None


class Headless:
    """The part of `commands.base.Front` that commands which change something use."""

    def __init__(self, session: Session, options: Namespace, refs: Sequence[Ref]) -> None:
        self._session = session
        self._options = options
        self.cluster: Cluster = session.cluster
        self.place = Place(getattr(options, "command", "apps"))
        self.listing = _Rows(refs) if refs else None
        self.subject = None
        self.namespace = session.namespace
        self.who = session.who
        self.argument = str(getattr(options, "argument", ""))
        self.code = 0

    def say(self, text: str, tone: str = "plain", *, stay: bool = False) -> None:
        """Print a sentence; what is wrong goes to the standard error and ends in a failure."""
        if tone in ("warn", "bad"):
            self.code = REFUSED
        print(text, file=sys.stderr)  # noqa: T201 - the command's output

    def warn(self, texts: Sequence[str]) -> None:
        """Print warnings about what was read."""
        for text in texts:
            print(f"warning: {clean(text, 500)}", file=sys.stderr)  # noqa: T201 - the command's output

    async def ask(self, question: str, text: str, check: Check) -> str | None:
        """Return what the command line gave, once it passes its check."""
        given = getattr(self._options, "value", None)
        answer = text if given is None else str(given)
        verdict = check(answer)
        if verdict and not verdict.startswith("= "):
            self.say(f"Not done: {answer}: {verdict}", "bad")
            return None
        return answer

    async def choose(self, title: str, options: Sequence[Option]) -> str | None:
        """Return the choice that the command line gave; the first one where it gave none."""
        wanted = getattr(self._options, "choice", None)
        if wanted is None and title == "container":
            known = ", ".join(option.value for option in options)
            self.say(f"Not done: name one of {known} with --container.", "bad")
            return None
        if wanted is None:
            return options[0].value
        if any(option.value == str(wanted) for option in options):
            return str(wanted)
        known = ", ".join(option.value for option in options)
        self.say(f"Not done: {title}: {wanted} is none of {known}.", "bad")
        return None

    async def activity(self) -> list[Entry]:
        """Return the journal; of it only one entry, where the command line names one."""
        entries = await self._session.read_activity()
        wanted = getattr(self._options, "entry", None)
        if not wanted:
            return entries
        self.place = Place("activity")
        found = [entry for entry in entries if entry.id.startswith(wanted)]
        if len(found) == 1:
            rows = _Rows([found[0].ref])
            rows.row = _EntryRow(found[0])  # type: ignore[assignment]
            self.listing = rows
        return entries

    async def change(self, intents: Sequence[Intent]) -> None:
        """Try changes, show them, ask unless `--yes`, make them and wait for their effect."""
        changes, cluster = self._session.changes, self.cluster
        previews: list[Preview] = []
        try:
            changes.guard.check_count(len(intents))
        except Refusal as refusal:
            self.say(refusal.message, "bad")
            return
        for intent in intents:
            if isinstance(intent, Apply):
                intent.force = bool(getattr(self._options, "force", False))
            try:
                previews.append(
                    await cluster.ask(lambda client, one=intent: changes.prepare(client, one))  # type: ignore[misc]
                )
            except Refusal as refusal:
                self._refused(refusal)
                if isinstance(intent, Apply):
                    # Of several manifests, all are applied or none.
                    return
            except KubeError as error:
                self.say(f"{intent.not_done}: {error.message}.", "bad")
                return
        if not previews:
            return
        self._show(previews)
        if self._options.dry_run or not self._confirmed(previews):
            return
        await self._make(previews)

    def _refused(self, refusal: Refusal) -> None:
        self.say(refusal.message, "bad")
        if isinstance(refusal, Owned):
            for path, owner in refusal.fields:
                whose = "an earlier action of this console" if path in refusal.ours else owner
                print(f"  {path}  {whose}", file=sys.stderr)  # noqa: T201 - the command's output
            print("--force takes them over.", file=sys.stderr)  # noqa: T201 - the command's output

    def _show(self, previews: list[Preview]) -> None:
        for preview in previews:
            if self._options.json:
                if self._options.dry_run:
                    print(json.dumps(_plain(preview)))  # noqa: T201 - the command's output
                continue
            change = preview.change
            lines = [f"{preview.intent.subject}: {change.effect}"]
            lines += [f"  warning: {text}" for text in change.warnings]
            if change.target is not None:
                diff = plain_text(as_prose(preview.differences, secret=preview.is_secret))
                lines += [f"  {text}" for text in diff.split("\n") if text]
            if preview.local:
                lines.append(f"  computed here, for the server cannot try it: {preview.local}")
            print("\n".join(clean(text, 2000) for text in lines))  # noqa: T201 - the command's output

    def _confirmed(self, previews: list[Preview]) -> bool:
        guard = self._session.changes.guard
        wanted = previews[0].intent.ref.name if len(previews) == 1 else str(len(previews))
        if self._options.yes and not guard.types_the_name:
            return True
        if not sys.stdin.isatty():
            need = "a terminal to type the name" if guard.types_the_name else "--yes"
            self.say(f"Nothing was changed: without a terminal it takes {need}.", "bad")
            return False
        where = self._session.context_name
        if guard.types_the_name:
            answer = input(f"Type {wanted} to do this in {where}: ")
            return answer.strip() == wanted
        return input(f"Do this in {where}? [y/N] ").strip().lower() in ("y", "yes")

    async def _make(self, previews: list[Preview]) -> None:
        changes = self._session.changes
        batch = new_id() if len(previews) > 1 else ""
        outcomes: list[Outcome] = []
        for preview in previews:
            outcome = await self.cluster.ask(
                lambda client, one=preview: changes.send(client, one, batch)  # type: ignore[misc]
            )
            outcomes.append(outcome)
            if outcome.done and not self._options.no_wait:
                await self._watch(outcome)
            self._print(outcome)
            if not outcome.done and not self._options.keep_going:
                left = len(previews) - len(outcomes)
                if left:
                    print(f"{left} were not tried any more.", file=sys.stderr)  # noqa: T201 - output
                break
        if any(outcome.entry.outcome == UNKNOWN for outcome in outcomes):
            self.code = NOT_KNOWN
        elif not all(outcome.done for outcome in outcomes) or len(outcomes) < len(previews):
            self.code = SOME_FAILED if any(outcome.done for outcome in outcomes) else REFUSED

    async def _watch(self, outcome: Outcome) -> None:
        def tell(progress: Progress) -> None:
            if not self._options.json:
                print(progress.words, file=sys.stderr)  # noqa: T201 - the command's output

        end = await self.cluster.ask(
            lambda client: follow(client, outcome, tell, self._options.timeout)
        )
        if not end.done:
            self.code = REFUSED

    def _print(self, outcome: Outcome) -> None:
        if self._options.json:
            print(msgspec.json.encode(outcome.entry).decode())  # noqa: T201 - the command's output
        else:
            print(outcome.words, file=sys.stdout if outcome.done else sys.stderr)


class _EntryRow(_Row):
    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.ref)
        self.entry = entry


def _plain(preview: Preview) -> dict[str, Any]:
    return {
        "object": preview.intent.subject,
        "verb": preview.intent.verb,
        "effect": preview.change.effect,
        "warnings": preview.change.warnings,
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


def run(options: Namespace) -> int:
    """Run a command of the command line. Returns the exit code."""
    try:
        loaded = load_config(options.auth or "")
        target, merged = find_target(options.kubeconfig, options.context or "")
        if options.auth:
            loaded.config = trusting(loaded.config, target.context)
        namespace = options.namespace or target.namespace
        if getattr(options, "all_namespaces", False):
            namespace = ""
        session = make_session(target, merged, loaded, namespace, "", watch=False)
    except (KubeError, ConfigError, AuthRefused) as error:
        return fail(str(error))
    try:
        return asyncio.run(_run(session, options))
    except Refusal as refusal:
        return fail(refusal.message)
    except KubeError as error:
        return fail(f"{error.message}.")
    finally:
        session.stop()


async def _run(session: Session, options: Namespace) -> int:
    match options.command, getattr(options, "action", ""):
        case ("journal", _):
            return await print_journal(session, options)
        case (view, "list"):
            return await print_rows(session, view, options)
        case ("apply" | "undo" as name, _):
            return await _obey(Headless(session, options, ()), name)
        case (_, "deploy"):
            return await _deploy(session, options)
        case (view, action):
            refs = [await _find(session, view, name) for name in options.names]
            return await _obey(Headless(session, options, refs), COMMANDS[(view, action)])


async def _deploy(session: Session, options: Namespace) -> int:
    options.namespace = session.namespace or session.target.namespace
    try:
        answers = answers_from(options)
    except ValueError as error:
        return fail(f"Not deployed: {error}.")
    front = Headless(session, options, ())
    made = cron_manifests(answers) if answers.schedule else app_manifests(answers)
    await front.change(await deployments(session.cluster, made))
    return front.code


async def _obey(front: Headless, name: str) -> int:
    # The commands that change something ask a front end for nothing else.
    result = REGISTRY[name].run(cast(Front, front))
    if result is not None:
        await result
    return front.code


async def _find(session: Session, view: str, name: str) -> Ref:
    """Return the object that a name on the command line means. Raises `KubeError`."""
    namespace = session.namespace or session.target.namespace
    wanted, _, bare = name.rpartition("/")
    for kind in KINDS[view]:
        if wanted and wanted.lower() not in (kind.name.lower(), kind.plural):
            continue
        path = kind.path(namespace, bare)
        try:
            body = await session.cluster.ask(lambda client, path=path: client.read(path))  # type: ignore[misc]
        except NotFound:
            continue
        uid = msgspec.json.decode(body)["metadata"]["uid"]
        return Ref(kind.name, namespace, bare, uid)
    raise KubeError(f"there is no {name} among the {view} of {namespace}")
