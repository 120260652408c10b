"""The server's own secret, and the keys derived from it (HKDF, RFC 5869).

Everything that is kept secret from whoever can read the stores hangs on it: the chain of refresh
tokens, the encryption of TOTP secrets, each person's snapshot key, and the entries of the journal.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from authserver import secretfile

SIZE: Final = 32
"""Bytes of the secret and of each key derived from it."""

_NONCE: Final = 12


class ServerSecret:
    """The secret in memory. Its representation shows nothing of it."""

    def __init__(self, material: bytes) -> None:
        if len(material) < SIZE:
            raise secretfile.InsecureFile("the server secret is shorter than 32 bytes")
        self._material = material
        self.refresh_key: Final = self._derive(b"refresh token chain")
        self._journal_key = self._derive(b"journal entries")
        self._sealing = AESGCM(self._derive(b"totp secrets at rest"))

    def _derive(self, purpose: bytes) -> bytes:
        info = b"leviathan-auth v1 " + purpose
        return HKDF(SHA256(), SIZE, salt=None, info=info).derive(self._material)

    def snapshot_key(self, issuer: str, subject: str, groups: Iterable[str]) -> str:
        """Return the key that authenticates this person's snapshots, base64url without padding.

        It changes with the groups, so that nobody reads what an earlier membership showed them.
        """
        identity = json.dumps([issuer, subject, sorted(set(groups))], separators=(",", ":"))
        key = self._derive(b"snapshot key " + identity.encode())
        return base64.urlsafe_b64encode(key).rstrip(b"=").decode()

    def journal_tag(self, entry: str, document: bytes) -> str:
        """Return what proves that this server has written `document` as the entry of that id."""
        content = entry.encode() + b"\0" + document
        return hmac.new(self._journal_key, content, "sha256").hexdigest()

    def seal(self, content: bytes, owner: str) -> str:
        """Encrypt `content` for the store, bound to its owner's name."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._sealing.encrypt(nonce, content, owner.encode())
        return base64.b64encode(sealed).decode()

    def unseal(self, sealed: str, owner: str) -> bytes | None:
        """Return what was sealed for this owner, or None when it was not sealed by this secret."""
        try:
            data = base64.b64decode(sealed, validate=True)
            return self._sealing.decrypt(data[:_NONCE], data[_NONCE:], owner.encode())
        except (ValueError, InvalidTag):
            return None


def create(path: Path) -> None:
    """Write a new random secret. Raises FileExistsError."""
    secretfile.write_new(path, base64.b64encode(secrets.token_bytes(SIZE)) + b"\n")


def load(path: Path, *, mounted: bool = False) -> ServerSecret:
    """Read the secret from a file of its own. Raises InsecureFile."""
    try:
        material = base64.b64decode(secretfile.read(path, mounted=mounted).strip(), validate=True)
    except ValueError:
        raise secretfile.InsecureFile(f"{path}: is no base64 text") from None
    return ServerSecret(material)


def same(left: str, right: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())
