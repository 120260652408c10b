"""`backup`: an installation's files in a new directory, under the names that the server uses."""

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

from authserver import secretfile
from authserver.cli import transfer
from authserver.cli.context import CommandFailed, say, service_of
from authserver.config import Settings
from authserver.stores import sqlitefile

_CONFIG = "config.yaml"
_USERS = "users.json"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this command to the command line."""
    backup_parser = commands.add_parser("backup", help="copy everything into a new directory")
    backup_parser.add_argument("target", type=Path)
    backup_parser.set_defaults(run=backup)


def backup(given: argparse.Namespace, settings: Settings) -> None:
    """Copy settings, secret, keys, databases and audit log into a new directory, 0700.

    Every file is 0600. Raises CommandFailed, before anything is written, when the directory exists
    or two files would get one name.
    """
    target: Path = given.target
    databases = dict.fromkeys(
        store.path
        for store in (settings.users, settings.sessions, settings.journal)
        if store.backend == "sqlite"
    )
    audited = [settings.audit.path] if settings.audit.backend == "file" else []
    names = [_CONFIG, _USERS, settings.secret_file, *audited, *databases]
    places = [_place(name) for name in names]
    if len(set(places)) < len(places):
        raise CommandFailed("two files of this installation would have one name in a backup")
    try:
        target.mkdir(mode=0o700)
    except FileExistsError:
        raise CommandFailed(
            f"{target} exists already; a backup is written into a directory of its own"
        ) from None
    if given.config is not None:
        _copy(given.config, target / _CONFIG)
    _copy(settings.path(settings.secret_file), target / _place(settings.secret_file))
    keys = settings.keys.directory
    for key in sorted(settings.path(keys).glob("*.pem")):
        _copy(key, target / _place(keys) / key.name)
    secretfile.write_new(target / _USERS, asyncio.run(_users(settings)))
    for name in databases:
        copy = _new(target / _place(name))
        secretfile.write_new(copy, b"")
        sqlitefile.copy(settings.path(name), copy)
    for log in audited:
        for file in _newest_first(settings.path(log), settings.audit.keep):
            _copy(file, target / _place(log).with_name(file.name))
    elsewhere = "" if given.config is not None else " The settings are in no file: keep them, too."
    copied = [
        "settings",
        "secret",
        "keys",
        "users",
        "SQLite databases",
        *("audit log" for _ in audited),
    ]
    say(f"{target}: {', '.join(copied)}.{elsewhere}")
    say("Redis is backed up by its own tools; a TLS key and password files are not copied.")


async def _users(settings: Settings) -> bytes:
    async with service_of(settings) as service:
        return await transfer.document(service)


def _place(name: str) -> Path:
    """Return where a file of the settings lies in a backup: where it does below `directory`.

    What lies elsewhere is at the top, under its last name.
    """
    path = Path(name)
    return Path(path.name) if path.is_absolute() or ".." in path.parts else path


def _newest_first(audit: Path, keep: int) -> Iterator[Path]:
    """Yield the audit log's files.

    A running server may rotate meanwhile: in this order a file can come twice, but none is left out.
    """
    for file in (audit, *(audit.with_name(f"{audit.name}.{n}") for n in range(1, keep + 1))):
        if file.exists():
            yield file


def _new(target: Path) -> Path:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return target


def _copy(source: Path, target: Path) -> None:
    secretfile.write_new(_new(target), source.read_bytes())
