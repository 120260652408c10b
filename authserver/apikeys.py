"""API keys: for programs, with no more than their user has, exchanged for short access tokens."""

import hashlib
import hmac
import re
import secrets
from typing import Final

from authserver import limits, people, sessions
from authserver.config import OWN_AUDIENCE
from authserver.errors import ApiError, Unauthorized, bad_request, too_many_attempts
from authserver.names import is_name
from authserver.service import Caller, Service
from authserver.stores import ApiKey, User
from authserver.wire import AccessAnswer, ApiKeyEntry, ApiKeyRequest, NewApiKeyAnswer

PREFIX: Final = "lvk_"
_TEXT: Final = re.compile(r"lvk_([a-f0-9]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_MOST_PER_USER: Final = 100


def entry(key: ApiKey) -> ApiKeyEntry:
    """Return a key as its owner sees it."""
    return ApiKeyEntry(
        id=key.id,
        label=key.label,
        audiences=key.audiences,
        groups=key.groups,
        created=key.created,
        expires=key.expires,
        introspect=key.introspect,
    )


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()


async def create(
    service: Service, user: User, request: ApiKeyRequest, caller: Caller
) -> NewApiKeyAnswer:
    """Make a key after asking for the password. Raises ApiError."""
    await people.require_password(service, user, request.password, caller)
    groups = user.groups if request.groups is None else request.groups
    if not all(map(is_name, groups)) or not set(groups) <= set(user.groups):
        raise bad_request("A key can have only groups that its user has.")
    allowed = set(service.settings.audiences_for(user.groups)) - {OWN_AUDIENCE}
    if not set(request.audiences) <= allowed:
        raise bad_request("A key can have only audiences that its user may ask for.")
    if len(await service.stores.users.api_keys(user.name)) >= _MOST_PER_USER:
        raise ApiError(409, "too_many_keys", "Revoke a key before you make another.")
    secret = secrets.token_urlsafe(32)
    expires = None if request.expires_in is None else service.now + request.expires_in
    key = ApiKey(
        id=secrets.token_hex(8),
        user=user.name,
        label=request.label,
        digest=_digest(secret),
        audiences=tuple(sorted(set(request.audiences))),
        groups=tuple(sorted(set(groups))),
        created=service.now,
        expires=expires,
        introspect=request.introspect,
    )
    await service.stores.users.add_api_key(key)
    # Whoever ends a user's keys changes the user first and lists the keys then: either they find
    # this one, or we find the change.
    present = await service.stores.users.user(user.name)
    if present is None or present.disabled or present.epoch != user.epoch:
        await service.stores.users.delete_api_key(user.name, key.id)
        raise Unauthorized("user is gone, disabled or has a new password")
    await service.record("api-key-create", "ok", caller, actor=user.name, target=key.id)
    return NewApiKeyAnswer(f"{PREFIX}{key.id}_{secret}", entry(key))


async def revoke(service: Service, user: User, key_id: str, caller: Caller) -> None:
    """Delete one of the user's own keys. Raises ApiError (404)."""
    if not await service.stores.users.delete_api_key(user.name, key_id):
        raise ApiError(404, "not_found", "There is no such API key.")
    await service.record("api-key-revoke", "ok", caller, actor=user.name, target=key_id)


async def revoke_all(
    service: Service, name: str, caller: Caller, *, actor: str, reason: str
) -> int:
    """Delete all of a user's keys, with an audit line each, and return how many there were."""
    revoked = 0
    for key in await service.stores.users.api_keys(name):
        if await service.stores.users.delete_api_key(name, key.id):
            revoked += 1
            await service.record(
                "api-key-revoke", "ok", caller, actor=actor, reason=reason, target=key.id, user=name
            )
    return revoked


async def authenticate(service: Service, text: str, caller: Caller) -> tuple[ApiKey, User]:
    """Return the key that `text` is, and its user. Raises ApiError (401, 429)."""
    parts = _TEXT.fullmatch(text)
    key = await service.stores.users.api_key(parts[1]) if parts else None
    digest = _digest(parts[2] if parts else "")
    if key is None or not hmac.compare_digest(key.digest, digest):
        raise await _refused(service, caller, "unknown key")
    if key.expires is not None and key.expires <= service.now:
        raise await _refused(service, caller, "expired key", key)
    user = await service.stores.users.user(key.user)
    if user is None or user.disabled:
        raise await _refused(service, caller, "user is gone or disabled", key)
    return key, user


async def _refused(
    service: Service, caller: Caller, reason: str, key: ApiKey | None = None
) -> ApiError:
    limit = limits.network_limit(service.settings.limits, "api-key", caller.address)
    wait = await service.stores.sessions.attempt([limit], service.clock())
    if wait:
        return too_many_attempts(wait)
    actor, target = (key.user, key.id) if key else (None, None)
    service.refuse("api-key", caller, actor=actor, reason=reason, target=target)
    return Unauthorized(reason)


async def exchange(service: Service, text: str, audience: str, caller: Caller) -> AccessAnswer:
    """Return an access token for one of the key's audiences, with groups that still apply.

    Raises ApiError: 401, 403 for an audience, 429, 503.
    """
    key, user = await authenticate(service, text, caller)
    if audience not in key.audiences:
        raise ApiError(403, "audience_refused", "This key is not for that audience.")
    sessions.require_audience(service, user, audience)
    sessions.require_pace(service, "api-key", key.id, user, caller)
    groups = tuple(group for group in key.groups if group in user.groups)
    token, claims = sessions.access_token(service, user, groups, audience, None)
    await service.record(
        "api-key",
        "ok",
        caller,
        stream="routine",
        actor=user.name,
        jti=claims.jti,
        target=key.id,
        audience=audience,
    )
    return sessions.access_answer(token, claims)
