"""Revisions: hashes of templates, and the ControllerRevisions that remember them.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
"""

import hashlib
from typing import Final

from leviathan_sandbox.controllers.base import Controller, owned
from leviathan_sandbox.kinds import CONTROLLER_REVISION
from leviathan_sandbox.objects import Object, copy, encode, owner_reference
from leviathan_sandbox.storage import Entry

HASH_LABEL: Final = "controller.kubernetes.io/hash"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object, collisions: int = 0) -> str:
    """Return the short name that tells a template from others."""
    digest = hashlib.sha256(encode([template, collisions])).digest()
    number = int.from_bytes(digest[:4], "big")
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in str(number))


def revision_data(owner: Object) -> Object:
    """Return what a ControllerRevision keeps of its owner: the patch that restores its template."""
    template = {**copy(owner["spec"]["template"]), "$patch": "replace"}
    return {"spec": {"template": template}}


def history(controller: Controller, owner: Object) -> list[Entry]:
    """Return the owner's ControllerRevisions, oldest first."""
    entries = owned(controller.storage, owner, CONTROLLER_REVISION)
    return sorted(entries, key=lambda entry: entry.object["revision"])


def current_revision(controller: Controller, owner: Object, label: str) -> Object:
    """Return the ControllerRevision of the owner's template, made or moved to the top if need be.

    Parameters:
        label: the label that carries the revision's hash.
    """
    data = revision_data(owner)
    known = history(controller, owner)
    newest = known[-1].object["revision"] if known else 0
    for entry in known:
        if entry.object["data"] == data:
            if entry.object["revision"] == newest:
                return entry.object
            # Rolled back: the old revision becomes the newest again.
            again = {**entry.object, "metadata": dict(entry.object["metadata"])}
            again["revision"] = newest + 1
            return controller.storage.write(CONTROLLER_REVISION, again).object
    metadata = owner["metadata"]
    name = template_hash(owner["spec"]["template"])
    labels = dict(owner["spec"]["template"]["metadata"].get("labels") or {})
    body: Object = {
        "metadata": {
            "name": f"{metadata['name']}-{name}",
            "labels": labels | {label: name},
            "ownerReferences": [owner_reference(owner)],
        },
        "data": data,
        "revision": newest + 1,
    }
    if metadata.get("annotations"):
        body["metadata"]["annotations"] = dict(metadata["annotations"])
    return controller.registry.create(CONTROLLER_REVISION, metadata["namespace"], body).object


def prune(controller: Controller, owner: Object, used: set[str]) -> None:
    """Delete the oldest revisions beyond `spec.revisionHistoryLimit` that no pod is of."""
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    old = [
        entry
        for entry in history(controller, owner)
        if entry.object["metadata"]["name"] not in used
    ]
    for entry in old[: max(0, len(old) - limit)]:
        metadata = entry.object["metadata"]
        controller.registry.delete(CONTROLLER_REVISION, metadata["namespace"], metadata["name"])
