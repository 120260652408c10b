"""An object in full, for reading: what `kubectl describe` is for."""

from datetime import datetime
from typing import Any, Final

from leviathan_tui.backend.fleet.explain import all_conditions
from leviathan_tui.backend.fleet.prose import Prose, ProseLine, clock, field, heading, line
from leviathan_tui.backend.fleet.records import Event
from leviathan_tui.backend.untrusted import clean

DEEPEST: Final = 20
"""Levels of nesting shown; what lies deeper is one line."""

_OWN_SECTIONS: Final = frozenset({"apiVersion", "kind", "metadata", "status", "spec"})


def describe(document: dict[str, Any], events: list[Event]) -> Prose:
    """Return an object's facts, its spec and status as an indented tree, conditions and events."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    prose: Prose = [
        field("Name", clean(str(metadata.get("name", ""))), "strong"),
        field("Kind", clean(f"{document.get('kind', '')} ({document.get('apiVersion', '')})")),
    ]
    if metadata.get("namespace"):
        prose.append(field("Namespace", clean(str(metadata["namespace"]))))
    if metadata.get("creationTimestamp"):
        prose.append(field("Created", _local(str(metadata["creationTimestamp"]))))
    if metadata.get("deletionTimestamp"):
        waits = ", ".join(str(item) for item in metadata.get("finalizers") or []) or "none"
        prose.append(
            field(
                "Terminating",
                clean(f"{metadata['deletionTimestamp']}, finalizers: {waits}"),
                "warn",
            )
        )
    for owner in metadata.get("ownerReferences") or []:
        if isinstance(owner, dict):
            prose.append(
                field("Controlled by", clean(f"{owner.get('kind')}/{owner.get('name')}"), width=14)
            )
    for title in ("labels", "annotations"):
        values = metadata.get(title)
        if isinstance(values, dict) and values:
            prose += heading(title.capitalize())
            prose += [
                ((f"{clean(str(name))}: ", "dim"), (clean(str(value), 1000), "plain"))
                for name, value in values.items()
            ]
    for section in ("spec", *(key for key in document if key not in _OWN_SECTIONS)):
        if document.get(section):
            prose += heading(clean(section).capitalize())
            prose += _tree(document[section], 0)
    status = document.get("status")
    if isinstance(status, dict):
        rest = {key: value for key, value in status.items() if key != "conditions"}
        if rest:
            prose += heading("Status")
            prose += _tree(rest, 0)
    prose += all_conditions(document)
    prose += event_lines(events)
    return prose


def event_lines(events: list[Event], most: int = 30) -> Prose:
    """Return events under a heading, the newest first."""
    prose = heading("Events")
    if not events:
        prose.append(line("none", "dim"))
    for event in events[:most]:
        tone = "warn" if event.type == "Warning" else "dim"
        times = f" ×{event.count}" if event.count > 1 else ""
        when = clock(event.last)
        prose.append(
            ((f"{when}  ", "dim"), (f"{event.reason}{times}  ", tone), (event.message, "plain"))
        )
    return prose


def _local(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return clean(text)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _tree(value: Any, depth: int) -> list[ProseLine]:
    indent = "  " * depth
    if depth >= DEEPEST:
        return [line(f"{indent}…", "dim")]
    lines: list[ProseLine] = []
    if isinstance(value, dict):
        for key, item in value.items():
            name = clean(str(key))
            if isinstance(item, dict | list) and item:
                lines.append(line(f"{indent}{name}:", "dim"))
                lines += _tree(item, depth + 1)
            else:
                lines.append(((f"{indent}{name}: ", "dim"), (_scalar(item), "plain")))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list) and item:
                nested = _tree(item, depth + 1)
                first = nested[0]
                lines.append(
                    (((f"{indent}- "), "dim"), (first[0][0].lstrip(), first[0][1]), *first[1:])
                )
                lines += nested[1:]
            else:
                lines.append(((f"{indent}- ", "dim"), (_scalar(item), "plain")))
    else:
        lines.append(line(f"{indent}{_scalar(value)}"))
    return lines


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return clean(str(value), 1000)
