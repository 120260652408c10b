"""The API server's front: who asks, for what, and which handler answers."""

import asyncio
from typing import Final

from aiohttp import web

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.kinds import NODE_METRICS, POD, POD_METRICS, REVIEWS, Kind
from leviathan_sandbox.server import faults as fault_kinds
from leviathan_sandbox.server.discovery import discovery_document, is_known_group
from leviathan_sandbox.server.entrance import Entrance
from leviathan_sandbox.server.faults import Fault, Faults
from leviathan_sandbox.server.logs import serve_log
from leviathan_sandbox.server.metrics import serve_metrics
from leviathan_sandbox.server.openapi import openapi_document
from leviathan_sandbox.server.reading import serve_get, serve_list
from leviathan_sandbox.server.requests import (
    MAX_BODY,
    Target,
    asks_dry_run,
    flag,
    parse_path,
)
from leviathan_sandbox.server.responses import (
    error_response,
    json_response,
    text_response,
)
from leviathan_sandbox.server.reviews import serve_review
from leviathan_sandbox.server.watching import serve_watch
from leviathan_sandbox.server.writing import (
    serve_create,
    serve_delete,
    serve_delete_collection,
    serve_finalize,
    serve_patch,
    serve_scale,
    serve_update,
)
from leviathan_sandbox.status import (
    StatusError,
    internal,
    method_not_allowed,
    no_such_resource,
)

_GLANCE: Final = 0.05
"""Seconds between two looks at whether a client is still waiting."""


def verb_of(method: str, target: Target, *, watch: bool) -> str:
    """Return the verb of a request, in the words that faults are injected with."""
    if target.subresource == "log":
        return "log"
    if method == "GET":
        if target.name:
            return "get"
        return "watch" if watch else "list"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())


def _fault_resource(kind: Kind) -> str:
    """Return the name under which faults know a kind: metrics of pods are not pods."""
    return kind.plural if kind not in (POD_METRICS, NODE_METRICS) else f"{kind.plural}.{kind.group}"


def _break(request: web.Request) -> None:
    """Break the connection of a request."""
    if request.transport is not None:
        request.transport.abort()


async def _silence(request: web.Request) -> web.Response:
    """Say nothing until the client has gone."""
    # A handler is told that its client has gone only when it writes, which this one never does.
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_GLANCE)
    return web.Response(status=499)


