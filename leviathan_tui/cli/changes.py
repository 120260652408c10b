"""The command line as a front end: the same commands, managers and journal as the full screen's.

Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong, 3 some were done and some not,
4 nobody knows whether it was done.
"""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.base import Check, Front, Option, Place
from leviathan_tui.actions.deploying import deployments
from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.deploy_line import answers_from
from leviathan_tui.backend.changes.deploying import app_manifests, cron_manifests
from leviathan_tui.backend.changes.diff import as_prose
from leviathan_tui.backend.changes.entry import UNKNOWN, Entry, new_id
from leviathan_tui.backend.changes.flow import Outcome
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.progress import Progress, follow
from leviathan_tui.backend.changes.refusals import Owned, Refusal
from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.kube.objects import replicas_of
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli.related import Step, with_belongings
from leviathan_tui.cli.tables import KINDS, print_journal, print_rows, put
from leviathan_tui.startup import fail, find_target, load_config, make_session, trusting

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
        steps: list[Step] = []
        # The command may have said already that it leaves something out.
        refused = self.code != 0
        try:
            changes.guard.check_count(len(intents))
        except Refusal as refusal:
            self.say(refusal.message, "bad")
            return
        for intent in intents:
            if isinstance(intent, Apply):
                intent.force = bool(getattr(self._options, "force", False))
            try:
                preview = await cluster.ask(
                    lambda client, one=intent: changes.prepare(client, one)  # type: ignore[misc]
                )
                steps.append(Step(preview))
            except Refusal as refusal:
                self._refused(refusal)
                refused = True
                if isinstance(intent, Apply):
                    # Of several manifests, all are applied or none.
                    return
            except KubeError as error:
                self.say(f"{intent.not_done}: {error.message}.", "bad")
                return
        if not steps:
            return
        what = steps[0].preview.intent.ref.name if len(steps) == 1 else str(len(steps))
        try:
            steps = await with_belongings(self._session, steps, self._options)
        except Refusal as refusal:
            self._refused(refusal)
            return
        self._show(steps)
        if self._options.dry_run:
            self.code = SOME_FAILED if refused else 0
        elif self._confirmed(what):
            await self._make(steps, refused)

    def _refused(self, refusal: Refusal) -> None:
        self.say(refusal.message, "bad")
        if isinstance(refusal, Owned):
            for path, owner in refusal.fields:
                whose = "an earlier action of this console" if path in refusal.ours else owner
                print(f"  {path}  {whose}", file=sys.stderr)  # noqa: T201 - the command's output
            print("--force takes them over.", file=sys.stderr)  # noqa: T201 - the command's output

    def _show(self, steps: list[Step]) -> None:
        for step in steps:
            preview, change = step.preview, step.preview.change
            if self._options.json:
                if self._options.dry_run:
                    put(json.dumps(step.plain))
                continue
            if step.owner is not None and not change.warnings:
                # Its app's lines have named it.
                continue
            lines = [f"{preview.intent.subject}: {change.effect}"]
            lines += [f"  warning: {text}" for text in change.warnings]
            lines += [f"  {text}" for text in step.lines]
            if change.target is not None:
                diff = plain_text(as_prose(preview.differences, secret=preview.is_secret))
                lines += [f"  {text}" for text in diff.split("\n") if text]
            if preview.local:
                lines.append(f"  computed here, for the server cannot try it: {preview.local}")
            put("\n".join(clean(text, 2000) for text in lines))

    def _confirmed(self, what: str) -> bool:
        """Whether it is to be done; `what` is the name, or the number, that may have to be typed."""
        guard = self._session.changes.guard
        if self._options.yes and not guard.types_the_name:
            return True
        if not sys.stdin.isatty():
            need = "a terminal to type the name" if guard.types_the_name else "--yes"
            self.say(f"Nothing was changed: without a terminal it takes {need}.", "bad")
            return False
        where = self._session.context_name
        if guard.types_the_name:
            answer = input(f"Type {what} to do this in {where}: ")
            agreed = answer.strip() == what
        else:
            agreed = input(f"Do this in {where}? [y/N] ").strip().lower() in ("y", "yes")
        if not agreed:
            self.say("Nothing was changed.", "warn")
        return agreed

    async def _make(self, steps: list[Step], refused: bool) -> None:
        """Make the changes; `refused` where something that was asked for is not among them."""
        changes = self._session.changes
        batch = new_id() if len(steps) > 1 else ""
        good, unknown = 0, False
        for number, step in enumerate(steps, 1):
            if step.owner is not None and not step.owner.done:
                app = step.owner.preview.intent.ref.name
                what = step.preview.intent.subject
                self.say(f"{what} stays, for {app} is not known to be deleted.", "bad")
                continue
            try:
                outcome = await self.cluster.ask(
                    lambda client, one=step.preview: changes.send(client, one, batch)  # type: ignore[misc]
                )
            except (Refusal, KubeError) as error:
                # Without a journal, the next one cannot be made either.
                self.say(f"{step.preview.intent.not_done}: {error}", "bad")
                stops = True
            else:
                step.done = outcome.done
                unknown |= outcome.entry.outcome == UNKNOWN
                if outcome.done and (self._options.no_wait or await self._watch(step, outcome)):
                    good += 1
                self._print(step, outcome)
                stops = not (outcome.done or self._options.keep_going)
            if stops:
                if number < len(steps):
                    self.say(f"{len(steps) - number} were not tried any more.", "bad")
                break
        if unknown:
            self.code = NOT_KNOWN
        elif good == len(steps) and not refused:
            self.code = 0
        else:
            self.code = SOME_FAILED if good else REFUSED

    async def _watch(self, step: Step, outcome: Outcome) -> bool:
        """Wait for the effect of a change; whether it has come."""
        last = Progress("")

        def tell(progress: Progress) -> None:
            nonlocal last
            last = progress
            # What goes with an app has its name as a rule: its steps would be taken for the app's.
            if not self._options.json and step.owner is None:
                print(progress.words, file=sys.stderr)  # noqa: T201 - the command's output

        end = await self.cluster.ask(
            lambda client: follow(client, outcome, tell, self._options.timeout)
        )
        if end.done:
            return True
        if not end.failed:
            name = outcome.entry.name if step.owner is None else step.preview.intent.subject
            words = _unfinished(name, outcome.entry, last, self._options.timeout)
            print(words, file=sys.stderr)  # noqa: T201 - the command's output
        elif self._options.json or step.owner is not None:
            print(end.words, file=sys.stderr)  # noqa: T201 - the command's output
        return False

    def _print(self, step: Step, outcome: Outcome) -> None:
        if self._options.json:
            put(msgspec.json.encode(outcome.entry).decode())
        elif outcome.done and step.owner is not None:
            intent = step.preview.intent
            put(f"{intent.past} with it: {intent.subject}. {outcome.entry.message}".strip())
        elif outcome.done:
            put(outcome.words)
        else:
            print(outcome.words, file=sys.stderr)  # noqa: T201 - the command's output


def _unfinished(name: str, entry: Entry, last: Progress, seconds: float) -> str:
    """Return in words that the time is over before the effect has come."""
    state = last.words.removeprefix(entry.name).lstrip(": ").rstrip(".")
    state = f"it {state}" if state.startswith("is ") else state
    if entry.deletes:
        wanted = "gone"
    elif entry.kind == kinds.JOB.name:
        wanted = "over"
    else:
        runs = entry.kind == kinds.DAEMON_SET.name or replicas_of(entry.after or {})
        wanted = "up" if runs else "down"
    return f"{name} is not {wanted} after {seconds:g} s: {state}; it goes on."


class _EntryRow(_Row):
    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.ref)
        self.entry = entry


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
