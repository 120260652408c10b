"""Server-side apply of one object, under the console's own field manager.

Conflicts with other managers are refused and shown, never forced unless the user says so. Source:
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import copy
from typing import Any

from leviathan_tui.backend.changes.intents import Change, Intent, Request
from leviathan_tui.backend.changes.refusals import Gone
from leviathan_tui.backend.fleet.pausing import remembered_replicas
from leviathan_tui.backend.fleet.records import PAUSED_BY, PAUSED_REPLICAS, Ref
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import (
    Document,
    annotations_of,
    metadata_of,
    read_object,
    terminating,
    uid_of,
)

APPLY_PATCH = "application/apply-patch+yaml"


class Apply(Intent):
    """Make an object be as a manifest says, as far as the manifest says anything."""

    verb, past = "apply", "Applied"
    makes = all_or_none = True

    def __init__(self, kind: Kind, ref: Ref, manifest: dict[str, Any]) -> None:
        super().__init__(kind, ref)
        self.manifest = manifest

    @property
    def manifest_applied(self) -> Document | None:
        """The manifest."""
        return self.manifest

    async def read(self, client: KubeClient) -> Document | None:
        """Return the object as it is now; None where it has to be made."""
        try:
            document = await read_object(client, self.path)
        except NotFound:
            return None
        deleting = terminating(document)
        if deleting:
            raise Gone(f"{self.not_done}: {self.ref.name} is {deleting}.")
        return document

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the apply; a paused app stays paused."""
        body = copy.deepcopy(self.manifest)
        notes = []
        if document is not None:
            # The server refuses it where the object is another one by then, or has changed.
            bound = body.setdefault("metadata", {})
            bound["uid"] = uid_of(document)
            bound["resourceVersion"] = metadata_of(document).get("resourceVersion")
            remembered = remembered_replicas(document)
            spec = body.get("spec")
            if remembered and isinstance(spec, dict):
                wanted = spec.get("replicas")
                spec["replicas"] = 0
                kept = annotations_of(document)
                metadata = body.setdefault("metadata", {})
                metadata["annotations"] = {
                    **(metadata.get("annotations") or {}),
                    **{name: kept[name] for name in (PAUSED_REPLICAS, PAUSED_BY) if name in kept},
                }
                notes.append(f"It is paused and stays paused; boot brings it to {remembered}.")
                if wanted not in (None, remembered):
                    notes.append(
                        f"The manifest's {wanted} replicas are not taken while it is paused."
                    )
        params = {"fieldValidation": "Strict"}
        if self.force:
            params["force"] = "true"
            notes.append("Fields that belong to others are taken over.")
        new = document is None
        effect = f"Make {self.kind.name} {self.ref.name}." if new else f"Change {self.ref.name}."
        return Change(Request("PATCH", self.path, body, APPLY_PATCH, params), effect, body, notes)


class Deploy(Apply):
    """Apply what a form or a one-liner describes, as something new."""

    verb, past = "deploy", "Deployed"

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the apply; what exists already is not overwritten."""
        if document is not None:
            raise self.refuse(
                f"there is a {self.kind.name} {self.ref.name} in {self.ref.namespace} already; "
                "edit that, or choose another name."
            )
        return await super().plan(client, document, actor)


def identity_of(manifest: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return apiVersion, kind, namespace and name of a manifest; empty where it has none."""
    metadata = metadata_of(manifest)
    return (
        str(manifest.get("apiVersion") or ""),
        str(manifest.get("kind") or ""),
        str(metadata.get("namespace") or ""),
        str(metadata.get("name") or ""),
    )
