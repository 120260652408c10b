"""The part of the OpenAPI documents that clients decide by.

kubectl looks here whether the server validates fields and knows dry runs before it writes; the
schemas themselves are not needed for that.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

from typing import Final

from leviathan_sandbox.kinds import KINDS, Kind
from leviathan_sandbox.objects import Object

_PARAMETERS: Final = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def _root(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _path_item(kind: Kind) -> Object:
    patch = {
        "operationId": f"patch{kind.version.capitalize()}{kind.name}",
        "parameters": _PARAMETERS,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {
            "group": kind.group,
            "kind": kind.name,
            "version": kind.version,
        },
    }
    return {"patch": patch}


def openapi_document(path: str) -> Object | None:
    """Return the OpenAPI document at a path; None when there is none."""
    root = path.strip("/").removeprefix("openapi/v3").strip("/")
    if not root:
        roots = dict.fromkeys(map(_root, KINDS))
        return {"paths": {item: {"serverRelativeURL": f"/openapi/v3/{item}"} for item in roots}}
    paths: Object = {}
    for kind in KINDS:
        if _root(kind) == root:
            namespaces = "/namespaces/{namespace}" if kind.namespaced else ""
            paths[f"/{root}{namespaces}/{kind.plural}/{{name}}"] = _path_item(kind)
    if not paths:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": {}},
    }
