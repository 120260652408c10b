"""`leviathan-auth`: the server and everything its administrator does at a shell."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from inspect import iscoroutine
from pathlib import Path

from authserver import config
from authserver.certificate import CertificateError
from authserver.cli import apikeys, backup, bootstrap, inspect, kubernetes, setup, transfer, users
from authserver.cli.context import CommandFailed
from authserver.config import ConfigError
from authserver.errors import ApiError
from authserver.keyfiles import KeyFileError
from authserver.secretfile import InsecureFile
from authserver.stores import StoreUnavailable
from authserver.stores.redisserver import UnsafeRedis


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="leviathan-auth", description="The JWT authentication server of Leviathan."
    )
    whole.add_argument(
        "--config",
        type=Path,
        help=f"settings file (else ${config.PREFIX}CONFIG, else {config.DEFAULT_PATH})",
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setup.register(commands)
    bootstrap.register(commands)
    users.register(commands)
    apikeys.register(commands)
    inspect.register(commands)
    transfer.register(commands)
    backup.register(commands)
    kubernetes.register(commands)
    return whole


def config_path(given: Path | None) -> Path | None:
    """Return the settings file in use; None when the environment alone says everything."""
    if given is not None:
        return given
    if named := os.environ.get(f"{config.PREFIX}CONFIG"):
        return Path(named)
    default = Path(config.DEFAULT_PATH)
    return default if default.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, 1 for a refusal, 2 for wrong usage."""
    given = parser().parse_args(arguments)
    try:
        path = given.config = config_path(given.config)
        if given.command == "init":
            setup.init(given, path)
            return 0
        if given.command == "bootstrap":
            bootstrap.bootstrap(given)
            return 0
        outcome = given.run(given, config.load(path))
        if iscoroutine(outcome):
            asyncio.run(outcome)
    except ApiError as error:
        return _fail(error.message)
    except (
        CertificateError,
        CommandFailed,
        ConfigError,
        InsecureFile,
        KeyFileError,
        StoreUnavailable,
        UnsafeRedis,
        OSError,
    ) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"leviathan-auth: {message}\n")
    return 1
