"""Sessions: opening them, refreshing them, and what ends them (RFC 9700 §4.14 on rotation)."""

from typing import Final

import msgspec

from authserver import limits, people, refresh
from authserver.errors import ApiError, Unauthorized, too_many_attempts, too_many_requests
from authserver.refresh import RefreshToken
from authserver.service import Caller, Service
from authserver.stores import Session, User
from authserver.tokens import Claims, TokenError, sign
from authserver.wire import AccessAnswer, SessionAnswer, SessionEntry

GRACE_SECONDS: Final = 60
"""For so long a token that was just used yields its child again, while the child is unused."""

_DAY: Final = 86400
_LONGEST_CLIENT: Final = 120
_TRIES: Final = 5


def require_audience(service: Service, user: User, audience: str) -> None:
    """Raise ApiError (403) unless this user may have tokens for `audience`."""
    if audience not in service.settings.audiences_for(user.groups):
        raise ApiError(403, "audience_refused", "You may not have a token for this audience.")


def require_pace(service: Service, action: str, source: str, user: User, caller: Caller) -> None:
    """Raise ApiError (429) when a session or an API key has been given too many tokens."""
    seconds = service.issues.wait(source)
    if seconds:
        service.refuse(action, caller, actor=user.name, reason="too many requests")
        raise too_many_requests(seconds)


def access_token(
    service: Service,
    user: User,
    groups: tuple[str, ...],
    audience: str,
    session: str | None,
) -> tuple[str, Claims]:
    """Sign an access token. Raises ApiError (403) for an identity that is never signed."""
    try:
        return sign(
            service.keyring.signing_key(),
            issuer=service.settings.issuer,
            audience=audience,
            subject=user.name,
            groups=groups,
            now=service.now,
            lifetime=service.settings.tokens.access_seconds,
            session=session,
        )
    except TokenError:
        raise ApiError(403, "identity_refused", "This account cannot be given a token.") from None


def access_answer(token: str, claims: Claims) -> AccessAnswer:
    """Return the answer that carries an access token alone."""
    return AccessAnswer(
        access_token=token,
        token_type="Bearer",  # noqa: S106 - RFC 6750's name of the scheme
        expires_in=claims.exp - claims.iat,
        expires_at=claims.exp,
        server_time=claims.iat,
        audience=claims.aud,
        username=claims.sub,
        groups=claims.groups,
    )


def _answer(
    service: Service, user: User, session: Session, token: RefreshToken, audience: str
) -> tuple[SessionAnswer, Claims]:
    signed, claims = access_token(service, user, user.groups, audience, session.id)
    answer = SessionAnswer(
        **msgspec.structs.asdict(access_answer(signed, claims)),
        refresh_token=token.text,
        refresh_expires_at=session.expires,
        session_id=session.id,
        snapshot_key=service.secret.snapshot_key(service.settings.issuer, user.name, user.groups),
    )
    return answer, claims


async def open_session(
    service: Service, user: User, audience: str, methods: tuple[str, ...], caller: Caller
) -> tuple[SessionAnswer, Claims]:
    """Begin a session for somebody who has just proved who they are."""
    now, tokens = service.now, service.settings.tokens
    token = refresh.first_token()
    ends = now + int(tokens.session_days * _DAY)
    session = Session(
        id=token.session,
        user=user.name,
        epoch=user.epoch,
        audience=audience,
        methods=methods,
        created=now,
        ends=ends,
        expires=min(ends, now + int(tokens.idle_days * _DAY)),
        last_used=now,
        address=caller.address,
        client=caller.client[:_LONGEST_CLIENT],
        generation=token.generation,
        digest=token.digest,
        rotated=now,
    )
    answer = _answer(service, user, session, token, audience)
    await service.stores.sessions.open_session(session)
    await _end_oldest(service, user.name)
    return answer


async def _end_oldest(service: Service, user: str) -> None:
    sessions = await current_sessions(service, user)
    for session in sessions[: -service.settings.tokens.sessions_per_user]:
        await service.stores.sessions.end_session(session.id)


async def current_sessions(service: Service, user: str) -> list[Session]:
    """Return a user's sessions that have not expired, oldest first."""
    found = await service.stores.sessions.sessions(user)
    return [session for session in found if session.expires > service.now]


def entry(session: Session, current: str | None) -> SessionEntry:
    """Return a session as its owner sees it."""
    return SessionEntry(
        id=session.id,
        created=session.created,
        last_used=session.last_used,
        expires=session.expires,
        audience=session.audience,
        address=session.address,
        client=session.client,
        methods=session.methods,
        current=session.id == current,
    )


