"""The ASGI application: the operations, what is served without any store, and the upkeep."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authserver import keys
from authserver.bodies import BodyReader
from authserver.certificate import CertificateError
from authserver.errors import ApiError
from authserver.journal import Journal
from authserver.keyfiles import KeyFileError
from authserver.routes import account, journal, openapi, probes, programs, session
from authserver.routes.endpoint import endpoint, refusal
from authserver.routes.operation import Operation
from authserver.secretfile import InsecureFile
from authserver.service import Service, log
from authserver.stores import StoreUnavailable

OPERATIONS: Final[Sequence[Operation]] = (
    *session.OPERATIONS,
    *account.OPERATIONS,
    *programs.OPERATIONS,
    *journal.OPERATIONS,
)

_JSON: Final = "application/json"
_PUBLIC: Final = {
    "cache-control": f"public, max-age={keys.MAX_AGE}",
    "x-content-type-options": "nosniff",
}
_PURGE_SECONDS: Final = 300
_SUM_SECONDS: Final = 10


def build(service: Service) -> Starlette:
    """Return the application; it closes the service when it is shut down."""
    bodies = BodyReader(service.settings.listen.body_seconds)
    # An issuer with a path is served below that path, as discovery demands.
    prefix = urlsplit(service.settings.issuer).path.rstrip("/")
    routes = [
        Route(
            prefix + operation.path,
            endpoint(service, bodies, operation),
            methods=[operation.method],
        )
        for operation in OPERATIONS
    ]
    routes += _documents(service, prefix)
    routes += probes.routes(service)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_reload_files(service)),
            asyncio.create_task(_purge(service)),
            asyncio.create_task(_sum_up(service)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.close()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error, Exception: _unexpected},
    )


def _documents(service: Service, prefix: str) -> list[Route]:
    """What must be answered even when every store is down: it comes from memory alone."""
    described = openapi.document(OPERATIONS, service.settings.issuer)

    # Behind a proxy the Host is what the proxy says.
    behind_proxy = service.settings.listen.behind_tls_proxy
    certificate = None if behind_proxy else service.certificate

    async def discovery(request: Request) -> Response:
        issuer = service.settings.issuer
        own = certificate and certificate.current.authority(request.headers.getlist("host"))
        # An API server that reaches us under another address reads the keys at that one, too.
        reached = f"https://{own}{prefix}" if own else issuer
        document = keys.discovery(issuer, reached, service.keyring.keys)
        return Response(document, headers=_PUBLIC | {"vary": "Host"}, media_type=_JSON)

    async def jwks(_request: Request) -> Response:
        return Response(service.keyring.jwks, headers=_PUBLIC, media_type=_JSON)

    async def open_api(_request: Request) -> Response:
        return Response(described, headers=_PUBLIC, media_type=_JSON)

    return [
        Route(f"{prefix}/.well-known/openid-configuration", discovery),
        Route(f"{prefix}/jwks", jwks),
        Route(f"{prefix}/openapi.json", open_api),
    ]


async def _reload_files(service: Service) -> None:
    """Look at keys and certificate now and then; what cannot be read leaves the old in use."""
    while True:
        await asyncio.sleep(keys.RELOAD_SECONDS)
        try:
            await asyncio.to_thread(service.keyring.reload)
        except (KeyFileError, InsecureFile, OSError) as error:
            log.error("keys not reloaded: %s", error)
        if service.certificate is None:
            continue
        try:
            if await asyncio.to_thread(service.certificate.reload):
                log.info("certificate reloaded; it ends %s", service.certificate.current.ends)
        except CertificateError as error:
            log.error("certificate not reloaded: %s", error)


async def _purge(service: Service) -> None:
    while True:
        try:
            await service.stores.sessions.purge(service.clock())
        except StoreUnavailable as error:
            log.error("expired sessions not purged: %s", error)
        try:
            await Journal(service).trim()
        except StoreUnavailable as error:
            log.error("old journal entries not deleted: %s", error)
        await asyncio.sleep(_PURGE_SECONDS)


async def _sum_up(service: Service) -> None:
    """Keep the audit log up, even if nobody comes any more. No step waits for another to succeed.

    Above all, sums that a full log does not take must not keep it from being trimmed.
    """
    steps = {
        "refusals not summed up": service.refusals.flush,
        "audit log not kept up": service.audit.maintain,
        "deleted journal entries not audited": Journal(service).tell_trimmed,
    }
    said: dict[str, str] = {}
    while True:
        await asyncio.sleep(_SUM_SECONDS)
        for problem, step in steps.items():
            failure = ""
            try:
                await step()
            except (StoreUnavailable, OSError) as error:
                failure = str(error)
            # Said once, not at every try.
            if failure and failure != said.get(problem):
                log.error("%s: %s", problem, failure)
            said[problem] = failure


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = {
        404: ("not_found", "There is nothing here."),
        405: ("method_not_allowed", "This route has no such method."),
    }.get(status, ("error", "The request was not understood."))
    return refusal(ApiError(status, code, message))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return refusal(ApiError(500, "internal_error", "Something went wrong. It has been logged."))
