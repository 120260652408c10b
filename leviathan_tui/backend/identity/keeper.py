"""Keeps a session going: hands out access tokens and renews them before they end."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from leviathan_tui.backend.identity.auth_client import AuthClient, Grant
from leviathan_tui.backend.identity.errors import AuthUnreachable, SessionEnded
from leviathan_tui.backend.identity.saved import VERSION, SavedSession, SavedToken, SessionFile

EARLY: Final = 120.0
"""Seconds before its end at which a token is renewed; the auth server may be away for as long."""

LAST: Final = 5.0
"""Seconds before its end at which a token is not sent any more."""


class SessionKeeper:
    """The session at one auth server, shared with every process of the same user.

    Whoever needs a token asks here. Only one process at a time refreshes: it takes the file's lock
    and reads the file again first, because another may have refreshed meanwhile.
    """

    def __init__(
        self, client: AuthClient, file: SessionFile, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._file = file
        self._clock = clock
        self._turn = asyncio.Lock()
        self.trouble = ""
        """Why the last refresh failed while an older token still serves; empty when all is well."""

    def saved(self) -> SavedSession | None:
        """Return the saved session. Raises `AuthRefused` for a file that cannot be trusted."""
        return self._file.read()

    async def login(self, username: str, password: str, audience: str, totp: str = "") -> Grant:
        """Begin a session and save it. Raises what `AuthClient.login` raises."""
        grant = await self._client.login(username, password, audience, totp)
        await asyncio.to_thread(self._save_locked, grant)
        self.trouble = ""
        return grant

    async def logout(self) -> bool:
        """End the session here and at the server; False where there was none.

        The saved session is gone even where the server does not answer; then `AuthUnreachable` is
        raised afterwards, because the session itself lives on until it ends by itself.
        """
        saved = await asyncio.to_thread(self._take_locked)
        if saved is None:
            return False
        await self._client.logout(saved.refresh_token)
        return True

    def _save_locked(self, grant: Grant) -> None:
        with self._file.locked():
            self._file.write(self._merged(None, grant))

    def _take_locked(self) -> SavedSession | None:
        with self._file.locked():
            saved = self._file.read()
            self._file.delete()
        return saved

    async def token(self, audience: str) -> SavedToken:
        """Return an access token for an audience that is good for some time yet.

        While the auth server is away, the present token serves until it ends. Raises `SessionEnded`
        where a login is needed, `AuthUnreachable` when no token is left and none can be had.
        """
        async with self._turn:
            saved = self._file.read()
            if saved is None:
                raise SessionEnded("You are not logged in.")
            known = saved.tokens.get(audience)
            now = self._clock()
            if known is not None and known.expires_at - now > EARLY:
                return known
            try:
                return await asyncio.to_thread(self._renew_locked, audience)
            except AuthUnreachable as error:
                if known is None or known.expires_at - now <= LAST:
                    raise
                until = time.strftime("%H:%M", time.localtime(known.expires_at))
                self.trouble = f"{error.message} The present token is good until {until}."
                return known

    def _renew_locked(self, audience: str) -> SavedToken:
        """Refresh under the file's lock, in a thread: waiting for the lock blocks."""
        with self._file.locked():
            saved = self._file.read()
            if saved is None:
                raise SessionEnded("You are not logged in.")
            known = saved.tokens.get(audience)
            if known is not None and known.expires_at - self._clock() > EARLY:
                return known
            try:
                grant = asyncio.run(self._client.refresh(saved.refresh_token, audience))
            except SessionEnded:
                self._file.delete()
                raise
            renewed = self._merged(saved, grant)
            self._file.write(renewed)
        self.trouble = ""
        return renewed.tokens[grant.audience]

    def _merged(self, before: SavedSession | None, grant: Grant) -> SavedSession:
        now = self._clock()
        others = {} if before is None else before.tokens
        tokens = {name: token for name, token in others.items() if token.expires_at > now}
        tokens[grant.audience] = SavedToken(grant.access_token, grant.expires_at)
        return SavedSession(
            version=VERSION,
            url=self._client.url,
            username=grant.username,
            groups=grant.groups,
            session_id=grant.session_id,
            refresh_token=grant.refresh_token,
            refresh_expires_at=grant.refresh_expires_at,
            snapshot_key=grant.snapshot_key,
            tokens=tokens,
        )
