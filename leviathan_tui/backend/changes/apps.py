"""The app manager: what can be done to a Deployment, StatefulSet or DaemonSet.

Pause remembers the replica count in an annotation and scales to zero, in one patch; boot is the
reverse. A rollout that is paused is another thing (`spec.paused`).
"""

import copy
from datetime import UTC, datetime
from typing import Final

from leviathan_tui.backend.changes.intents import MERGE_PATCH, Change, EditIntent, Request, edited
from leviathan_tui.backend.fleet import pausing
from leviathan_tui.backend.fleet.pausing import MOST_REPLICAS, remembered_replicas
from leviathan_tui.backend.fleet.records import PAUSED_AT, PAUSED_BY, PAUSED_REPLICAS, Ref
from leviathan_tui.backend.fleet.releases import RESTARTED_AT
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import DAEMON_SET, DEPLOYMENT, Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    annotate,
    annotations_of,
    container_named,
    containers_of,
    metadata_of,
    pod_spec_of,
    replicas_of,
)
from leviathan_tui.backend.untrusted import clean

NO_SCALE: Final = "is a DaemonSet, which runs one pod on each node and has no replica count"

PAUSE: Final = (PAUSED_REPLICAS, PAUSED_BY, PAUSED_AT)
"""The annotations of a pause."""

NO_ROLLOUT: Final = "and only the rollout of a Deployment can be paused"


def now_stamp() -> str:
    """Return the present moment as Kubernetes writes one."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pause(EditIntent):
    """Remember the replica count and scale to zero."""

    verb, past = "pause", "Paused"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Scale to zero."""
        if self.kind == DAEMON_SET:
            raise self.refuse(f"{self.ref.name} {NO_SCALE}.")
        replicas = replicas_of(target)
        if not replicas:
            why = "is paused already" if remembered_replicas(target) else "has no replicas already"
            raise self.refuse(f"{self.ref.name} {why}.")
        pause: dict[str, str | None] = {
            PAUSED_REPLICAS: str(replicas),
            PAUSED_BY: actor or "leviathan",
            PAUSED_AT: now_stamp(),
        }
        annotate(target, pause)
        target["spec"]["replicas"] = 0
        notes = [f"Boot (b) brings back {replicas}. Volumes, Services and configuration stay."]
        pods = "the pod" if replicas == 1 else f"all {replicas} pods"
        return edited(f"Stop {pods} of {self.ref.name} and keep it.", notes)


class Boot(EditIntent):
    """Bring a paused app back to the replicas it had."""

    verb, past = "boot", "Booted"

    def __init__(self, kind: Kind, ref: Ref, replicas: int | None = None) -> None:
        super().__init__(kind, ref)
        self.replicas = replicas
        """The size to use where none is remembered."""

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Scale up again."""
        if self.kind == DAEMON_SET:
            raise self.refuse(f"{self.ref.name} {NO_SCALE}.")
        if replicas_of(target):
            raise self.refuse(f"{self.ref.name} is running.")
        remembered = remembered_replicas(target)
        replicas = self.replicas or remembered or 1
        story = pausing.story(target)
        stale = str(annotations_of(target).get(PAUSED_REPLICAS) or "")
        annotate(target, dict.fromkeys(PAUSE))
        target["spec"]["replicas"] = replicas
        notes = [f"It is {story}." if remembered else _why_unknown(stale)]
        return edited(f"Start {self.ref.name} with {replicas} replicas.", notes)


def _why_unknown(stale: str) -> str:
    """Return why the size of an app before it went down is not known; `stale` is the annotation's."""
    if not stale:
        return "It was not paused here, so nobody remembers its size."
    size = pausing.written_size(stale)
    if not size:
        return f"A pause's annotation says “{clean(stale, 40)}”, which is no size."
    return f"It was paused here at {size}, and scaled by somebody else since: that is not its size."


