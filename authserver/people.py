"""Users: making them, their groups, their passwords, and what a change of these ends."""

import enum
import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from authserver import limits, secretfile
from authserver.config import Settings
from authserver.errors import (
    ApiError,
    bad_request,
    invalid_credentials,
    too_many_attempts,
    unavailable,
)
from authserver.names import NameRefused, group_name, user_name
from authserver.passwords import Busy, PasswordRefused, check_new
from authserver.secretfile import InsecureFile
from authserver.service import Caller, Service
from authserver.stores import User

SETUP_CODE_PREFIX: Final = "setup-"
_SHORTEST_CODE: Final = 20
_LONGEST_CODE: Final = 256
_TRIES: Final = 10


def new_user(name: str, password_hash: str, groups: Iterable[str], created: int) -> User:
    """Return a user whose names follow the rules. Raises NameRefused."""
    checked = tuple(sorted({group_name(group) for group in groups}))
    # Sessions of a deleted user of the same name have an epoch from before that time.
    return User(user_name(name), password_hash, checked, created, epoch=created)


def canonical(name: str) -> str:
    """Return a user name from a request in its one spelling. Raises ApiError (400)."""
    try:
        return user_name(name)
    except NameRefused as error:
        raise bad_request(str(error)) from None


async def change(service: Service, name: str, edit: Callable[[User], User]) -> User | None:
    """Apply `edit` to the stored user, again when somebody else changed it meanwhile.

    Returns the user as written, or None when there is none.
    """
    for _ in range(_TRIES):
        user = await service.stores.users.user(name)
        if user is None:
            return None
        edited = msgspec.structs.replace(edit(user), version=user.version + 1)
        if await service.stores.users.replace_user(edited):
            return edited
    raise unavailable("The account is being changed by somebody else.", 1)


def ended(user: User) -> User:
    """Return the user with an epoch that no running session has."""
    return msgspec.structs.replace(user, epoch=user.epoch + 1)


async def end_everything(service: Service, name: str) -> int:
    """Delete the user's sessions; those that slip through die of their epoch."""
    return await service.stores.sessions.end_sessions(name)


async def set_disabled(service: Service, name: str, *, disabled: bool) -> User | None:
    """Disable a user, which ends their sessions, or enable them again."""
    user = await change(
        service, name, lambda user: ended(msgspec.structs.replace(user, disabled=disabled))
    )
    if user is not None and disabled:
        await end_everything(service, name)
    return user


async def set_groups(service: Service, name: str, groups: Iterable[str]) -> User | None:
    """Replace a user's groups, which running sessions get with their next refresh.

    Raises NameRefused.
    """
    checked = tuple(sorted({group_name(group) for group in groups}))
    return await change(service, name, lambda user: msgspec.structs.replace(user, groups=checked))


async def set_password_hash(service: Service, name: str, password_hash: str) -> User | None:
    """Replace a user's password, which ends every session."""
    user = await change(
        service,
        name,
        lambda user: ended(msgspec.structs.replace(user, password_hash=password_hash)),
    )
    if user is not None:
        await end_everything(service, name)
    return user


async def rehash(service: Service, name: str, old: str, password: str) -> None:
    """Replace a hash that was made with weaker parameters, unless the password has changed."""
    fresh = await hash_password(service, password)
    await change(
        service,
        name,
        lambda user: (
            msgspec.structs.replace(user, password_hash=fresh)
            if user.password_hash == old
            else user
        ),
    )


async def hash_password(service: Service, password: str) -> str:
    """Return a hash, or raise ApiError (503) when too many are being computed."""
    try:
        return await service.hasher.hash(password)
    except Busy:
        raise unavailable("Too many passwords are being checked.", 2) from None


async def require_password(service: Service, user: User, password: str, caller: Caller) -> None:
    """Ask for the password again within a session. Raises ApiError (401, 429, 503)."""
    limit = limits.password_limit(service.settings.limits, user.name)
    wait = await service.stores.sessions.attempt([limit], service.clock())
    if wait:
        raise too_many_attempts(wait)
    try:
        verdict = await service.hasher.check(user.password_hash, password)
    except Busy:
        await service.stores.sessions.forgive([limit.key])
        raise unavailable("Too many passwords are being checked.", 2) from None
    if not verdict.correct:
        await service.record(
            "password-check", "refused", caller, actor=user.name, reason="wrong password"
        )
        raise invalid_credentials()
    await service.stores.sessions.clear([limit.key])


