"""The journal's mask: kept out of what is written for others, and out of the cluster."""

from typing import Any, Final

import msgspec

from leviathan_tui.backend.changes.diff import MASK
from leviathan_tui.backend.changes.entry import DONE, Entry
from leviathan_tui.backend.changes.intents import Change, Intent
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.kube.objects import Document
from leviathan_tui.backend.untrusted import clean

_CHECKED: Final = frozenset({"apply", "deploy", "edit"})
"""What sends values that somebody wrote down. The others send what the object has already."""


class Applied(msgspec.Struct):
    """A manifest as it was last applied, as far as the journal keeps it."""

    subject: str
    document: Document | None
    """Without what was masked; None for a Secret, which would lose its values by being applied."""
    not_kept: list[str]
    """Where the values were that the journal keeps for nobody."""

    def as_yaml(self) -> str:
        """Return it as a document of a YAML stream, with a comment for what is missing."""
        from leviathan_tui.backend.kube import yaml_text

        whose = f"{self.subject}: " if self.document is None else ""
        # A name may hold a line feed, which would end the comment.
        lines = [f"# not kept: {clean(f'{whose}{path}')}\n" for path in self.not_kept]
        return "---\n" + "".join(lines) + (yaml_text.dump(self.document) if self.document else "")


def applied(entries: list[Entry]) -> list[Applied]:
    """Return what was last applied of each object; the newest first, as `entries` are."""
    found: dict[tuple[str, str, str, str], Applied] = {}
    for entry in entries:
        key = (entry.group, entry.kind, entry.namespace, entry.name)
        document = (entry.plan or {}).get("applied")
        if document and entry.outcome == DONE and key not in found:
            found[key] = _kept(str(entry.ref), document)
    return list(found.values())


def _kept(subject: str, document: Document) -> Applied:
    lost: list[str] = []
    kept = _without_masks(document, "", lost)
    if document.get("kind") == "Secret":
        # The team's journal has not even the names of its values.
        return Applied(subject, None, lost or ["its values"])
    return Applied(subject, kept, lost)


def refuse_masks(intent: Intent, change: Change, before: Document | None) -> None:
    """Raise `NotPossible` where somebody's text would set a value to the mask.

    An edit may leave a mask as it is that the object has already.
    """
    if intent.verb not in _CHECKED:
        return
    had: list[str] = []
    if intent.verb == "edit":
        _without_masks(before, "", had)
    found: list[str] = []
    _without_masks(change.target, "", found)
    found = [path for path in found if path not in had]
    if found:
        raise NotPossible(
            f"{intent.not_done}: {intent.ref.name} has {MASK} at {clean(', '.join(found[:3]), 300)}: "
            "that stands for a secret which was not kept. Put the value back, or take it out."
        )


def _without_masks(node: Any, label: str, lost: list[str]) -> Any:
    """Return a copy without masked values, and append to `lost` where they were.

    Of an environment variable nothing stays: without its value it would be set to an empty one.
    """
    if isinstance(node, dict):
        kept: dict[str, Any] = {}
        for key, value in node.items():
            dotted = f"[{key}]" if "." in key or "/" in key else f".{key}" if label else key
            here = label + dotted
            if value == MASK:
                lost.append(here)
                continue
            inner = _without_masks(value, here, lost)
            if inner or not value:
                kept[key] = inner
        return kept
    if isinstance(node, list):
        members = []
        for at, item in enumerate(node):
            named = isinstance(item, dict) and isinstance(item.get("name"), str)
            here = f"{label}[{item['name'] if named else at}]"
            if item == MASK or (isinstance(item, dict) and item.get("value") == MASK):
                lost.append(here)
            else:
                members.append(_without_masks(item, here, lost))
        return members
    return node
