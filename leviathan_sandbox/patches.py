"""The three kinds of patches: JSON patch, JSON merge patch, strategic merge patch.

Source: RFC 6902, RFC 7386 and
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from typing import Any, Final

from leviathan_sandbox.objects import Object, copy, encode
from leviathan_sandbox.status import StatusError, bad_request
from leviathan_sandbox.strategic import strategic_merge

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
PATCH_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)


def apply_patch(obj: Object, media_type: str, patch: Any) -> Object:
    """Return `obj` changed by `patch`, a decoded body of the type `media_type`.

    `obj` itself stays as it is.

    Raises StatusError: 400 when the patch has the wrong shape, 422 when it cannot be applied.
    """
    if media_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise bad_request(
                "error decoding patch: json: cannot unmarshal object into Go value of type"
                " jsonpatch.Patch"
            )
        return _json_patch(obj, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal array into Go value")
    if media_type == MERGE_PATCH:
        merged: Object = merge(obj, patch)
        return merged
    return strategic_merge(obj, patch)


def merge(target: Any, patch: Any) -> Any:
    """Return `target` changed by a JSON merge patch (RFC 7386); `target` stays as it is."""
    if not isinstance(patch, dict):
        return copy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _unprocessable(why: str) -> StatusError:
    """422: a JSON patch that does not fit the object; the API says no more, `why` is for logs."""
    message = "the server rejected our request due to an error in our request"
    error = StatusError(422, "Invalid", message, {})
    error.add_note(why)
    return error


def _pointer(path: Any) -> list[str]:
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise bad_request(f"error decoding patch: invalid JSON pointer: {path!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _index(parts: list[Any], token: str, *, adding: bool) -> int:
    if token == "-" and adding:  # noqa: S105 (a JSON pointer, no secret)
        return len(parts)
    if not token.isdigit() or int(token) >= len(parts) + adding:
        raise _unprocessable(f"invalid array index {token}")
    return int(token)


def _get(document: Any, tokens: list[str]) -> Any:
    for token in tokens:
        if isinstance(document, list):
            document = document[_index(document, token, adding=False)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise _unprocessable(f"doc is missing path: /{'/'.join(tokens)}")
    return document


def _add(document: Any, tokens: list[str], value: Any) -> Any:
    if not tokens:
        return value
    parent, last = _get(document, tokens[:-1]), tokens[-1]
    if isinstance(parent, list):
        parent.insert(_index(parent, last, adding=True), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _unprocessable(f"doc is missing path: /{'/'.join(tokens)}")
    return document


def _remove(document: Any, tokens: list[str]) -> Any:
    removed = _get(document, tokens)
    parent, last = _get(document, tokens[:-1]), tokens[-1]
    if isinstance(parent, list):
        del parent[_index(parent, last, adding=False)]
    else:
        del parent[last]
    return removed


def _json_patch(obj: Object, operations: list[Any]) -> Object:
    document: Any = copy(obj)
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise bad_request("error decoding patch: an operation needs op and path")
        name, tokens = operation["op"], _pointer(operation["path"])
        match name:
            case "add":
                document = _add(document, tokens, copy(operation.get("value")))
            case "replace":
                # Kubernetes takes the replacement of an absent field for its addition.
                if tokens and isinstance(_get(document, tokens[:-1]), list):
                    _remove(document, tokens)
                document = _add(document, tokens, copy(operation.get("value")))
            case "remove":
                _remove(document, tokens)
            case "move":
                moved = _remove(document, _pointer(operation.get("from")))
                document = _add(document, tokens, moved)
            case "copy":
                copied = copy(_get(document, _pointer(operation.get("from"))))
                document = _add(document, tokens, copied)
            case "test":
                if encode(_get(document, tokens)) != encode(operation.get("value")):
                    raise _unprocessable(f"testing value {operation['path']} failed: test failed")
            case _:
                raise bad_request(f"error decoding patch: unknown operation {name!r}")
    if not isinstance(document, dict):
        raise bad_request("error decoding patch: the result is no object")
    return document
