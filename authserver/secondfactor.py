"""The second factor: setting it up in two steps, asking for it, and taking it away."""

import msgspec

from authserver import limits, people, totp
from authserver.errors import ApiError, bad_request, invalid_credentials, too_many_attempts
from authserver.service import Caller, Service
from authserver.stores import User
from authserver.wire import TotpAnswer


async def _accept(service: Service, user: User, sealed: str, code: str) -> bool:
    """Say whether the code fits and has not been used; each step is good for one login.

    Raises ApiError (429) after five wrong codes.
    """
    sessions = service.stores.sessions
    limit = limits.totp_limit(service.settings.limits, user.name)
    wait = await sessions.attempt([limit], service.clock())
    if wait:
        raise too_many_attempts(wait)
    secret = service.secret.unseal(sealed, user.name)
    step = None if secret is None else totp.matching_step(secret, code, service.clock())
    if step is None:
        return False
    # RFC 6238 §5.2: no second acceptance of a code, on whichever server it arrives.
    used = f"totp-used:{user.name}:{step}"
    if not await sessions.claim(used, service.clock(), totp.PERIOD * (2 * totp.WINDOW + 2)):
        return False
    await sessions.clear([limit.key])
    return True


async def require(service: Service, user: User, code: str | None, caller: Caller) -> bool:
    """Ask for the second factor if the user has one, and say whether that was so.

    Raises ApiError: 401 `totp_required` without a code, `invalid_credentials` for a wrong one, 429.
    """
    if user.totp is None:
        return False
    if code is None:
        raise ApiError(401, "totp_required", "A code from your authenticator app is needed.")
    if not await _accept(service, user, user.totp, code):
        await service.record(
            "totp-check", "refused", caller, actor=user.name, reason="wrong or used code"
        )
        raise invalid_credentials()
    return True


async def enrol(service: Service, user: User, password: str, caller: Caller) -> TotpAnswer:
    """Begin: make a secret that counts once it is confirmed. Raises ApiError."""
    await people.require_password(service, user, password, caller)
    if user.totp is not None:
        raise ApiError(409, "totp_enabled", "A second factor is set up already.")
    secret = totp.new_secret()
    sealed = service.secret.seal(secret, user.name)
    await people.change(
        service, user.name, lambda user: msgspec.structs.replace(user, totp_pending=sealed)
    )
    await service.record("totp-enrol", "ok", caller, actor=user.name)
    return TotpAnswer(totp.base32(secret), totp.uri(secret, user.name, "Leviathan"))


async def confirm(service: Service, user: User, code: str, caller: Caller) -> None:
    """Finish: a code shows that the app has the secret. Raises ApiError."""
    pending = user.totp_pending
    if pending is None:
        raise bad_request("No second factor waits to be confirmed.")
    if not await _accept(service, user, pending, code):
        await service.record(
            "totp-confirm", "refused", caller, actor=user.name, reason="wrong code"
        )
        raise invalid_credentials()
    await people.change(
        service,
        user.name,
        lambda user: msgspec.structs.replace(user, totp=pending, totp_pending=None),
    )
    await service.record("totp-confirm", "ok", caller, actor=user.name)


async def disable(service: Service, user: User, password: str, code: str, caller: Caller) -> None:
    """Take the second factor away. Raises ApiError."""
    await people.require_password(service, user, password, caller)
    if not await require(service, user, code, caller):
        raise bad_request("No second factor is set up.")
    await people.change(
        service,
        user.name,
        lambda user: msgspec.structs.replace(user, totp=None, totp_pending=None),
    )
    await service.record("totp-disable", "ok", caller, actor=user.name)
