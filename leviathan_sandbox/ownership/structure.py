"""Takes values apart by their types: into what is owned one by one, and what is owned as a whole."""

from typing import Any, Final, NamedTuple

from leviathan_sandbox.objects import Object
from leviathan_sandbox.ownership.fieldsets import (
    Fields,
    Path,
    field_element,
    key_element,
    value_element,
)
from leviathan_sandbox.ownership.schema import Type


class _Absent:
    """The type of `ABSENT`."""


ABSENT: Final = _Absent()
"""In the place of a value that is not there, which is not the same as null."""


class Part(NamedTuple):
    """A part of a value that is owned by itself."""

    type: Type
    value: Any
    declared: bool
    """Whether it is a field of a type, other than the entry of a map or the item of a list."""


def parts(kind: Type, value: Any) -> dict[str, Part] | None:
    """Return the parts of a value by their path elements; None when it is owned as a whole."""
    if kind.atomic:
        return None
    if isinstance(value, dict) and kind.form in ("type", "map", "any"):
        declared = kind.form == "type"
        return {
            field_element(name): Part(inner, item, declared)
            for name, item in value.items()
            if (inner := kind.field(name)) is not None
        }
    if isinstance(value, list) and kind.item is not None:
        if kind.form == "set":
            return {value_element(item): Part(kind.item, item, declared=False) for item in value}
        return {
            item_element(kind, item): Part(kind.item, item, declared=False)
            for item in value
            if isinstance(item, dict)
        }
    return None


def item_element(kind: Type, item: Any) -> str:
    """Return the path element of an item of a set or a keyed list."""
    if kind.form == "set":
        return value_element(item)
    keys: Object = {}
    for name, default in kind.keys:
        value = item.get(name)
        if value is not None or default:
            keys[name] = default if value is None else value
    return key_element(keys)


def fields_of(kind: Type, value: Any) -> Fields:
    """Return the fields that are set in a value, as whoever applies it comes to own them."""
    found: set[Path] = set()
    _gather(kind, value, (), found)
    return frozenset(found)


def _gather(kind: Type, value: Any, path: Path, found: set[Path]) -> None:
    inner = parts(kind, value)
    if inner is None:
        if value is not None or path:
            found.add(path)
        return
    for element, part in inner.items():
        there = (*path, element)
        _gather(part.type, part.value, there, found)
        if not part.declared or part.value is None or part.value == {}:
            found.add(there)


class Comparison(NamedTuple):
    """How a value differs from another one."""

    added: Fields
    modified: Fields
    removed: Fields

    @property
    def written(self) -> Fields:
        """What was added or modified."""
        return self.added | self.modified


def compare(kind: Type, old: Any, new: Any) -> Comparison:
    """Return how `new` differs from `old`."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()

    def walk(kind: Type, before: Any, after: Any, path: Path) -> None:
        outcome = added if before is ABSENT else removed if after is ABSENT else None
        left, right = parts(kind, before), parts(kind, after)
        if kind.atomic or not (left or right):
            if outcome is not None:
                outcome.add(path)
            elif before != after:
                modified.add(path)
            return
        left, right = left or {}, right or {}
        for element in left | right:
            one, other = left.get(element), right.get(element)
            some = other or one
            if some is not None:
                walk(
                    some.type,
                    one.value if one else ABSENT,
                    other.value if other else ABSENT,
                    (*path, element),
                )
        if outcome is not None:
            outcome.add(path)

    walk(kind, old, new, ())
    return Comparison(frozenset(added), frozenset(modified), frozenset(removed))


def with_declared(kind: Type, fields: Fields) -> Fields:
    """Return `fields` and the declared fields that they lie in.

    Whoever owns a field of a structure owns, as far as removals go, the structure around it.
    """
    found = set(fields)
    for path in fields:
        around: Type | None = kind
        for depth, element in enumerate(path):
            if around is None or around.atomic:
                break
            form, _, name = element.partition(":")
            if form == "f" and around.form == "type" and around.field(name) is not None:
                found.add(path[: depth + 1])
            around = around.field(name) if form == "f" else around.item
    return frozenset(found)
