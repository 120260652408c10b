"""`export` and `import`: users and API keys as one JSON document, from any store to any other."""

import argparse
from pathlib import Path
from typing import Literal

import msgspec

from authserver import secretfile
from authserver.cli.context import LOCAL, CommandFailed, administrator, say, service_of
from authserver.config import Settings
from authserver.names import is_name
from authserver.service import Service
from authserver.stores import ApiKey, User


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is exported. Password hashes and sealed TOTP secrets are in it: it is a secret."""

    schema: Literal["leviathan-auth/1"]
    users: tuple[User, ...]
    api_keys: tuple[ApiKey, ...]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the command line."""
    export_parser = commands.add_parser("export", help="write users and API keys to a new file")
    export_parser.add_argument("file", type=Path)
    export_parser.set_defaults(run=export)
    import_parser = commands.add_parser("import", help="add users and API keys from a file")
    import_parser.add_argument("file", type=Path)
    import_parser.set_defaults(run=import_document)


async def document(service: Service) -> bytes:
    """Return all users and API keys as JSON."""
    users = await service.stores.users.users()
    api_keys = await service.stores.users.api_keys()
    whole = Document("leviathan-auth/1", tuple(users), tuple(api_keys))
    return msgspec.json.format(msgspec.json.encode(whole)) + b"\n"


async def export(given: argparse.Namespace, settings: Settings) -> None:
    """Write the document to a new file, 0600."""
    async with service_of(settings) as service:
        secretfile.write_new(given.file, await document(service))
        await service.record("export", "ok", LOCAL, actor=administrator())
    say(f"wrote {given.file}")


async def import_document(given: argparse.Namespace, settings: Settings) -> None:
    """Add what is in the file; users and keys that exist already stay as they are."""
    try:
        parsed = msgspec.json.decode(given.file.read_bytes(), type=Document)
    except msgspec.DecodeError as error:
        raise CommandFailed(f"{given.file}: {error}") from None
    for user in parsed.users:
        if not is_name(user.name) or not all(map(is_name, user.groups)):
            raise CommandFailed(f"{given.file}: holds a name that nobody may have")
    added = kept = 0
    reset: list[str] = []
    async with service_of(settings) as service:
        store = service.stores.users
        for user in parsed.users:
            usable = _with_usable_factor(service, user)
            if not await store.create_user(msgspec.structs.replace(usable, version=1)):
                kept += 1
                continue
            added += 1
            if user.totp is not None and usable.totp is None:
                reset.append(user.name)
                await service.record(
                    "user-totp-reset",
                    "ok",
                    LOCAL,
                    actor=administrator(),
                    reason="sealed with another server secret",
                    target=user.name,
                )
        for key in parsed.api_keys:
            if await store.api_key(key.id) is None:
                await store.add_api_key(key)
        await service.record("import", "ok", LOCAL, actor=administrator())
    say(f"added {added} users, left {kept} as they were")
    if reset:
        who = "1 user has" if len(reset) == 1 else f"{len(reset)} users have"
        say(f"{who} to set up their second factor again: {', '.join(reset)}")


def _with_usable_factor(service: Service, user: User) -> User:
    """Return the user without what this server cannot open.

    Kept, it would ask them for a code that no app can show.
    """

    def usable(sealed: str | None) -> str | None:
        if sealed is None or service.secret.unseal(sealed, user.name) is None:
            return None
        return sealed

    return msgspec.structs.replace(
        user, totp=usable(user.totp), totp_pending=usable(user.totp_pending)
    )
