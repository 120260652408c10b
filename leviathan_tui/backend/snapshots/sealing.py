"""Names and seals: whoever has not the key can neither read a snapshot nor make or move one.

Name and seal come from one secret that belongs to one identity. An entry is authenticated together
with its own name, so that one moved elsewhere does not open.
"""

import hashlib
import hmac
import os
from typing import Final

import msgspec

from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.entries import Damaged, Head, schema_of

MAGIC: Final = b"LVS1"

NONCE: Final = 12
"""Bytes of a nonce, drawn at random for each seal (NIST SP 800-38D, 8.2.2)."""

HEAD_AT_MOST: Final = 512
"""Bytes within which magic, length and the sealed head lie."""


class Identity(msgspec.Struct, frozen=True):
    """Who may see what is remembered, and the secret that is theirs."""

    who: tuple[str, ...]
    """What tells one identity from another, as in issuer, subject and groups."""
    secret: bytes

    def __repr__(self) -> str:
        """Leave the secret out: this text may end in a log."""
        return "Identity(…)"


def _derive(secret: bytes, purpose: bytes) -> bytes:
    """Return a key of 32 bytes for a purpose: HKDF with SHA-256 (RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


class Vault:
    """Seals and opens the snapshots of one identity on one cluster."""

    def __init__(self, target: Target, identity: Identity) -> None:
        cluster = target.cluster
        authority = cluster.certificate_authority_data or cluster.certificate_authority
        self._about = (
            cluster.server,
            hashlib.sha256(authority.encode()).hexdigest(),
            *identity.who,
        )
        self._name_key = _derive(identity.secret, b"leviathan snapshot name")
        self._seal_key = _derive(identity.secret, b"leviathan snapshot seal")

    def name(self, scope: Scope) -> str:
        """Return the name under which a collection is kept; it tells nothing to others."""
        parts = (schema_of(scope.kind), *self._about, scope.kind, scope.namespace)
        return hmac.digest(self._name_key, msgspec.msgpack.encode(parts), "sha256").hex()

    def seal(self, name: str, head: Head, body: bytes) -> bytes:
        """Return an entry that only opens under its name, and only as a whole."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(self._seal_key)
        nonce = os.urandom(NONCE)
        sealed = nonce + cipher.encrypt(nonce, msgspec.msgpack.encode(head), name.encode())
        start = MAGIC + len(sealed).to_bytes(2, "big") + sealed
        nonce = os.urandom(NONCE)
        return start + nonce + cipher.encrypt(nonce, body, name.encode() + start)

    def head(self, name: str, entry: bytes) -> tuple[Head, int]:
        """Return an entry's head and where its body begins. Raises `Damaged`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        size = int.from_bytes(entry[4:6], "big")
        sealed = entry[6 : 6 + size]
        if entry[:4] != MAGIC or len(sealed) != size or size < NONCE or 6 + size > HEAD_AT_MOST:
            raise Damaged("is not of this program")
        try:
            plain = AESGCM(self._seal_key).decrypt(sealed[:NONCE], sealed[NONCE:], name.encode())
            return msgspec.msgpack.decode(plain, type=Head), 6 + size
        except (InvalidTag, msgspec.MsgspecError) as error:
            raise Damaged("was not sealed for this name by this identity") from error

    def open(self, name: str, entry: bytes) -> tuple[Head, bytes]:
        """Return an entry's head and body. Raises `Damaged`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head, start = self.head(name, entry)
        sealed = entry[start:]
        try:
            body = AESGCM(self._seal_key).decrypt(
                sealed[:NONCE], sealed[NONCE:], name.encode() + entry[:start]
            )
        except (InvalidTag, ValueError) as error:
            raise Damaged("was changed") from error
        return head, body
