"""An API server that answers one thing and remembers who asked, over TLS or without."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.backend.kube.rig.running import running

VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.2"}

UNAUTHORIZED = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    headers: list[tuple[str, str]]
    certificate: Any

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None


@dataclass
class FakeServer:
    """Where it listens, what it was asked, and whom it accepts."""

    port: int
    scheme: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    accepts: Callable[[Asked], bool] = lambda asked: True

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeServer

    def setup(self) -> None:
        super().setup()
        self.fake.connections += 1

    def do_GET(self) -> None:
        wire = self.connection
        certificate = wire.getpeercert() if isinstance(wire, ssl.SSLSocket) else None
        asked = Asked(self.path, list(self.headers.items()), certificate)
        self.fake.asked.append(asked)
        fine = self.fake.accepts(asked)
        body = json.dumps(VERSION if fine else UNAUTHORIZED).encode()
        self.send_response(200 if fine else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the request's own thread: a handshake that never comes holds up nobody else.
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us goes away in the handshake."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """Serve until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    server.tls = tls
    fake = FakeServer(server.server_address[1], "https" if tls is not None else "http")
    handler.fake = fake  # type: ignore[attr-defined]
    with running(server):
        yield fake
