"""What can go wrong between the console and an API server, each as a type with a sentence."""

import os
import socket
from typing import Final

import msgspec

from leviathan_tui.backend.untrusted import clean


class KubeError(Exception):
    """Any failure of a request; its text is fit to be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class KubeconfigError(KubeError):
    """The kubeconfig is missing, unreadable or does not say what is needed."""


class Unreachable(KubeError):
    """No answer from the server, or none that is Kubernetes'."""


class NotKubernetes(Unreachable):
    """Something answered in no words of Kubernetes: a proxy, or the server for a path it lacks.

    A server that lacks an API group says 404 so.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"something answered HTTP {code} and not as Kubernetes does")
        self.code = code
        """The HTTP status."""


class NotConnected(Unreachable):
    """No connection was made: the request has certainly not reached the server."""


class Untrusted(NotConnected):
    """The server's certificate does not verify."""


class Cause(msgspec.Struct, frozen=True):
    """One field that the server objects to, cleaned."""

    reason: str = ""
    """As in `FieldValueInvalid` or `FieldManagerConflict`."""
    message: str = ""
    field: str = ""


class ApiError(KubeError):
    """The server's own refusal, from its Status object.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        retry_after: float | None = None,
        causes: tuple[Cause, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        """The HTTP status."""
        self.reason = reason
        """Kubernetes' machine-readable reason, as in `AlreadyExists`; may be empty."""
        self.retry_after = retry_after
        """Seconds the server asked to wait, when it did."""
        self.causes = causes
        """What exactly the server objects to, where it says so."""


class Unauthorized(ApiError):
    """401: the credential is missing, unknown or has expired."""


class Forbidden(ApiError):
    """403: the identity is known and may not do this."""


class NotFound(ApiError):
    """404: no such object, or no such resource type."""


class Conflict(ApiError):
    """409: the object changed since it was read, or exists already."""


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old; list again."""


class _Details(msgspec.Struct):
    causes: list[Cause] | None = None


class _Status(msgspec.Struct):
    kind: str
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


MOST_CAUSES: Final = 200
"""Causes kept of one refusal."""


_BY_CODE: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
}


def error_from(code: int, body: bytes, retry_after: str | None = None) -> KubeError:
    """Turn an answer that is not a success into the error it means.

    `body` is a Status object where the server is Kubernetes; anything else, such as a proxy's page,
    becomes `Unreachable`. `retry_after` is the header's value, in seconds.
    """
    try:
        status = msgspec.json.decode(body, type=_Status)
        if status.kind != "Status":
            raise msgspec.ValidationError("no Status")
        message = clean(status.message, 500) or f"HTTP {code}"
        reason = clean(status.reason, 100)
        causes = _causes(status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Not Kubernetes speaks but something in between: its 403 or 404 says nothing of the rows.
        if code != 401:
            return NotKubernetes(code)
        message, reason, causes = "HTTP 401, not in Kubernetes' words", "", ()
    seconds: float | None = None
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        seconds = min(float(retry_after), 300.0)
    return _BY_CODE.get(code, ApiError)(code, reason, message, seconds, causes)


def why_not(error: OSError) -> str:
    """Return why there is no connection, in the system's words and not in those of a library."""
    if isinstance(error, socket.gaierror):
        return "its name is unknown"
    words = os.strerror(error.errno) if error.errno else error.strerror or "no connection"
    return clean(words, 100).lower()


def _causes(status: _Status) -> tuple[Cause, ...]:
    found = (status.details.causes if status.details is not None else None) or ()
    return tuple(
        Cause(clean(cause.reason, 100), clean(cause.message, 500), clean(cause.field, 300))
        for cause in found[:MOST_CAUSES]
    )
