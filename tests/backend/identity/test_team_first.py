"""The journal of a console that writes nothing on its machine, at a real auth server."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from leviathan_tui.backend.changes.activity import Activity
from leviathan_tui.backend.changes.entry import Entry
from leviathan_tui.backend.changes.journal import Journal
from leviathan_tui.backend.changes.refusals import NotWritten
from leviathan_tui.backend.changes.team_first import TeamFirstRecords
from leviathan_tui.backend.identity.auth_client import AuthClient
from leviathan_tui.backend.identity.errors import AuthRefused, SessionEnded
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.identity.saved import MemorySession
from leviathan_tui.backend.identity.team_journal import TeamJournal
from tests.backend.identity.conftest import PASSWORD, TIMEOUT, AuthServer
from tests.backend.identity.test_records import NOWHERE, make_entry


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Try again without a pause; and whatever is written would be found."""
    monkeypatch.setattr("leviathan_tui.backend.changes.team_first.RETRY_DELAY", 0.01)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
async def mine(server: AuthServer) -> SessionKeeper:
    """Alice's session, which is in memory."""
    keeper = SessionKeeper(AuthClient(server.url), MemorySession())
    await keeper.login("alice", PASSWORD, "leviathan")
    return keeper


@pytest.fixture
async def records(server: AuthServer, mine: SessionKeeper) -> AsyncIterator[TeamFirstRecords]:
    made = TeamFirstRecords(Journal(None), TeamJournal(server.url, mine))
    yield made
    await made.close()


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.01)


async def shared(records: TeamFirstRecords, cluster: str) -> list[Entry]:
    """Return what the auth server has, newest first, without the console's own memory."""
    assert records.team is not None
    found, _ = await records.team.read(cluster)
    return [
        Entry(**{k: v for k, v in one.items() if k in Entry.__struct_fields__}) for one in found
    ]


async def test_the_team_has_the_entry_before_anything_is_sent(records: TeamFirstRecords) -> None:
    entry = make_entry(secrets.token_hex(8))
    await records.begin(entry)
    (begun,) = await shared(records, entry.cluster)
    assert (begun.id, begun.outcome, begun.actor) == (entry.id, "pending", "alice")
    entry.outcome, entry.duration = "done", 0.5
    await records.finish(entry)
    assert [one.outcome for one in await shared(records, entry.cluster)] == ["done"]
    assert records.journal.owed() == []
    assert records.trouble == ""


async def test_while_the_team_is_away_nothing_may_be_sent(
    records: TeamFirstRecords, mine: SessionKeeper
) -> None:
    there, away = records._first, TeamJournal(NOWHERE, mine)
    records._first = records.team = away
    entry = make_entry(secrets.token_hex(8))
    with pytest.raises(NotWritten, match="nothing was sent, for the team's journal is away"):
        await records.begin(entry)
    assert "outcomes follow" in records.trouble
    # The beginning may have arrived and its answer not: so the team is told what became of it.
    records._first = records.team = there
    await until(lambda: not records.trouble)
    (told,) = await shared(records, entry.cluster)
    assert (told.outcome, told.merged) == ("refused", True)
    assert told.message == "nothing was sent: the team's journal was away"
    await away.aclose()


async def test_what_the_team_does_not_take_is_not_sent(records: TeamFirstRecords) -> None:
    large = {"metadata": {"annotations": {"much": "x" * 300_000}}}
    entry = make_entry(secrets.token_hex(8), before=large)
    with pytest.raises(NotWritten, match="nothing was sent, for the team's journal does not take"):
        await records.begin(entry)
    assert await shared(records, entry.cluster) == []
    assert records.trouble == ""
    assert records.journal.latest() == []


async def test_an_outcome_is_sent_again_until_it_arrives(
    server: AuthServer, records: TeamFirstRecords
) -> None:
    entry = make_entry(secrets.token_hex(8))
    await records.begin(entry)
    server.stop()
    try:
        entry.outcome = "done"
        await records.finish(entry)
        assert "outcomes follow" in records.trouble
        # Here it is known all the while.
        (known,) = await Activity(records, entry.cluster).read()
        assert known.outcome == "done"
    finally:
        server.start()
    await until(lambda: not records.trouble)
    assert [one.outcome for one in await shared(records, entry.cluster)] == ["done"]


async def test_what_has_no_answer_at_the_end_is_said_to_be_unknown(
    records: TeamFirstRecords,
) -> None:
    entry = make_entry(secrets.token_hex(8))
    await records.begin(entry)
    await records.conclude()
    (left,) = await shared(records, entry.cluster)
    assert (left.outcome, left.message) == (
        "unknown",
        "the console ended before the answer; check",
    )


async def test_a_session_in_memory_is_renewed_and_ended_like_any_other(
    server: AuthServer, mine: SessionKeeper
) -> None:
    before = mine.saved()
    assert before is not None
    token = await mine.token("leviathan-auth")
    after = mine.saved()
    assert after is not None
    assert after.tokens["leviathan-auth"] == token
    assert after.refresh_token != before.refresh_token
    await asyncio.to_thread(mine.end, TIMEOUT)
    assert mine.saved() is None
    with pytest.raises(SessionEnded):
        await AuthClient(server.url).refresh(after.refresh_token)


async def test_the_end_does_not_wait_for_an_auth_server_that_hangs(
    server: AuthServer, mine: SessionKeeper
) -> None:
    server.freeze()
    try:
        started = time.monotonic()
        await asyncio.to_thread(mine.end, 0.2)
        assert time.monotonic() - started < 5.0
        assert mine.saved() is None
    finally:
        server.thaw()


async def test_what_was_one_persons_is_nobody_elses_after_them(
    server: AuthServer, mine: SessionKeeper
) -> None:
    server.command("user", "add", "bob", typed=f"{PASSWORD}\n{PASSWORD}\n")
    await mine.logout()
    logouts = server.audited("logout")
    with pytest.raises(AuthRefused, match="was opened by alice: leave it"):
        await mine.login("bob", PASSWORD, "leviathan")
    assert mine.saved() is None
    assert server.audited("logout") == logouts + 1, "bob's session was left behind"
    await mine.login("alice", PASSWORD, "leviathan")
