"""What a request asks for: its target, its options, the form of its answer, its body."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web

from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import BY_PATH, Kind
from leviathan_sandbox.objects import Object
from leviathan_sandbox.server.protobuf import MEDIA_TYPE as PROTOBUF
from leviathan_sandbox.server.protobuf import decode_protobuf
from leviathan_sandbox.status import (
    StatusError,
    bad_request,
    invalid_options,
    invalid_value,
    not_acceptable,
    unsupported_media_type,
    unsupported_value,
)

MAX_BODY: Final = 3 * 1024 * 1024
"""Bytes of a request body that the API server reads at most."""

_JSON: Final = "application/json"
ANSWERS: Final = (_JSON, "application/yaml", PROTOBUF)
"""The media types that the API server names when it is asked for, or sent, another one."""


class Target(msgspec.Struct, frozen=True):
    """The resource that a path names."""

    kind: Kind
    namespace: str = ""
    """Empty for cluster-scoped kinds, and for a collection over all namespaces."""
    name: str = ""
    """Empty for a collection."""
    subresource: str = ""


def parse_path(path: str) -> Target | None:
    """Return what `path` names, None when it names no resource type that is served."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and (group, version, rest[2]) in BY_PATH:
        namespace, rest = rest[1], rest[2:]
    kind = BY_PATH.get((group, version, rest[0]))
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if kind.namespaced and name and not namespace:
        return None
    return Target(kind, namespace, name, subresource)


class ListOptions(msgspec.Struct, frozen=True):
    """The query parameters of a list or a watch.

    Source: `ListOptions` of meta/v1.
    """

    label_selector: str = ""
    field_selector: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool | None = None
    resource_version: str = ""
    version_match: str = ""
    timeout: int | None = None
    """Seconds."""
    limit: int = 0
    token: str = ""
    """The `continue` parameter."""


def flag(query: Mapping[str, str], name: str) -> bool:
    """Return a boolean parameter: it is true when it is there at all, unless it says false."""
    return name in query and query[name].lower() not in ("0", "false")


def integer(query: Mapping[str, str], name: str) -> int | None:
    """Return an integer parameter, None when it is not given.

    Raises StatusError (400) when it is none.
    """
    text = query.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def list_options(query: Mapping[str, str]) -> ListOptions:
    """Read the query parameters of a list or a watch.

    Raises StatusError: 400 when they cannot be read, 422 when they do not go together.
    """
    options = ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        watch=flag(query, "watch"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        initial_events=flag(query, "sendInitialEvents") if query.get("sendInitialEvents") else None,
        resource_version=query.get("resourceVersion", ""),
        version_match=query.get("resourceVersionMatch", ""),
        timeout=integer(query, "timeoutSeconds"),
        limit=integer(query, "limit") or 0,
        token=query.get("continue", ""),
    )
    _check_list_options(options)
    return options


def _refuse(field: str, message: str, reason: str = "FieldValueForbidden") -> StatusError:
    cause = {"reason": reason, "message": message, "field": field}
    return StatusError(
        422,
        "Invalid",
        f'ListOptions.meta.k8s.io "" is invalid: {field}: {message}',
        {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]},
    )


