"""Merges what is applied into what is there, and takes out what is no longer applied.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from collections.abc import Iterator
from typing import Any

from leviathan_sandbox.objects import copy
from leviathan_sandbox.ownership.fieldsets import Fields, Path, field_element
from leviathan_sandbox.ownership.schema import Type
from leviathan_sandbox.ownership.structure import item_element, parts


def merge(kind: Type, live: Any, config: Any) -> Any:
    """Return `live` with what `config` says put over it; both stay as they are."""
    if kind.atomic or parts(kind, config) is None or parts(kind, live) is None:
        return copy(config)
    if isinstance(config, dict):
        merged = dict(live)
        for name, value in config.items():
            inner = kind.field(name)
            known = inner is not None and name in live
            merged[name] = merge(inner, live[name], value) if inner and known else copy(value)
        return merged
    return list(_merge_items(kind, live, config))


def _merge_items(kind: Type, live: list[Any], config: list[Any]) -> Iterator[Any]:
    """Yield the items of two lists, each once: what is in both in the order of `config`."""
    theirs = [(item_element(kind, item), item) for item in live]
    ours = {item_element(kind, item): item for item in config}
    present = dict(theirs)
    shared = [element for element in ours if element in present]
    position = 0
    for element, item in ours.items():
        # What only `live` has keeps its place before the next item that both have.
        awaited = shared[0] if shared else None
        while position < len(theirs) and theirs[position][0] != awaited:
            if theirs[position][0] not in ours:
                yield theirs[position][1]
            position += 1
        if element in present and kind.item is not None:
            shared.pop(0)
            yield merge(kind.item, present[element], item)
        else:
            yield copy(item)
        if position < len(theirs) and theirs[position][0] == element:
            position += 1
    yield from (item for element, item in theirs[position:] if element not in ours)


def remove(kind: Type, value: Any, doomed: Fields) -> Any:
    """Return `value` without the fields in `doomed`; what loses all its parts goes too."""
    return _remove(kind, value, doomed, _around(doomed), ())


def _around(fields: Fields) -> set[Path]:
    return {path[:depth] for path in fields for depth in range(len(path))}


def _remove(kind: Type, value: Any, doomed: Fields, around: set[Path], path: Path) -> Any:
    if path not in around or parts(kind, value) is None:
        return value
    kept: list[tuple[Any, Any]] = []
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for name, item in entries:
        element = item_element(kind, item) if name is None else field_element(name)
        there = (*path, element)
        if there in doomed:
            continue
        inner = kind.item if name is None else kind.field(name)
        left = item if inner is None else _remove(inner, item, doomed, around, there)
        if left is not None or item is None:
            kept.append((name, left))
    if not kept:
        return None
    return dict(kept) if isinstance(value, dict) else [item for _, item in kept]