async def change_password(
    service: Service, user: User, current: str, new: str, caller: Caller
) -> None:
    """Set a new password after asking for the present one. Raises ApiError."""
    await require_password(service, user, current, caller)
    require_good_password(new, user.name)
    await set_password_hash(service, user.name, await hash_password(service, new))
    await service.record("password-change", "ok", caller, actor=user.name)


def require_good_password(password: str, user: str) -> None:
    """Raise ApiError (400) with the rule that a new password breaks."""
    try:
        check_new(password, user)
    except PasswordRefused as error:
        raise bad_request(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def new_setup_code() -> str:
    """Make a one-time code with which the first user is created."""
    return SETUP_CODE_PREFIX + secrets.token_urlsafe(18)


def setup_digest(code: str) -> str:
    """Return what the store keeps of a setup code."""
    return hashlib.sha256(code.encode()).hexdigest()


async def offer_setup_code(service: Service, *, replace: bool) -> str | None:
    """Return a new one-time code that creates the first user.

    None when there are users, and, unless it is to `replace` it, when a code was given before that
    nobody has used: somebody has noted that one.
    """
    code = new_setup_code()
    kept = await service.stores.users.set_setup_code(setup_digest(code), replace=replace)
    return code if kept else None


def given_setup_code(settings: Settings) -> str | None:
    """Return the setup code that lies in a file.

    None where the settings name no file, and where the file is missing or empty: a code that has
    been used may be deleted. Raises InsecureFile for a file that others can read, or a code that can
    be guessed.
    """
    if settings.setup_code_file is None:
        return None
    path = settings.path(settings.setup_code_file)
    if not path.exists():
        return None
    try:
        code = secretfile.read(path, mounted=True).decode().strip()
    except UnicodeError:
        raise InsecureFile(f"{path}: is no text") from None
    if code and not _SHORTEST_CODE <= len(code) <= _LONGEST_CODE:
        raise InsecureFile(
            f"{path}: a setup code has {_SHORTEST_CODE} to {_LONGEST_CODE} characters"
        )
    return code or None


class GivenCode(enum.Enum):
    """What became of the setup code in the settings' file."""

    KEPT = enum.auto()
    """It creates the first user, and no other code does."""
    USED = enum.auto()
    """There are no users, but there were some since this code was given."""
    MISSING = enum.auto()
    """There are no users, and no code in the file."""
    NOT_NEEDED = enum.auto()
    """There are users."""


async def keep_given_setup_code(service: Service) -> GivenCode:
    """Let the code in the settings' file create the first user, and no other code.

    All servers of an installation read the same code. Raises InsecureFile.
    """
    users = service.stores.users
    code = given_setup_code(service.settings)
    digest = None if code is None else setup_digest(code)
    if digest is not None and await users.set_setup_code(digest, replace=True):
        return GivenCode.KEPT
    if not await users.is_empty():
        if digest is not None:
            # The file may outlast these users.
            await users.spend_setup_code(digest)
        return GivenCode.NOT_NEEDED
    # A code that lay in the file before must not outlive it.
    await users.drop_setup_code()
    return GivenCode.MISSING if digest is None else GivenCode.USED


async def set_up(service: Service, code: str, name: str, password: str, caller: Caller) -> User:
    """Create the first user. Raises ApiError: 400, 401 for a wrong or used code, 429, 503."""
    name = canonical(name)
    require_good_password(password, name)
    limit = limits.network_limit(service.settings.limits, "setup", caller.address)
    wait = await service.stores.sessions.attempt([limit], service.clock())
    if wait:
        raise too_many_attempts(wait)
    password_hash = await hash_password(service, password)
    user = new_user(name, password_hash, service.settings.setup_groups, service.now)
    if not await service.stores.users.redeem_setup_code(setup_digest(code), user):
        service.refuse("setup", caller, actor=name, reason="wrong or used code")
        raise ApiError(401, "invalid_setup_code", "The setup code is wrong or has been used.")
    await service.record("setup", "ok", caller, actor=name)
    return user
