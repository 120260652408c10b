"""What an administrator does to an account at the shell, and what that ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from authserver import people, totp
from authserver.config import Settings, load
from authserver.service import Service
from tests.authserver.helpers import (
    ISSUER,
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    client_of,
    log_in,
    make_service,
    own_headers,
    session_of,
)
from tests.authserver.shell import Shell
from tests.authserver.test_programs import exchange, make_key

_T = TypeVar("_T")


def with_server(
    settings: Settings, work: Callable[[Service, httpx.AsyncClient], Awaitable[_T]]
) -> _T:
    """Do something over HTTP with an installation that commands work on, too."""

    async def run() -> _T:
        service = make_service(settings, FakeClock())
        try:
            async with client_of(service) as client:
                return await work(service, client)
        finally:
            await service.close()

    return asyncio.run(run())


def key_of(settings: Settings, name: str = "alice", **changes: Any) -> tuple[str, str]:
    """A new API key of a user: its id, and the key itself."""

    async def work(_service: Service, client: httpx.AsyncClient) -> tuple[str, str]:
        made = await make_key(client, await own_headers(client, name), **changes)
        return made["entry"]["id"], made["api_key"]

    return with_server(settings, work)


def works(settings: Settings, api_key: str) -> bool:
    async def work(_service: Service, client: httpx.AsyncClient) -> bool:
        return (await exchange(client, api_key)).status_code == 200

    return with_server(settings, work)


def lines_of(shell: Shell, action: str) -> list[dict[str, str]]:
    lines = (shell.directory / "audit.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["action"] == action]


def test_api_keys_of_everybody_are_listed_and_revoked_without_being_shown(shell: Shell) -> None:
    settings = load(shell.config)
    shell.ok("user", "add", "bob", typed=f"{PASSWORD}\n")
    first, secret = key_of(settings, label="ci\x1b[2J")
    second, _secret = key_of(settings, "bob", groups=[], introspect=True, expires_in=3600)
    text = shell.ok("apikey", "list")
    assert secret.split("_", 2)[2] not in text
    assert "\x1b" not in text
    rows = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert set(rows) == {first, second}
    assert "alice" in rows[first]
    assert "leviathan; as operators,viewers" in rows[first]
    assert rows[first].endswith("never")
    assert "leviathan; as no groups; introspects" in rows[second]
    assert second not in shell.ok("apikey", "list", "alice")
    assert works(settings, secret)
    assert first in shell.ok("apikey", "revoke", first)
    assert not works(settings, secret)
    assert first not in shell.ok("apikey", "list")
    status, said = shell("apikey", "revoke", first)
    assert (status, "there is no such API key" in said) == (1, True)
    (line,) = lines_of(shell, "api-key-revoke")
    assert (line["target"], line["user"], line["actor"][:6]) == (first, "alice", "shell:")


def test_a_new_password_revokes_api_keys_unless_they_are_kept(shell: Shell) -> None:
    settings = load(shell.config)
    key_id, api_key = key_of(settings)
    typed = f"{PASSWORD}\n"
    text = shell.ok("user", "passwd", "alice", "--keep-api-keys", typed=typed)
    assert "API key" not in text
    assert works(settings, api_key)
    assert "1 API key revoked" in shell.ok("user", "passwd", "alice", typed=typed)
    assert not works(settings, api_key)
    (line,) = lines_of(shell, "api-key-revoke")
    assert (line["target"], line["user"], line["reason"]) == (key_id, "alice", "user-passwd")


def test_a_user_who_is_enabled_again_has_no_old_api_keys(shell: Shell) -> None:
    settings = load(shell.config)
    _id, api_key = key_of(settings)
    assert "1 API key revoked" in shell.ok("user", "disable", "alice")
    shell.ok("user", "enable", "alice")
    assert not works(settings, api_key)
    _id, api_key = key_of(settings)

    async def disable_as_before(service: Service, _client: httpx.AsyncClient) -> None:
        await people.set_disabled(service, "alice", disabled=True)

    with_server(settings, disable_as_before)
    assert "1 API key revoked" in shell.ok("user", "enable", "alice")
    assert not works(settings, api_key)
    reasons = [line["reason"] for line in lines_of(shell, "api-key-revoke")]
    assert reasons == ["user-disable", "user-enable"]


@pytest.mark.parametrize("keeps", [False, True])
async def test_ones_own_new_password_revokes_api_keys_too(
    each: Service, each_client: httpx.AsyncClient, keeps: bool
) -> None:
    headers = await own_headers(each_client)
    made = await make_key(each_client, headers)
    body: dict[str, Any] = {"current_password": PASSWORD, "new_password": "another good one"}
    body |= {"keep_api_keys": True} if keeps else {}
    assert (await each_client.post("/password", json=body, headers=headers)).status_code == 204
    assert (await exchange(each_client, made["api_key"])).status_code == (200 if keeps else 401)
    revoked = [line for line in audit_lines(each) if line["action"] == "api-key-revoke"]
    assert [line["actor"] for line in revoked] == ([] if keeps else ["alice"])


async def test_no_key_outlives_a_password_that_changes_while_it_is_made(
    each: Service, each_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await own_headers(each_client)
    add = each.stores.users.add_api_key

    async def overtaken(key: Any) -> None:
        await people.set_password_hash(each, "alice", "new")
        await add(key)

    monkeypatch.setattr(each.stores.users, "add_api_key", overtaken)
    assert await make_key(each_client, headers) == 401
    assert await each.stores.users.api_keys() == []


async def give_second_factor(service: Service, name: str = "alice") -> None:
    sealed = service.secret.seal(totp.new_secret(), name)
    await people.change(service, name, lambda user: msgspec.structs.replace(user, totp=sealed))


def test_a_lost_second_factor_is_reset(shell: Shell) -> None:
    settings = load(shell.config)

    async def prepare(service: Service, client: httpx.AsyncClient) -> None:
        await session_of(client)
        await give_second_factor(service)
        assert (await log_in(client)).json()["error"] == "totp_required"

    with_server(settings, prepare)
    assert "all sessions ended" in shell.ok("user", "totp-reset", "alice")

    async def look(service: Service, client: httpx.AsyncClient) -> None:
        assert await service.stores.sessions.sessions("alice") == []
        assert (await log_in(client)).status_code == 200

    with_server(settings, look)
    assert [line["target"] for line in lines_of(shell, "user-totp-reset")] == ["alice"]
    status, text = shell("user", "totp-reset", "alice")
    assert (status, "no second factor" in text) == (1, True)


def test_import_elsewhere_drops_second_factors_and_says_whose(
    shell: Shell,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell.ok("user", "add", "bob", typed=f"{PASSWORD}\n")
    shell.ok("user", "add", "carol", typed=f"{PASSWORD}\n")

    async def prepare(service: Service, _client: httpx.AsyncClient) -> None:
        await give_second_factor(service, "alice")
        await give_second_factor(service, "bob")

    with_server(load(shell.config), prepare)
    file = tmp_path / "users.json"
    shell.ok("export", str(file))
    other = Shell(tmp_path / "other", capsys, monkeypatch)
    other.ok("init", "--directory", str(other.directory), "--issuer", ISSUER)
    text = other.ok("import", str(file))
    assert "2 users have to set up their second factor again: alice, bob" in text
    assert "again" not in other.ok("import", str(file))
    dropped = [line["target"] for line in lines_of(other, "user-totp-reset")]
    assert dropped == ["alice", "bob"]
    listed = other.ok("user", "list").splitlines()[1:]
    assert [line.split()[3] for line in listed] == ["no", "no", "no"]
    for name in ("auth.db", "auth.db-wal", "auth.db-shm"):
        (shell.directory / name).unlink(missing_ok=True)
    # Into an installation with the same secret, they stay.
    assert "again" not in shell.ok("import", str(file))
    listed = shell.ok("user", "list").splitlines()[1:]
    assert [line.split()[3] for line in listed] == ["yes", "yes", "no"]


def test_a_user_is_deleted_with_sessions_and_keys_once_it_is_confirmed(shell: Shell) -> None:
    settings = load(shell.config)
    key_id, api_key = key_of(settings)
    status, text = shell("user", "delete", "alice")
    assert (status, "--yes" in text) == (1, True)
    assert works(settings, api_key)
    assert "1 API key revoked" in shell.ok("user", "delete", "alice", "--yes")
    assert shell.ok("user", "list").splitlines()[1:] == []
    assert shell.ok("sessions").splitlines()[1:] == []
    shell.ok("user", "add", "alice", typed=f"{PASSWORD}\n")  # another person of that name
    assert not works(settings, api_key)
    (line,) = lines_of(shell, "api-key-revoke")
    assert (line["target"], line["reason"]) == (key_id, "user-delete")
    assert [line["target"] for line in lines_of(shell, "user-delete")] == ["alice"]
    status, text = shell("user", "delete", "nobody", "--yes")
    assert (status, "there is no user" in text) == (1, True)


async def test_a_session_of_a_deleted_user_is_none_of_the_next_one_of_that_name(
    each: Service, each_client: httpx.AsyncClient, clock: FakeClock
) -> None:
    session = await session_of(each_client)
    (stored,) = await each.stores.sessions.sessions("alice")
    assert await each.stores.users.delete_user("alice")
    clock.move(5)
    await add_user(each)
    body = {"refresh_token": session["refresh_token"]}
    assert (await each_client.post("/refresh", json=body)).status_code == 401
    assert await each.stores.sessions.session(stored.id) is None
