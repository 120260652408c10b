"""`backup`, and an installation that is made of one."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import yaml

from authserver.config import load
from authserver.stores import Session, open_stores
from tests.authserver.helpers import (
    FakeClock,
    RedisProcess,
    client_of,
    make_service,
    refresh,
    session_of,
)
from tests.authserver.shell import Shell


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_a_backup_has_every_file_once_under_the_servers_own_name(
    shell: Shell, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    (shell.directory / "audit.jsonl.1").write_text("{}\n")
    assert "settings, secret, keys" in shell.ok("backup", str(target))
    assert target.stat().st_mode & 0o777 == 0o700
    for path in target.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    (key,) = (shell.directory / "keys").glob("*.pem")
    assert files_in(target) == {
        *("config.yaml", "secret", f"keys/{key.name}", "users.json"),
        *("auth.db", "journal.db", "audit.jsonl", "audit.jsonl.1"),
    }
    for name in ("config.yaml", "secret", f"keys/{key.name}", "audit.jsonl", "audit.jsonl.1"):
        assert (target / name).read_bytes() == (shell.directory / name).read_bytes()
    with closing(sqlite3.connect(target / "auth.db")) as connection:
        assert connection.execute("SELECT name FROM users").fetchall() == [("alice",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert json.loads((target / "users.json").read_text())["users"][0]["name"] == "alice"


def test_a_backup_never_goes_into_a_directory_that_is_there(shell: Shell, tmp_path: Path) -> None:
    status, text = shell("backup", str(tmp_path))
    assert (status, "Errno" in text) == (1, False)
    assert f"{tmp_path} exists already; a backup is written into a directory of its own" in text
    assert shell("backup", str(tmp_path / "no" / "parent"))[0] == 1


def test_stores_of_their_own_and_files_elsewhere_are_copied_too(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far").mkdir()
    (shell.directory / "log").mkdir()
    monkeypatch.setenv("LEVIATHAN_AUTH_SESSIONS__PATH", str(tmp_path / "far/sessions.db"))
    monkeypatch.setenv("LEVIATHAN_AUTH_AUDIT__PATH", "log/audit.jsonl")
    shell.ok("user", "groups", "alice", "viewers")
    shell.ok("backup", str(tmp_path / "backup"))
    found = files_in(tmp_path / "backup")
    assert {"auth.db", "sessions.db", "journal.db", "log/audit.jsonl"} < found
    monkeypatch.setenv("LEVIATHAN_AUTH_SESSIONS__PATH", str(tmp_path / "far/auth.db"))
    status, text = shell("backup", str(tmp_path / "other"))
    assert (status, "one name" in text) == (1, True)
    assert not (tmp_path / "other").exists()


def test_users_in_redis_are_in_the_backup_as_an_export(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: RedisProcess
) -> None:
    for store in ("USERS", "SESSIONS", "JOURNAL"):
        monkeypatch.setenv(f"LEVIATHAN_AUTH_{store}__BACKEND", "redis")
        monkeypatch.setenv(f"LEVIATHAN_AUTH_{store}__URL", redis_server.url)
        monkeypatch.setenv(f"LEVIATHAN_AUTH_{store}__PREFIX", "'backup:'")
    shell.ok("user", "add", "bob", typed="a good long password\n")
    shell.ok("backup", str(tmp_path / "backup"))
    assert not {name for name in files_in(tmp_path / "backup") if name.endswith(".db")}
    users = json.loads((tmp_path / "backup/users.json").read_text())["users"]
    assert [user["name"] for user in users] == ["bob"]


def test_what_was_backed_up_is_restored_elsewhere_and_goes_on(
    shell: Shell,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def begin() -> str:
        service = make_service(load(shell.config), FakeClock())
        async with client_of(service) as client:
            session = await session_of(client)
        # The server is in use while it is copied.
        await asyncio.to_thread(shell.ok, "backup", str(tmp_path / "backup"))
        await service.close()
        return str(session["refresh_token"])

    token = asyncio.run(begin())
    for path in sorted(shell.directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    # As docs/auth-server.md says: the copied directory, and its new place in config.yaml.
    restored = Shell(tmp_path / "restored", capsys, monkeypatch)
    (tmp_path / "backup").rename(restored.directory)
    tree = yaml.safe_load(restored.config.read_text())
    restored.config.write_text(yaml.safe_dump(tree | {"directory": str(restored.directory)}))

    async def go_on() -> tuple[httpx.Response, list[Session]]:
        settings = load(restored.config)
        service = make_service(settings, FakeClock())
        async with client_of(service) as client:
            answer = await refresh(client, token)
            await session_of(client)
        await service.close()
        async with open_stores(settings) as stores:
            return answer, await stores.sessions.sessions("alice")

    answer, sessions = asyncio.run(go_on())
    assert answer.status_code == 200
    assert len(sessions) == 2
    assert "users already" in restored.ok("init")
    assert "alice" in restored.ok("user", "list")
    assert restored.audit()[0] == ("user-add", "alice")
