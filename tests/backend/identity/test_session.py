"""Login, the saved session, refreshing, and the auth server away."""

import asyncio
import os
import re
import stat
import sys
import time
from pathlib import Path

import jwt
import msgspec
import pytest

from leviathan_tui.backend.identity.auth_client import AuthClient, check_url
from leviathan_tui.backend.identity.errors import (
    AuthRefused,
    AuthUnreachable,
    LoginRefused,
    SessionEnded,
)
from leviathan_tui.backend.identity.keeper import EARLY, SessionKeeper
from leviathan_tui.backend.identity.saved import SavedToken, SessionFile
from leviathan_tui.backend.kube.errors import Unauthorized
from leviathan_tui.backend.session import bearer_source
from tests.backend.identity.conftest import PASSWORD, AuthServer


def expire(file: SessionFile, seconds_left: float) -> None:
    """Let the saved tokens end soon, as time would."""
    saved = file.read()
    assert saved is not None
    tokens = {
        name: SavedToken(token.token, int(time.time() + seconds_left))
        for name, token in saved.tokens.items()
    }
    file.write(msgspec.structs.replace(saved, tokens=tokens))


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example",
        "ftp://auth",
        "https://u:p@auth",
        "https://auth/?a=b",
        "auth",
        "",
        "https://[::1",
    ],
)
def test_addresses_that_passwords_are_not_sent_to(url: str) -> None:
    with pytest.raises(AuthRefused):
        check_url(url)


def test_addresses_that_are_fine() -> None:
    assert check_url("https://auth.example/") == "https://auth.example"
    assert check_url("http://127.0.0.1:8443") == "http://127.0.0.1:8443"
    assert check_url("http://[::1]:8443") == "http://[::1]:8443"


