"""Bringing something new to the cluster, or what a file says; editing what is there."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.change import APPS, GROUP, ChangeAction
from leviathan_tui.actions.places import LISTS
from leviathan_tui.actions.ports import ChangePorts, Front
from leviathan_tui.backend import changes
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import objects
from leviathan_tui.backend.kube.errors import KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.untrusted import clean

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.apply import Apply, Deploy
    from leviathan_tui.backend.changes.deploying import Answers
    from leviathan_tui.backend.changes.manifests import Manifest

_CLONED: Final = APPS | {"CronJob"}


class New(Action[Front]):
    """A new app, or on the cron jobs a new cron job, from a form."""

    id, title, keys, group, footer = "new", "new", ("n",), GROUP, 7
    views = frozenset({"apps", "crons"})

    def run(self, front: Front) -> Awaitable[None] | None:
        """Open the form."""
        return self._new(front)

    async def _new(self, front: Front) -> None:
        cron = front.place.view == "crons"
        answers = await front.fill(
            changes.deploying.Answers(namespace=front.namespace or "default"),
            cron=cron,
            title="New cron job" if cron else "New app",
        )
        if answers is not None:
            await front.change(await deployments(front.cluster, _made(answers, cron=cron)))


class DeployLine(Action[ChangePorts]):
    """Deploy in one line: `deploy IMAGE NAME [-n NAMESPACE] [--port N] [--replicas N] …`."""

    id, title, group, argument = "deploy", "Deploy", GROUP, "IMAGE NAME [--port N] …"
    views = LISTS

    def run(self, front: ChangePorts) -> Awaitable[None] | None:
        """Ask for the line where the palette did not give it."""
        return self._deploy(front)

    async def _deploy(self, front: ChangePorts) -> None:
        words = front.argument
        if not words:
            asked = await front.ask("IMAGE NAME [-n NAMESPACE] [--port N] [--replicas N]", "", _any)
            if asked is None:
                return
            words = asked
        try:
            answers = changes.deploy_line.deploy_answers(words, front.namespace or "default")
        except ValueError as error:
            front.say(f"Not deployed: {error}.", "warn")
            return
        made = _made(answers, cron=bool(answers.schedule))
        await front.change(await deployments(front.cluster, made))


class ApplyFile(Action[ChangePorts]):
    """Apply a file of manifests, or all of a folder: `apply FILE|DIR`."""

    id, title, group, argument = "apply", "Apply a file", GROUP, "FILE|DIR"
    views = LISTS

    def run(self, front: ChangePorts) -> Awaitable[None] | None:
        """Ask for the file where the palette did not give it."""
        return self._apply(front)

    async def _apply(self, front: ChangePorts) -> None:
        path = front.argument or await front.ask("File or folder to apply:", "", _any)
        if not path:
            return
        try:
            # A large folder takes seconds, for which no key should wait.
            manifests = await asyncio.to_thread(changes.manifests.load, path)
        except changes.manifests.ManifestError as error:
            front.say(f"Not applied: {error}", "warn")
            return
        front.warn([text for manifest in manifests for text in manifest.warnings])
        intents = [await apply_intent(front.cluster, one, front.namespace) for one in manifests]
        demanded = front.demanded_namespace
        for intent in intents:
            own = intent.ref.namespace
            if demanded and own not in ("", demanded):
                raise NotPossible(
                    f'{intent.not_done}: the namespace from the provided object "{own}" does not '
                    f'match the namespace "{demanded}". Apply it with -n {own}, or without -n.'
                )
        await front.change(intents)


class EditObject(ChangeAction[Front]):
    """Edit the object in your editor; only what you change is sent."""

    id, title, keys, footer = "edit", "edit", ("e",), 23
    kinds = frozenset()
    one_at_a_time = True

    async def _run(self, front: Front, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        kind = await front.cluster.kind_of(ref)
        if kind.name == "Secret" and not kind.group:
            front.say("Not edited: Secrets are not written to files here.", "warn")
            return
        path = kind.path(ref.namespace, ref.name)
        document = await front.cluster.ask(lambda client: objects.read_object(client, path))
        before = changes.editing.editable(document)
        text, offered = None, before
        while True:
            text = await front.edit(offered, f"{ref.name}.yaml")
            if text is None or text in (before, offered):
                front.say("Nothing was edited.")
                return
            try:
                intent = changes.editing.Edit(kind, ref, document, _without_notes(text))
            except changes.manifests.ManifestError as error:
                # What was written is not thrown away: it is offered again, with what is wrong.
                offered = f"{_NOTE}{clean(str(error))}\n{_without_notes(text)}"
            else:
                break
        await front.change([intent])


class Clone(ChangeAction[ChangePorts]):
    """Make another app or cron job like the one under the cursor."""

    id, title = "clone", "Clone"
    kinds = _CLONED
    one_at_a_time = True

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        kind = await front.cluster.kind_of(ref)
        name = await front.ask(f"Name of the clone of {ref.name}:", f"{ref.name}-copy", _name)
        if name is None:
            return
        path = kind.path(ref.namespace, ref.name)
        document = await front.cluster.ask(lambda client: objects.read_object(client, path))
        clone = changes.cloning.clone_of(document, name)
        await front.change([changes.apply.Deploy(kind, Ref(kind.name, ref.namespace, name), clone)])


_NOTE: Final = "# Not edited: "


def _without_notes(text: str) -> str:
    """Return an edited text without what was said about an earlier try."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_NOTE))


def _made(answers: "Answers", *, cron: bool) -> list[dict[str, Any]]:
    forms = changes.deploying
    return forms.cron_manifests(answers) if cron else forms.app_manifests(answers)


async def deployments(cluster: Cluster, manifests: list[dict[str, Any]]) -> "list[Deploy]":
    """Return what it takes to make what manifests of a form describe."""
    found = []
    for manifest in manifests:
        kind, ref = await place_of(cluster, manifest, "")
        found.append(changes.apply.Deploy(kind, ref, manifest))
    return found


async def apply_intent(cluster: Cluster, manifest: "Manifest", namespace: str) -> "Apply":
    """Return what it takes to apply a manifest, in `namespace` where it names none itself."""
    kind, ref = await place_of(cluster, manifest.document, namespace)
    document = manifest.document
    if ref.namespace and not document["metadata"].get("namespace"):
        document["metadata"]["namespace"] = ref.namespace
    return changes.apply.Apply(kind, ref, document)


async def place_of(cluster: Cluster, manifest: dict[str, Any], namespace: str) -> tuple[Kind, Ref]:
    """Return a manifest's kind and object. Raises `KubeError` for a kind the server lacks."""
    version, name, own, object_name = changes.apply.identity_of(manifest)
    group, _, number = version.rpartition("/")
    for resource in await cluster.resources():
        kind = resource.kind
        if (kind.name, kind.group) == (name, group):
            kind = Kind(kind.name, kind.plural, kind.group, number, kind.namespaced)
            where = (own or namespace or cluster.target.namespace) if kind.namespaced else ""
            return kind, Ref(name, where, object_name, "", group)
    raise KubeError(f"Nothing was applied: this cluster has no {name} in {version}")


def _any(text: str) -> str:
    return "" if text.strip() else "Something."


def _name(text: str) -> str:
    forms = changes.deploying
    return forms.problems(forms.Answers(name=text.strip(), image="x"), cron=True).get("name", "")


ACTIONS: tuple[type[Action[Front]], ...] = (New, DeployLine, ApplyFile, EditObject, Clone)
