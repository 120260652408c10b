"""`key rotate|list`, `sessions` and `audit tail`."""

import argparse
import asyncio
import time
from typing import Final

from authserver import auditfile, auditstream, keyfiles, sessions
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

_POLL_SECONDS: Final = 0.5


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the command line."""
    key = commands.add_parser("key", help="manage signing keys")
    actions = key.add_subparsers(dest="action", required=True, metavar="ACTION")
    rotate_parser = actions.add_parser("rotate", help="make the next signing key")
    rotate_parser.add_argument(
        "--compromised",
        action="store_true",
        help="use it at once and delete the others: every access token ends now",
    )
    rotate_parser.set_defaults(run=rotate)
    actions.add_parser("list", help="list signing keys").set_defaults(run=list_keys)
    sessions_parser = commands.add_parser("sessions", help="list and end sessions")
    sessions_parser.add_argument("user", nargs="?")
    sessions_parser.add_argument("--end", metavar="ID", help="end one session")
    sessions_parser.add_argument("--end-all", action="store_true", help="end all of a user's")
    sessions_parser.set_defaults(run=show_sessions)
    audit_parser = commands.add_parser("audit", help="read the audit log")
    audit_actions = audit_parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    tail_parser = audit_actions.add_parser("tail", help="show its last lines")
    tail_parser.add_argument("-n", "--lines", type=int, default=20)
    tail_parser.add_argument("-f", "--follow", action="store_true")
    tail_parser.set_defaults(run=tail)


async def rotate(given: argparse.Namespace, settings: Settings) -> None:
    """Make a key: for the server to publish and use later, or, in an emergency, at once."""
    if settings.keys.mounted:
        raise CommandFailed(
            "the keys are a mounted Secret: add a key to it as <not before>.<kid>.pem"
        )
    directory = settings.path(settings.keys.directory)
    async with service_of(settings) as service:
        not_before = service.now if given.compromised else None
        with keyfiles.locked(directory):
            path = keyfiles.generate(directory, settings.keys.algorithm, not_before)
            if given.compromised:
                for file in keyfiles.read_all(directory):
                    if file.path != path:
                        file.path.unlink()
        action = "key-replace" if given.compromised else "key-rotate"
        kid = path.name.split(".")[1]
        await service.record(action, "ok", LOCAL, actor=administrator(), target=kid)
    if given.compromised:
        say(f"made {path}; the others are deleted, API servers follow within 5 minutes")
    else:
        lead = settings.keys.publish_seconds
        say(f"made {path}; it signs {lead} seconds after a running server has published it")


async def list_keys(_given: argparse.Namespace, settings: Settings) -> None:
    """List the keys and what each is used for."""
    directory = settings.path(settings.keys.directory)
    files = keyfiles.read_all(directory, mounted=settings.keys.mounted)
    now = int(time.time())
    signing = [file for file in files if file.not_before is not None and file.not_before <= now]
    rows = []
    for file in files:
        if file.not_before is None:
            state, since = "pending", "-"
        else:
            since = moment(file.not_before)
            current = "signing" if signing and file is signing[-1] else "retiring"
            state = "published" if file.not_before > now else current
        rows.append((file.signing.kid, file.signing.algorithm, state, since))
    table(("KID", "ALG", "STATE", "SIGNS FROM"), rows)


async def show_sessions(given: argparse.Namespace, settings: Settings) -> None:
    """List sessions, or end some."""
    user = None if given.user is None else checked_user(given.user)
    async with service_of(settings) as service:
        if given.end is not None:
            if not await service.stores.sessions.end_session(given.end):
                raise CommandFailed("there is no such session")
            await service.record(
                "session-end", "ok", LOCAL, actor=administrator(), session=given.end
            )
            say(f"ended {given.end}")
            return
        if given.end_all:
            if user is None:
                raise CommandFailed("--end-all needs the name of a user")
            count = await sessions.end_all(service, user)
            await service.record("session-end", "ok", LOCAL, actor=administrator(), target=user)
            say(f"ended {count}")
            return
        found = await service.stores.sessions.sessions(user)
    table(
        ("ID", "USER", "AUDIENCE", "FROM", "CREATED", "LAST USED", "EXPIRES"),
        (
            (
                session.id,
                session.user,
                session.audience,
                session.address,
                moment(session.created),
                moment(session.last_used),
                moment(session.expires),
            )
            for session in found
        ),
    )


async def tail(given: argparse.Namespace, settings: Settings) -> None:
    """Show the last lines of the audit log, and the next ones as they come."""
    if settings.audit.backend == "redis":
        await _tail_stream(given, settings)
        return
    path = settings.path(settings.audit.path)
    if not path.exists():
        raise CommandFailed(f"{path}: nothing has been logged yet")
    for line in auditfile.tail(path, given.lines):
        say(line)
    if given.follow:
        for appended in auditfile.follow(path):
            if appended is None:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                say(appended)


async def _tail_stream(given: argparse.Namespace, settings: Settings) -> None:
    log = auditstream.open_stream(settings.audit, settings.path(""), time.time)
    try:
        places = await log.places()
        for entry in await log.last(given.lines, places):
            say(plain(auditstream.text(entry)))
        while given.follow:
            for entry in await log.after(places):
                say(plain(auditstream.text(entry)))
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await log.close()
