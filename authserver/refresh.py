"""Refresh tokens: opaque to the client, and a chain that only this server can lengthen.

A token is the session's id, its place in the session's chain, and 32 secret bytes. The first secret
is random; each further one is HMAC(server key, token before it). So the store keeps one digest per
session, whatever its age: an old token is recognised as genuine by walking the chain from it to
the present, and a token that was made up leads nowhere. The same computation gives parallel
refreshes one and the same child.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "lvr_"
_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(r"lvr_[A-Za-z0-9_-]{70}", re.ASCII)

LONGEST_WALK: Final = 8192
"""Rotations behind the present beyond which an old token is no longer told from a forged one."""


@dataclass(frozen=True)
class RefreshToken:
    """One token. `session` is hexadecimal; `generation` counts the rotations before it."""

    session: str
    generation: int
    secret: bytes

    def __repr__(self) -> str:
        return f"RefreshToken(session={self.session!r}, generation={self.generation})"

    def _bytes(self) -> bytes:
        return bytes.fromhex(self.session) + self.generation.to_bytes(4, "big") + self.secret

    @property
    def text(self) -> str:
        """What the client stores and sends."""
        return PREFIX + base64.urlsafe_b64encode(self._bytes()).rstrip(b"=").decode()

    @property
    def digest(self) -> str:
        """What the store keeps: SHA-256, which is enough for 256 random bits."""
        return hashlib.sha256(self._bytes()).hexdigest()

    def child(self, key: bytes) -> "RefreshToken":
        """Return the token that takes this one's place."""
        secret = hmac.digest(key, self._bytes(), "sha256")
        return RefreshToken(self.session, self.generation + 1, secret)

    def leads_to(self, digest: str, generation: int, key: bytes) -> bool:
        """Say whether the session's present token is this one or descends from it."""
        steps = generation - self.generation
        if not 0 <= steps <= LONGEST_WALK:
            return False
        token = self
        for _ in range(steps):
            token = token.child(key)
        return hmac.compare_digest(token.digest, digest)


def first_token() -> RefreshToken:
    """Return the first token of a new session."""
    return RefreshToken(secrets.token_hex(_ID_BYTES), 0, secrets.token_bytes(_SECRET_BYTES))


def parse(text: str) -> RefreshToken | None:
    """Return the token that `text` spells, or None."""
    if not _TEXT.fullmatch(text):
        return None
    data = base64.urlsafe_b64decode(text.removeprefix(PREFIX) + "==")
    session, generation, secret = data[:16].hex(), data[16:20], data[20:]
    token = RefreshToken(session, int.from_bytes(generation, "big"), secret)
    return token if token.text == text else None
