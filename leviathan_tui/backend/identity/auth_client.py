"""Speaking to the auth server. Its routes are described in docs/auth-server.md."""

import time
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from leviathan_tui.backend.identity.errors import (
    AuthRefused,
    AuthUnreachable,
    IdentityError,
    LoginRefused,
    SessionEnded,
    TotpRequired,
)
from leviathan_tui.backend.untrusted import clean

TIMEOUT: Final = 10.0
"""Seconds for a whole request; a login's argon2 takes a fraction of one."""

MAX_ANSWER: Final = 1024 * 1024

SKEW: Final = 30.0
"""Seconds by which two clocks may differ before tokens are refused."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Grant(msgspec.Struct, frozen=True):
    """What a login or a refresh gives."""

    access_token: str
    expires_at: int
    """Seconds since the epoch, by the server's clock."""
    server_time: int
    audience: str
    username: str
    groups: tuple[str, ...]
    refresh_token: str
    refresh_expires_at: int
    session_id: str
    snapshot_key: str

    def __repr__(self) -> str:
        """Leave the secrets out: this text may end in a log."""
        return f"Grant({self.username!r}, {self.audience!r}, expires_at={self.expires_at})"


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""
    retry_after: float = 0.0


def check_url(url: str) -> str:
    """Return the auth server's address without a slash at its end.

    Raises `AuthRefused` for anything but https, off loopback: passwords would be readable on the way.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AuthRefused(f"{clean(url, 200)!r} is no address of an auth server.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise AuthRefused("The auth server's address may hold no name, query or fragment.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise AuthRefused(
            f"{clean(url, 200)} is plain http: the password could be read on the way. Use https."
        )
    return url.rstrip("/")


class AuthClient:
    """Requests to one auth server. Every method raises `IdentityError`s only."""

    def __init__(self, url: str, ca_file: str = "") -> None:
        self.url = check_url(url)
        self._ca_file = ca_file

    async def login(self, username: str, password: str, audience: str, totp: str = "") -> Grant:
        """Begin a session. Raises `TotpRequired`, `LoginRefused` and what all requests raise."""
        body = {"username": username, "password": password, "audience": audience}
        if totp:
            body["totp"] = totp
        return self._grant(await self._post("/login", body))

    async def refresh(self, refresh_token: str, audience: str = "") -> Grant:
        """Go on with a session; the token given is used up. Raises `SessionEnded` when it is over."""
        body = {"refresh_token": refresh_token}
        if audience:
            body["audience"] = audience
        return self._grant(await self._post("/refresh", body))

    async def logout(self, refresh_token: str) -> None:
        """End a session."""
        await self._post("/logout", {"refresh_token": refresh_token})

    def _grant(self, body: bytes) -> Grant:
        try:
            grant = msgspec.json.decode(body, type=Grant)
        except msgspec.MsgspecError as error:
            raise AuthUnreachable("The auth server's answer cannot be read.") from error
        return grant

    @staticmethod
    def check_clock(grant: Grant) -> None:
        """Raise `AuthRefused` where this machine's clock and the auth server's differ too much."""
        off = grant.server_time - time.time()
        if abs(off) > SKEW:
            direction = "behind" if off > 0 else "ahead of"
            raise AuthRefused(
                f"This machine's clock is {abs(off):.0f} s {direction} the auth server's; "
                "tokens would be refused. Set the clock right."
            )

    async def _post(self, path: str, body: dict[str, Any]) -> bytes:
        import httpx

        verify: Any = True
        if self._ca_file:
            import ssl

            try:
                verify = ssl.create_default_context(cafile=self._ca_file)
            except OSError as error:
                raise AuthRefused(f"Cannot read {self._ca_file}.") from error
        try:
            async with httpx.AsyncClient(
                verify=verify, timeout=TIMEOUT, follow_redirects=False, trust_env=False
            ) as client:
                answer = await client.post(self.url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AuthUnreachable(
                f"The auth server {clean(self.url, 100)} does not answer "
                f"({clean(str(error), 150) or type(error).__name__})."
            ) from error
        if answer.status_code < 300:
            return answer.content[:MAX_ANSWER]
        raise _refusal(answer.status_code, answer.content[:MAX_ANSWER])


def _refusal(code: int, body: bytes) -> IdentityError:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except msgspec.MsgspecError:
        return AuthUnreachable(f"The auth server answered HTTP {code} and nothing that is its own.")
    message = clean(said.message, 300) or f"The auth server answered HTTP {code}."
    match said.error:
        case "totp_required":
            return TotpRequired(message)
        case "invalid_credentials":
            return LoginRefused(message)
        case "too_many_attempts":
            return LoginRefused(f"{message} Wait {said.retry_after:.0f} s.")
        case "invalid_token":
            return SessionEnded("The session is over; log in again.")
    if code >= 500:
        return AuthUnreachable(message, said.retry_after)
    return AuthRefused(message)
