"""What is known of every type of the API: its fields, and how its maps and lists are owned.

The types are kept in `types.json`, in a short form of the API server's OpenAPI documents:

    string, number, boolean     a plain value
    any                         whatever the JSON says: a quantity, a port by number or name, raw data
    map:T                       a map from names to T
    list:T                      a list that is one value, owned as a whole
    set:T                       a list of plain values that are owned one by one
    list[a,b=x]:T               a list whose items are told apart by the fields a and b, b being x if
                                it is left out
    #name                       a type with fields

An equals sign in front makes a value that is owned as a whole.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

import re
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Final, Literal, TypeAlias

import msgspec

from leviathan_sandbox.kinds import Kind

Form: TypeAlias = Literal[
    "string", "number", "boolean", "any", "map", "list", "set", "keyed", "type"
]

_KEYED: Final = re.compile(r"list\[(?P<keys>[^]]+)\]")


class Type:
    """A type of the API.

    Attributes:
        form: what its values are.
        atomic: whether a value is owned as a whole.
        keys: the fields that tell the items of a keyed list apart, with their defaults.
        item: the type of the items of a list or map.
    """

    def __init__(
        self,
        form: Form,
        *,
        atomic: bool = False,
        name: str = "",
        keys: tuple[tuple[str, str], ...] = (),
        item: "Type | None" = None,
    ) -> None:
        self.form = form
        self.atomic = atomic or form == "list"
        self.keys = keys
        self.item = item
        self._name = name

    @cached_property
    def fields(self) -> dict[str, "Type"]:
        """The fields of a type that has some, by name."""
        found = _definitions().get(self._name, {})
        return {field: _parse(expression) for field, expression in found.items()}

    def field(self, name: str) -> "Type | None":
        """Return the type of a map's or a type's value under `name`; None when there is none."""
        if self.form == "type":
            return self.fields.get(name)
        return self if self.form == "any" else self.item


@lru_cache(1)
def _definitions() -> dict[str, dict[str, str]]:
    content = files(__package__).joinpath("types.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, dict[str, str]])


@lru_cache(None)
def _parse(expression: str) -> Type:
    if expression.startswith("="):
        inner = _parse(expression[1:])
        return Type(inner.form, atomic=True, name=inner._name, item=inner.item)
    if expression.startswith("#"):
        return Type("type", name=expression[1:])
    outer, colon, rest = expression.partition(":")
    if not colon:
        return Type(outer)  # type: ignore[arg-type]  # the file's own words, compared in a test
    item = _parse(rest)
    if keyed := _KEYED.fullmatch(outer):
        pairs = (key.partition("=") for key in keyed["keys"].split(","))
        return Type("keyed", keys=tuple((name, default) for name, _, default in pairs), item=item)
    return Type(outer, item=item)  # type: ignore[arg-type]


@lru_cache(None)
def type_of(kind: Kind) -> Type:
    """Return the type of a kind's objects."""
    return Type("type", name=f"{kind.api_version} {kind.name}")
