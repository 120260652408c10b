"""Holds what is sent against the types of the API: unknown fields, wrong types, twins in lists.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from typing import Any, Final

from leviathan_sandbox.ownership.fieldsets import Path, field_element, shown
from leviathan_sandbox.ownership.schema import Type
from leviathan_sandbox.ownership.structure import item_element

_EXPECTED: Final = {
    "string": "string",
    "number": "numeric (int or float)",
    "boolean": "boolean",
    "map": "map",
    "type": "map",
    "list": "list",
    "set": "list",
    "keyed": "list",
}
_TYPES: Final = (
    (str, "string"),
    (bool, "bool"),
    (list, "[]interface {}"),
    (dict, "map[string]interface {}"),
)
"""What JSON values are to the API server."""


def known_part(kind: Type, value: Any) -> tuple[Any, list[str]]:
    """Return a value without the fields that its type does not have, and the paths of those.

    The paths are spelled as field validation does: `spec.template.spec.containers[0].foo`.
    """
    unknown: list[str] = []
    return _known_part(kind, value, "", unknown), unknown


def _known_part(kind: Type, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, dict) and kind.form in ("type", "map"):
        kept = {}
        for name, item in value.items():
            there = f"{path}.{name}" if path else name
            inner = kind.field(name)
            if inner is None:
                unknown.append(there)
            else:
                kept[name] = _known_part(inner, item, there, unknown)
        return kept
    if isinstance(value, list) and kind.item is not None and kind.form != "map":
        return [
            _known_part(kind.item, item, f"{path}[{index}]", unknown)
            for index, item in enumerate(value)
        ]
    return value


def type_problems(kind: Type, config: Any) -> list[str]:
    """Return why a value cannot be applied, empty when it can: what does not fit its type."""
    problems: list[str] = []
    _check(kind, config, (), problems)
    return problems


def _fits(kind: Type, value: Any) -> bool:
    match kind.form:
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "map" | "type":
            return isinstance(value, dict)
        case "list" | "set" | "keyed":
            return isinstance(value, list)
    return True


def _check(kind: Type, value: Any, path: Path, problems: list[str]) -> None:
    if value is None:
        return
    if not _fits(kind, value):
        problems.append(
            f"{shown(path)}: expected {_EXPECTED[kind.form]}, got {_found(kind, value)}"
        )
    elif isinstance(value, dict) and kind.form != "any":
        for name, item in value.items():
            inner, there = kind.field(name), (*path, field_element(name))
            if inner is None:
                problems.append(f"{shown(there)}: field not declared in schema")
            else:
                _check(inner, item, there, problems)
    elif isinstance(value, list) and kind.item is not None:
        _check_items(kind, kind.item, value, path, problems)


def _check_items(
    kind: Type, item_type: Type, items: list[Any], path: Path, problems: list[str]
) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if kind.form == "keyed" and not isinstance(item, dict):
            why = "associative list with keys may not have non-map elements"
            problems.append(f"{shown(path)}: element {index}: {why}")
            continue
        if kind.form == "list":
            _check(item_type, item, (*path, f"i:{index}"), problems)
            continue
        element = item_element(kind, item)
        _check(item_type, item, (*path, element), problems)
        if element in seen:
            twin = shown((element,))
            problems.append(f"{shown(path)}: duplicate entries for key {twin}")
        seen.add(element)


def _found(kind: Type, value: Any) -> str:
    """Return what was found in the place of a value of this type, in the API server's words."""
    if kind.form == "number":
        return next(name for known, name in _TYPES if isinstance(value, known))
    text = go_text(value)
    return f"&value.valueUnstructured{{Value:{text}}}" if kind.form == "string" else f"&{{{text}}}"


def go_text(value: Any) -> str:
    """Return a JSON value as the API server prints it in some of its messages."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "<nil>" if value is None else str(value)
