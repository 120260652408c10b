"""The command line as a front end: the same commands, managers and journal as the full screen's."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.base import Check, Front, Option, Place
from leviathan_tui.actions.deploying import deployments
from leviathan_tui.backend.changes.deploy_line import answers_from
from leviathan_tui.backend.changes.deploying import app_manifests, cron_manifests
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.intents import Intent
from leviathan_tui.backend.changes.plan import Plan
from leviathan_tui.backend.changes.refusals import Refusal
from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube.errors import KubeError, NotFound
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli.script_door import REFUSED, ScriptDoor
from leviathan_tui.cli.tables import KINDS, complain, print_journal, print_rows
from leviathan_tui.startup import fail, find_target, load_config, make_session, trusting

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
    """The part of `actions.base.Front` that actions which change something use."""

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
        complain(text)

    def warn(self, texts: Sequence[str]) -> None:
        """Print warnings about what was read."""
        for text in texts:
            complain(f"warning: {clean(text, 500)}")

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
        """Have changes tried, shown, agreed to unless `--yes`, made, and their effect waited for."""
        if getattr(self._options, "force", False):
            for intent in intents:
                intent.take_over()
        # The action may have said already that it leaves something out.
        door = ScriptDoor(self._session, self._options, refused=self.code != 0)
        await Plan().carry_out(self._session.engine, door, intents)
        self.code = door.code


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
