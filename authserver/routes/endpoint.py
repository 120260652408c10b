"""From an HTTP request to an operation and back: the one place where both meet."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from authserver import apikeys, sessions, wire
from authserver.bodies import BodyReader
from authserver.config import OWN_AUDIENCE
from authserver.errors import ApiError, Unauthorized, bad_request, unavailable
from authserver.routes.operation import ENCODER, Access, Call, Operation
from authserver.service import Caller, Service, log
from authserver.stores import StoreUnavailable, User
from authserver.tokens import Claims, TokenError
from authserver.wire import ErrorAnswer

_JSON: Final = "application/json"
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def endpoint(
    service: Service, bodies: BodyReader, operation: Operation
) -> Callable[[Request], Awaitable[Response]]:
    """Return the function that serves an operation."""

    async def serve(request: Request) -> Response:
        started = time.perf_counter()
        response = await _answer(service, bodies, operation, request)
        elapsed = time.perf_counter() - started
        service.metrics.request(operation.path, response.status_code, elapsed)
        return response

    return serve


async def _answer(
    service: Service, bodies: BodyReader, operation: Operation, request: Request
) -> Response:
    client = request.headers.get("user-agent", "")
    caller = Caller(service.proxies.client_of(request), client)
    try:
        if _changes(operation) and service.settings.audit.backend == "redis":
            # What cannot be audited does not happen: better known before than after.
            await service.audit.ping()
        claims, user = await _authenticate(service, operation.access, request, caller)
        body = None
        if operation.body is not None:
            body = await bodies.read(
                request, operation.body, form=operation.form, largest=operation.largest
            )
        query = None if operation.query is None else _query(request, operation.query)
        call = Call(service, caller, body, request.path_params, claims, user, query)
        answer = await operation.handle(call, body)
    except Unauthorized as error:
        if operation.access is not Access.OPEN:
            action = operation.path.strip("/")
            service.refuse(action, caller, reason=error.reason)
        return refusal(error)
    except ApiError as error:
        return refusal(error)
    except StoreUnavailable as error:
        log.error("store unavailable: %s", error)
        service.metrics.event("store", "failed")
        return refusal(unavailable("The server cannot reach its store."))
    content = b"" if answer is None else ENCODER.encode(answer)
    return Response(content, operation.status, _HEADERS, None if answer is None else _JSON)


def _changes(operation: Operation) -> bool:
    return operation.method != "GET" and operation.access is not Access.INTROSPECTION


def _query(request: Request, kind: type[wire.Request]) -> wire.Request:
    """Return what is asked for behind the question mark. Raises ApiError (400)."""
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) != len(pairs):
        raise bad_request("A parameter appears twice.")
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise bad_request(f"{error}.") from None


def refusal(error: ApiError, body: ErrorAnswer | None = None) -> Response:
    """Return an error as an HTTP answer, with a body that says more than usual if there is one."""
    headers = dict(_HEADERS)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status in (408, 413):
        headers["connection"] = "close"
    said = body or ErrorAnswer(error.code, error.message, error.retry_after)
    return Response(ENCODER.encode(said), error.status, headers, _JSON)


async def _authenticate(
    service: Service, access: Access, request: Request, caller: Caller
) -> tuple[Claims | None, User | None]:
    """Return the token's claims and user as far as `access` asks for them."""
    if access is Access.OPEN:
        return None, None
    credential = _bearer(request)
    if access is Access.INTROSPECTION and credential.startswith(apikeys.PREFIX):
        key, user = await apikeys.authenticate(service, credential, caller)
        if not key.introspect:
            raise Unauthorized("key is not for introspection")
        return None, user
    audience = None if access is Access.ANY_TOKEN else OWN_AUDIENCE
    try:
        claims = service.verifier.verify(credential, audience=audience)
    except TokenError as error:
        raise Unauthorized(str(error)) from None
    return claims, await sessions.living_user(service, claims)


def _bearer(request: Request) -> str:
    """Return the credential of the one Authorization header (RFC 6750 §2.1)."""
    found = request.headers.getlist("authorization")
    if len(found) != 1:
        raise Unauthorized("not one Authorization header")
    scheme, _, credential = found[0].partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthorized("not a bearer token")
    return credential
