"""A certificate authority for tests, and a Redis that wants certificates of it."""

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.authserver.helpers import RedisProcess


class Authority:
    """Signs certificates; its own is `<name>.crt` in `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = directory / f"{name}.crt"
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.file.write_bytes(builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    def issue(self, *names: str) -> tuple[bytes, bytes]:
        """A certificate for these names and addresses, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issued")])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = self._builder(subject, key).add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, SHA256())
        return (
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def write(self, directory: Path, stem: str, *names: str) -> tuple[str, str]:
        """Issue into `<stem>.crt` and `<stem>.key`, as Kubernetes replaces files; their names."""
        for name, content in zip(_pair(stem), self.issue(*names), strict=True):
            replace(directory / name, content)
        return _pair(stem)


def _pair(stem: str) -> tuple[str, str]:
    return f"{stem}.crt", f"{stem}.key"


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def replace(path: Path, content: bytes) -> None:
    """Put a new file, 0440 as a mounted Secret has it, in the place of another."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.chmod(0o440)
    os.replace(draft, path)


class TlsRedis(RedisProcess):
    """A Redis on TLS that wants client certificates of `authority`, with the ACL user auth."""

    def __init__(
        self, directory: Path, authority: Authority, rules: Sequence[str], *options: str
    ) -> None:
        self.authority = authority
        certificate, key = authority.write(directory, "redis", "localhost", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        super().__init__(
            directory,
            *("--tls-port", str(self.port), "--tls-ca-cert-file", str(authority.file)),
            *("--tls-cert-file", str(directory / certificate)),
            *("--tls-key-file", str(directory / key)),
            *("--user", "auth", "on", ">s3cret", *rules),
            *options,
        )

    def store(self, directory: Path, **more: Any) -> dict[str, Any]:
        """Settings of a store on this server, with their files in `directory`."""
        certificate, key = self.authority.write(directory, "client")
        replace(directory / "password", b"s3cret\n")
        return {
            "backend": "redis",
            "url": f"rediss://localhost:{self.port}",
            "username": "auth",
            "password_file": "password",
            "ca_file": str(self.authority.file),
            "certificate": certificate,
            "private_key": key,
            **more,
        }
