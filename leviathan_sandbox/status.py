"""The errors that an API server answers with, as Status objects.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and the `Status` type of
meta/v1; the messages are those that clients match on.
"""

import json
from typing import Any

import msgspec

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object


class StatusError(Exception):
    """A request that ends in a Status object instead of a result.

    Attributes:
        code: the HTTP status.
        status: the body.
    """

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.status["reason"] = reason
        if details is not None:
            self.status["details"] = details
        self.status["code"] = code


class Cause(msgspec.Struct, frozen=True):
    """One field that validation refuses."""

    field: str
    reason: str
    message: str


def _details(kind: Kind, name: str) -> Object:
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details


def not_found(kind: Kind, name: str) -> StatusError:
    """404: there is no object `name` of this kind."""
    return StatusError(
        404, "NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name)
    )


def already_exists(kind: Kind, name: str, *, is_leaving: bool = False) -> StatusError:
    """409: there is an object `name` of this kind already, even if its deletion has begun."""
    message = f'{kind.qualified} "{name}" already exists'
    if is_leaving:
        message = f"object is being deleted: {message}"
    return StatusError(409, "AlreadyExists", message, _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> StatusError:
    """409: the object is not in the state that the request presumes."""
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(kind, name))


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def precondition_failed(kind: Kind, name: str, field: str, asked: str, found: str) -> StatusError:
    """409: a delete's precondition does not hold; the Status names the kind, not the resource."""
    happened = "deleted and then recreated" if field == "UID" else "modified"
    why = (
        f"the {field} in the precondition ({asked}) does not match the {field} in record"
        f" ({found}). The object might have been {happened}"
    )
    message = f'Operation cannot be fulfilled on {kind.qualified_kind} "{name}": {why}'
    return StatusError(409, "Conflict", message, {**_details(kind, name), "kind": kind.name})


def forbidden(kind: Kind, name: str, why: str, causes: list[Object] | None = None) -> StatusError:
    """403: the request is understood and refused."""
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    details = _details(kind, name)
    if causes:
        details["causes"] = causes
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def dry_run_unsupported(webhook: str) -> StatusError:
    """400: an admission webhook has effects besides, and so cannot be asked in a dry run."""
    return bad_request(f'admission webhook "{webhook}" does not support dry run')


def denied(webhook: str, why: str, code: int = 403) -> StatusError:
    """403, or another code: an admission webhook refuses the change.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
    """
    message = f'admission webhook "{webhook}" denied the request: {why}'
    reason = {400: "BadRequest", 403: "Forbidden", 422: "Invalid"}.get(code, "")
    return StatusError(code, reason, message)


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no or unknown credentials."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> StatusError:
    """410: the resource version that was asked for is no longer kept."""
    return StatusError(410, "Expired", message)


def too_large_version(asked: int, current: int) -> StatusError:
    """504: the resource version that was asked for lies in the future."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return StatusError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def method_not_allowed() -> StatusError:
    """405: the resource does not know this verb."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def unsupported_media_type(accepted: tuple[str, ...] = ()) -> StatusError:
    """415: the body's type is not one of `accepted`, if the answer names them."""
    if not accepted:
        return StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(415, "UnsupportedMediaType", message)


def not_acceptable(accepted: tuple[str, ...]) -> StatusError:
    """406: the client takes none of `accepted`."""
    message = "406: Not Acceptable\n\nAvailable representations: " + ", ".join(accepted)
    return StatusError(406, "NotAcceptable", message, {})


def no_such_resource() -> StatusError:
    """404: the API group has no such version, resource or subresource."""
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", message, {})


def internal(message: str) -> StatusError:
    """500: the server's own fault."""
    return StatusError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        {"causes": [{"message": message}]},
    )


def too_many_requests(seconds: int) -> StatusError:
    """429: come back in `seconds`."""
    message = "The server is currently unable to handle the request, please try again later."
    return StatusError(429, "TooManyRequests", message, {"retryAfterSeconds": seconds})


def invalid(kind: Kind, name: str, causes: list[Cause]) -> StatusError:
    """422: validation refuses the object for `causes`."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(dict.fromkeys(texts)) + "]"
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.name
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    message = f'{kind.qualified_kind} "{name}" is invalid: {joined}'
    return StatusError(422, "Invalid", message, details)


def invalid_options(kind: str, causes: list[Cause]) -> StatusError:
    """422: a request's query parameters make no sense."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    return StatusError(
        422,
        "Invalid",
        f'{kind}.meta.k8s.io "" is invalid: {joined}',
        {"group": "meta.k8s.io", "kind": kind, "causes": listed},
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there is not."""
    return Cause(field, "FieldValueRequired", _with_detail("Required value", detail))


def invalid_value(field: str, value: Any, detail: str) -> Cause:
    """A field holds what it may not."""
    text = _with_detail(f"Invalid value: {_shown(value)}", detail)
    return Cause(field, "FieldValueInvalid", text)


def unsupported_value(field: str, value: Any, supported: tuple[str, ...]) -> Cause:
    """A field holds none of the words it may hold."""
    words = ", ".join(f'"{word}"' for word in supported)
    text = f"Unsupported value: {_shown(value)}: supported values: {words}"
    return Cause(field, "FieldValueNotSupported", text)


def duplicate(field: str, value: Any) -> Cause:
    """A field holds what another one holds already."""
    return Cause(field, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")


def forbidden_field(field: str, detail: str) -> Cause:
    """A field may not be set, or not be changed, here."""
    return Cause(field, "FieldValueForbidden", _with_detail("Forbidden", detail))
