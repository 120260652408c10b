"""`init` and `serve`."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import yaml

from authserver import config, keys, people, secretfile, server, serversecret
from authserver.addresses import is_loopback
from authserver.cli.context import CommandFailed, say, service_of
from authserver.config import ListenSettings, Settings
from authserver.people import GivenCode

_DEFAULT_DIRECTORY: Final = "/var/lib/leviathan-auth"
_GIVEN: Final = {
    GivenCode.KEPT: "The setup code is in {}.",
    GivenCode.USED: "The setup code in {} has been used. Put a new one there.",
    GivenCode.MISSING: "There is no setup code in {}. Put one there, or add a user.",
    GivenCode.NOT_NEEDED: "There are users already.",
}


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the command line."""
    init_parser = commands.add_parser("init", help="make settings, secret, keys and setup code")
    init_parser.add_argument("--directory", type=Path, help=f"default {_DEFAULT_DIRECTORY}")
    init_parser.add_argument("--issuer", help="the https:// address that clients will use")
    init_parser.add_argument(
        "--audience", action="append", default=[], metavar="NAME", help="a cluster or service"
    )
    serve_parser = commands.add_parser("serve", help="run the server")
    serve_parser.add_argument("--host")
    serve_parser.add_argument("--port", type=int)
    serve_parser.add_argument("--certificate", help="PEM file with the chain")
    serve_parser.add_argument("--private-key", help="PEM file")
    serve_parser.add_argument(
        "--trusted-proxy",
        action="append",
        metavar="NETWORK",
        help="whose X-Forwarded-For is believed; can be given several times",
    )
    serve_parser.set_defaults(run=serve)


def init(given: argparse.Namespace, path: Path | None) -> None:
    """Make what is missing, leave what is there, and print a setup code while there are no users."""
    there = path is not None and path.exists()
    settings = config.load(path) if there else _write_settings(given, path)
    directory = settings.path("")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = settings.path(settings.secret_file)
    if not secret.exists():
        serversecret.create(secret)
        say(f"made {secret}")
    key_directory = settings.path(settings.keys.directory)
    if not any(key_directory.glob("*.pem")):
        now = int(time.time())
        say(f"made {keys.initial(key_directory, settings.keys, now)}")
    say(asyncio.run(_offer_setup_code(settings)))


async def _offer_setup_code(settings: Settings) -> str:
    """Let a code create the first user, and return what to say about it."""
    async with service_of(settings) as service:
        if settings.setup_code_file is not None:
            given = await people.keep_given_setup_code(service)
            return _GIVEN[given].format(settings.path(settings.setup_code_file))
        code = await people.offer_setup_code(service, replace=True)
    if code is not None:
        return f"One-time setup code for the first user: {code}"
    return _GIVEN[GivenCode.NOT_NEEDED]


def _write_settings(given: argparse.Namespace, path: Path | None) -> Settings:
    if given.issuer is None:
        raise CommandFailed("init needs --issuer, the https:// address that clients will use")
    directory: Path = (given.directory or Path(_DEFAULT_DIRECTORY)).absolute()
    tree: dict[str, Any] = {
        "issuer": given.issuer,
        "directory": str(directory),
        "audiences": {name: {} for name in given.audience},
    }
    if listen := _listen_of(given.issuer):
        tree["listen"] = listen
    target = path or directory / "config.yaml"
    settings = msgspec.convert(tree, Settings)
    config.check(settings)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    secretfile.write_new(target, yaml.safe_dump(tree, sort_keys=False).encode())
    say(f"made {target}")
    return settings


def _listen_of(issuer: str) -> dict[str, Any]:
    """Return what the issuer's address says about where to listen, as far as it does.

    A host off loopback says nothing: the server may have another name or address for itself.
    """
    try:
        parts = urlsplit(issuer)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return {}  # the check of all settings says it better
    listen: dict[str, Any] = {}
    if is_loopback(host) and host != ListenSettings().host:
        listen["host"] = host
    if port is not None:
        listen["port"] = port
    return listen


def serve(given: argparse.Namespace, settings: Settings) -> None:
    """Run the server with the settings, changed by the options."""
    changes = {
        "host": given.host,
        "port": given.port,
        "certificate": given.certificate and str(Path(given.certificate).absolute()),
        "private_key": given.private_key and str(Path(given.private_key).absolute()),
        "trusted_proxies": given.trusted_proxy and tuple(given.trusted_proxy),
    }
    listen = msgspec.structs.replace(
        settings.listen, **{name: value for name, value in changes.items() if value is not None}
    )
    changed = msgspec.structs.replace(settings, listen=listen)
    config.check(changed)
    server.run(changed)
