"""The setup code from a file, which several servers share."""

from pathlib import Path

import httpx
import msgspec
import pytest

from authserver import people
from authserver.config import Settings
from authserver.people import GivenCode
from authserver.secretfile import InsecureFile
from authserver.start import Start
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    add_user,
    audit_lines,
    client_of,
    make_service,
    make_settings,
)
from tests.authserver.installation import Installation
from tests.certificates import replace

CODE = "a code of the team 2026"


def settings_with(directory: Path, code: bytes = CODE.encode() + b"\n") -> Settings:
    replace(directory / "code", code)
    return make_settings(directory, setup_code_file="code")


async def redeem(client: httpx.AsyncClient, name: str, code: str = CODE) -> int:
    body = {"code": code, "username": name, "password": PASSWORD}
    return (await client.post("/setup", json=body)).status_code


async def test_every_server_takes_the_code_until_there_is_a_user(
    tmp_path: Path,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_with(tmp_path)
    caplog.set_level("INFO", "authserver")
    one, other = make_service(settings, clock), make_service(settings, clock)
    for service in (one, other):
        assert await Start(service).attempt()
    assert caplog.messages == [f"No users yet. The setup code is in {tmp_path}/code."] * 2
    async with client_of(one) as here, client_of(other) as there:
        assert await redeem(here, "alice", "a code of the team 2025") == 401
        assert await redeem(there, "alice") == 201
        assert await redeem(here, "bob") == 401
    assert await Start(other).attempt()
    assert sum(line.startswith("No users yet") for line in caplog.messages) == 2
    assert CODE not in capsys.readouterr().out + caplog.text + str(audit_lines(one))
    for service in (one, other):
        await service.close()


@pytest.mark.parametrize("code", [b"x" * 19, b"x" * 257, b"\xff" * 30])
def test_a_code_that_can_be_guessed_is_refused(tmp_path: Path, code: bytes) -> None:
    with pytest.raises(InsecureFile, match=f"{tmp_path}/code: "):
        people.given_setup_code(settings_with(tmp_path, code))


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    (tmp_path / "code").chmod(0o444)
    with pytest.raises(InsecureFile, match="0444"):
        people.given_setup_code(settings)


@pytest.mark.parametrize("content", [None, b"", b" \n"])
async def test_a_file_without_a_code_is_no_code_and_stops_no_server(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    settings = settings_with(tmp_path)
    caplog.set_level("INFO", "authserver")
    service = make_service(settings, clock)
    assert await Start(service).attempt()
    if content is None:
        (tmp_path / "code").unlink()
    else:
        replace(tmp_path / "code", content)
    assert people.given_setup_code(settings) is None
    assert await Start(service).attempt()
    assert caplog.messages[1:] == [
        f"No users yet, and no setup code in {tmp_path}/code. Put one there and start the server"
        " again, or add a user at the shell."
    ]
    async with client_of(service) as client:
        # Whoever empties the file takes back what was in it.
        assert await redeem(client, "mallory") == 401
        await add_user(service)
        assert await Start(service).attempt()
        assert len(caplog.messages) == 2
    await service.close()


async def test_a_code_counts_once_for_good(
    both: Settings, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    directory = both.path("")
    replace(directory / "code", CODE.encode())
    settings = msgspec.structs.replace(both, setup_code_file="code")
    caplog.set_level("INFO", "authserver")
    service = make_service(settings, clock)
    assert await Start(service).attempt()
    async with client_of(service) as client:
        assert await redeem(client, "alice") == 201
        assert await service.stores.users.delete_user("alice")
        assert await Start(service).attempt()
        assert caplog.messages == [
            f"No users yet. The setup code is in {directory}/code.",
            f"No users, and the setup code in {directory}/code has been used. Put a new one there"
            " and start the server again.",
        ]
        assert await redeem(client, "mallory") == 401
        assert await service.stores.users.is_empty()
        replace(directory / "code", b"another code of the team")
        assert await Start(service).attempt()
        assert await redeem(client, "mallory") == 401
        assert await redeem(client, "alice", "another code of the team") == 201
    await service.close()


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_code_that_lay_there_beside_users_never_counts(
    both: Settings, clock: FakeClock, restarted: bool
) -> None:
    replace(both.path("code"), CODE.encode())
    settings = msgspec.structs.replace(both, setup_code_file="code")
    service = make_service(settings, clock)
    if restarted:  # as in an installation whose older server has kept no digest
        await add_user(service)
        assert await Start(service).attempt()
    else:
        assert await Start(service).attempt()
        await add_user(service)
    assert await service.stores.users.delete_user("alice")
    assert await people.keep_given_setup_code(service) is GivenCode.USED
    async with client_of(service) as client:
        assert await redeem(client, "mallory") == 401
    await service.close()


async def test_a_used_code_that_an_older_server_offers_is_not_redeemed(
    both: Settings, clock: FakeClock
) -> None:
    service = make_service(both, clock)
    users, digest = service.stores.users, people.setup_digest(CODE)
    assert await users.set_setup_code(digest, replace=True)
    await users.spend_setup_code(digest)
    assert not await users.set_setup_code(digest, replace=True)
    async with client_of(service) as client:
        assert await redeem(client, "mallory") == 401
    await service.close()


def test_neither_init_nor_the_server_prints_it(tmp_path: Path) -> None:
    replace(tmp_path / "code", CODE.encode())
    installation = Installation(tmp_path, setup_code_file="code")
    try:
        said = installation.command("init")
        assert said == f"The setup code is in {tmp_path}/code.\n"
        process, _address = installation.start()
        installation.stop(process)
        assert "The setup code is in" in installation.output
        assert CODE not in installation.output
        assert "setup-" not in installation.output
        installation.command("user", "add", "alice", typed=f"{PASSWORD}\n")
        assert installation.command("init") == "There are users already.\n"
        installation.command("user", "delete", "alice", "--yes")
        assert "has been used. Put a new one" in installation.command("init")
        (tmp_path / "code").unlink()
        assert "There is no setup code in" in installation.command("init")
        process, _address = installation.start()
        installation.stop(process)
        assert f"no setup code in {tmp_path}/code" in installation.output
    finally:
        installation.close()
