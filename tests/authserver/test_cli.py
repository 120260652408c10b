"""`leviathan-auth` at a shell: every command, its files, and what it refuses."""

import asyncio
import json
from pathlib import Path

import pytest

from authserver.config import load
from authserver.stores import open_stores
from tests.authserver.helpers import ISSUER, PASSWORD
from tests.authserver.shell import Shell
from tests.authserver.test_stores import session_at


def test_init_makes_what_is_missing_and_nothing_twice(shell: Shell) -> None:
    assert shell.directory.stat().st_mode & 0o777 == 0o700
    for name in ("config.yaml", "secret", "auth.db", "audit.jsonl"):
        assert (shell.directory / name).stat().st_mode & 0o777 == 0o600
    before = sorted((path, path.read_bytes()) for path in shell.directory.rglob("*.pem"))
    assert len(before) == 1
    secret = (shell.directory / "secret").read_bytes()
    assert "users already" in shell.ok("init")
    assert sorted((path, path.read_bytes()) for path in shell.directory.rglob("*.pem")) == before
    assert (shell.directory / "secret").read_bytes() == secret
    assert load(shell.config).audiences_for(()) == ["leviathan", "leviathan-auth"]


def test_init_prints_a_setup_code_and_needs_an_issuer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Shell(tmp_path / "new", capsys, monkeypatch)
    status, text = fresh("init", "--directory", str(fresh.directory))
    assert (status, "--issuer" in text) == (1, True)
    status, text = fresh(
        "init", "--directory", str(fresh.directory), "--issuer", "http://a.example"
    )
    assert (status, "https" in text) == (1, True)
    text = fresh.ok("init", "--directory", str(fresh.directory), "--issuer", ISSUER)
    assert "setup-" in text
    again = fresh.ok("init")
    assert "setup-" in again
    assert text.split("setup-")[1] != again.split("setup-")[1]


@pytest.mark.parametrize(
    ("issuer", "host", "port"),
    [
        ("http://127.0.0.1:8444", "127.0.0.1", 8444),
        ("http://127.0.0.1", "127.0.0.1", 8443),
        ("http://[::1]:9000/auth", "::1", 9000),
        ("https://localhost:9443", "localhost", 9443),
        ("https://auth.example:9443", "127.0.0.1", 9443),
        ("https://auth.example", "127.0.0.1", 8443),
    ],
)
def test_init_lets_the_server_listen_where_the_issuer_says(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    issuer: str,
    host: str,
    port: int,
) -> None:
    fresh = Shell(tmp_path / "new", capsys, monkeypatch)
    fresh.ok("init", "--directory", str(fresh.directory), "--issuer", issuer)
    listen = load(fresh.config).listen
    assert (listen.host, listen.port) == (host, port)


def test_users_are_added_listed_changed_and_disabled(shell: Shell) -> None:
    shell.ok("user", "add", "Bob", typed=f"{PASSWORD}\n")
    listed = shell.ok("user", "list").splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [
        ["alice", "operators,viewers", "enabled", "no"],
        ["bob", "-", "enabled", "no"],
    ]
    assert "viewers" in shell.ok("user", "groups", "bob", "viewers")
    assert "no groups" in shell.ok("user", "groups", "bob", "")
    shell.ok("user", "disable", "bob")
    assert "disabled" in shell.ok("user", "list")
    shell.ok("user", "enable", "bob")
    assert "disabled" not in shell.ok("user", "list")
    shell.ok("user", "passwd", "bob", typed="another good password\n")
    assert shell.audit() == [
        ("user-add", "alice"),
        ("user-add", "bob"),
        ("user-groups", "bob"),
        ("user-groups", "bob"),
        ("user-disable", "bob"),
        ("user-enable", "bob"),
        ("user-passwd", "bob"),
    ]


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (("user", "add", "alice"), PASSWORD, "exists already"),
        (("user", "add", "system:admin"), PASSWORD, "a user name is"),
        (("user", "add", "eve", "--groups", "system:masters"), PASSWORD, "a group is"),
        (("user", "add", "eve"), "short", "at least 12"),
        (("user", "add", "eve-the-intruder"), "EVE-the-intruder", "not the user's name"),
        (("user", "disable", "nobody"), "", "there is no user"),
        (("user", "passwd", "nobody"), PASSWORD, "there is no user"),
        (("user", "groups", "nobody", "a"), "", "there is no user"),
        (("sessions", "--end", "nothing"), "", "there is no such session"),
        (("sessions", "--end-all"), "", "needs the name"),
        (("import", "/nonexistent"), "", "No such file"),
        (("--config", "/nonexistent", "user", "list"), "", "No such file"),
    ],
)
def test_refusals_are_sentences_and_not_tracebacks(
    shell: Shell, arguments: tuple[str, ...], typed: str, sentence: str
) -> None:
    status, text = shell(*arguments, typed=f"{typed}\n")
    assert status == 1
    assert text.startswith("leviathan-auth: ")
    assert sentence in text
    assert PASSWORD not in text


