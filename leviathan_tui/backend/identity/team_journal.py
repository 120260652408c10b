"""The journal that a team shares, as a client of the auth server keeps it.

The server says who wrote an entry, and hands out none that it cannot vouch for. Its routes are
described in docs/auth-server.md.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from leviathan_tui.backend.identity.auth_client import check_url
from leviathan_tui.backend.identity.errors import (
    AuthRefused,
    AuthUnreachable,
    IdentityError,
    SessionEnded,
)
from leviathan_tui.backend.identity.saved import SavedToken
from leviathan_tui.backend.untrusted import clean

AUDIENCE: Final = "leviathan-auth"
"""What the token is for: the auth server itself."""

REQUEST_TIMEOUT: Final = 3.0
"""Seconds after which the server is taken to be away: a change waits for its entry."""

MAX_ANSWER: Final = 16 * 1024 * 1024

_LONGEST: Final = {"message": 4096, "summary": 1024}
"""Characters of texts; a longer one is cut, for it is not worth losing the entry."""

Entry: TypeAlias = dict[str, Any]
"""An entry of the journal, with the names that docs/auth-server.md gives its parts."""


class Away(IdentityError):
    """The server cannot be reached, or not now: write locally, and merge later."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""


class Refused(IdentityError):
    """The server does not take this entry, and another try changes nothing."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """The server's word for it: `taken`, `finished`, `not_yours`, `bad_request` and others."""


class TokenSource(Protocol):
    """Hands out tokens, as a `SessionKeeper` does."""

    async def token(self, audience: str) -> SavedToken:
        """Return an access token for an audience. Raises `IdentityError`s."""


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""
    retry_after: float = 0.0


class _Written(msgspec.Struct):
    id: str
    actor: str
    token_id: str
    received: float
    outcome: str


class _Page(msgspec.Struct):
    entries: list[Entry]
    cursor: int


class TeamJournal:
    """Writes and reads the journal at one auth server.

    Every method raises `Away` and `Refused` only, after `REQUEST_TIMEOUT` at the latest. It is used from
    one event loop.

    Parameters:
        url: the auth server's address.
        tokens: hands out the tokens.
        ca_file: the certificate authority that vouches for the server, if not one of the system's.
    """

    def __init__(self, url: str, tokens: TokenSource, ca_file: str = "") -> None:
        self._url = check_url(url)
        self._tokens = tokens
        self._ca_file = ca_file
        self._client: Any = None

    async def begin(self, entry: Mapping[str, Any]) -> Entry:
        """Keep an entry before its change is sent; doing so again is harmless.

        Returns what the server has put into it: `actor`, `token_id`, `received`, `outcome`.
        """
        body = dict(entry)
        for field, longest in _LONGEST.items():
            if isinstance(body.get(field), str):
                body[field] = body[field][:longest]
        answer = await self._send("PUT", f"/journal/{entry['id']}", body=body)
        return msgspec.structs.asdict(_decode(answer, _Written))

    async def merge(self, entry: Mapping[str, Any]) -> Entry:
        """Send an entry that was written locally while the server was away, with its outcome.

        Where its beginning had arrived after all, this finishes it. Returns what `begin` does.
        """
        return await self.begin({**entry, "merged": True})

    async def finish(
        self,
        entry_id: str,
        outcome: str,
        *,
        message: str = "",
        after: Mapping[str, Any] | None = None,
        duration: float | None = None,
    ) -> Entry:
        """Say what became of a change: done, refused, failed or unknown; `duration` in seconds.

        The same outcome again is harmless; `unknown` may be followed by another. Returns what
        `begin` does.
        """
        body = {
            "outcome": outcome,
            "message": message[: _LONGEST["message"]],
            "after": after,
            "duration": duration,
        }
        answer = await self._send("POST", f"/journal/{entry_id}/outcome", body=body)
        return msgspec.structs.asdict(_decode(answer, _Written))

    async def read(
        self, cluster: str, cursor: str = "", *, limit: int = 200
    ) -> tuple[list[Entry], str]:
        """Return what was written since `cursor`, the last at the end, and the next cursor.

        Without a cursor it is the newest entries. There may be more while the cursor still changes.
        An entry comes again whenever it is written again. `cluster` is empty for all clusters.
        """
        query = {"after": cursor} if cursor else {}
        page = await self._read(cluster, limit, query)
        return page.entries, str(page.cursor)

    async def older(self, cluster: str, sequence: int, *, limit: int = 200) -> list[Entry]:
        """Return entries from before the one with this `sequence`, the newest of them at the end."""
        page = await self._read(cluster, limit, {"before": str(sequence)})
        return page.entries

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _read(self, cluster: str, limit: int, query: dict[str, str]) -> _Page:
        query = {**query, "limit": str(limit)}
        if cluster:
            query["cluster"] = cluster
        page = _decode(await self._send("GET", "/journal", query=query), _Page)
        return _Page([_cleaned(entry) for entry in page.entries], page.cursor)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Entry | None = None,
        query: dict[str, str] | None = None,
    ) -> bytes:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                token = await self._tokens.token(AUDIENCE)
                return await self._ask(method, path, token, body, query)
        except TimeoutError as error:
            raise Away(
                f"The auth server {clean(self._url, 100)} did not answer within {REQUEST_TIMEOUT:.0f} s."
            ) from error
        except AuthUnreachable as error:
            raise Away(error.message, error.retry_after) from error
        except SessionEnded as error:
            raise Away(error.message) from error
        except AuthRefused as error:
            raise Refused(error.message) from error

    async def _ask(
        self,
        method: str,
        path: str,
        token: SavedToken,
        body: Entry | None,
        query: dict[str, str] | None,
    ) -> bytes:
        import httpx

        client = await self._opened()
        headers = {"Authorization": f"Bearer {token.token}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        try:
            answer = await client.request(
                method, self._url + path, params=query, headers=headers, content=content
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = clean(str(error), 150) or type(error).__name__
            raise Away(
                f"The auth server {clean(self._url, 100)} does not answer ({said})."
            ) from error
        received: bytes = answer.content
        if answer.status_code == 200 and len(received) <= MAX_ANSWER:
            return received
        raise _refusal(answer.status_code, received[:MAX_ANSWER])

    async def _opened(self) -> Any:
        """Return the HTTP client, made at the first request: importing it takes its time."""
        if self._client is None:
            import httpx

            verify: Any = True
            if self._ca_file:
                import ssl

                try:
                    verify = ssl.create_default_context(cafile=self._ca_file)
                except OSError as error:
                    raise AuthRefused(f"Cannot read {clean(self._ca_file, 200)}.") from error
            self._client = httpx.AsyncClient(
                verify=verify, timeout=REQUEST_TIMEOUT, follow_redirects=False, trust_env=False
            )
        return self._client


_Answer = TypeVar("_Answer", _Written, _Page)


def _decode(body: bytes, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Away("The auth server's answer cannot be read.") from error


def _cleaned(entry: Entry) -> Entry:
    """Return an entry whose own texts no terminal can act on; the objects in it stay as they are."""
    return {
        name: clean(value) if isinstance(value, str) else value for name, value in entry.items()
    }


def _refusal(code: int, body: bytes) -> IdentityError:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except msgspec.MsgspecError:
        return Away(f"The auth server answered HTTP {code} and nothing that is its own.")
    message = clean(said.message, 300) or f"The auth server answered HTTP {code}."
    if code >= 500 or code in (401, 408, 429):
        return Away(message, said.retry_after)
    return Refused(message, clean(said.error, 64))
