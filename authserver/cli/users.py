"""`user add|list|disable|enable|passwd|totp-reset|delete|groups`."""

import argparse
from typing import TypeVar

from authserver import administration, people
from authserver.cli.context import (
    LOCAL,
    CommandFailed,
    administrator,
    administrator_here,
    checked_groups,
    checked_user,
    moment,
    read_password,
    say,
    service_of,
    table,
)
from authserver.config import Settings
from authserver.service import Service

_T = TypeVar("_T")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the command line."""
    user = commands.add_parser("user", help="manage users")
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_parser = actions.add_parser("add", help="add a user; asks for the password")
    add_parser.add_argument("name")
    add_parser.add_argument("--groups", default="", help="with commas between them")
    add_parser.set_defaults(run=add)
    list_parser = actions.add_parser("list", help="list users")
    list_parser.set_defaults(run=list_users)
    for action, help_text in (
        ("disable", "end a user's sessions and API keys, and refuse logins"),
        ("enable", "let a user log in again"),
    ):
        action_parser = actions.add_parser(action, help=help_text)
        action_parser.add_argument("name")
        action_parser.set_defaults(run=set_disabled)
    passwd_parser = actions.add_parser(
        "passwd", help="set a password, which ends every session and API key"
    )
    passwd_parser.add_argument("name")
    passwd_parser.add_argument(
        "--keep-api-keys", action="store_true", help="for a password that nobody else has known"
    )
    passwd_parser.set_defaults(run=passwd)
    totp_parser = actions.add_parser(
        "totp-reset", help="take a lost second factor away, which ends every session"
    )
    totp_parser.add_argument("name")
    totp_parser.set_defaults(run=totp_reset)
    delete_parser = actions.add_parser("delete", help="delete a user for good")
    delete_parser.add_argument("name")
    delete_parser.add_argument("--yes", action="store_true", help="yes, delete")
    delete_parser.set_defaults(run=delete)
    groups_parser = actions.add_parser("groups", help="replace a user's groups")
    groups_parser.add_argument("name")
    groups_parser.add_argument("groups", help="with commas between them; '' for none")
    groups_parser.set_defaults(run=groups)


def _known(outcome: _T | None, name: str) -> _T:
    if outcome is None:
        raise CommandFailed(f"there is no user {name}")
    return outcome


def _and_keys(revoked: int) -> str:
    return f", {revoked} API key{'s' * (revoked != 1)} revoked" if revoked else ""


async def _record(service: Service, action: str, target: str) -> None:
    await service.record(action, "ok", LOCAL, actor=administrator(), target=target)


async def add(given: argparse.Namespace, settings: Settings) -> None:
    """Add a user."""
    name, user_groups = checked_user(given.name), checked_groups(given.groups)
    async with service_of(settings) as service:
        if await service.stores.users.user(name) is not None:
            raise CommandFailed(f"{name} exists already")
        password = read_password()
        people.require_good_password(password, name)
        password_hash = await people.hash_password(service, password)
        user = people.new_user(name, password_hash, user_groups, service.now)
        if not await service.stores.users.create_user(user):
            raise CommandFailed(f"{name} exists already")
        await _record(service, "user-add", name)
    say(f"added {name}")


async def list_users(_given: argparse.Namespace, settings: Settings) -> None:
    """List users with their groups and state."""
    async with service_of(settings) as service:
        found = await service.stores.users.users()
    table(
        ("NAME", "GROUPS", "STATE", "TOTP", "CREATED"),
        (
            (
                user.name,
                ",".join(user.groups) or "-",
                "disabled" if user.disabled else "enabled",
                "yes" if user.totp else "no",
                moment(user.created),
            )
            for user in found
        ),
    )


async def set_disabled(given: argparse.Namespace, settings: Settings) -> None:
    """Disable or enable a user."""
    name = checked_user(given.name)
    async with service_of(settings) as service:
        revoked = await administration.set_disabled(
            service, name, administrator_here(), disabled=given.action == "disable"
        )
    say(f"{given.action}d {name}{_and_keys(_known(revoked, name))}")


async def passwd(given: argparse.Namespace, settings: Settings) -> None:
    """Set a user's password."""
    name = checked_user(given.name)
    async with service_of(settings) as service:
        if await service.stores.users.user(name) is None:
            raise CommandFailed(f"there is no user {name}")
        password = read_password()
        people.require_good_password(password, name)
        password_hash = await people.hash_password(service, password)
        revoked = await administration.set_password(
            service, name, password_hash, administrator_here(), keep_api_keys=given.keep_api_keys
        )
    ended = f"all sessions ended{_and_keys(_known(revoked, name))}"
    say(f"changed the password of {name}; {ended}")


async def totp_reset(given: argparse.Namespace, settings: Settings) -> None:
    """Take a user's second factor away."""
    name = checked_user(given.name)
    async with service_of(settings) as service:
        reset = await administration.reset_second_factor(service, name, administrator_here())
    if not _known(reset, name):
        raise CommandFailed(f"{name} has no second factor")
    say(f"{name} logs in without a second factor; all sessions ended")


async def delete(given: argparse.Namespace, settings: Settings) -> None:
    """Delete a user, their sessions and API keys."""
    name = checked_user(given.name)
    if not given.yes:
        raise CommandFailed(f"{name} would be gone for good: say --yes, or use user disable")
    async with service_of(settings) as service:
        revoked = await administration.delete(service, name, administrator_here())
    say(f"deleted {name}; all sessions ended{_and_keys(_known(revoked, name))}")


async def groups(given: argparse.Namespace, settings: Settings) -> None:
    """Replace a user's groups."""
    name, wanted = checked_user(given.name), checked_groups(given.groups)
    async with service_of(settings) as service:
        user = await people.set_groups(service, name, wanted)
        if user is None:
            raise CommandFailed(f"there is no user {name}")
        await _record(service, "user-groups", name)
    say(f"{name}: {', '.join(user.groups) or 'no groups'}")
