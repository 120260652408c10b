"""What the tests of the authentication server share: a clock, settings, clients and a real Redis."""

import asyncio
import base64
import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import RedisError

from authserver import app, keys, people, serversecret
from authserver.config import Settings
from authserver.server import uvicorn_server
from authserver.service import Service, assemble
from authserver.stores import User
from authserver.tokens import SigningKey, VerificationKey

ISSUER: Final = "https://auth.example"
PASSWORD: Final = "correct horse battery staple"
CHEAP: Final = {"memory_kib": 8, "passes": 1, "lanes": 1, "concurrent": 2, "waiting": 1000}
KEY: Final = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY: Final = ec.generate_private_key(ec.SECP256R1())
SIGNING: Final = SigningKey("the-kid", KEY, "ES256")
VERIFICATION: Final = {"the-kid": VerificationKey(KEY.public_key(), "ES256")}


class FakeClock:
    """A clock that stands still until it is moved. It starts now, because Redis keeps real time."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


def make_settings(directory: Path, **changes: Any) -> Settings:
    """Settings of a server in `directory` with cheap hashing, changed at the top level."""
    tree: dict[str, Any] = {
        "issuer": ISSUER,
        "directory": str(directory),
        "audiences": {"leviathan": {}, "production": {"groups": ["operators"]}},
        "passwords": CHEAP,
        "development": True,
        **changes,
    }
    return msgspec.convert(tree, Settings)


def make_service(settings: Settings, clock: FakeClock) -> Service:
    """A service with a secret and a first key, made if they are missing."""
    secret = settings.path(settings.secret_file)
    if not secret.exists():
        serversecret.create(secret)
    directory = settings.path(settings.keys.directory)
    if not directory.exists():
        keys.initial(directory, settings.keys, int(clock.now))
    return assemble(settings, clock, publishes=True)


async def add_user(
    service: Service, name: str = "alice", groups: tuple[str, ...] = ("viewers",)
) -> User:
    """A user with the usual password."""
    password_hash = await service.hasher.hash(PASSWORD)
    user = people.new_user(name, password_hash, groups, service.now)
    assert await service.stores.users.create_user(user)
    return user


def client_of(service: Service, address: str = "192.0.2.1") -> httpx.AsyncClient:
    """A client that reaches the application from `address`."""
    transport = httpx.ASGITransport(app.build(service), client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url=ISSUER)


@asynccontextmanager
async def listening(service: Service) -> AsyncIterator[int]:
    """Serve on a free port, which is given back."""
    server = uvicorn_server(service)
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await task
    listener.close()


async def log_in(
    client: httpx.AsyncClient,
    name: str = "alice",
    audience: str = "leviathan",
    password: str = PASSWORD,
    **more: str,
) -> httpx.Response:
    """The answer to a login."""
    body = {"username": name, "password": password, "audience": audience, **more}
    return await client.post("/login", json=body)


async def session_of(
    client: httpx.AsyncClient, name: str = "alice", audience: str = "leviathan", **more: str
) -> dict[str, Any]:
    """The body of a login that has to succeed."""
    answer = await log_in(client, name, audience, **more)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refresh(
    client: httpx.AsyncClient, token: str, audience: str | None = None
) -> httpx.Response:
    """The answer to a refresh."""
    body = {"refresh_token": token} | ({"audience": audience} if audience else {})
    return await client.post("/refresh", json=body)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


async def own_headers(client: httpx.AsyncClient, name: str = "alice") -> dict[str, str]:
    """The header of a token for the server's own routes."""
    return bearer((await session_of(client, name, "leviathan-auth"))["access_token"])


def audit_lines(service: Service) -> list[dict[str, str]]:
    """What the audit log holds."""
    path = service.settings.path(service.settings.audit.path)
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def claims_at(now: float, **changes: Any) -> dict[str, Any]:
    """Good claims, changed; None takes a claim away."""
    good: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "leviathan",
        "sub": "alice",
        "groups": ["viewers"],
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + 600,
        "jti": "one",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: bytes | Mapping[str, Any], **header: Any) -> str:
    """A token with a true signature over whatever it says."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    fields = {"alg": "ES256", "kid": "the-kid", "typ": "JWT", **header}
    kept = {name: value for name, value in fields.items() if value is not None}
    return signed_raw(json.dumps(kept).encode(), data)


def signed_raw(header: bytes, payload: bytes) -> str:
    """A token with a true signature, its header given byte for byte."""
    signing_input = segment(header) + "." + segment(payload)
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256, ec.SECP256R1).sign(
        signing_input.encode(), KEY
    )
    return f"{signing_input}.{segment(signature)}"


def segment(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    paths = directory / "server.crt", directory / "server.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def acl_rules(keys: str = "~leviathan-auth:*") -> list[str]:
    """What the documentation allows the ACL user of Redis, for these keys."""
    text = (Path(__file__).parents[2] / "docs/auth-server.md").read_text()
    (rules,) = re.findall(r"^user auth on >… ~leviathan-auth:\* (.*)$", text, re.MULTILINE)
    return [keys, *rules.split()]


class RedisProcess:
    """A redis-server of our own on a socket in `directory`, which can be killed and started again.

    Whoever wants one where there is no redis-server is skipped.
    """

    def __init__(
        self, directory: Path, *options: str, credentials: tuple[str, str] | None = None
    ) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("there is no redis-server on PATH")
        self._credentials = credentials
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._command = [
            *(program, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(directory)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--loglevel", "warning", *options),
        ]
        self._log = (directory / "redis.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except RedisError:
                    assert self._process.poll() is None, "redis-server did not start"
                else:
                    return

    def client(self) -> "Redis":
        """A client for looking at what the server holds."""
        name, password = self._credentials or (None, None)
        return Redis(unix_socket_path=str(self.socket), username=name, password=password)

    def kill(self) -> None:
        """End it without letting it write anything more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Let it hang: it takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()