async def test_a_login_is_saved_for_its_user_alone(keeper: SessionKeeper, tmp_path: Path) -> None:
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    assert (grant.username, grant.groups) == ("alice", ("viewers",))
    claims = jwt.decode(grant.access_token, options={"verify_signature": False})
    assert (claims["sub"], claims["groups"], claims["aud"]) == ("alice", ["viewers"], "leviathan")
    (file,) = (tmp_path / "state").glob("session-*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = await keeper.token("leviathan")
    assert token.token == grant.access_token


async def test_secrets_are_in_no_representation(keeper: SessionKeeper) -> None:
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    token = await keeper.token("leviathan")
    text = repr(grant) + repr(token) + repr(keeper.saved())
    for secret in (grant.access_token, grant.refresh_token, grant.snapshot_key):
        assert secret not in text


async def test_a_wrong_password_is_a_sentence_and_saves_nothing(keeper: SessionKeeper) -> None:
    with pytest.raises(LoginRefused, match="wrong"):
        await keeper.login("alice", "not it", "leviathan")
    assert keeper.saved() is None
    with pytest.raises(SessionEnded, match="not logged in"):
        await keeper.token("leviathan")


async def test_a_file_that_others_may_read_is_not_trusted(
    keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    (file,) = (tmp_path / "state").glob("session-*.json")
    file.chmod(0o644)
    with pytest.raises(AuthRefused, match="can be read by others"):
        await keeper.token("leviathan")


async def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    file = SessionFile(tmp_path, "https://auth")
    target = tmp_path / "target"
    target.touch(0o600)
    file.path.symlink_to(target)
    with pytest.raises(AuthRefused):
        file.read()


async def test_a_token_is_renewed_before_it_ends(keeper: SessionKeeper, tmp_path: Path) -> None:
    first = await keeper.login("alice", PASSWORD, "leviathan")
    file = SessionFile(tmp_path / "state", first_url(keeper))
    expire(file, EARLY - 1)
    token = await keeper.token("leviathan")
    assert token.token != first.access_token
    assert token.expires_at - time.time() > EARLY
    saved = keeper.saved()
    assert saved is not None
    assert saved.refresh_token != first.refresh_token


def first_url(keeper: SessionKeeper) -> str:
    saved = keeper.saved()
    assert saved is not None
    return saved.url


async def test_many_who_ask_at_once_refresh_once(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    file = SessionFile(tmp_path / "state", server.url)
    expire(file, 1)
    before = server.audited("refresh")
    client = AuthClient(server.url)
    keepers = [SessionKeeper(client, SessionFile(tmp_path / "state", client.url)) for _ in range(8)]
    tokens = await asyncio.gather(*(one.token("leviathan") for one in keepers))
    assert len({token.token for token in tokens}) == 1
    assert server.audited("refresh") == before + 1


async def test_processes_that_share_a_session_do_not_end_it(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    expire(SessionFile(tmp_path / "state", server.url), 1)
    # The folder is $XDG_STATE_HOME/leviathan for the programs.
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "leviathan").symlink_to(tmp_path / "state")
    program = str(Path(sys.executable).with_name("leviathan"))
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "home")}
    before = server.audited("refresh")
    running = [
        await asyncio.create_subprocess_exec(
            program,
            "credential",
            "--auth",
            server.url,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        for _ in range(4)
    ]
    answers = [msgspec.json.decode((await one.communicate())[0]) for one in running]
    assert len({answer["status"]["token"] for answer in answers}) == 1
    assert server.audited("refresh") == before + 1
    assert (await keeper.token("leviathan")).token == answers[0]["status"]["token"]


async def test_while_the_server_is_away_the_present_token_serves(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    file = SessionFile(tmp_path / "state", server.url)
    expire(file, 60)
    server.stop()
    try:
        assert (await keeper.token("leviathan")).token == grant.access_token
        assert "good until" in keeper.trouble
        expire(file, 1)
        with pytest.raises(AuthUnreachable, match="does not answer"):
            await keeper.token("leviathan")
    finally:
        server.start()
    assert (await keeper.token("leviathan")).token != grant.access_token
    assert keeper.trouble == ""


async def test_logout_ends_the_session_everywhere(
    server: AuthServer, keeper: SessionKeeper
) -> None:
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    assert await keeper.logout()
    assert keeper.saved() is None
    assert not await keeper.logout()
    with pytest.raises(SessionEnded):
        await AuthClient(server.url).refresh(grant.refresh_token)


async def test_a_session_ended_elsewhere_asks_for_a_login(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    await AuthClient(server.url).logout(grant.refresh_token)
    expire(SessionFile(tmp_path / "state", server.url), 1)
    with pytest.raises(SessionEnded):
        await keeper.token("leviathan")
    assert keeper.saved() is None
    with pytest.raises(Unauthorized, match="session is over"):
        await bearer_source(keeper, "oidc", "leviathan")()


async def test_impersonation_names_the_person_and_never_the_system(
    keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    bearer = await bearer_source(keeper, "impersonate", "leviathan")()
    assert (bearer.user, bearer.groups) == ("leviathan:alice", ("leviathan:viewers",))
    assert bearer.token == ""
    file = SessionFile(tmp_path / "state", first_url(keeper))
    saved = file.read()
    assert saved is not None
    file.write(msgspec.structs.replace(saved, groups=("system:masters",)))
    with pytest.raises(Unauthorized, match="system user or group"):
        await bearer_source(keeper, "impersonate", "leviathan")()


async def test_a_clock_that_is_off_is_named(
    keeper: SessionKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    with monkeypatch.context() as behind:
        clock = "leviathan_tui.backend.identity.auth_client.time.time"
        behind.setattr(clock, lambda: now - 600)
        with pytest.raises(AuthRefused) as refused:
            await keeper.login("alice", PASSWORD, "leviathan")
    found = re.search(r"(\d+) s behind the auth server's", str(refused.value))
    assert found is not None
    # The auth server's clock went on meanwhile, and tells whole seconds.
    assert 599 <= int(found[1]) <= 600 + time.time() - now
    assert keeper.saved() is None


async def test_a_clock_that_goes_wrong_and_is_set_right_costs_no_session(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    file = SessionFile(tmp_path / "state", server.url)
    clock = "leviathan_tui.backend.identity.auth_client.time.time"
    with monkeypatch.context() as wrong:
        now = time.time()
        expire(file, 1)
        wrong.setattr(clock, lambda: now + 600)
        with pytest.raises(AuthRefused, match="ahead of the auth server's"):
            await keeper.token("leviathan")
    # The refresh token that came with the refused answer is kept: the old one is used up.
    expire(file, 1)
    assert (await keeper.token("leviathan")).expires_at > time.time() + EARLY
    assert keeper.trouble == ""


async def test_a_silent_server_holds_nobody_up_whose_token_is_good(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.identity.keeper.RENEWAL_TIMEOUT", 0.2)
    grant = await keeper.login("alice", PASSWORD, "leviathan")
    expire(SessionFile(tmp_path / "state", server.url), 60)
    before = server.audited("refresh")
    server.freeze()
    try:
        # From two event loops, as the screen's and the logs' threads have each their own.
        other = asyncio.to_thread(lambda: asyncio.run(keeper.token("leviathan")))
        tokens = await asyncio.gather(other, *(keeper.token("leviathan") for _ in range(5)))
        assert {token.token for token in tokens} == {grant.access_token}
        assert "good until" in keeper.trouble
        # While that one is on its way, nobody waits for it again.
        assert (await keeper.token("leviathan")).token == grant.access_token
    finally:
        server.thaw()

    async def renewed() -> bool:
        return (await keeper.token("leviathan")).token != grant.access_token

    async with asyncio.timeout(60):
        while not await renewed():  # noqa: ASYNC110 - the server's answer is no event of ours
            await asyncio.sleep(0.01)
    assert server.audited("refresh") == before + 1
    assert keeper.trouble == ""


async def test_who_stops_waiting_ends_the_refresh_for_nobody_else(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    expire(SessionFile(tmp_path / "state", server.url), 1)
    server.freeze()
    try:
        first, second = (asyncio.create_task(keeper.token("leviathan")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    finally:
        server.thaw()
    assert (await second).expires_at > time.time() + EARLY


async def test_a_session_file_that_cannot_be_read_is_an_error_and_no_silence(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    expire(SessionFile(tmp_path / "state", server.url), 1)
    whole, reads = SessionFile.read, iter(range(99))

    def read_once(file: SessionFile) -> object:
        if next(reads):
            raise OSError(24, "Too many open files")
        return whole(file)

    with monkeypatch.context() as short:
        short.setattr(SessionFile, "read", read_once)
        with pytest.raises(OSError, match="Too many open files"):
            await keeper.token("leviathan")
    assert (await keeper.token("leviathan")).expires_at > time.time() + EARLY


async def test_a_short_lived_token_is_renewed_in_its_last_third(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> None:
    await keeper.login("alice", PASSWORD, "leviathan")
    file = SessionFile(tmp_path / "state", server.url)
    now = int(time.time())
    for left, renews in ((50, False), (25, True)):
        token = SavedToken("short", now + left, now + left - 90)
        known = keeper.saved()
        assert known is not None
        file.write(msgspec.structs.replace(known, tokens={"leviathan": token}))
        assert ((await keeper.token("leviathan")).token != "short") is renews
