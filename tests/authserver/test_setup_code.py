"""The setup code from a file, which several servers share."""

from pathlib import Path

import httpx
import pytest

from authserver import people
from authserver.config import Settings
from authserver.secretfile import InsecureFile
from authserver.start import Start
from tests.authserver.helpers import (
    PASSWORD,
    FakeClock,
    audit_lines,
    client_of,
    make_service,
    make_settings,
)
from tests.authserver.installation import Installation
from tests.authserver.tls import replace

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


@pytest.mark.parametrize("code", [b"", b"x" * 19, b"x" * 257, b"\xff" * 30, b" " * 30])
def test_a_code_that_can_be_guessed_is_refused(tmp_path: Path, code: bytes) -> None:
    with pytest.raises(InsecureFile, match=f"{tmp_path}/code: "):
        people.given_setup_code(settings_with(tmp_path, code))


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    (tmp_path / "code").chmod(0o444)
    with pytest.raises(InsecureFile, match="0444"):
        people.given_setup_code(settings)
    (tmp_path / "code").unlink()
    with pytest.raises(InsecureFile, match="No such file"):
        people.given_setup_code(settings)


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
    finally:
        installation.close()
