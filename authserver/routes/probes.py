"""For monitors: whether the process answers, whether its stores do, and its numbers."""

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authserver import metrics
from authserver.errors import unavailable
from authserver.routes.endpoint import refusal
from authserver.routes.operation import ENCODER
from authserver.service import Service, log
from authserver.stores import StoreUnavailable
from authserver.wire import NotReadyAnswer, ReadyAnswer, StatusAnswer

_JSON: Final = "application/json"
_UNCACHED: Final = {"cache-control": "no-store"}
_OPTIONAL: Final = frozenset({"journal"})
"""Without these only their own routes answer 503."""


def routes(service: Service) -> Sequence[Route]:
    """Return the routes that no client is asked for a token at."""

    async def healthz(_request: Request) -> Response:
        return Response(ENCODER.encode(StatusAnswer("ok")), headers=_UNCACHED, media_type=_JSON)

    async def readyz(_request: Request) -> Response:
        stores = await _states(service)
        if all(state == "ok" or name in _OPTIONAL for name, state in stores.items()):
            return Response(ENCODER.encode(ReadyAnswer("ok", stores)), 200, _UNCACHED, _JSON)
        error = unavailable("The server cannot reach its store.")
        body = NotReadyAnswer(error.code, error.message, error.retry_after, stores=stores)
        return refusal(error, body)

    async def prometheus(_request: Request) -> Response:
        headers = {"content-type": metrics.CONTENT_TYPE}
        return Response(service.metrics.render(), headers=headers)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", prometheus),
    ]


async def _states(service: Service) -> dict[str, str]:
    """Ask every store, together: the log names each that does not answer, and nobody waits long."""
    asked = {
        "users": service.stores.users.ping(),
        "sessions": service.stores.sessions.ping(),
        "journal": service.stores.journal.ping(),
        "audit": service.audit.ping(),
    }
    answers = await asyncio.gather(*asked.values(), return_exceptions=True)
    states = {}
    for name, answer in zip(asked, answers, strict=True):
        if isinstance(answer, StoreUnavailable):
            log.error("not ready: %s", answer)
        elif isinstance(answer, BaseException):
            raise answer
        states[name] = "ok" if answer is None else "unavailable"
    return states
