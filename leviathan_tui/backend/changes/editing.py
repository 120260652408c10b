"""Editing an object as a text: only what differs from the text that was shown is changed."""

import copy
from typing import Any

from leviathan_tui.backend.changes.diff import differences, put_at
from leviathan_tui.backend.changes.intents import Change, EditIntent, edited
from leviathan_tui.backend.changes.manifests import ManifestError, read
from leviathan_tui.backend.changes.redact import redacted
from leviathan_tui.backend.changes.refusals import Changed
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import yaml_text
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, metadata_of


def editable(document: Document) -> str:
    """Return the text that is edited: the object without what only the server writes."""
    return yaml_text.dump(_shown(document))


def _shown(document: Document) -> dict[str, Any]:
    shown = {key: copy.deepcopy(value) for key, value in document.items() if key != "status"}
    for name in ("managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"):
        metadata_of(shown).pop(name, None)
    return shown


class Edit(EditIntent):
    """Set the fields that were edited, and no others."""

    verb, past = "edit", "Edited"

    def __init__(self, kind: Kind, ref: Ref, document: Document, text: str) -> None:
        """`document` is what was shown, `text` what became of it. Raises `ManifestError`."""
        super().__init__(kind, ref)
        found = read(text, "the text")
        if len(found) != 1:
            raise ManifestError("the text holds more or fewer than one object.")
        after = found[0].document
        before = _shown(document)
        if (after.get("kind"), metadata_of(after).get("name")) != (
            before.get("kind"),
            metadata_of(before).get("name"),
        ):
            raise ManifestError("kind and name cannot be edited; clone it instead.")
        self.document = document
        self.fields = differences(before, after)
        self.warnings = found[0].warnings

    async def revise(self, client: KubeClient, target: Document, actor: str) -> Change:
        """Put the edited values."""
        if not self.fields:
            raise self.refuse("nothing differs.")
        since = differences(self.document, target)
        if since:
            raise Changed(
                f"{self.not_done}: {self.ref.name} changed while you edited it.",
                differences(redacted(self.document), redacted(target)),
            )
        for item in self.fields:
            put_at(target, item.path, item.after)
        return edited(f"Change {len(self.fields)} fields of {self.ref.name}.", [], self.warnings)
