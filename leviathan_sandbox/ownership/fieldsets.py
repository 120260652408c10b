"""Sets of fields, as `managedFields` holds them.

A field is named by its path, a tuple of elements spelled as in FieldsV1: `f:name` for a field or a
map's value, `k:{"name":"web"}` for the item of a keyed list, `v:"a"` for a value in a set. Messages
name the items of other lists too, by `i:0`.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management and the
`FieldsV1` type of meta/v1
"""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from leviathan_sandbox.objects import Object

Path: TypeAlias = tuple[str, ...]
Fields: TypeAlias = frozenset[Path]

NO_FIELDS: Final[Fields] = frozenset()
_ITSELF: Final = "."


def field_element(name: str) -> str:
    """Return the path element of a field or of a map's value."""
    return f"f:{name}"


def key_element(keys: Object) -> str:
    """Return the path element of an item in a keyed list."""
    return f"k:{_compact(dict(sorted(keys.items())))}"


def value_element(value: Any) -> str:
    """Return the path element of a value in a set."""
    return f"v:{_compact(value)}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def shown(path: Path) -> str:
    """Return a path as conflicts name it, as in `.spec.containers[name="web"].image`."""
    return "".join(map(_shown_element, path))


def _shown_element(element: str) -> str:
    form, _, text = element.partition(":")
    if form == "f":
        return f".{text}"
    if form == "v":
        return f"[={text}]"
    if form == "i":
        return f"[{text}]"
    return "[" + ",".join(f"{key}={_compact(at)}" for key, at in json.loads(text).items()) + "]"


def to_fields_v1(fields: Iterable[Path]) -> Object:
    """Return fields in the form of FieldsV1."""
    root: Object = {}
    for path in sorted(fields):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node[_ITSELF] = {}
    return {element: _closed(inner) for element, inner in root.items()}


def _closed(node: Object) -> Object:
    """Return a node of FieldsV1, empty where there is nothing in it but itself."""
    if set(node) == {_ITSELF}:
        return {}
    return {element: _closed(inner) for element, inner in node.items()}


def from_fields_v1(tree: Object) -> Fields:
    """Read fields in the form of FieldsV1.

    Raises ValueError when it is none.
    """
    found: set[Path] = set()
    _collect(tree, (), found)
    return frozenset(found)


def _collect(tree: Any, path: Path, found: set[Path]) -> None:
    if not isinstance(tree, dict):
        raise ValueError("FieldsV1 is made of objects only")
    for element, inner in tree.items():
        if element == _ITSELF:
            found.add(path)
        elif not inner:
            found.add((*path, element))
        else:
            _collect(inner, (*path, element), found)
