"""Running the application on uvicorn, with the settings' limits and nothing secret in any log."""

import asyncio
import gc
import logging
import socket
import sys
import time
from functools import partial
from typing import Final

import uvicorn

from authserver import app, people
from authserver.certificate import OLDEST_TLS
from authserver.config import Settings
from authserver.protocol import GuardedProtocol
from authserver.service import Service, assemble, log
from authserver.start import Start

_LARGEST_HEAD: Final = 32 << 10
_KEEP_ALIVE_SECONDS: Final = 75
_SHUTDOWN_SECONDS: Final = 10
_BACKLOG: Final = 1024


def uvicorn_server(service: Service) -> uvicorn.Server:
    """Return the server for a service, not yet started."""
    listen = service.settings.listen
    directory = service.settings.path
    config = uvicorn.Config(
        app.build(service),
        host=listen.host,
        port=listen.port,
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        # Forwarded addresses are judged by our own list, and requests are logged by the audit log.
        proxy_headers=False,
        access_log=False,
        server_header=False,
        log_config=None,
        limit_concurrency=listen.max_connections,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        ssl_certfile=None if listen.certificate is None else directory(listen.certificate),
        ssl_keyfile=None if listen.private_key is None else str(directory(listen.private_key)),
    )
    config.load()
    if config.ssl is not None and service.certificate is not None:
        config.ssl.minimum_version = OLDEST_TLS
        service.certificate.attach(config.ssl)
    return uvicorn.Server(config)


async def serve(settings: Settings, sockets: list[socket.socket] | None = None) -> None:
    """Serve until a signal asks to stop, whether or not the stores answer already.

    Raises what `assemble` raises, InsecureFile for a setup code that cannot be used, and UnsafeRedis
    as soon as it is known that a Redis would lose what it acknowledged.
    """
    people.given_setup_code(settings)
    service = assemble(settings, time.time, publishes=True)
    start = Start(service)
    try:
        await start.attempt()
    except BaseException:
        await service.close()
        raise
    server = uvicorn_server(service)
    # What was loaded so far stays for good: without it, a full collection stops requests for less.
    gc.collect()
    gc.freeze()
    log.info("serving %s", settings.issuer)
    rest = asyncio.create_task(start.finish())
    rest.add_done_callback(partial(_stop_after_failure, server))
    await server.serve(sockets)
    rest.cancel()
    (outcome,) = await asyncio.gather(rest, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome


def _stop_after_failure(server: uvicorn.Server, rest: "asyncio.Task[None]") -> None:
    if not rest.cancelled() and rest.exception() is not None:
        server.should_exit = True


def run(settings: Settings) -> None:
    """Serve in this process; see `serve`."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    asyncio.run(serve(settings))
