"""Strategic merge patch: merge patch that knows which lists are maps in disguise.

Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from leviathan_sandbox.objects import Object, copy
from leviathan_sandbox.status import bad_request


class _Shape(NamedTuple):
    """What is known of a value: the key its items are told apart by, and the shapes inside."""

    key: str = ""
    fields: "Mapping[str, _Shape]" = MappingProxyType({})


_PRIMITIVE: Final = "<value>"
"""In place of a key: a list whose items are plain values and are merged as a set."""

_ENV: Final = _Shape("name")
_CONTAINERS: Final = _Shape(
    "name",
    {
        "env": _ENV,
        "ports": _Shape("containerPort"),
        "volumeMounts": _Shape("mountPath"),
        "volumeDevices": _Shape("devicePath"),
    },
)
_POD_SPEC: Final = _Shape(
    fields={
        "containers": _CONTAINERS,
        "initContainers": _CONTAINERS,
        "ephemeralContainers": _CONTAINERS,
        "volumes": _Shape("name"),
        "imagePullSecrets": _Shape("name"),
        "hostAliases": _Shape("ip"),
        "topologySpreadConstraints": _Shape("topologyKey"),
        "resourceClaims": _Shape("name"),
        "schedulingGates": _Shape("name"),
    }
)
_METADATA: Final = _Shape(
    fields={"ownerReferences": _Shape("uid"), "finalizers": _Shape(_PRIMITIVE)}
)
_STATUS: Final = _Shape(
    fields={
        "conditions": _Shape("type"),
        "podIPs": _Shape("ip"),
        "hostIPs": _Shape("ip"),
        "addresses": _Shape("type"),
    }
)
_TEMPLATE: Final = _Shape(fields={"metadata": _METADATA, "spec": _POD_SPEC})
_JOB_SPEC: Final = _Shape(fields={"template": _TEMPLATE})
_SPEC: Final = _Shape(
    fields={
        **_POD_SPEC.fields,
        "template": _TEMPLATE,
        "jobTemplate": _Shape(fields={"metadata": _METADATA, "spec": _JOB_SPEC}),
        "ports": _Shape("port"),
        "taints": _Shape("key"),
    }
)
_ROOT: Final = _Shape(
    fields={
        "metadata": _METADATA,
        "spec": _SPEC,
        "status": _STATUS,
        "secrets": _Shape("name"),
        "imagePullSecrets": _Shape("name"),
    }
)
_ORDER: Final = "$setElementOrder/"
_REMOVED: Final = "$deleteFromPrimitiveList/"


def strategic_merge(obj: Object, patch: Object) -> Object:
    """Return `obj` changed by a strategic merge patch; `obj` stays as it is.

    Raises StatusError (400) when the patch has the wrong shape.
    """
    return _merge_map(obj, patch, _ROOT)


def _merge_map(target: Any, patch: Object, shape: _Shape) -> Object:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copy(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    result: Object = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith(_REMOVED):
            field = key.removeprefix(_REMOVED)
            result[field] = [item for item in result.get(field) or [] if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            inner = shape.fields.get(key, _Shape())
            result[key] = _merge_value(result.get(key), value, inner)
    for key, value in patch.items():
        field = key.removeprefix(_ORDER)
        if field != key and isinstance(result.get(field), list):
            inner = shape.fields.get(field, _Shape())
            result[field] = _ordered(result[field], value, inner.key)
    return result


def _merge_value(target: Any, patch: Any, shape: _Shape) -> Any:
    if isinstance(patch, dict):
        return _merge_map(target, patch, shape)
    if isinstance(patch, list) and shape.key == _PRIMITIVE:
        kept = list(target or [])
        return kept + [item for item in patch if item not in kept]
    if isinstance(patch, list) and shape.key:
        return _merge_list(target or [], patch, shape)
    return copy(patch)


def _merge_list(target: list[Any], patch: list[Any], shape: _Shape) -> list[Any]:
    """Merge two lists whose items are told apart by the field `shape.key`."""
    if {"$patch": "replace"} in patch:
        return [copy(item) for item in patch if item != {"$patch": "replace"}]
    result = list(target)
    for item in patch:
        if not isinstance(item, dict):
            raise bad_request("unable to find api field in patch: a list of maps is expected")
        if shape.key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {shape.key}")
        position = next(
            (at for at, old in enumerate(result) if old.get(shape.key) == item[shape.key]), None
        )
        if item.get("$patch") == "delete":
            if position is not None:
                del result[position]
        elif position is None:
            # What is merged into an empty map has its directives taken out.
            result.append(_merge_map({}, item, _Shape(fields=shape.fields)))
        else:
            result[position] = _merge_map(result[position], item, _Shape(fields=shape.fields))
    return result


def _ordered(items: list[Any], order: list[Any], key: str) -> list[Any]:
    """Sort `items` as `order` lists them; what it does not list keeps its place behind those."""

    def identity(item: Any) -> Any:
        return item.get(key) if isinstance(item, dict) else item

    ranks = {identity(item): rank for rank, item in enumerate(order)}
    return sorted(items, key=lambda item: ranks.get(identity(item), len(ranks)))