def test_a36_a_key_that_others_can_read_stops_every_command(shell: Shell) -> None:
    (key,) = shell.directory.rglob("*.pem")
    key.chmod(0o640)
    for command in (("user", "list"), ("key", "list"), ("serve",)):
        status, text = shell(*command)
        assert status == 1
        assert "lets others read" in text


def test_keys_are_rotated_and_listed(shell: Shell) -> None:
    assert [line.split()[2] for line in shell.ok("key", "list").splitlines()[1:]] == ["signing"]
    assert "360 seconds after" in shell.ok("key", "rotate")
    states = [line.split()[2] for line in shell.ok("key", "list").splitlines()[1:]]
    assert states == ["signing", "pending"]
    shell.ok("user", "list")  # no command may start a key that nobody publishes
    assert [line.split()[2] for line in shell.ok("key", "list").splitlines()[1:]] == states
    shell.ok("key", "rotate", "--compromised")
    lines = shell.ok("key", "list").splitlines()[1:]
    assert [line.split()[2] for line in lines] == ["signing"]
    kid = lines[0].split()[0]
    assert shell.audit()[-1] == ("key-replace", kid)


def test_what_was_exported_can_be_imported_elsewhere(
    shell: Shell,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "users.json"
    shell.ok("export", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell("export", str(file))[0] == 1  # nothing is overwritten
    other = Shell(tmp_path / "other", capsys, monkeypatch)
    other.ok("init", "--directory", str(other.directory), "--issuer", ISSUER)
    assert "added 1 users, left 0" in other.ok("import", str(file))
    assert "added 0 users, left 1" in other.ok("import", str(file))
    assert other.ok("user", "list") == shell.ok("user", "list")
    document = json.loads(file.read_text())
    for change in (
        {"schema": "other"},
        {"users": [document["users"][0] | {"name": "system:admin"}]},
        {"users": [document["users"][0] | {"admin": True}]},
    ):
        file.write_text(json.dumps(document | change))
        assert other("import", str(file))[0] == 1


def test_sessions_are_listed_and_ended(shell: Shell) -> None:
    settings = load(shell.config)

    async def open_some() -> None:
        async with open_stores(settings) as stores:
            for name in ("s1", "s2", "s3"):
                await stores.sessions.open_session(session_at(4_000_000_000, name))

    asyncio.run(open_some())
    listed = shell.ok("sessions", "alice").splitlines()[1:]
    assert [line.split()[0] for line in listed] == ["s1", "s2", "s3"]
    assert shell.ok("sessions", "bob").splitlines()[1:] == []
    shell.ok("sessions", "--end", "s2")
    assert "s2" not in shell.ok("sessions")
    assert "ended 2" in shell.ok("sessions", "alice", "--end-all")
    assert shell.ok("sessions").splitlines()[1:] == []


def test_the_audit_log_is_shown(shell: Shell) -> None:
    for number in range(5):
        shell.ok("user", "groups", "alice", f"g{number}")
    assert len(shell.ok("audit", "tail", "-n", "3").splitlines()) == 3
    assert len(shell.ok("audit", "tail").splitlines()) == 6
    (shell.directory / "audit.jsonl").unlink()
    status, text = shell("audit", "tail")
    assert (status, "nothing has been logged" in text) == (1, True)
