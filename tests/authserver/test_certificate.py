"""The server's own certificate, and the addresses that discovery gives away for it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authserver.certificate import Certificate, CertificateError
from authserver.service import Service
from tests.authserver.helpers import FakeClock, client_of, listening, make_service, make_settings
from tests.certificates import Authority, replace

ISSUER = "https://auth.ns.svc:8443"
NAMES = ("auth.ns.svc", "localhost", "*.example.org", "127.0.0.1", "10.96.1.7", "fd00::7")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def service_with(
    directory: Path, authority: Authority, clock: FakeClock, **changes: Any
) -> Service:
    certificate, key = authority.write(directory, "server", *NAMES)
    listen = {"certificate": certificate, "private_key": key, **changes.pop("listen", {})}
    return make_service(
        make_settings(directory, **({"issuer": ISSUER, "listen": listen} | changes)), clock
    )


@pytest.fixture
async def client(
    tmp_path: Path, authority: Authority, clock: FakeClock
) -> AsyncIterator[httpx.AsyncClient]:
    service = service_with(tmp_path, authority, clock)
    async with client_of(service) as made:
        yield made
    await service.close()


async def reached(
    client: httpx.AsyncClient, *hosts: str | bytes, path: str = "", issuer: str = ISSUER
) -> str:
    """The address that discovery gives to a request with these Host headers."""
    headers = [("host", host if isinstance(host, bytes) else host.encode()) for host in hosts]
    request = client.build_request("GET", f"{path}/.well-known/openid-configuration")
    request.headers = httpx.Headers([(name.encode(), value) for name, value in headers])
    answer = await client.send(request)
    document = answer.json()
    assert document["issuer"] == issuer
    assert answer.headers["vary"] == "Host"
    address = str(document["jwks_uri"]).removesuffix("/jwks")
    assert document["introspection_endpoint"] == f"{address}/verify"
    return address


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("auth.ns.svc:8443", ISSUER),
        ("AUTH.ns.SVC:8443", ISSUER),
        ("localhost:18443", "https://localhost:18443"),
        ("localhost", "https://localhost"),
        ("10.96.1.7:8443", "https://10.96.1.7:8443"),
        ("[fd00::7]:8443", "https://[fd00::7]:8443"),
        ("[FD00:0:0::7]", "https://[fd00::7]"),
    ],
)
async def test_keys_are_found_where_the_request_came_to(
    client: httpx.AsyncClient, host: str, address: str
) -> None:
    assert await reached(client, host) == address


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "x.example.org",
        "*.example.org",
        "auth.ns.svc.",
        "auth.ns.svc:",
        "auth.ns.svc:0",
        "auth.ns.svc:65536",
        "auth.ns.svc:８４４３".encode(),
        "auth.ns.svc:8443@evil.example",
        "user@auth.ns.svc",
        "auth.ns.svc/evil",
        "auth.ns.svc, evil.example",
        " auth.ns.svc:8443 x",
        "[auth.ns.svc]",
        "[10.96.1.7]:8443",
        "[fd00::7",
        "[fd00::7%eth0]",
        "fd00::7",
        "010.96.1.7",
        "10.96.1.07",
        "ａuth.ns.svc".encode(),
        b"auth.ns.svc\xe9",
        "a" * 30_000,
        "",
    ],
)
async def test_any_other_host_gets_the_issuer(client: httpx.AsyncClient, host: str | bytes) -> None:
    assert await reached(client, host) == ISSUER


async def test_no_host_or_two_get_the_issuer(client: httpx.AsyncClient) -> None:
    assert await reached(client) == ISSUER
    assert await reached(client, "localhost", "localhost") == ISSUER


async def test_an_issuers_path_is_kept(
    tmp_path: Path, authority: Authority, clock: FakeClock
) -> None:
    issuer = "https://auth.example/team"
    service = service_with(tmp_path, authority, clock, issuer=issuer)
    async with client_of(service) as client:
        found = await reached(client, "localhost:1", path="/team", issuer=issuer)
        assert found == "https://localhost:1/team"
    await service.close()


@pytest.mark.parametrize("listen", [{"behind_tls_proxy": True}, None])
async def test_behind_a_proxy_it_is_always_the_issuer(
    tmp_path: Path, authority: Authority, clock: FakeClock, listen: dict[str, Any] | None
) -> None:
    if listen is None:
        service = make_service(make_settings(tmp_path, issuer=ISSUER), clock)
    else:
        service = service_with(tmp_path, authority, clock, listen=listen)
    async with client_of(service) as client:
        assert await reached(client, "localhost:18443") == ISSUER
    await service.close()


def test_what_a_chain_says(authority: Authority) -> None:
    pem, _key = authority.issue(*NAMES)
    certificate = Certificate.parse(pem + authority.file.read_bytes())
    assert certificate.names == {"auth.ns.svc", "localhost", "*.example.org"}
    assert {str(address) for address in certificate.addresses} == set(NAMES[3:])
    assert Certificate.parse(authority.file.read_bytes()).names == frozenset()


def test_a_chain_that_is_none(tmp_path: Path, authority: Authority, clock: FakeClock) -> None:
    service_with(tmp_path, authority, clock)
    (tmp_path / "server.crt").chmod(0o600)
    (tmp_path / "server.crt").write_text("-----BEGIN CERTIFICATE-----\nnone")
    listen = {"certificate": "server.crt", "private_key": "server.key"}
    with pytest.raises(CertificateError, match=r"server\.crt: holds no PEM certificate"):
        make_service(make_settings(tmp_path, listen=listen), clock)
    (tmp_path / "server.crt").unlink()
    with pytest.raises(CertificateError, match=r"server\.crt: No such file"):
        make_service(make_settings(tmp_path, listen=listen), clock)


def shown(port: int, authority: Authority, name: str | None = None) -> bytes:
    """The certificate that a new connection is shown; without a name, no SNI is sent."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


async def test_new_connections_get_the_new_certificate(
    tmp_path: Path,
    authority: Authority,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("authserver.keys.RELOAD_SECONDS", 0)
    caplog.set_level("INFO", "authserver")
    service = service_with(tmp_path, authority, clock)
    chain, key = tmp_path / "server.crt", tmp_path / "server.key"
    old = der(chain.read_bytes())
    new_chain, new_key = authority.issue("localhost", "127.0.0.1", "other.example")
    context = ssl.create_default_context(cafile=str(authority.file))

    async def logged(text: str) -> None:
        while text not in caplog.text:
            await open_before.get("/healthz")

    async with listening(service) as port, asyncio.timeout(30):
        url = f"https://localhost:{port}"
        async with httpx.AsyncClient(base_url=url, verify=context) as open_before:
            assert await reached(open_before, "localhost:1") == "https://localhost:1"
            for name in (None, "localhost"):
                assert await asyncio.to_thread(shown, port, authority, name) == old
            replace(chain, new_chain[:100])
            await logged("certificate not reloaded: ")
            replace(chain, new_chain)
            await logged("do not go together: KEY_VALUES_MISMATCH")
            assert await asyncio.to_thread(shown, port, authority) == old
            assert await reached(open_before, "other.example") == ISSUER
            replace(key, new_key)
            await logged("certificate reloaded; it ends ")
            for name in (None, "localhost", "no.such.name"):
                assert await asyncio.to_thread(shown, port, authority, name) == der(new_chain)
            assert await reached(open_before, "other.example") == "https://other.example"
            metrics = (await open_before.get("/metrics")).text
            assert "leviathan_auth_certificate_ends_timestamp_seconds " in metrics
    assert caplog.text.count("do not go together") == 1