class Api:
    """Answers requests about one cluster.

    Parameters:
        cluster: the cluster.
        entrance: tells who a request comes from, and whether they may make it.
        faults: what goes wrong, and the record of requests.
        bookmark_interval: seconds between two bookmarks of a watch.
    """

    def __init__(
        self, cluster: Cluster, entrance: Entrance, faults: Faults, bookmark_interval: float
    ) -> None:
        self._cluster = cluster
        self._entrance = entrance
        self._faults = faults
        self._bookmark_interval = bookmark_interval

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._faults.requests.append((request.method, request.path_qs))
        path = request.path
        try:
            user = await self._entrance.admit(request)
            target = parse_path(path)
            if target is None:
                return await self._serve_other(request, path)
            verb = verb_of(request.method, target, watch=flag(request.query, "watch"))
            hits = self._faults.hit(
                verb,
                _fault_resource(target.kind),
                target.namespace,
                dry_run=await asks_dry_run(request),
            )
            answer = await self._strike(request, hits)
            if answer is not None:
                return answer
            if target.kind in REVIEWS:
                incomplete = fault_kinds.first(hits, fault_kinds.IncompleteRules)
                return await serve_review(
                    request, target, self._entrance.authorizer, user, incomplete
                )
            response = await self._serve(request, target, verb, hits)
            if fault_kinds.first(hits, fault_kinds.Reset) is not None:
                _break(request)
            if fault_kinds.first(hits, fault_kinds.Silent) is not None:
                return await _silence(request)
            return response
        except StatusError as error:
            return await error_response(request, error)
        except ConnectionResetError:
            return web.Response(status=499)  # the client has gone: nobody reads this
        except (KeyError, TypeError, AttributeError) as error:
            # An object of a shape that no check has foreseen: the request's fault, not the end.
            return await error_response(request, internal(repr(error)))

    async def _strike(self, request: web.Request, hits: list[Fault]) -> web.StreamResponse | None:
        """Let faults happen; return the answer if one of them is an answer.

        Raises StatusError if one of them is an error.
        """
        for fault in hits:
            if isinstance(fault, fault_kinds.Slow):
                await self._be_late(fault)
            elif isinstance(fault, fault_kinds.Refused):
                raise fault.error
            elif isinstance(fault, fault_kinds.Html):
                body = fault.body.encode("utf-8", "surrogateescape")
                return web.Response(status=fault.code, body=body, content_type="text/html")
            elif isinstance(fault, fault_kinds.Busy):
                response = text_response("Too many requests, please try again later.\n", 429)
                response.headers["Retry-After"] = str(fault.seconds)
                return response
            elif isinstance(fault, fault_kinds.Reset) and not fault.applied:
                _break(request)
                return web.Response(status=500)
            elif isinstance(fault, fault_kinds.Silent) and not fault.applied:
                return await _silence(request)
        return None

    async def _be_late(self, fault: fault_kinds.Slow) -> None:
        end = asyncio.get_running_loop().time() + fault.seconds
        while self._faults.is_active(fault):
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await asyncio.sleep(min(left, _GLANCE))

    async def _serve_other(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer what is no resource: health, version, discovery, OpenAPI."""
        clean = path.rstrip("/")
        if clean.startswith(("/healthz", "/livez", "/readyz")):
            return text_response("ok")
        document = (
            openapi_document(clean)
            if clean.startswith("/openapi/v3")
            else discovery_document(clean)
        )
        if document is None:
            if is_known_group(clean):
                raise no_such_resource()
            return text_response("404 page not found\n", 404)
        if request.method != "GET":
            raise method_not_allowed()
        return await json_response(request, document)

    async def _serve(
        self, request: web.Request, target: Target, verb: str, hits: list[Fault]
    ) -> web.StreamResponse:
        cluster, registry = self._cluster, self._cluster.registry
        stream_fault = fault_kinds.first(hits, fault_kinds.StreamFault)
        malformed = fault_kinds.first(hits, fault_kinds.Malformed)
        if target.subresource:
            return await self._serve_subresource(request, target, verb, hits)
        if verb not in target.kind.verbs or (verb in ("update", "patch") and not target.name):
            raise method_not_allowed()
        if target.kind in (POD_METRICS, NODE_METRICS):
            return await serve_metrics(request, registry.storage, target, cluster.agenda.now())
        match verb:
            case "get":
                return await serve_get(request, registry, target, cluster.agenda.now())
            case "list":
                extra = malformed.objects if malformed else ()
                return await serve_list(request, registry, target, cluster.agenda.now(), extra)
            case "watch":
                return await serve_watch(
                    request,
                    registry.storage,
                    target,
                    cluster.agenda.now,
                    self._bookmark_interval,
                    stream_fault,
                    malformed.objects if malformed else (),
                )
        handler = {
            "create": serve_create,
            "update": serve_update,
            "patch": serve_patch,
            "delete": serve_delete,
            "deletecollection": serve_delete_collection,
        }[verb]
        return await handler(request, registry, target)

    async def _serve_subresource(
        self, request: web.Request, target: Target, verb: str, hits: list[Fault]
    ) -> web.StreamResponse:
        cluster, registry, kind = self._cluster, self._cluster.registry, target.kind
        match target.subresource:
            case "log" if kind is POD and request.method == "GET":
                return await serve_log(
                    request,
                    registry.storage,
                    target,
                    cluster.logbook,
                    cluster.clock,
                    fault_kinds.first(hits, fault_kinds.StreamFault),
                )
            case "status" if kind.has_status:
                if verb == "get":
                    return await serve_get(request, registry, target, cluster.agenda.now())
            case "scale" if kind.has_scale:
                if verb == "get":
                    return await serve_scale(request, registry, target)
            case "finalize" if kind.plural == "namespaces" and verb == "update":
                return await serve_finalize(request, registry, target)
            case _:
                raise no_such_resource()
        if verb == "update":
            return await serve_update(request, registry, target)
        if verb == "patch":
            return await serve_patch(request, registry, target)
        raise method_not_allowed()
