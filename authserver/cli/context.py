"""What the commands share: the service, the words on the screen, and passwords from a prompt."""

import getpass
import os
import pwd
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from authserver.administration import Administrator
from authserver.config import Settings
from authserver.names import NameRefused, group_name, user_name
from authserver.service import Caller, Service, assemble

LOCAL: Final = Caller("local")
"""Where a command of the administrator comes from."""


class CommandFailed(Exception):
    """The command did not do what it was asked; the text says why."""


@asynccontextmanager
async def service_of(settings: Settings) -> AsyncIterator[Service]:
    """Open the service for one command."""
    service = assemble(settings, time.time)
    try:
        yield service
    finally:
        await service.close()


def administrator() -> str:
    """Return who is at the shell, for the audit log."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"shell:{os.getuid()}"


def administrator_here() -> Administrator:
    """Return who is at the shell, for what is done to an account."""
    return Administrator(administrator(), LOCAL)


def say(text: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows under their heads, in columns."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip())


def moment(unix: int) -> str:
    """Return a time as people read it, in UTC."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def plain(text: str) -> str:
    """Return what a user has written so that it cannot act on the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def read_password() -> str:
    """Return a password from the terminal, asked for twice, or the first line of standard input.

    Never from an argument or a variable, where other processes could read it.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise CommandFailed("the two passwords differ")
    return first


def checked_user(text: str) -> str:
    """Return a user's name in its one spelling. Raises CommandFailed."""
    try:
        return user_name(text)
    except NameRefused as error:
        raise CommandFailed(str(error)) from None


def checked_groups(text: str) -> tuple[str, ...]:
    """Return the groups in a list with commas. Raises CommandFailed."""
    try:
        return tuple(group_name(part.strip()) for part in text.split(",") if part.strip())
    except NameRefused as error:
        raise CommandFailed(str(error)) from None
