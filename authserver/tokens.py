"""Access tokens: signing them, and the verification that any service can use as a library.

RFC 7519 claims, RFC 7515 signatures, RFC 8725 practice. A verifier takes its keys from a mapping
that it was given; nothing in a token makes it read a file, open a connection or choose a key.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from msgspec import Meta

from authserver import strictjson
from authserver.clock import Clock
from authserver.names import is_name

PrivateKey: TypeAlias = EllipticCurvePrivateKey | RSAPrivateKey
PublicKey: TypeAlias = EllipticCurvePublicKey | RSAPublicKey
Algorithm: TypeAlias = Literal["ES256", "RS256"]

ALGORITHMS: Final[tuple[Algorithm, ...]] = ("ES256", "RS256")
LEEWAY: Final = 30
"""Seconds by which the clocks of issuer and verifier may differ."""
LONGEST_LIFE: Final = 600
"""Seconds between `iat` and `exp`; a longer-lived token is refused however well it is signed."""
LONGEST_TOKEN: Final = 8192
"""Characters of a token; a longer one is refused before anything is decoded."""
SMALLEST_RSA: Final = 2048
"""Bits of an RSA modulus (RFC 7518 §3.3)."""

_T = TypeVar("_T")
_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


class TokenError(Exception):
    """The token is not accepted. The reason is for the audit log, never for the sender."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only header that is accepted: no `crit`, no `b64`, nothing that brings or names a key."""

    alg: str
    kid: Annotated[str, Meta(max_length=128)]
    typ: Literal["JWT"]


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says. Times are seconds since the epoch; `sid` names the session, if any."""

    iss: str
    aud: str
    sub: str
    groups: tuple[str, ...]
    iat: int
    nbf: int
    exp: int
    jti: Annotated[str, Meta(min_length=1, max_length=64)]
    sid: Annotated[str, Meta(max_length=64)] | None = None


@dataclass(frozen=True)
class VerificationKey:
    """A public key and the one algorithm it is used with."""

    key: PublicKey
    algorithm: Algorithm


@dataclass(frozen=True)
class SigningKey:
    """A private key, its algorithm and the id under which its public half is published."""

    kid: str
    key: PrivateKey
    algorithm: Algorithm


def algorithm_of(key: object) -> Algorithm:
    """Return the algorithm that goes with a key. Raises ValueError for any other kind of key."""
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        if isinstance(key.curve, SECP256R1):
            return "ES256"
    elif isinstance(key, RSAPrivateKey | RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return "RS256"
    raise ValueError("a key is EC on P-256, or RSA with at least 2048 bits")


def keys_from_jwks(document: bytes) -> dict[str, VerificationKey]:
    """Read a JWK set (RFC 7517 §5) as `/jwks` serves it, leaving out keys we do not verify with.

    Raises ValueError when the document is no key set.
    """
    parsed = strictjson.loads(document)
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the document is no key set")
    found: dict[str, VerificationKey] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(entry).key
            algorithm = algorithm_of(key)
        except (jwt.PyJWTError, ValueError):
            continue
        if entry.get("alg") == algorithm and isinstance(key, EllipticCurvePublicKey | RSAPublicKey):
            found[entry["kid"]] = VerificationKey(key, algorithm)
    return found


class Verifier:
    """Accepts tokens of one issuer for the given audiences, or refuses them with TokenError."""

    def __init__(
        self,
        issuer: str,
        audiences: Collection[str],
        keys: Mapping[str, VerificationKey],
        clock: Clock,
        *,
        longest_life: int = LONGEST_LIFE,
    ) -> None:
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self._keys = keys
        self._clock = clock
        self._longest_life = longest_life
        self._jws = jwt.PyJWS(algorithms=list(ALGORITHMS))

    def verify(self, token: str, *, audience: str | None = None) -> Claims:
        """Return the claims of a token that is genuine, current and meant for us.

        `audience` narrows the accepted audiences to one. Raises TokenError.
        """
        header, payload = self._open(token)
        key = self._keys.get(header.kid)
        if key is None:
            raise TokenError("unknown kid")
        if header.alg != key.algorithm:
            raise TokenError("algorithm is not the key's")
        try:
            self._jws.decode(token, key.key, algorithms=[key.algorithm])
        except jwt.PyJWTError:
            raise TokenError("signature does not match") from None
        claims = _convert(payload, Claims)
        self._check(claims, audience)
        return claims

    def _open(self, token: str) -> tuple[Header, bytes]:
        """Take the token apart without believing anything of it."""
        if len(token) > LONGEST_TOKEN:
            raise TokenError("too long")
        parts = _SEGMENTS.fullmatch(token)
        if parts is None:
            raise TokenError("not three segments of base64url")
        header, payload, _signature = (_decode_segment(part) for part in parts.groups())
        return _convert(header, Header), payload

    def _check(self, claims: Claims, audience: str | None) -> None:
        now = self._clock()
        if claims.iss != self._issuer:
            raise TokenError("another issuer")
        if claims.aud not in self._audiences or audience not in (None, claims.aud):
            raise TokenError("another audience")
        if claims.exp <= now - LEEWAY:
            raise TokenError("expired")
        if claims.nbf > now + LEEWAY or claims.iat > now + LEEWAY:
            raise TokenError("not valid yet")
        if not 0 < claims.exp - min(claims.iat, claims.nbf) <= self._longest_life:
            raise TokenError("lives too long")
        if not is_name(claims.sub) or not all(map(is_name, claims.groups)):
            raise TokenError("a name that nobody may have")


def _decode_segment(segment: str) -> bytes:
    """Decode base64url strictly: one token has one spelling (RFC 4648 §3.5)."""
    padded = segment + "=" * (-len(segment) % 4)
    try:
        data = base64.urlsafe_b64decode(padded)
    except (binascii.Error, ValueError):
        raise TokenError("not base64url") from None
    if base64.urlsafe_b64encode(data).decode() != padded:
        raise TokenError("base64url with stray bits")
    return data


def _convert(data: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(strictjson.loads(data), kind)
    except (msgspec.ValidationError, strictjson.StrictJsonError) as error:
        raise TokenError(f"malformed: {error}") from None


def sign(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    subject: str,
    groups: Iterable[str],
    now: int,
    lifetime: int,
    session: str | None = None,
) -> tuple[str, Claims]:
    """Return a new access token and its claims.

    Whatever a store says, no name outside our rules is ever signed: raises TokenError for one, so
    that `system:masters` cannot be planted in a database.
    """
    claims = Claims(
        iss=issuer,
        aud=audience,
        sub=subject,
        groups=tuple(sorted(set(groups))),
        iat=now,
        nbf=now,
        exp=now + lifetime,
        jti=secrets.token_urlsafe(16),
        sid=session,
    )
    if not is_name(subject) or not all(map(is_name, claims.groups)):
        raise TokenError("a name that nobody may have")
    token = jwt.encode(
        msgspec.to_builtins(claims), key.key, algorithm=key.algorithm, headers={"kid": key.kid}
    )
    return token, claims
