"""What an administrator does to somebody's account, with everything that it ends and its audit lines.

Each of these is meant for the day on which a password, a phone or a person is lost: whatever was got
with the account before is worth nothing afterwards.
"""

from dataclasses import dataclass

import msgspec

from authserver import apikeys, people
from authserver.service import Caller, Service
from authserver.stores import User


@dataclass(frozen=True)
class Administrator:
    """Who does it, and from where, for the audit log."""

    name: str
    caller: Caller

    async def record(self, service: Service, action: str, target: str) -> None:
        """Audit that `action` was done to the user `target`."""
        await service.record(action, "ok", self.caller, actor=self.name, target=target)

    async def revoke_keys(self, service: Service, user: str, reason: str) -> int:
        """Revoke a user's API keys and return how many there were."""
        return await apikeys.revoke_all(service, user, self.caller, actor=self.name, reason=reason)


async def set_disabled(
    service: Service, name: str, by: Administrator, *, disabled: bool
) -> int | None:
    """Disable a user or enable them again, and revoke their API keys either way.

    Enabling revokes too: keys of somebody whom an earlier release has disabled still lie there, and
    none of them may come back to life. Returns how many it were, None when there is no such user.
    """
    if await people.set_disabled(service, name, disabled=disabled) is None:
        return None
    action = "user-disable" if disabled else "user-enable"
    await by.record(service, action, name)
    return await by.revoke_keys(service, name, action)


async def set_password(
    service: Service, name: str, password_hash: str, by: Administrator, *, keep_api_keys: bool
) -> int | None:
    """Replace a user's password, which ends every session and, unless they are kept, API key.

    Returns how many keys were revoked, None when there is no such user.
    """
    if await people.set_password_hash(service, name, password_hash) is None:
        return None
    await by.record(service, "user-passwd", name)
    return 0 if keep_api_keys else await by.revoke_keys(service, name, "user-passwd")


async def reset_second_factor(service: Service, name: str, by: Administrator) -> bool | None:
    """Take a user's second factor away, which ends every session; API keys never needed it.

    Returns whether there was one, begun or in use; None when there is no such user.
    """
    user = await service.stores.users.user(name)
    if user is None:
        return None
    if user.totp is None and user.totp_pending is None:
        return False
    if await people.change(service, name, _without_second_factor) is None:
        return None
    await people.end_everything(service, name)
    await by.record(service, "user-totp-reset", name)
    return True


def _without_second_factor(user: User) -> User:
    return people.ended(msgspec.structs.replace(user, totp=None, totp_pending=None))


async def delete(service: Service, name: str, by: Administrator) -> int | None:
    """Delete a user with their sessions and API keys; their entries in the journal stay.

    Returns how many keys were revoked, None when there is no such user.
    """
    # Disabled first: no login or new key that is under way may outlive the user, and what is left
    # when this is interrupted is of no use to anybody and can be deleted again.
    if await people.set_disabled(service, name, disabled=True) is None:
        return None
    revoked = await by.revoke_keys(service, name, "user-delete")
    if not await service.stores.users.delete_user(name):
        return None
    await by.record(service, "user-delete", name)
    return revoked
