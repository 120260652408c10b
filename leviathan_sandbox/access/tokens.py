"""Takes an issuer's tokens for identities, by the rules of the shipped AuthenticationConfiguration.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration,
https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig and RFC 7519, section 4.1.
"""

import asyncio
import re
import ssl
from typing import Any, Final

import httpx
import jwt
import msgspec

from leviathan_sandbox.access.issuer import Issuer, Rejected
from leviathan_sandbox.access.users import AUTHENTICATED, User
from leviathan_sandbox.clock import Clock

ALGORITHMS: Final = ("ES256", "RS256")
PREFIX: Final = "leviathan:"
"""What stands before the names and groups of the issuer's tokens."""

MAX_LIFETIME: Final = 900
"""Seconds between `nbf` and `exp` of a token at most."""

CREDENTIAL_ID: Final = "authentication.kubernetes.io/credential-id"
_NOT_BEFORE_LEEWAY: Final = 300
"""Seconds by which the issuer's clock may be fast; for `exp` there are none."""

_RETRY: Final = 10.0
"""Seconds after which an issuer that did not answer is asked again."""

_TIMEOUT: Final = 10.0  # seconds


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    exp: float
    aud: str | list[str]
    nbf: float | None = None
    jti: str = ""
    groups: str | list[str] = []


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _Keys:
    """An issuer's keys, kept as long as its `Cache-Control` allows.

    They are not fetched anew for a key that is unknown: an issuer publishes a key before it uses it.
    While the issuer is away, the old ones stay good.
    """

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._turn = asyncio.Lock()
        self._keys: list[jwt.PyJWK] = []
        self._good_until = 0.0

    async def named(self, name: str | None) -> list[jwt.PyJWK]:
        """Return the keys with this `kid`; all of them for a token that names none."""
        async with self._turn:
            now = self._clock.time()
            if now >= self._good_until:
                try:
                    self._keys, age = await self._fetch()
                except (httpx.HTTPError, msgspec.MsgspecError, jwt.PyJWTError):
                    age = _RETRY
                self._good_until = now + age
            return [key for key in self._keys if name is None or key.key_id == name]

    async def _fetch(self) -> tuple[list[jwt.PyJWK], float]:
        """Return the published keys and for how many seconds they may be kept."""
        url = self._issuer.url
        verify: ssl.SSLContext | bool = True
        if self._issuer.ca_pem is not None:
            verify = ssl.create_default_context(cadata=self._issuer.ca_pem)
        async with httpx.AsyncClient(verify=verify, timeout=_TIMEOUT, trust_env=False) as client:
            answer = await client.get(f"{url.rstrip('/')}/.well-known/openid-configuration")
            answer.raise_for_status()
            found = msgspec.json.decode(answer.content, type=_Discovery)
            if found.issuer != url:
                raise jwt.InvalidIssuerError("the discovery document is another issuer's")
            answer = await client.get(found.jwks_uri)
            answer.raise_for_status()
        document = msgspec.json.decode(answer.content, type=dict[str, Any])
        keys = jwt.PyJWKSet.from_dict(document).keys
        seconds = re.search(r"max-age=(\d+)", answer.headers.get("Cache-Control", ""))
        return keys, float(seconds[1]) if seconds else 0.0


class TokenAuthenticator:
    """Tells whose token a token is.

    Parameters:
        issuer: whose tokens are taken.
        clock: tells the time.
    """

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys = _Keys(issuer, clock)
        self._jws = jwt.PyJWS(algorithms=list(ALGORITHMS))

    async def user_of(self, token: str) -> User:
        """Return the user that a token names.

        Raises `Rejected`, with the reason, for a token that is not the issuer's, not for this API
        server, or not valid now.
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise Rejected("the signature's algorithm is not supported")
            payload = self._verified(token, await self._keys.named(header.get("kid")))
            claims = msgspec.json.decode(payload, type=_Claims)
        except (jwt.PyJWTError, msgspec.MsgspecError) as error:
            raise Rejected(str(error)) from error
        self._check(claims)
        groups = [claims.groups] if isinstance(claims.groups, str) else claims.groups
        # The prefix keeps the system's own users and groups out of reach.
        return User(
            PREFIX + claims.sub,
            (*(PREFIX + group for group in groups), AUTHENTICATED),
            extra={CREDENTIAL_ID: [f"JTI={claims.jti}"]} if claims.jti else {},
        )

    def _verified(self, token: str, keys: list[jwt.PyJWK]) -> bytes:
        for key in keys:
            try:
                payload: bytes = self._jws.decode(token, key, algorithms=list(ALGORITHMS))
            except jwt.InvalidSignatureError:
                continue
            return payload
        raise Rejected("no key of the issuer's has signed it")

    def _check(self, claims: _Claims) -> None:
        now = self._clock.time()
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self._issuer.url:
            raise Rejected("it is another issuer's")
        if self._issuer.audience not in audiences:
            raise Rejected("it is for another audience")
        if now > claims.exp:
            raise Rejected("it has expired")
        if claims.nbf is None or claims.exp - claims.nbf > MAX_LIFETIME:
            raise Rejected("token lives too long")
        if now + _NOT_BEFORE_LEEWAY < claims.nbf:
            raise Rejected("it is not valid yet")
        if not claims.sub:
            raise Rejected("it names nobody")
