"""What a write asks for besides its body: dry run, field manager, validation of fields.

Source: `CreateOptions`, `UpdateOptions` and `PatchOptions` of meta/v1
"""

from typing import Any, Final

import msgspec
import yaml
from aiohttp import web

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object, encode
from leviathan_sandbox.ownership.checking import go_text, known_part
from leviathan_sandbox.ownership.schema import type_of
from leviathan_sandbox.patches import STRATEGIC_PATCH
from leviathan_sandbox.server.requests import flag
from leviathan_sandbox.status import (
    Cause,
    StatusError,
    bad_request,
    forbidden_field,
    invalid_options,
    invalid_value,
    required,
    unsupported_value,
)

APPLY_PATCH: Final = "application/apply-patch+yaml"
_OPTIONS: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
_VALIDATIONS: Final = ("", "Ignore", "Strict", "Warn")
_LONGEST_MANAGER: Final = 128
"""Characters of a field manager's name."""


class WriteOptions(msgspec.Struct, frozen=True):
    """The query parameters of a write, and what stands in for one that is left out."""

    manager: str
    """Who comes to own what is written: the first part of the user agent if nobody is named."""
    dry_run: bool = False
    force: bool = False
    """Whether an apply takes fields from those who own them."""
    validation: str = "Warn"
    """What is done about unknown fields: Ignore, Warn or Strict."""


def write_options(request: web.Request) -> WriteOptions:
    """Read the options of a create, an update or a patch.

    Raises StatusError (422) when they make no sense.
    """
    query = request.query
    manager, validation = query.get("fieldManager", ""), query.get("fieldValidation", "")
    applies = request.method == "PATCH" and request.content_type == APPLY_PATCH
    causes = []
    if request.method == "PATCH":
        if applies and not manager:
            causes.append(required("fieldManager", "is required for apply patch"))
        elif not applies and flag(query, "force"):
            causes.append(forbidden_field("force", "may not be specified for non-apply patch"))
    causes += _manager_problems(manager)
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        causes.append(unsupported_value("dryRun", [dry_run], ("All",)))
    if validation not in _VALIDATIONS:
        causes.append(unsupported_value("fieldValidation", validation, _VALIDATIONS))
    if causes:
        raise invalid_options(_OPTIONS[request.method], causes)
    return WriteOptions(
        manager=manager or _agent(request),
        dry_run=dry_run == "All",
        force=flag(query, "force"),
        validation=validation or "Warn",
    )


def _manager_problems(manager: str) -> list[Cause]:
    if len(manager) > _LONGEST_MANAGER:
        message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        return [Cause("fieldManager", "FieldValueTooLong", message)]
    return [
        invalid_value("fieldManager", manager, "should not contain unprintable characters")
        for character in manager
        if not character.isprintable()
    ][:1]


def _agent(request: web.Request) -> str:
    agent = request.headers.get("User-Agent", "").partition("/")[0]
    return "".join(filter(str.isprintable, agent))[:_LONGEST_MANAGER]


class _PlainLoader(yaml.SafeLoader):
    """Reads YAML as the API server does, to which dates are strings."""


_PlainLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def decode_apply_patch(body: bytes) -> Any:
    """Decode the body of a server-side apply: YAML, or the JSON that YAML includes.

    Raises StatusError (400) when it is neither.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        pass
    try:
        return yaml.load(body, _PlainLoader)  # noqa: S506 (made of the safe loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise bad_request(f"error encoding patch: yaml: {error}") from error


def without_unknown(
    kind: Kind, obj: Object, options: WriteOptions, *, patch: Any = None, media_type: str = ""
) -> tuple[Object, list[str]]:
    """Return an object without the fields that its kind does not have, and warnings about those.

    `patch` and its `media_type` are given if the object is the outcome of a patch.

    Raises StatusError for unknown fields if they are to be refused: 400, or 422 in a patch.
    """
    known, unknown = known_part(type_of(kind), obj)
    if not unknown or options.validation == "Ignore":
        return known, []
    problems = [f'unknown field "{path}"' for path in unknown]
    if options.validation == "Warn":
        return known, problems
    listed = "strict decoding error: " + ", ".join(problems)
    if not media_type:
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {listed}'
        )
    shown = go_text(patch) if media_type == STRATEGIC_PATCH else encode(obj).decode()
    cause = invalid_value("patch", shown, listed)
    raise StatusError(
        422,
        "Invalid",
        f' "" is invalid: patch: {cause.message}',
        {"causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field}]},
    )


def add_warnings(response: web.StreamResponse, warnings: list[str]) -> None:
    """Say in an answer's headers what is wrong with a request that was carried out."""
    for text in warnings:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
