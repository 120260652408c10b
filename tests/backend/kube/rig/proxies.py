"""Proxies that make real connections: HTTP with CONNECT, with and without TLS, and SOCKS5."""

import base64
import selectors
import socket
import socketserver
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.backend.kube.rig.running import running


@dataclass
class FakeProxy:
    """Where it listens, where it was told to connect, and how it treats its clients."""

    port: int
    login: str = ""
    """`user:password` that it asks for."""
    refuses: int = 0
    """What it answers instead of making a connection."""
    mute: bool = False
    """Accepts, and never says a word."""
    names: dict[str, str] = field(default_factory=dict)
    """Names that only the proxy knows."""
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def connect(self, host: str, port: int) -> socket.socket:
        self.asked.append(f"{host}:{port}")
        return socket.create_connection((self.names.get(host, host), port), timeout=10)


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _pump(one: Any, other: Any) -> None:
    """Carry bytes both ways until one side ends."""
    for wire in (one, other):
        wire.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                source: Any = key.fileobj
                while True:
                    try:
                        data = source.recv(65536)
                    except (BlockingIOError, ssl.SSLWantReadError):
                        break
                    if not data:
                        return
                    key.data.setblocking(True)
                    key.data.sendall(data)
                    key.data.setblocking(False)


class _Http(socketserver.BaseRequestHandler):
    fake: FakeProxy
    tls: ssl.SSLContext | None = None

    def handle(self) -> None:
        with suppress(OSError):
            wire: Any = self.request
            if self.tls is not None:
                wire = self.tls.wrap_socket(wire, server_side=True)
            self._serve(wire)

    def _serve(self, wire: Any) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = wire.recv(65536)
            if not chunk:
                return
            head += chunk
        if self.fake.mute:
            wire.recv(1)
            return
        lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")
        method, where, _ = lines[0].split(" ")
        fields = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:])}
        login = fields.get("proxy-authorization", "").removeprefix("Basic ")
        login = base64.b64decode(login).decode()
        self.fake.logins.append(login)
        if self.fake.login and login != self.fake.login:
            wire.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if self.fake.refuses:
            wire.sendall(f"HTTP/1.1 {self.fake.refuses} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        if method == "CONNECT":
            host, _, port = where.rpartition(":")
            with self.fake.connect(host, int(port)) as other:
                wire.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _pump(wire, other)
            return
        host, _, port = where.removeprefix("http://").partition("/")[0].rpartition(":")
        path = "/" + where.removeprefix("http://").partition("/")[2]
        with self.fake.connect(host, int(port)) as other:
            other.sendall(head.replace(where.encode(), path.encode(), 1))
            _pump(wire, other)


class _Socks(socketserver.BaseRequestHandler):
    fake: FakeProxy

    def handle(self) -> None:
        with suppress(OSError, IndexError, struct.error):
            self._serve(self.request)

    def _serve(self, wire: socket.socket) -> None:
        read = wire.makefile("rb").read
        _, count = read(2)
        methods = read(count)
        if self.fake.mute:
            wire.recv(1)
            return
        if self.fake.login:
            if 2 not in methods:
                wire.sendall(b"\x05\xff")
                return
            wire.sendall(b"\x05\x02")
            user = read(read(2)[1]).decode()
            password = read(read(1)[0]).decode()
            self.fake.logins.append(f"{user}:{password}")
            wrong = f"{user}:{password}" != self.fake.login
            wire.sendall(b"\x01" + bytes([wrong]))
            if wrong:
                return
        else:
            wire.sendall(b"\x05\x00")
        kind = read(4)[3]
        if kind == 3:
            host = read(read(1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, read(size))
        (port,) = struct.unpack("!H", read(2))
        if self.fake.refuses:
            wire.sendall(bytes([5, self.fake.refuses, 0, 1]) + bytes(6))
            return
        with self.fake.connect(host, port) as other:
            wire.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _pump(wire, other)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def _serving(handler: Any, **how: Any) -> Iterator[FakeProxy]:
    server = _Server(("127.0.0.1", 0), handler)
    fake = FakeProxy(server.server_address[1], **how)
    handler.fake = fake
    with running(server):
        yield fake


@contextmanager
def http_proxy(tls: ssl.SSLContext | None = None, **how: Any) -> Iterator[FakeProxy]:
    """Run an HTTP proxy, over TLS where there is a context."""
    with _serving(type("Handler", (_Http,), {"tls": tls}), **how) as fake:
        yield fake


@contextmanager
def socks_proxy(**how: Any) -> Iterator[FakeProxy]:
    """Run a SOCKS5 proxy."""
    with _serving(type("Handler", (_Socks,), {}), **how) as fake:
        yield fake
