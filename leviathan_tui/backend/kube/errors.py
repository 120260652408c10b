"""What can go wrong between the console and an API server, each as a type with a sentence."""

import os
import socket
from datetime import UTC, datetime
from typing import Final

import msgspec

from leviathan_tui.backend.kube.wire import UNREADABLE
from leviathan_tui.backend.untrusted import clean


class KubeError(Exception):
    """Any failure of a request; its text is fit to be shown."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        """Seconds the server asked to wait, when it did."""


class KubeconfigError(KubeError):
    """The kubeconfig is missing, unreadable or does not say what is needed."""


class Unreachable(KubeError):
    """No answer from the server, or none that is Kubernetes'."""


class NotKubernetes(Unreachable):
    """Something answered in no words of Kubernetes: a proxy, or the server for a path it lacks.

    A server that lacks an API group says 404 so.
    """

    def __init__(self, code: int, retry_after: float | None = None, location: str = "") -> None:
        said = f"something answered HTTP {code} and not as Kubernetes does"
        if location:
            said = f"something in between redirects to {location}: a login page?"
        super().__init__(said, retry_after)
        self.code = code
        """The HTTP status."""


class Silent(Unreachable):
    """Nothing came over a connection for as long as was agreed."""


class Late(Unreachable):
    """The server has not answered yet, and the request still waits."""


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
        super().__init__(message, retry_after)
        self.code = code
        """The HTTP status."""
        self.reason = reason
        """Kubernetes' machine-readable reason, as in `AlreadyExists`; may be empty."""
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

LONGEST_WAIT: Final = 300.0
"""Seconds that a server may ask to wait."""


_BY_CODE: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
}


def error_from(
    code: int, body: bytes, retry_after: str | None = None, location: str | None = None
) -> KubeError:
    """Turn an answer that is not a success into the error it means.

    `body` is a Status object where the server is Kubernetes; anything else, such as a proxy's page,
    becomes `Unreachable`. The headers Retry-After and Location are taken as they came.
    """
    # Who may not, or has to look elsewhere, is not helped by waiting. Source of what does say so:
    # https://pkg.go.dev/k8s.io/apimachinery/pkg/api/errors#SuggestsClientDelay
    seconds = _seconds(retry_after) if code == 429 or code >= 500 else None
    try:
        status = msgspec.json.decode(body, type=_Status)
        if status.kind != "Status":
            raise msgspec.ValidationError("no Status")
        message = clean(status.message, 500) or f"HTTP {code}"
        reason = clean(status.reason, 100)
        causes = _causes(status)
    except UNREADABLE:
        causes = ()
        if code == 401:
            message, reason = "HTTP 401, not in Kubernetes' words", ""
        elif code == 429:
            # The API server says so in plain text, before it looks at what is asked for. Source:
            # https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
            message, reason = "the server is busy: too many requests", "TooManyRequests"
        else:
            # Not Kubernetes speaks but something in between: its 403 or 404 says nothing of the rows.
            return NotKubernetes(code, seconds, _host(location) if 300 <= code < 400 else "")
    return _BY_CODE.get(code, ApiError)(code, reason, message, seconds, causes)


def not_kubernetes(body: bytes, otherwise: str) -> Unreachable:
    """Return what to raise for a success whose `body` is not what was asked for.

    A web page is named as one; `otherwise` says what is wrong with anything else.
    """
    if body.lstrip()[:1] == b"<":
        return Unreachable("a web page came instead of an answer: a login page, or a proxy's?")
    return Unreachable(otherwise)


def _seconds(retry_after: str | None) -> float | None:
    """Return for how long to wait; both forms of RFC 9110 section 10.2.3, five minutes at most."""
    text = (retry_after or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    # It takes long to import, and servers hardly ever name a date.
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)


def _host(location: str | None) -> str:
    """Return the host that a Location header names; nothing else of it is to be shown."""
    from urllib.parse import urlsplit

    try:
        return clean(urlsplit(location or "").hostname or "", 100)
    except ValueError:
        return ""


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
