"""`apikey list|revoke`: the API keys of all users, as an administrator sees them."""

import argparse

from authserver.cli.context import (
    LOCAL,
    CommandFailed,
    administrator,
    checked_user,
    moment,
    plain,
    say,
    service_of,
    table,
)
from authserver.config import Settings
from authserver.stores import ApiKey


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the command line."""
    apikey = commands.add_parser("apikey", help="manage API keys")
    actions = apikey.add_subparsers(dest="action", required=True, metavar="ACTION")
    list_parser = actions.add_parser("list", help="list everybody's API keys, or one user's")
    list_parser.add_argument("name", nargs="?")
    list_parser.set_defaults(run=list_keys)
    revoke_parser = actions.add_parser("revoke", help="revoke an API key")
    revoke_parser.add_argument("id")
    revoke_parser.set_defaults(run=revoke)


async def list_keys(given: argparse.Namespace, settings: Settings) -> None:
    """List API keys; what is shown of each is no secret."""
    user = None if given.name is None else checked_user(given.name)
    async with service_of(settings) as service:
        found = await service.stores.users.api_keys(user)
    table(("ID", "USER", "NAME", "SCOPES", "CREATED", "EXPIRES"), map(_row, found))


def _row(key: ApiKey) -> tuple[str, ...]:
    scopes = [",".join(key.audiences), f"as {','.join(key.groups) or 'no groups'}"]
    if key.introspect:
        scopes.append("introspects")
    expires = "never" if key.expires is None else moment(key.expires)
    return (key.id, key.user, plain(key.label), "; ".join(scopes), moment(key.created), expires)


async def revoke(given: argparse.Namespace, settings: Settings) -> None:
    """Revoke one API key, whoever it belongs to."""
    async with service_of(settings) as service:
        key = await service.stores.users.api_key(given.id)
        if key is None or not await service.stores.users.delete_api_key(key.user, key.id):
            raise CommandFailed("there is no such API key")
        await service.record(
            "api-key-revoke", "ok", LOCAL, actor=administrator(), target=key.id, user=key.user
        )
    say(f"revoked {key.id} of {key.user}; tokens made with it end in 10 minutes at most")