class Scale(EditIntent):
    """Set the replica count."""

    verb, past = "scale", "Scaled"

    def __init__(self, kind: Kind, ref: Ref, replicas: int) -> None:
        super().__init__(kind, ref)
        self.replicas = replicas

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Set it, and forget what a pause remembered."""
        if self.kind == DAEMON_SET:
            raise self.refuse(f"{self.ref.name} {NO_SCALE}.")
        if not 0 <= self.replicas <= MOST_REPLICAS:
            raise self.refuse(f"replicas go from 0 to {MOST_REPLICAS}.")
        before = replicas_of(target)
        if before == self.replicas:
            raise self.refuse(f"{self.ref.name} has {before} replicas already.")
        # Of an app that runs, a pause's annotation is stale: scaled to zero, it must not count again.
        annotate(target, dict.fromkeys(PAUSE))
        target["spec"]["replicas"] = self.replicas
        return edited(f"Change {self.ref.name} from {before} to {self.replicas} replicas.")

    def narrower(self, document: Document) -> Change | None:
        """Return the same by the scale subresource, where nothing else is changed.

        A pause's annotations stay.
        """
        version = metadata_of(document).get("resourceVersion")
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": self.replicas}}
        target = copy.deepcopy(document)
        target["spec"]["replicas"] = self.replicas
        before = replicas_of(document)
        change = edited(f"Change {self.ref.name} from {before} to {self.replicas} replicas.")
        change.request = Request("PATCH", f"{self.path}/scale", body, MERGE_PATCH)
        change.target = target
        return change


class Restart(EditIntent):
    """Replace all pods, as `kubectl rollout restart` does."""

    verb, past = "restart", "Restarted"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Touch the pod template."""
        if (target.get("spec") or {}).get("paused"):
            raise self.refuse(f"the rollout of {self.ref.name} is paused; resume it first.")
        template = target["spec"]["template"]
        annotate(template, {RESTARTED_AT: now_stamp()})
        notes = ["Image and configuration stay as they are. It cannot be undone: the pods are new."]
        if (self.kind != DAEMON_SET) and not replicas_of(target):
            notes.append("It has no pods now, so this shows only once it is booted.")
        return edited(f"Replace the pods of {self.ref.name}.", notes)


class SetImage(EditIntent):
    """Change the image of one container, init containers and sidecars among them."""

    verb, past = "image", "Image changed"

    def __init__(self, kind: Kind, ref: Ref, image: str, container: str = "") -> None:
        super().__init__(kind, ref)
        self.image = image.strip()
        self.container = container

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Image not changed"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Set the container's image."""
        if not self.image or any(part.isspace() for part in self.image):
            raise self.refuse(f"“{self.image}” is no image.")
        found = container_named(pod_spec_of(target), self.container)
        if found is None:
            named = ", ".join(containers_of(pod_spec_of(target)))
            which = f"no container {self.container}" if self.container else "several containers"
            raise self.refuse(f"{self.ref.name} has {which}; name one of {named}.")
        before = found.get("image")
        if before == self.image:
            raise self.refuse(f"{found.get('name')} has the image {self.image} already.")
        found["image"] = self.image
        roles = containers_of(pod_spec_of(target))
        role = roles[str(found.get("name"))] or "container"
        whose = (
            f"{role} {found.get('name')} of {self.ref.name}" if len(roles) > 1 else self.ref.name
        )
        return edited(f"Change the image of {whose} from {before} to {self.image}.")


class PauseRollout(EditIntent):
    """Keep changes of the pod template from being rolled out."""

    verb, past = "pause-rollout", "Rollout paused"

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Rollout not paused"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Set `spec.paused`."""
        if self.kind != DEPLOYMENT:
            raise self.refuse(f"{self.ref.name} is a {self.kind.name}, {NO_ROLLOUT}.")
        if target["spec"].get("paused"):
            raise self.refuse(f"that of {self.ref.name} is paused already.")
        target["spec"]["paused"] = True
        notes = ["Its pods go on running. Scaling still works; restart and images wait."]
        return edited(f"Hold back changes of {self.ref.name} until the rollout is resumed.", notes)


class ResumeRollout(EditIntent):
    """Roll out what was held back."""

    verb, past = "resume-rollout", "Rollout resumed"

    @property
    def not_done(self) -> str:
        """The beginning of a refusal."""
        return "Rollout not resumed"

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Unset `spec.paused`."""
        if self.kind != DEPLOYMENT:
            raise self.refuse(f"{self.ref.name} is a {self.kind.name}, {NO_ROLLOUT}.")
        if not target["spec"].get("paused"):
            raise self.refuse(f"that of {self.ref.name} is not paused.")
        target["spec"].pop("paused")
        return edited(f"Roll out what was held back of {self.ref.name}.")
