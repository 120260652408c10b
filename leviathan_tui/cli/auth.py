"""The command line's side of the login: `login`, `logout`, `whoami`, `credential`."""

import asyncio
import getpass
import sys
from datetime import UTC, datetime

import msgspec

from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.identity.errors import IdentityError, TotpRequired
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.untrusted import clean
from leviathan_tui.startup import fail, load_config, make_keeper


def _keeper(auth: str) -> SessionKeeper:
    """Return the session of the auth server named, or configured. Raises `IdentityError`."""
    keeper = make_keeper(load_config(auth).config)
    if keeper is None:
        raise IdentityError("No auth server: name one with --auth URL, or as auth in the config.")
    return keeper


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def login(auth: str, user: str, audience: str) -> int:
    """Ask for the password (never an argument: those can be read by others) and save the session."""
    try:
        keeper = _keeper(auth)
        name = user or input("User: ")
        password = getpass.getpass("Password: ")
        try:
            grant = asyncio.run(keeper.login(name, password, audience))
        except TotpRequired:
            code = getpass.getpass("Code: ")
            grant = asyncio.run(keeper.login(name, password, audience, code))
    except (IdentityError, ConfigError) as error:
        return fail(str(error))
    except EOFError:
        return fail("Nothing was typed.")
    groups = ", ".join(grant.groups) or "no groups"
    _say(f"Logged in as {clean(grant.username)} ({clean(groups)}).")
    return 0


def logout(auth: str) -> int:
    """End the saved session."""
    try:
        ended = asyncio.run(_keeper(auth).logout())
    except (IdentityError, ConfigError) as error:
        return fail(str(error))
    _say("Logged out." if ended else "Nobody was logged in.")
    return 0


def whoami(auth: str) -> int:
    """Print who is logged in; exit code 1 where nobody is."""
    try:
        saved = _keeper(auth).saved()
    except (IdentityError, ConfigError) as error:
        return fail(str(error))
    if saved is None:
        return fail("Nobody is logged in.")
    end = datetime.fromtimestamp(saved.refresh_expires_at).astimezone()
    _say(f"{clean(saved.username)} at {clean(saved.url)}")
    _say(f"groups: {clean(', '.join(saved.groups)) or 'none'}")
    _say(f"session: until {end:%Y-%m-%d %H:%M}, or until logout")
    return 0


def credential(auth: str, audience: str) -> int:
    """Print an ExecCredential with the session's token.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    try:
        token = asyncio.run(_keeper(auth).token(audience))
    except (IdentityError, ConfigError) as error:
        return fail(f"{error} Run: leviathan login")
    end = datetime.fromtimestamp(token.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token.token, "expirationTimestamp": end},
    }
    _say(msgspec.json.encode(answer).decode())
    return 0
