"""The OpenAPI 3.1 document, made from the operations themselves so that it cannot fall behind."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec

from authserver.routes.operation import NO_CONTENT, Access, Operation
from authserver.wire import ErrorAnswer

_PATTERN: Final = "#/components/schemas/{name}"
_SECURITY: Final[dict[Access, list[dict[str, list[str]]]]] = {
    Access.OPEN: [],
    Access.ANY_TOKEN: [{"accessToken": []}],
    Access.OWN_TOKEN: [{"accessToken": []}],
    Access.INTROSPECTION: [{"accessToken": []}, {"apiKey": []}],
}


def document(operations: Sequence[Operation], issuer: str) -> bytes:
    """Return the document as JSON."""
    kinds: set[type] = {ErrorAnswer}
    for operation in operations:
        kinds |= {kind for kind in (operation.body, operation.answer) if kind is not None}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _schemas, components = msgspec.json.schema_components(ordered, ref_template=_PATTERN)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "leviathan-auth", "version": version("leviathan-tui")},
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "lvk_…"},
            },
        },
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _content(kind: type, *, form: bool = False) -> dict[str, Any]:
    schema = {"schema": {"$ref": _PATTERN.format(name=kind.__name__)}}
    content = {"application/json": schema}
    if form:
        content["application/x-www-form-urlencoded"] = schema
    return {"content": content}


def _describe(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if operation.answer is not None and operation.status != NO_CONTENT:
        success |= _content(operation.answer)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "security": _SECURITY[operation.access],
        "responses": {
            str(operation.status): success,
            "default": {"description": "Refused, with the reason.", **_content(ErrorAnswer)},
        },
    }
    if operation.body is not None:
        body = _content(operation.body, form=operation.form)
        described["requestBody"] = {"required": True, **body}
    parameters = _parameters(operation)
    if parameters:
        described["parameters"] = parameters
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if "{id}" in operation.path:
        schema = {"type": "string"}
        parameters.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if operation.query is not None:
        (_reference,), components = msgspec.json.schema_components([operation.query])
        fields = components[operation.query.__name__]["properties"]
        parameters += [{"name": name, "in": "query", "schema": fields[name]} for name in fields]
    return parameters
