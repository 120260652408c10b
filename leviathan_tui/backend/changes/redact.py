"""What the journal keeps of an object: enough to make it again, and no secrets."""

import copy
import re
from typing import Any, Final

from leviathan_tui.backend.changes.diff import MASK
from leviathan_tui.backend.kube.objects import Document, metadata_of

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_SECRET_NAME: Final = re.compile(
    r"pass(?!ive|enger|age|ed|ing)|pwd|secret|token|credential|dsn$|jwt"
    r"|(api|private|access|sign\w*|encrypt\w*|master|auth|ssh)[-_.]?key|connection_?strings?",
    re.IGNORECASE,
)
"""Names of environment variables whose literal values are taken for secrets."""

_SECRET_VALUE: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/:@\s]*:[^\s]+@|(password|passwd|pwd|secret|token)\s*=\s*[^\s;&]",
    re.IGNORECASE,
)
"""Literal values that hold a password: addresses and connection strings."""


def redacted(document: Document | None) -> Document | None:
    """Return a copy without status, managedFields and secret values; None for no object.

    Values of Secrets, and literals of environment variables that are named like secrets or are
    addresses with a password, are replaced by `MASK`.
    """
    if document is None:
        return None
    kept = {key: copy.deepcopy(value) for key, value in document.items() if key != "status"}
    metadata = metadata_of(kept)
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(LAST_APPLIED, None)
    if kept.get("kind") == "Secret":
        for section in ("data", "stringData"):
            if isinstance(kept.get(section), dict):
                kept[section] = dict.fromkeys(kept[section], MASK)
    _redact_environment(kept)
    return kept


def _redact_environment(node: Any) -> None:
    """Mask secret literals wherever a list of environment variables may stand."""
    if isinstance(node, list):
        for item in node:
            _redact_environment(item)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "env" and isinstance(value, list):
            for variable in value:
                if isinstance(variable, dict) and _is_secret(variable):
                    variable["value"] = MASK
        else:
            _redact_environment(value)


def _is_secret(variable: dict[str, Any]) -> bool:
    value = variable.get("value")
    return (
        isinstance(value, str)
        and bool(value)
        and (
            _SECRET_NAME.search(str(variable.get("name", ""))) is not None
            or _SECRET_VALUE.search(value) is not None
        )
    )


def masked_fields(node: Any, label: str = "") -> list[str]:
    """Return the labels of the fields whose values were not kept."""
    if node == MASK:
        return [label]
    found: list[str] = []
    if isinstance(node, dict):
        name = node.get("name") if node.get("value") == MASK else None
        for key, value in node.items():
            found += masked_fields(value, str(name) if name and key == "value" else str(key))
    elif isinstance(node, list):
        for item in node:
            found += masked_fields(item, label)
    return found