async def refresh_session(
    service: Service, text: str, audience: str | None, caller: Caller
) -> SessionAnswer:
    """Exchange a refresh token for its child and a new access token.

    Raises ApiError: 401 for a token that is not accepted (its reuse ends the session), 403 for an
    audience, 429 for a network that guesses or a session that refreshes too often, 503.
    """
    token = refresh.parse(text)
    if token is None:
        raise await _refused(service, caller, "malformed")
    for attempt in range(_TRIES):
        session = await _living_session(service, token, caller)
        behind = session.generation - token.generation
        if behind > 1 or (behind == 1 and not await _may_be_repeated(service, session)):
            await _end_reused(service, session, caller)
        user = await _living_user(service, session, caller)
        wanted = audience or session.audience
        require_audience(service, user, wanted)
        if attempt == 0:
            require_pace(service, "refresh", session.id, user, caller)
        child = token.child(service.secret.refresh_key)
        if behind == 0:
            session = _advanced(service, session, child)
        answer, claims = _answer(service, user, session, child, wanted)
        if behind == 1 or await service.stores.sessions.advance(session):
            await service.record(
                "refresh",
                "ok",
                caller,
                stream="routine",
                actor=user.name,
                reason="repeated" if behind else None,
                jti=claims.jti,
                session=session.id,
                audience=wanted,
            )
            return answer
        # Somebody rotated this token a moment ago: read again and join them.
    raise Unauthorized("rotated too often")


async def _may_be_repeated(service: Service, session: Session) -> bool:
    """Whether the answer with the present token may have been lost, so that its parent comes again.

    A store that was away took the answer with it, and nobody could come again before it was back.
    """
    if service.clock() - session.rotated <= GRACE_SECONDS:
        return True
    started = await service.stores.sessions.started()
    return started.ago <= GRACE_SECONDS and session.rotated <= started.at


def _advanced(service: Service, session: Session, child: RefreshToken) -> Session:
    now = service.now
    return msgspec.structs.replace(
        session,
        generation=child.generation,
        digest=child.digest,
        rotated=now,
        last_used=now,
        expires=min(session.ends, now + int(service.settings.tokens.idle_days * _DAY)),
    )


async def _living_session(service: Service, token: RefreshToken, caller: Caller) -> Session:
    session = await service.stores.sessions.session(token.session)
    if session is None:
        raise await _refused(service, caller, "unknown session")
    if session.expires <= service.now:
        raise await _refused(service, caller, "expired session", session)
    if not token.leads_to(session.digest, session.generation, service.secret.refresh_key):
        raise await _refused(service, caller, "not of this session", session)
    return session


async def _living_user(service: Service, session: Session, caller: Caller) -> User:
    user = await service.stores.users.user(session.user)
    if user is None or user.disabled or user.epoch != session.epoch:
        await service.stores.sessions.end_session(session.id)
        reason = "user is gone, disabled or has a new password"
        await service.record(
            "refresh", "refused", caller, actor=session.user, reason=reason, session=session.id
        )
        raise Unauthorized(reason)
    return user


async def _end_reused(service: Service, session: Session, caller: Caller) -> None:
    """A genuine token came a second time: one of two holders is a thief, so both lose it."""
    await service.stores.sessions.end_session(session.id)
    await service.record(
        "refresh-reuse", "refused", caller, actor=session.user, reason="reused", session=session.id
    )
    raise Unauthorized("reused")


async def _refused(
    service: Service, caller: Caller, reason: str, session: Session | None = None
) -> ApiError:
    limit = limits.network_limit(service.settings.limits, "refresh", caller.address)
    wait = await service.stores.sessions.attempt([limit], service.clock())
    if wait:
        return too_many_attempts(wait)
    actor, found = (session.user, session.id) if session else (None, None)
    service.refuse("refresh", caller, actor=actor, reason=reason, session=found)
    return Unauthorized(reason)


async def log_out(service: Service, text: str, caller: Caller) -> None:
    """End the session that a refresh token belongs to; nothing happens for any other text.

    RFC 7009 §2.2: the answer is the same for a token that is not known.
    """
    token = refresh.parse(text)
    session = await service.stores.sessions.session(token.session) if token else None
    if token is None or session is None:
        return
    if token.leads_to(session.digest, session.generation, service.secret.refresh_key):
        await service.stores.sessions.end_session(session.id)
        await service.record("logout", "ok", caller, actor=session.user, session=session.id)


async def end_own(service: Service, user: User, session_id: str, caller: Caller) -> None:
    """End one of the user's own sessions. Raises ApiError (404) for any other."""
    session = await service.stores.sessions.session(session_id)
    if session is None or session.user != user.name:
        raise ApiError(404, "not_found", "There is no such session.")
    await service.stores.sessions.end_session(session_id)
    await service.record("session-end", "ok", caller, actor=user.name, session=session_id)


async def living_user(service: Service, claims: Claims) -> User:
    """Return the user of an access token whose session still lives. Raises Unauthorized."""
    user = await service.stores.users.user(claims.sub)
    if user is None or user.disabled:
        raise Unauthorized("user is gone or disabled")
    if claims.sid is not None:
        session = await service.stores.sessions.session(claims.sid)
        if session is None or session.expires <= service.now or session.epoch != user.epoch:
            raise Unauthorized("session has ended")
    return user


async def end_all(service: Service, name: str) -> int:
    """End every session of a user and return how many there were."""
    await people.change(service, name, people.ended)
    return await people.end_everything(service, name)
