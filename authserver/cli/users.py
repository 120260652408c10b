"""`user add|list|disable|enable|passwd|groups`."""

import argparse

from authserver import people
from authserver.cli.context import (
    LOCAL,
    CommandFailed,
    administrator,
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
        ("disable", "end a user's sessions and refuse logins"),
        ("enable", "let a user log in again"),
        ("passwd", "set a password, which ends every session"),
    ):
        action_parser = actions.add_parser(action, help=help_text)
        action_parser.add_argument("name")
        action_parser.set_defaults(run={"passwd": passwd}.get(action, set_disabled))
    groups_parser = actions.add_parser("groups", help="replace a user's groups")
    groups_parser.add_argument("name")
    groups_parser.add_argument("groups", help="with commas between them; '' for none")
    groups_parser.set_defaults(run=groups)


def _record(service: Service, action: str, target: str) -> None:
    service.record(action, "ok", LOCAL, actor=administrator(), target=target)


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
        _record(service, "user-add", name)
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
        if not await people.set_disabled(service, name, disabled=given.action == "disable"):
            raise CommandFailed(f"there is no user {name}")
        _record(service, f"user-{given.action}", name)
    say(f"{given.action}d {name}")


async def passwd(given: argparse.Namespace, settings: Settings) -> None:
    """Set a user's password."""
    name = checked_user(given.name)
    async with service_of(settings) as service:
        if await service.stores.users.user(name) is None:
            raise CommandFailed(f"there is no user {name}")
        password = read_password()
        people.require_good_password(password, name)
        password_hash = await people.hash_password(service, password)
        await people.set_password_hash(service, name, password_hash)
        _record(service, "user-passwd", name)
    say(f"changed the password of {name}; all sessions ended")


async def groups(given: argparse.Namespace, settings: Settings) -> None:
    """Replace a user's groups."""
    name, wanted = checked_user(given.name), checked_groups(given.groups)
    async with service_of(settings) as service:
        user = await people.set_groups(service, name, wanted)
        if user is None:
            raise CommandFailed(f"there is no user {name}")
        _record(service, "user-groups", name)
    say(f"{name}: {', '.join(user.groups) or 'no groups'}")
