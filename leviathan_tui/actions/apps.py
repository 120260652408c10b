"""What can be done to apps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from leviathan_tui.actions.base import Action
from leviathan_tui.actions.change import ChangeAction
from leviathan_tui.actions.ports import ChangePorts, Option
from leviathan_tui.backend import changes
from leviathan_tui.backend.fleet import pausing, releases
from leviathan_tui.backend.fleet.pausing import MOST_REPLICAS
from leviathan_tui.backend.fleet.prose import clock
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds, objects
from leviathan_tui.backend.kube.kinds import Kind

if TYPE_CHECKING:
    from leviathan_tui.backend.changes.intents import Intent
    from leviathan_tui.backend.fleet.releases import Release

SCALABLE: Final = frozenset(kind.name for kind in kinds.SCALABLE)


class Boot(ChangeAction[ChangePorts]):
    """Bring paused apps back to the size they had."""

    id, title, keys, footer = "boot", "boot", ("b",), 1

    def enabled(self, front: ChangePorts) -> bool:
        """Whether something here is down."""
        return super().enabled(front) and not _all_up(front)

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        intents: list[Intent] = []
        for ref in refs:
            kind = await front.cluster.kind_of(ref)
            replicas = None
            if len(refs) == 1 and kind.name in SCALABLE:
                path = kind.path(ref.namespace, ref.name)
                document = await front.cluster.ask(
                    lambda client, path=path: objects.read_object(client, path)  # type: ignore[misc]
                )
                if not objects.replicas_of(document) and not pausing.remembered_replicas(document):
                    text = await front.ask(f"How many replicas for {ref.name}?", "1", _count)
                    if text is None:
                        return
                    replicas = int(text)
            intents.append(changes.apps.Boot(kind, ref, replicas))
        await front.change(intents)


class Pause(ChangeAction[ChangePorts]):
    """Scale apps to zero and remember their size."""

    id, title, keys, footer = "pause", "pause", ("p",), 2

    def enabled(self, front: ChangePorts) -> bool:
        """Whether something here is up."""
        return super().enabled(front) and not _all_down(front)

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Pause it."""
        return changes.apps.Pause(kind, ref)


class Restart(ChangeAction[ChangePorts]):
    """Replace all pods of apps, as their update strategy has it."""

    id, title, keys, footer = "restart", "restart", ("r",), 3

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Restart it."""
        return changes.apps.Restart(kind, ref)


class Scale(ChangeAction[ChangePorts]):
    """Change the number of replicas."""

    id, title, keys, footer = "scale", "scale", ("s",), 4

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        row = front.row
        present = str(getattr(row, "desired", ""))
        able = [ref for ref in refs if ref.kind in SCALABLE]
        replicas = 0
        if able:
            name = able[0].name if len(able) == 1 else f"{len(able)} apps"
            text = await front.ask(f"How many replicas for {name}?", present, _count)
            if text is None:
                return
            replicas = int(text)
        await front.change(
            [changes.apps.Scale(await front.cluster.kind_of(ref), ref, replicas) for ref in refs]
        )


class Image(ChangeAction[ChangePorts]):
    """Change the image of a container."""

    id, title, keys, footer = "image", "image", ("i",), 5
    one_at_a_time = True

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        kind = await front.cluster.kind_of(ref)
        path = kind.path(ref.namespace, ref.name)
        document = await front.cluster.ask(lambda client: objects.read_object(client, path))
        apps = changes.apps
        pod = objects.pod_spec_of(document)
        roles = objects.containers_of(pod)
        options = []
        for name, role in roles.items():
            image = str((objects.container_named(pod, name) or {}).get("image"))
            options.append(Option(name, name, f"{role}  {image}" if role else image))
        only = objects.container_named(pod, "") or {}
        container = await front.choose("container", options, str(only.get("name", "")))
        if container is None:
            return
        present = str((objects.container_named(pod, container) or {}).get("image", ""))
        text = await front.ask(f"Image of {ref.name}, container {container}:", present, _image)
        if text is not None:
            await front.change([apps.SetImage(kind, ref, text, container)])


class RollBack(ChangeAction[ChangePorts]):
    """Go back to an earlier release, chosen from those that the cluster remembers."""

    id, title, keys, footer = "rollback", "roll back", ("z",), 6
    one_at_a_time = True

    async def _run(self, front: ChangePorts, refs: Sequence[Ref]) -> None:
        ref = refs[0]
        kind = await front.cluster.kind_of(ref)
        path = kind.path(ref.namespace, ref.name)

        async def read(client: Any) -> "list[Release]":
            document = await objects.read_object(client, path)
            return await releases.releases(client, kind, document)

        options = [
            Option(
                str(one.revision),
                f"release {one.revision}",
                _about(one),
            )
            for one in await front.cluster.ask(read)
        ]
        if not options:
            front.say(f"The cluster remembers no releases of {ref.name}.", "warn")
            return
        # The one to go back to most often is the one before the present.
        first = [option for option in options if not option.detail.startswith("now")]
        rest = [option for option in options if option.detail.startswith("now")]
        options = [*first, *rest]
        title = f"release of {ref.name} to go back to"
        chosen = await front.choose(title, options, options[0].value)
        if chosen is not None:
            await front.change([changes.rollback.RollBack(kind, ref, int(chosen))])


def _about(release: "Release") -> str:
    words = (release.image, release.told_by, clock(release.created))
    return f"{'now: ' if release.current else ''}{'  '.join(filter(None, words))}"


class PauseRollout(ChangeAction[ChangePorts]):
    """Keep changes of an app from being rolled out until its rollout is resumed."""

    id, title = "pause-rollout", "Pause rollout"

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Pause its rollout."""
        return changes.apps.PauseRollout(kind, ref)


class ResumeRollout(ChangeAction[ChangePorts]):
    """Roll out what was held back."""

    id, title = "resume-rollout", "Resume rollout"

    def intent(self, kind: Kind, ref: Ref) -> "Intent":
        """Resume its rollout."""
        return changes.apps.ResumeRollout(kind, ref)


def _states(front: ChangePorts) -> list[int]:
    """Return the wanted replicas of what is marked; empty where the rows do not tell."""
    rows = [] if front.place.view == "app" else front.chosen
    return [row.desired for row in rows if hasattr(row, "desired")]


def _all_up(front: ChangePorts) -> bool:
    states = _states(front)
    return bool(states) and all(states)


def _all_down(front: ChangePorts) -> bool:
    states = _states(front)
    return bool(states) and not any(states)


def _count(text: str) -> str:
    """Return what is wrong with a replica count; nothing where it is fine."""
    if not text.strip().isascii() or not text.strip().isdigit():
        return "A whole number."
    most = MOST_REPLICAS
    return "" if int(text) <= most else f"At most {most}."


def _image(text: str) -> str:
    fine = changes.deploying.is_image(text.strip())
    return "" if fine else "An image, as in nginx:1.29."


ACTIONS: tuple[type[Action[ChangePorts]], ...] = (
    Boot,
    Pause,
    Restart,
    Scale,
    Image,
    RollBack,
    PauseRollout,
    ResumeRollout,
)
