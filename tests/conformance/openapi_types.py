"""Reduces a server's OpenAPI documents to what the sandbox keeps of them: names, types, list keys.

The grammar is that of `leviathan_sandbox.ownership.schema`.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from leviathan_sandbox.kinds import KINDS, Kind
from tests.conformance.api import Api

Object = dict[str, Any]

_PREFIXES: Final = ("io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg.", "io.k8s.api.")
_SHAPELESS: Final = ("runtime.RawExtension", "meta.v1.FieldsV1")


def _short(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _reference(schema: Object) -> str:
    inner = schema.get("allOf", [schema])[0]
    return str(inner.get("$ref", "")).rpartition("/")[2]


class _Reduction:
    def __init__(self, definitions: Object) -> None:
        self.definitions = definitions
        self.types: dict[str, dict[str, str]] = {}

    def expression(self, schema: Object) -> str:
        """Return a schema as an expression, and reduce the types that it names."""
        if reference := _reference(schema):
            return self._referenced(reference, schema)
        match schema.get("type"):
            case "array":
                return f"{self._list(schema)}:{self.expression(schema['items'])}"
            case "object" if "additionalProperties" in schema:
                prefix = "=" if schema.get("x-kubernetes-map-type") == "atomic" else ""
                return f"{prefix}map:{self.expression(schema['additionalProperties'])}"
            case "integer" | "number":
                return "number"
            case "string" | "boolean" as plain:
                return str(plain)
        return "any"

    def _list(self, schema: Object) -> str:
        match schema.get("x-kubernetes-list-type", "atomic"):
            case "set":
                return "set"
            case "map":
                item = self.definitions[_reference(schema["items"])]
                keys = []
                for key in schema["x-kubernetes-list-map-keys"]:
                    default = item["properties"][key].get("default", "")
                    keys.append(f"{key}={default}" if default else key)
                return f"list[{','.join(keys)}]"
        return "list"

    def _referenced(self, reference: str, schema: Object) -> str:
        name, definition = _short(reference), self.definitions[reference]
        if name in _SHAPELESS:
            return "any"
        if "properties" not in definition:
            return self.expression(definition)
        self.reduce(reference)
        map_type = schema.get("x-kubernetes-map-type", definition.get("x-kubernetes-map-type"))
        return f"{'=' if map_type == 'atomic' else ''}#{name}"

    def reduce(self, reference: str) -> None:
        """Keep a type, and those of its fields."""
        name = _short(reference)
        if name in self.types:
            return
        fields: dict[str, str] = {}
        self.types[name] = fields
        for field, schema in self.definitions[reference]["properties"].items():
            fields[field] = self.expression(schema)


def reduced(definitions: Object, kinds: Iterable[Kind]) -> dict[str, dict[str, str]]:
    """Return the types of `kinds`, and all that they are made of, out of OpenAPI definitions.

    The type of a kind is kept under the kind's group, version and name.
    """
    reduction = _Reduction(definitions)
    roots: dict[str, dict[str, str]] = {}
    for kind in kinds:
        wanted = {"group": kind.group, "kind": kind.name, "version": kind.version}
        for reference, definition in definitions.items():
            if wanted in definition.get("x-kubernetes-group-version-kind", ()):
                reduction.reduce(reference)
                roots[f"{kind.api_version} {kind.name}"] = reduction.types.pop(_short(reference))
    return roots | dict(sorted(reduction.types.items()))


def types_of(api: Api) -> dict[str, dict[str, str]]:
    """Return the types of the sandbox's kinds as a server documents them."""
    definitions: Object = {}
    for kind in KINDS:
        root = f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"
        definitions |= api.read(f"/openapi/v3/{root}")["components"]["schemas"]
    return reduced(definitions, KINDS)


def as_file(types: dict[str, dict[str, str]]) -> str:
    """Return types as the sandbox's file holds them: one a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in types.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
