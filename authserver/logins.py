"""A login: counters first, one password computation whoever it is, then the second factor."""

import asyncio

from authserver import limits, people, secondfactor, sessions
from authserver.errors import ApiError, invalid_credentials, too_many_attempts, unavailable
from authserver.limits import Gate
from authserver.passwords import Busy, Verdict
from authserver.service import Caller, Service
from authserver.stores import StoreUnavailable, User
from authserver.wire import LoginRequest, SessionAnswer


async def log_in(service: Service, request: LoginRequest, caller: Caller) -> SessionAnswer:
    """Open a session for who proves to be `request.username`.

    Raises ApiError: 400 for a name nobody can have, 401 for anything wrong (`totp_required` when
    only the code is missing), 403 for an audience, 429 and 503.
    """
    name = people.canonical(request.username)
    store = service.stores.sessions
    gate = await limits.login_gate(
        service.settings.limits, store, name, caller.address, service.clock()
    )
    wait = await limits.attempt(store, gate, service.clock())
    if wait:
        service.refuse("login", caller, actor=name, reason="too many attempts")
        raise too_many_attempts(wait)
    user, verdict = await _check_password(service, name, request.password, gate)
    if user is None or user.disabled or not verdict.correct:
        reason = _reason(user, verdict)
        service.refuse("login", caller, actor=name, reason=reason)
        raise invalid_credentials()
    try:
        second = await secondfactor.require(service, user, request.totp, caller)
        sessions.require_audience(service, user, request.audience)
    except ApiError as error:
        # The password was right, and wrong codes have a counter of their own.
        await limits.take_back(store, gate)
        service.refuse("login", caller, actor=name, reason=error.code)
        raise
    if verdict.outdated:
        await people.rehash(service, name, user.password_hash, request.password)
    methods = ("pwd", "otp") if second else ("pwd",)  # RFC 8176
    # Together, because a store that syncs every commit then needs only one for all of it.
    (answer, claims), _ = await asyncio.gather(
        sessions.open_session(service, user, request.audience, methods, caller),
        limits.succeeded(store, gate, name, caller.address, service.clock()),
    )
    await service.record(
        "login",
        "ok",
        caller,
        actor=name,
        jti=claims.jti,
        session=claims.sid,
        audience=claims.aud,
    )
    return answer


async def _check_password(
    service: Service, name: str, password: str, gate: Gate
) -> tuple[User | None, Verdict]:
    """Read the user and compute one hash. What cannot be decided is not counted as a failure."""
    try:
        user = await service.stores.users.user(name)
        stored = None if user is None else user.password_hash
        return user, await service.hasher.check(stored, password)
    except Busy:
        await limits.take_back(service.stores.sessions, gate)
        raise unavailable("Too many passwords are being checked.", 2) from None
    except StoreUnavailable:
        await limits.take_back(service.stores.sessions, gate)
        raise


def _reason(user: User | None, verdict: Verdict) -> str:
    if user is None:
        return "unknown user"
    if not verdict.correct:
        return "wrong password"
    return "disabled"