def _check_list_options(options: ListOptions) -> None:
    match, field = options.version_match, "resourceVersionMatch"
    if options.watch:
        if options.initial_events is not None and match != "NotOlderThan":
            raise _refuse(
                field,
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to"
                " NotOlderThan",
            )
        if match and options.initial_events is None:
            raise _refuse(
                field,
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents"
                " is provided",
            )
        return
    if options.initial_events is not None:
        raise _refuse("sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list")
    if match and not options.resource_version:
        raise _refuse(
            field,
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    if match and options.token:
        raise _refuse(
            field, "Forbidden: resourceVersionMatch is forbidden when continue is provided"
        )
    if match and match not in ("Exact", "NotOlderThan"):
        raise _refuse(
            field,
            f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""',
            "FieldValueNotSupported",
        )


def version_number(text: str) -> int | None:
    """Return a `resourceVersion` parameter as a number; None when it is none."""
    return int(text) if text.isdigit() else None


def version_problem(text: str) -> str:
    """Return the words in which the API server refuses a `resourceVersion` parameter."""
    shown = f'"{text}"'
    return (
        f"resourceVersion: Invalid value: {shown}: strconv.ParseUint: parsing {shown}: invalid"
        " syntax"
    )


def wants_table(accept: str) -> bool:
    """Whether the answer has to be a Table, by the first form in `Accept` that is served.

    Raises StatusError (406) when none is.
    """
    for item in accept.split(",") if accept.strip() else ["*/*"]:
        media_type, *parameters = (part.strip() for part in item.split(";"))
        given = dict(part.partition("=")[::2] for part in parameters)
        if media_type not in (_JSON, "application/*", "*/*"):
            continue
        form = given.get("as", "")
        if form == "Table" and given.get("g") == "meta.k8s.io" and given.get("v") == "v1":
            return True
        if not form:
            return False
    raise not_acceptable(ANSWERS)


def _is_dry(values: list[str]) -> bool:
    if values not in ([], ["All"]):
        raise invalid_options("DeleteOptions", [unsupported_value("dryRun", values, ("All",))])
    return bool(values)


async def read_body(request: web.Request) -> bytes:
    """Return the request's body, which is read once and kept.

    Raises StatusError (413) when it is larger than `MAX_BODY`.
    """
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        problem = f"Request entity too large: limit is {MAX_BODY}"
        raise StatusError(413, "RequestEntityTooLarge", problem) from error


async def asks_dry_run(request: web.Request) -> bool:
    """Whether a request says that nothing may be stored, be it valid or not."""
    if request.method == "DELETE":
        try:
            return (await delete_options(request)).dry_run
        except StatusError:
            return False
    return request.query.get("dryRun") == "All"


def decode(body: bytes, media_type: str = _JSON) -> Any:
    """Decode a body in JSON, YAML or protobuf.

    Raises StatusError (400) when it is none of these.
    """
    if media_type == PROTOBUF:
        return decode_protobuf(body)
    try:
        if media_type in ("application/yaml", "application/apply-patch+yaml"):
            return yaml.safe_load(body)
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error


async def read_object(request: web.Request, kind: Kind) -> Object:
    """Return the object in the request's body, which has to be of this kind.

    Raises StatusError: 400, 413, 415.
    """
    media_type = request.content_type
    if media_type not in (*ANSWERS, "application/octet-stream", "text/plain"):
        raise unsupported_media_type(ANSWERS)
    content = await read_body(request)
    try:
        body = decode(content, media_type)
        if not isinstance(body, dict):
            raise bad_request("couldn't get version/kind; json parse error: no object")
    except StatusError as error:
        problem = f"the object provided is unrecognized (must be of type {kind.name}): {error}"
        raise bad_request(problem) from error
    version, name = body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name
    if version != kind.api_version:
        raise bad_request(
            f'{name} in version "{version}" cannot be handled as a {kind.name}: no kind "{name}"'
            f' is registered for version "{version}"'
        )
    if name != kind.name:
        group = kind.group.partition(".")[0] or "core"
        raise bad_request(
            f'{name} in version "{kind.version}" cannot be handled as a {kind.name}: converting'
            f" ({kind.version}.{name}) to ({group}.{kind.name}): unknown conversion"
        )
    return body


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteBody(msgspec.Struct, rename="camel"):
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    grace_period_seconds: int | None = None
    preconditions: _Preconditions | None = None
    dry_run: list[str] | None = None


async def delete_options(request: web.Request) -> DeleteOptions:
    """Read what a delete asks for, from its body or else its query parameters.

    With a body, the query is not looked at, not even for `dryRun`.

    Raises StatusError: 400, 413, 422.
    """
    body = await read_body(request)
    if not body:
        return DeleteOptions(
            propagation=request.query.get("propagationPolicy") or None,
            grace=integer(request.query, "gracePeriodSeconds"),
            dry_run=_is_dry(request.query.getall("dryRun", [])),
        )
    try:
        given = msgspec.convert(decode(body, request.content_type), _DeleteBody)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error
    propagation, orphans = given.propagation_policy, given.orphan_dependents
    if propagation is not None and orphans is not None:
        problem = "orphanDependents and deletionPropagation cannot be both set"
        cause = invalid_value("propagationPolicy", propagation, problem)
        raise invalid_options("DeleteOptions", [cause])
    if orphans is not None:
        propagation = "Orphan" if orphans else "Background"
    preconditions = given.preconditions or _Preconditions()
    return DeleteOptions(
        propagation=propagation,
        grace=given.grace_period_seconds,
        uid=preconditions.uid,
        resource_version=preconditions.resource_version,
        cascades=orphans is False,
        dry_run=_is_dry(given.dry_run or []),
    )
