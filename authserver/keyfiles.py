"""Signing keys as files: one PKCS #8 PEM each, named after when it may be used and its thumbprint.

`<not before>.<kid>.pem` is published, and signs from that second on until a later one does.
`pending.<kid>.pem` has never been published by a server; the first that reads it publishes it and
gives it its time. The id is the RFC 7638 thumbprint, so a file cannot pass for another key.
"""

import base64
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from authserver import secretfile
from authserver.tokens import Algorithm, PublicKey, SigningKey, algorithm_of

_NAME: Final = re.compile(r"(pending|[0-9]{1,12})\.([A-Za-z0-9_-]{43})\.pem", re.ASCII)
_RSA_BITS: Final = 3072
_COORDINATE_BYTES: Final = 32


class KeyFileError(Exception):
    """A key file cannot be used; the text says which and why."""


@dataclass(frozen=True)
class KeyFile:
    """A key on disk. `not_before` is in seconds since the epoch, None while it is pending."""

    path: Path
    not_before: int | None
    signing: SigningKey


def public_jwk(key: PublicKey) -> dict[str, str]:
    """Return the members that make up a public key in a JWK (RFC 7518 §6)."""
    numbers = key.public_numbers()
    if isinstance(numbers, ec.EllipticCurvePublicNumbers):
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64url(numbers.x, _COORDINATE_BYTES),
            "y": _base64url(numbers.y, _COORDINATE_BYTES),
        }
    return {"kty": "RSA", "n": _base64url(numbers.n), "e": _base64url(numbers.e)}


def _base64url(number: int, size: int = 0) -> str:
    data = number.to_bytes(size or (number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(key: PublicKey) -> str:
    """Return the RFC 7638 thumbprint of a public key."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def generate(directory: Path, algorithm: Algorithm, not_before: int | None) -> Path:
    """Make a key and write its file, 0600."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    start = "pending" if not_before is None else str(not_before)
    path = directory / f"{start}.{thumbprint(key.public_key())}.pem"
    secretfile.write_new(path, pem)
    return path


def read_all(directory: Path, *, mounted: bool = False) -> list[KeyFile]:
    """Return every key in the directory, pending ones last.

    Raises KeyFileError for a file that is damaged or misnamed and InsecureFile for one that others
    can read: a server does not run on half of its keys.
    """
    if not mounted and directory.stat().st_mode & 0o077:
        raise secretfile.InsecureFile(f"{directory}: others may enter; run: chmod 700 {directory}")
    found = [
        _read(path, match, mounted)
        for path in directory.iterdir()
        if (match := _NAME.fullmatch(path.name))
    ]
    return sorted(found, key=lambda file: (file.not_before is None, file.not_before or 0))


def _read(path: Path, name: re.Match[str], mounted: bool) -> KeyFile:
    try:
        key = load_pem_private_key(secretfile.read(path, mounted=mounted), password=None)
        algorithm = algorithm_of(key)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyFileError(f"{path}: is no private key")
    if thumbprint(key.public_key()) != name[2]:
        raise KeyFileError(f"{path}: the name is another key's")
    not_before = None if name[1] == "pending" else int(name[1])
    return KeyFile(path, not_before, SigningKey(name[2], key, algorithm))


def start(file: KeyFile, not_before: int) -> None:
    """Give a pending key its time. Another process may have done so first; its time then holds."""
    target = file.path.with_name(f"{not_before}.{file.signing.kid}.pem")
    try:
        os.rename(file.path, target)
    except FileNotFoundError:
        return
    secretfile.sync_directory(target.parent)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from changing the directory at the same time."""
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def jwk(signing: SigningKey) -> dict[str, str]:
    """Return the public half as it is published (RFC 7517 §4)."""
    public = signing.key.public_key()
    assert isinstance(public, EllipticCurvePublicKey | rsa.RSAPublicKey)  # noqa: S101 - for mypy
    return {"kid": signing.kid, "use": "sig", "alg": signing.algorithm, **public_jwk(public)}
