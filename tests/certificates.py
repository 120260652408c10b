"""Certificates for tests."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authserver.bootstrap import certificates


def self_signed(name: str) -> tuple[bytes, bytes]:
    """Return a self-signed certificate and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


class Authority:
    """Signs certificates; its own is `<name>.crt` in `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._pair = certificates.new_authority(name)
        self.file = directory / f"{name}.crt"
        self.file.write_bytes(self._pair.certificate)

    def issue(self, *names: str) -> tuple[bytes, bytes]:
        """Return a certificate for these names and addresses, none for a client, and its key."""
        made = certificates.issue(self._pair, "issued", names)
        return made.certificate, made.key

    def write(self, directory: Path, stem: str, *names: str) -> tuple[str, str]:
        """Issue into `<stem>.crt` and `<stem>.key`, as Kubernetes replaces files; their names."""
        files = f"{stem}.crt", f"{stem}.key"
        for name, content in zip(files, self.issue(*names), strict=True):
            replace(directory / name, content)
        return files


def replace(path: Path, content: bytes) -> None:
    """Put a new file, 0440 as a mounted Secret has it, in the place of another."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.chmod(0o440)
    os.replace(draft, path)
