"""Releases of an app, and going back to one.

A Deployment's releases are its ReplicaSets; StatefulSets and DaemonSets keep theirs in
ControllerRevisions. Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

import copy
from typing import Any

import msgspec

from leviathan_tui.backend.changes.apps import pod_spec_of
from leviathan_tui.backend.changes.intents import (
    Change,
    Document,
    EditIntent,
    annotations_of,
    edited,
    metadata_of,
    uid_of,
)
from leviathan_tui.backend.fleet.records import REVISION, Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.untrusted import clean


class Release(msgspec.Struct, frozen=True):
    """One release of an app."""

    revision: int
    images: str
    created: str
    """As the server writes it, RFC 3339."""
    template: dict[str, Any]
    """The pod template."""
    current: bool


async def releases_of(client: KubeClient, kind: Kind, app: Document) -> list[Release]:
    """Return the releases that the cluster remembers of an app, the newest first.

    Raises `KubeError`.
    """
    holder = kinds.REPLICA_SET if kind == kinds.DEPLOYMENT else kinds.CONTROLLER_REVISION
    namespace = str(metadata_of(app).get("namespace", ""))
    found: list[Release] = []
    async for page in client.pages(holder, namespace):
        for raw in page.items:
            item = msgspec.json.decode(raw)
            owners = metadata_of(item).get("ownerReferences") or ()
            if any(owner.get("uid") == uid_of(app) for owner in owners):
                found.append(_release(kind, app, item))
    found.sort(key=lambda release: -release.revision)
    if kind != kinds.DEPLOYMENT and found:
        # The newest is not always the present one: going back gives an old one the newest number.
        found = [msgspec.structs.replace(one, current=not at) for at, one in enumerate(found)]
    return found


def _release(kind: Kind, app: Document, item: Document) -> Release:
    if kind == kinds.DEPLOYMENT:
        template = copy.deepcopy(item["spec"]["template"])
        labels = template.get("metadata", {}).get("labels")
        if isinstance(labels, dict):
            labels.pop("pod-template-hash", None)
        number = annotations_of(item).get(REVISION, "0")
        revision = int(number) if number.isdigit() else 0
        current = number == annotations_of(app).get(REVISION)
    else:
        template = copy.deepcopy(item.get("data", {}).get("spec", {}).get("template", {}))
        template.pop("$patch", None)
        revision, current = int(item.get("revision", 0)), False
    containers = (template.get("spec") or {}).get("containers") or ()
    images = ", ".join(clean(str(one.get("image", "")), 200) for one in containers)
    created = str(metadata_of(item).get("creationTimestamp") or "")
    return Release(revision, images, created, template, current)


class RollBack(EditIntent):
    """Bring back the pod template of an earlier release; the one before the present by default."""

    verb, past = "rollback", "Rolled back"

    def __init__(self, kind: Kind, ref: Ref, revision: int = 0) -> None:
        super().__init__(kind, ref)
        self.revision = revision

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Put the release's template in the place of the present one."""
        if (target.get("spec") or {}).get("paused"):
            raise self.refuse(f"the rollout of {self.ref.name} is paused; resume it first.")
        releases = await releases_of(client, self.kind, target)
        others = [one for one in releases if not one.current]
        chosen = [one for one in others if self.revision in (0, one.revision)]
        if not chosen:
            if self.revision and any(one.revision == self.revision for one in releases):
                raise self.refuse(f"release {self.revision} is the present one.")
            known = ", ".join(str(one.revision) for one in others) or "none"
            what = f"no release {self.revision}" if self.revision else "no earlier release"
            raise self.refuse(f"{self.ref.name} has {what}; the cluster remembers {known}.")
        release = chosen[0]
        target["spec"]["template"] = copy.deepcopy(release.template)
        notes = [
            "The whole pod template goes back: image, environment, resources. "
            "Replicas, ConfigMaps and Secrets stay as they are."
        ]
        images = ", ".join(
            str(one.get("image", "")) for one in pod_spec_of(target).get("containers") or ()
        )
        return edited(
            f"Bring back release {release.revision} of {self.ref.name} ({images}).", notes
        )
