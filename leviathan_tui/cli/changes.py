"""The command line as a door: the same actions, managers and journal as the full screen's."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from leviathan_tui.actions import activity, apps, crons, way_out
from leviathan_tui.actions.base import Action
from leviathan_tui.actions.deploying import ApplyFile, deployments
from leviathan_tui.actions.places import Place
from leviathan_tui.actions.ports import ChangePorts, Check, Option
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
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.naming import Ambiguous, is_called, named
from leviathan_tui.backend.kube.objects import decoded, read_object, uid_of
from leviathan_tui.backend.names import leads_elsewhere
from leviathan_tui.backend.session import Session
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.cli import reaching
from leviathan_tui.cli.journal import print_journal
from leviathan_tui.cli.script_door import REFUSED, ScriptDoor
from leviathan_tui.cli.tables import KINDS, complain, print_rows
from leviathan_tui.startup import fail, load_config, make_session, trusting

ACTIONS: Final[dict[tuple[str, str], Action[ChangePorts]]] = {
    ("apps", "boot"): apps.Boot(),
    ("apps", "pause"): apps.Pause(),
    ("apps", "restart"): apps.Restart(),
    ("apps", "scale"): apps.Scale(),
    ("apps", "image"): apps.Image(),
    ("apps", "rollback"): apps.RollBack(),
    ("apps", "pause-rollout"): apps.PauseRollout(),
    ("apps", "resume-rollout"): apps.ResumeRollout(),
    ("apps", "delete"): activity.Delete(),
    ("crons", "pause"): crons.PauseCronJob(),
    ("crons", "resume"): crons.ResumeCronJob(),
    ("crons", "run"): crons.RunNow(),
    ("crons", "schedule"): crons.EditSchedule(),
    ("crons", "delete"): activity.Delete(),
    ("runs", "retry"): crons.Retry(),
    ("runs", "delete"): activity.Delete(),
    ("pods", "delete"): activity.Delete(),
    ("pods", "force-delete"): way_out.ForceDelete(),
    **{(view, "remove-finalizer"): way_out.RemoveFinalizer() for view in KINDS},
}
"""The action behind each view and word."""


class _Row:
    def __init__(self, ref: Ref, entry: Entry | None = None) -> None:
        self.ref = ref
        self.entry = entry


class ScriptPorts:
    """The ports of actions that change something. Implements `actions.ports.ChangePorts`."""

    def __init__(self, session: Session, options: Namespace, refs: Sequence[Ref]) -> None:
        self._session = session
        self._options = options
        self.cluster: Cluster = session.cluster
        self.place = Place(getattr(options, "command", "apps"))
        self.chosen: Sequence[_Row] = [_Row(ref) for ref in refs]
        """What was named on the command line."""
        self.row: _Row | None = None
        self.subject: Ref | None = None
        self.namespace = session.namespace
        self.demanded_namespace = str(options.namespace or "")
        self.who = session.who
        self.argument = str(getattr(options, "argument", ""))
        self.code = 0
        """The exit code."""

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

    async def choose(self, title: str, options: Sequence[Option], default: str = "") -> str | None:
        """Return the choice that the command line gave, or the default."""
        wanted = getattr(self._options, "choice", None)
        known = ", ".join(option.value for option in options)
        if wanted is None:
            if not default:
                self.say(f"Not done: name one of {known} with --{title}.", "bad")
            return default or None
        if any(option.value == str(wanted) for option in options):
            return str(wanted)
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
        if len(found) != 1:
            begin = f"{len(found)} entries begin" if found else "no entry of the journal begins"
            raise KubeError(f"{begin} with {wanted}")
        self.row = _Row(found[0].ref, found[0])
        return entries

    async def change(self, intents: Sequence[Intent]) -> None:
        """Have changes tried, shown, agreed to unless `--yes`, made, and their effect waited for."""
        for intent in intents:
            intent.force = bool(getattr(self._options, "force", False))
        # The action may have said already that it leaves something out.
        door = ScriptDoor(self._session, self._options, refused=self.code != 0)
        await Plan().carry_out(self._session.engine, door, intents)
        self.code = door.code


def run(options: Namespace) -> int:
    """Run a command of the command line. Returns the exit code."""
    try:
        loaded = load_config(options.auth or "")
        target, merged = reaching.find(options)
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
        return fail(f"{error.message.rstrip('.')}.")
    finally:
        session.stop()


async def _run(session: Session, options: Namespace) -> int:
    match options.command, getattr(options, "action", ""):
        case ("journal", _):
            return await print_journal(session, options)
        case (view, "list"):
            return await print_rows(session, view, options)
        case ("apply", _):
            return await _obey(ScriptPorts(session, options, ()), ApplyFile())
        case ("undo", _):
            return await _obey(ScriptPorts(session, options, ()), activity.Undo())
        case ("remove-finalizer", _):
            ref = await _find_any(session, options.target)
            return await _obey(ScriptPorts(session, options, [ref]), way_out.RemoveFinalizer())
        case (_, "deploy"):
            return await _deploy(session, options)
        case (view, action):
            if getattr(options, "force_delete", False):
                action = "force-delete"
            refs = await _find(session, view, options.names)
            return await _obey(ScriptPorts(session, options, refs), ACTIONS[(view, action)])


async def _deploy(session: Session, options: Namespace) -> int:
    options.namespace = session.namespace or session.target.namespace
    try:
        answers = answers_from(options)
    except ValueError as error:
        return fail(f"Not deployed: {error}.")
    ports = ScriptPorts(session, options, ())
    made = cron_manifests(answers) if answers.schedule else app_manifests(answers)
    await ports.change(await deployments(session.cluster, made))
    return ports.code


async def _obey(ports: ScriptPorts, action: Action[ChangePorts]) -> int:
    result = action.run(ports)
    if result is not None:
        await result
    return ports.code


async def _find(session: Session, view: str, names: Sequence[str]) -> list[Ref]:
    """Return the objects that the names on the command line mean, each once.

    Raises `KubeError` where one of them means none, or more than one.
    """
    namespace = session.namespace or session.target.namespace
    found: dict[str, Ref] = {}
    problems = []
    for text in names:
        word, _, name = text.rpartition("/")
        candidates = [kind for kind in KINDS[view] if not word or is_called(kind, word)]
        try:
            one = await session.cluster.ask(
                lambda client, among=candidates, name=name: named(client, among, namespace, name)  # type: ignore[misc]
            )
        except Ambiguous as error:
            problems.append(error.message.rstrip("."))
            continue
        if one is None:
            problems.append(f"there is no {text} among the {view} of {namespace}")
            continue
        kind, body = one
        uid = uid_of(decoded(body))
        found[uid] = Ref(kind.name, namespace, name, uid)
    if problems:
        if not found and await session.cluster.lacks_namespace(namespace):
            raise KubeError(f"there is no namespace {namespace}")
        raise KubeError("; ".join(problems))
    return list(found.values())


async def _find_any(session: Session, text: str) -> Ref:
    """Return the object of any kind that `KIND/NAME` means. Raises `KubeError`."""
    word, _, name = text.partition("/")
    known = await session.cluster.resources()
    kind = next((one.kind for one in known if one.answers_to(word)), None)
    if kind is None or leads_elsewhere(name):
        raise KubeError(f"{clean(text, 200)} is no KIND/NAME that this cluster knows")
    namespace = session.namespace or session.target.namespace if kind.namespaced else ""
    path = kind.path(namespace, name)
    document = await session.cluster.ask(lambda client: read_object(client, path))
    return Ref(kind.name, namespace, name, uid_of(document), kind.group)
