"""What differs between two states of an object, field by field."""

import copy
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.prose import Prose, line
from leviathan_tui.backend.untrusted import clean

Path = tuple[str | int, ...]

ABSENT: Final = None
"""A field that is not there; JSON's null means the same to Kubernetes."""

MASK: Final = "••••••••"

LONGEST: Final = 200
"""Characters shown of one value."""

_NOISE: Final = frozenset(
    {
        ("metadata", "managedFields"),
        ("metadata", "resourceVersion"),
        ("metadata", "generation"),
        ("metadata", "uid"),
        ("metadata", "creationTimestamp"),
        ("metadata", "selfLink"),
        ("metadata", "annotations", "deployment.kubernetes.io/revision"),
        ("metadata", "annotations", "deprecated.daemonset.template.generation"),
        ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        ("status",),
    }
)
"""What the server or a controller writes by itself."""

_NAMES: Final = ("name", "containerPort", "port", "mountPath", "host")
"""Fields that tell the members of a list apart."""


class Difference(msgspec.Struct, frozen=True):
    """One field that differs."""

    path: Path
    label: str
    """The path as people write it, as in `spec.template.spec.containers[web].image`."""
    before: Any
    after: Any


def differences(before: Any, after: Any) -> tuple[Difference, ...]:
    """Return what differs between two objects, without what servers write by themselves.

    None stands for an object that does not exist. Members of lists are told apart by their names
    where both lists have the same ones in the same order; else the whole list is one field.
    """
    return tuple(_walk(_pruned(before), _pruned(after), (), ""))


def _pruned(document: Any) -> Any:
    """Return a document without what servers write, so that a whole new one shows none of it."""
    if not isinstance(document, dict):
        return {}
    kept = {key: value for key, value in document.items() if (key,) not in _NOISE}
    if isinstance(kept.get("metadata"), dict):
        kept["metadata"] = {
            key: value for key, value in kept["metadata"].items() if ("metadata", key) not in _NOISE
        }
        annotations = kept["metadata"].get("annotations")
        if isinstance(annotations, dict):
            kept["metadata"]["annotations"] = {
                key: value
                for key, value in annotations.items()
                if ("metadata", "annotations", key) not in _NOISE
            }
    return kept


def _walk(before: Any, after: Any, path: Path, label: str) -> Iterator[Difference]:
    if path and path[-1] in ("annotations", "labels"):
        # Maps to which others add: each entry is a field of its own, the first one too.
        before, after = before or {}, after or {}
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            dotted = f"[{key}]" if "." in key or "/" in key else f".{key}" if label else key
            yield from _walk(before.get(key), after.get(key), (*path, key), label + dotted)
    elif isinstance(before, list) and isinstance(after, list) and _same_members(before, after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _walk(one, other, (*path, index), f"{label}[{_member(one) or index}]")
    elif before not in (None, {}, []) or after not in (None, {}, []):
        yield Difference(path, label, before, after)


def _member(item: Any) -> str:
    if isinstance(item, dict):
        for key in _NAMES:
            if isinstance(item.get(key), str | int):
                return str(item[key])
    return ""


def _same_members(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(
        isinstance(one, dict) and isinstance(other, dict) and _member(one) == _member(other)
        for one, other in zip(before, after, strict=True)
    )


def merge_patch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch that makes `before` into `after` (RFC 7396).

    Fields that are gone are named with null; lists are replaced in full.
    """
    patch: dict[str, Any] = {}
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            patch[key] = merge_patch(one, other)
        else:
            patch[key] = copy.deepcopy(other)
    return patch


def value_at(document: Any, path: Path) -> Any:
    """Return the value at a path; None where there is none."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def put_at(document: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at a path, making the objects on the way; None takes it away."""
    here: Any = document
    for step in path[:-1]:
        if isinstance(here, dict):
            if not isinstance(here.get(str(step)), dict | list):
                here[str(step)] = {}
            here = here[str(step)]
        else:
            here = here[int(step)]
    last = path[-1]
    if isinstance(here, list):
        here[int(last)] = copy.deepcopy(value)
    elif value is None:
        here.pop(str(last), None)
    else:
        here[str(last)] = copy.deepcopy(value)


def as_text(value: Any, limit: int = LONGEST) -> str:
    """Return a value in one cleaned line."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return clean(text, limit)


def in_words(found: tuple[Difference, ...], most: int = 3) -> str:
    """Return differences in one line, as in `replicas 3 → 5`."""
    words = [
        f"{clean(_short(item), 60)} {as_text(item.before, 40)} → {as_text(item.after, 40)}"
        for item in found[:most]
    ]
    if len(found) > most:
        words.append(f"and {len(found) - most} more")
    return ", ".join(words)


def _short(item: Difference) -> str:
    """Return the last part of a path, with the member's name where it is one of a list."""
    last = item.path[-1] if item.path else item.label
    return str(last) if isinstance(last, str) else item.label.rpartition(".")[2]


def as_prose(found: tuple[Difference, ...], *, secret: bool = False) -> Prose:
    """Return differences as toned lines; values of Secrets are masked."""
    prose: Prose = []
    for item in found:
        hidden = secret and bool(item.path) and item.path[0] in ("data", "stringData")
        prose += _field_prose(item, hidden=hidden)
    return prose


def _field_prose(item: Difference, *, hidden: bool) -> Prose:
    label = clean(item.label, 120)
    if hidden:
        return [((f"~ {label}: ", "warn"), (MASK, "dim"))]
    if _is_block(item.before) or _is_block(item.after):
        return _block_prose(label, item.before, item.after)
    if item.before is None:
        return [((f"+ {label}: ", "good"), (as_text(item.after), "good"))]
    if item.after is None:
        return [((f"- {label}: ", "bad"), (as_text(item.before), "bad"))]
    return [
        (
            (f"~ {label}: ", "warn"),
            (as_text(item.before), "bad"),
            (" → ", "dim"),
            (as_text(item.after), "good"),
        )
    ]


def _is_block(value: Any) -> bool:
    """Whether a value is better shown in several lines."""
    if isinstance(value, str):
        return "\n" in value
    return isinstance(value, dict | list) and len(msgspec.json.encode(value)) > 60


def _block_prose(label: str, before: Any, after: Any) -> Prose:
    import difflib

    from leviathan_tui.backend.kube import yaml_text

    def lines(value: Any) -> list[str]:
        if value is None:
            return []
        text = value if isinstance(value, str) else yaml_text.dump(value)
        return [clean(part, LONGEST) for part in text.rstrip("\n").split("\n")]

    sign, tone = (
        ("+", "good") if before is None else ("-", "bad") if after is None else ("~", "warn")
    )
    prose: Prose = [line(f"{sign} {label}:", tone)]
    for text in difflib.unified_diff(lines(before), lines(after), n=2, lineterm=""):
        if text.startswith(("---", "+++", "@@")):
            continue
        kind = {"+": "good", "-": "bad"}.get(text[0], "dim")
        prose.append(line(f"    {text}", kind))
    return prose
