"""Keeps a session going: hands out access tokens and renews them before they end."""

import asyncio
import atexit
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from leviathan_tui.backend.identity.auth_client import AuthClient, Grant
from leviathan_tui.backend.identity.errors import (
    AuthRefused,
    AuthUnreachable,
    IdentityError,
    SessionEnded,
)
from leviathan_tui.backend.identity.saved import VERSION, SavedSession, SavedToken, SessionStore

EARLY: Final = 120.0
"""Seconds before its end at which a token is renewed, or a third of its life where that is less.

The auth server may be away for as long.
"""

LAST: Final = 5.0
"""Seconds before its end at which a token is not sent any more."""

RENEWAL_TIMEOUT: Final = 2.0
"""Seconds for which a request waits for a new token while the present one is still good."""

PAUSE: Final = 5.0
"""Seconds after a refresh that failed before the next, while the present token is still good."""


class _Renewal:
    """One refresh on its way, which everybody who needs the token waits for."""

    def __init__(self) -> None:
        self.future: Future[SavedToken] = Future()
        self.started = time.monotonic()


class SessionKeeper:
    """The session at one auth server: in a file, shared with every process of the same user.

    Whoever needs a token asks here, from any event loop. Only one process at a time refreshes: it
    takes the file's lock and reads the file again first, because another may have refreshed
    meanwhile. Within a process one thread does so, and nobody waits long for it who has a token.
    """

    def __init__(
        self, client: AuthClient, file: SessionStore, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._renewals: dict[str, _Renewal] = {}
        self._not_before = 0.0
        self._ended: SessionEnded | None = None
        self.trouble = ""
        """Why the last refresh failed while an older token still serves; empty when all is well."""
        self.good_until = ""
        """By the local clock, when that token ends; empty where there is none."""

    def saved(self) -> SavedSession | None:
        """Return the saved session. Raises `AuthRefused` for a file that cannot be trusted."""
        return self._file.read()

    async def login(self, username: str, password: str, audience: str, totp: str = "") -> Grant:
        """Begin a session and save it. Raises what `AuthClient.login` raises."""
        grant = await self._client.login(username, password, audience, totp)
        try:
            self._client.check_clock(grant)
            await asyncio.to_thread(self._save_locked, grant)
        except AuthRefused:
            # Nobody would use this session, so it is not left behind.
            await self._client.logout(grant.refresh_token)
            raise
        self.trouble, self._not_before, self._ended = "", 0.0, None
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

    def end(self, timeout: float) -> None:
        """End the session at the program's end, as far as the auth server answers in time.

        Blocks for `timeout` seconds at most, whatever else goes on.
        """

        def log_out() -> None:
            with suppress(IdentityError):
                asyncio.run(self.logout())

        thread = threading.Thread(target=log_out, name="logout", daemon=True)
        thread.start()
        thread.join(timeout)

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
        where a login is needed, `AuthUnreachable` when no token is left and none can be had,
        `AuthRefused` where this machine's clock is off.
        """
        saved = self._file.read()
        if saved is None:
            raise self._ended or SessionEnded("You are not logged in.")
        known = saved.tokens.get(audience)
        left = 0.0 if known is None else known.expires_at - self._clock()
        if known is not None and left > _early(known):
            return known
        if known is None or left <= LAST:
            # Shielded, as below: who does not wait any longer must not end it for the others.
            return await asyncio.shield(asyncio.wrap_future(self._renewal(audience).future))
        if time.monotonic() < self._not_before:
            return known
        renewal = self._renewal(audience)
        wait = renewal.started + RENEWAL_TIMEOUT - time.monotonic()
        if wait <= 0:
            return known
        try:
            future = asyncio.shield(asyncio.wrap_future(renewal.future))
            return await asyncio.wait_for(future, wait)
        except TimeoutError:
            if not renewal.future.done():
                self._say("The auth server does not answer.", known)
            return known
        except (AuthUnreachable, AuthRefused):
            return known

    def _renewal(self, audience: str) -> _Renewal:
        """Return the refresh that is on its way for an audience; begin one where there is none."""
        with self._lock:
            renewal = self._renewals.get(audience)
            if renewal is not None:
                return renewal
            renewal = self._renewals[audience] = _Renewal()
        thread = threading.Thread(
            target=self._renew, args=(audience, renewal), name="refresh", daemon=True
        )
        # A program that ends now must not lose an answer that has used up the refresh token.
        atexit.register(thread.join, RENEWAL_TIMEOUT)
        renewal.future.add_done_callback(lambda _: atexit.unregister(thread.join))
        thread.start()
        return renewal

    def _renew(self, audience: str, renewal: _Renewal) -> None:
        # From now on nobody can cancel it.
        renewal.future.set_running_or_notify_cancel()
        token: SavedToken | None = None
        failure: BaseException = RuntimeError("no token")
        try:
            token = self._renew_locked(audience)
        except BaseException as error:
            # Whatever it is, those who wait have to hear of it.
            failure = error
        try:
            if token is None:
                self._note(audience, failure)
        finally:
            with self._lock:
                del self._renewals[audience]
            if token is not None:
                renewal.future.set_result(token)
            else:
                renewal.future.set_exception(failure)

    def _note(self, audience: str, error: BaseException) -> None:
        """Remember why a refresh failed, and for how long to leave it."""
        if isinstance(error, SessionEnded):
            self._ended, self.trouble = error, ""
            return
        pause = error.retry_after if isinstance(error, AuthUnreachable) else 0.0
        self._not_before = time.monotonic() + max(PAUSE, pause)
        words = error.message if isinstance(error, IdentityError) else type(error).__name__
        try:
            saved = self._file.read()
        except (OSError, IdentityError):
            saved = None
        known = None if saved is None else saved.tokens.get(audience)
        self._say(words, known)

    def _say(self, words: str, known: SavedToken | None) -> None:
        self.good_until = ""
        if known is not None and known.expires_at - self._clock() > LAST:
            self.good_until = time.strftime("%H:%M", time.localtime(known.expires_at))
            words = f"{words} The present token is good until {self.good_until}."
        self.trouble = words

    def _renew_locked(self, audience: str) -> SavedToken:
        """Refresh under the file's lock, in a thread: waiting for the lock blocks."""
        with self._file.locked():
            saved = self._file.read()
            if saved is None:
                raise SessionEnded("You are not logged in.")
            known = saved.tokens.get(audience)
            if known is not None and known.expires_at - self._clock() > _early(known):
                return known
            try:
                grant = asyncio.run(self._client.refresh(saved.refresh_token, audience))
            except SessionEnded:
                self._file.delete()
                raise
            renewed = self._merged(saved, grant)
            self.trouble, self._not_before = "", 0.0
            # Before anything is found fault with: the old refresh token is used up.
            self._file.write(renewed)
        self._client.check_clock(grant)
        return renewed.tokens[grant.audience]

    def _merged(self, before: SavedSession | None, grant: Grant) -> SavedSession:
        now = self._clock()
        others = {} if before is None else before.tokens
        tokens = {name: token for name, token in others.items() if token.expires_at > now}
        tokens[grant.audience] = SavedToken(grant.access_token, grant.expires_at, grant.server_time)
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


def _early(token: SavedToken) -> float:
    """Return how many seconds before its end a token is renewed."""
    life = token.expires_at - token.issued_at
    return min(EARLY, life / 3) if token.issued_at else EARLY
