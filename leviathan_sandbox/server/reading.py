"""Get and list: pages, selectors, versions, objects or Tables.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
and https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
"""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object, encode
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.selectors import Matcher, field_matcher, label_matcher
from leviathan_sandbox.server.requests import (
    ListOptions,
    Target,
    list_options,
    version_number,
    version_problem,
    wants_table,
)
from leviathan_sandbox.server.responses import json_response
from leviathan_sandbox.server.tables import table_of
from leviathan_sandbox.server.views import (
    encoder,
    list_item,
    list_metadata,
    shown_object,
    stored_kind,
    type_prefix,
)
from leviathan_sandbox.status import bad_request, expired, too_large_version
from leviathan_sandbox.storage import Entry, Storage

_LATEST: Final = -1
"""In a continue token: go on in whatever is there now, not in the state of the first page."""
_BATCH: Final = 500
"""Objects that are encoded before other requests get their turn."""
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start"
    " a new list without the continue parameter, or use the continue token in this response to"
    " retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


class Page(msgspec.Struct):
    """One answer to a list."""

    entries: list[Entry]
    revision: int
    token: str = ""
    """The `continue` token of the next page; empty on the last one."""
    remaining: int | None = None


def encode_token(revision: int, last_key: str) -> str:
    """Return the `continue` token for what follows `last_key` in the state at `revision`."""
    token = encode(_Token("meta.k8s.io/v1", revision, last_key + "\0"))
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _decode_token(text: str) -> _Token:
    wrong = "invalid continue token: continue key is not valid:"
    try:
        padded = text + "=" * (-len(text) % 4)
        token = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Token)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise bad_request(f"{wrong} {error}") from error
    if token.v != "meta.k8s.io/v1":
        raise bad_request(
            f"continue key is not valid: server does not recognize this encoded version {token.v}"
        )
    if token.rv == 0:
        raise bad_request(
            f"{wrong} incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        )
    if not token.start:
        raise bad_request(f"{wrong} encoded start key empty (version meta.k8s.io/v1)")
    return token


def matchers(kind: Kind, options: ListOptions) -> list[Matcher]:
    """Return what the selectors of a list or watch let through.

    Raises StatusError (400).
    """
    found = (label_matcher(options.label_selector), field_matcher(kind, options.field_selector))
    return [matcher for matcher in found if matcher is not None]


def select(kind: Kind, entries: list[Entry], wanted: list[Matcher]) -> list[Entry]:
    """Return the entries that every matcher lets through."""
    if not wanted:
        return entries
    return [
        entry for entry in entries if all(matches(shown_object(kind, entry)) for matches in wanted)
    ]


def list_page(storage: Storage, target: Target, options: ListOptions) -> Page:
    """Return the page that `options` ask for.

    Raises StatusError: 400, 410 when a state is no longer kept, 504 for a version to come.
    """
    kind = stored_kind(target.kind)
    wanted = matchers(target.kind, options)
    revision, start, limit = storage.revision, "", options.limit
    if options.token:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        token = _decode_token(options.token)
        start = token.start
        if token.rv != _LATEST:
            revision = token.rv
    elif options.resource_version:
        asked = version_number(options.resource_version)
        if asked is None:
            problem = version_problem(options.resource_version)
            raise bad_request(f"invalid resource version: {problem}")
        if asked > storage.revision:
            raise too_large_version(asked, storage.revision)
        if options.version_match == "Exact":
            revision = asked
        elif asked == 0:
            limit = 0  # any state will do: the API server's cache answers, and that knows no pages
    entries = storage.recall(kind, revision)
    if entries is None:
        if not options.token:
            raise expired("The resourceVersion for the provided list is too old.")
        error = expired(_TOO_OLD)
        error.status["metadata"] = {"continue": encode_token(_LATEST, start[:-1])}
        raise error
    everything = entries
    if target.namespace:
        prefix = target.namespace + "/"
        entries = [entry for entry in entries if entry.key.startswith(prefix)]
    if start:
        entries = [entry for entry in entries if entry.key >= start]
    entries = select(target.kind, entries, wanted)
    if target.name:
        entries = [entry for entry in entries if entry.object["metadata"]["name"] == target.name]
    if not limit or len(entries) <= limit:
        return Page(entries, revision)
    storage.remember(kind, revision, everything)
    remaining = None if wanted else len(entries) - limit
    token_text = encode_token(revision, entries[limit - 1].key)
    return Page(entries[:limit], revision, token_text, remaining)


async def encode_items(kind: Kind, entries: list[Entry]) -> bytes:
    """Return the entries as the inside of a JSON list, yielding to other requests meanwhile."""
    prefix, encoded = type_prefix(kind), encoder(kind)
    parts: list[bytes] = []
    for begin in range(0, len(entries), _BATCH):
        parts += [list_item(prefix, encoded(entry)) for entry in entries[begin : begin + _BATCH]]
        if begin + _BATCH < len(entries):
            await asyncio.sleep(0)
    return b",".join(parts)


async def list_body(kind: Kind, metadata: Object, items: bytes) -> bytes:
    """Return a list object around encoded items."""
    head = encode(
        {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    )
    return head[:-1] + b',"items":[' + items + b"]}"


async def serve_list(
    request: web.Request,
    registry: Registry,
    target: Target,
    now: datetime,
    garbage: Iterable[bytes] = (),
) -> web.StreamResponse:
    """Answer a list, as objects or as a Table.

    `garbage` are objects that the list begins with, whatever they are.

    Raises StatusError.
    """
    as_table = wants_table(request.headers.get("Accept", ""))
    page = list_page(registry.storage, target, list_options(request.query))
    metadata = list_metadata(page.revision, page.token, page.remaining)
    if as_table:
        shown = [shown_object(target.kind, entry) for entry in page.entries]
        include = request.query.get("includeObject", "Metadata")
        return await json_response(request, table_of(target.kind, shown, metadata, include, now))
    items = await encode_items(target.kind, page.entries)
    items = b",".join([*garbage, *([items] if items else [])])
    return await json_response(request, await list_body(target.kind, metadata, items))


async def serve_get(
    request: web.Request, registry: Registry, target: Target, now: datetime
) -> web.StreamResponse:
    """Answer with one object, or with a Table of one row.

    Raises StatusError (404).
    """
    as_table = wants_table(request.headers.get("Accept", ""))
    entry = registry.find(stored_kind(target.kind), target.namespace, target.name)
    if not as_table:
        return await json_response(request, encoder(target.kind)(entry))
    include = request.query.get("includeObject", "Metadata")
    metadata = {"resourceVersion": str(entry.revision)}
    shown = [shown_object(target.kind, entry)]
    return await json_response(request, table_of(target.kind, shown, metadata, include, now))
