"""This user's journal and the team's together, at a real auth server."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from leviathan_tui.backend.changes.activity import Activity
from leviathan_tui.backend.changes.entry import Entry, new_id
from leviathan_tui.backend.changes.journal import Journal
from leviathan_tui.backend.changes.records import Records
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.identity.team_journal import TeamJournal
from tests.backend.identity.conftest import PASSWORD, AuthServer

NOWHERE = "http://127.0.0.1:9"
"""A port at which nobody listens."""


def make_entry(cluster: str, **changes: object) -> Entry:
    """Return a change of web that has just begun."""
    known: dict[str, object] = {
        "id": new_id(),
        "at": 1_700_000_000.0,
        "actor": "whoever the console says",
        "cluster": cluster,
        "context": "test",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "verb": "scale",
        "summary": "Change web from 1 to 2 replicas.",
        "before": {"spec": {"replicas": 1}},
        "after": {"spec": {"replicas": 2}},
        "plan": {"method": "PATCH"},
    }
    return Entry(**{**known, **changes})  # type: ignore[arg-type]


@pytest.fixture
async def records(
    server: AuthServer, keeper: SessionKeeper, tmp_path: Path
) -> AsyncIterator[Records]:
    await keeper.login("alice", PASSWORD, "leviathan")
    made = Records(Journal(tmp_path / "journal.sqlite3"), TeamJournal(server.url, keeper))
    yield made
    await made.close()


async def test_the_team_sees_the_name_in_the_token(records: Records) -> None:
    cluster = secrets.token_hex(8)
    entry = make_entry(cluster)
    await records.begin(entry)
    entry.outcome, entry.duration = "done", 0.5
    await records.finish(entry)
    assert records.trouble == ""
    assert records.team is not None
    (shared, *_), _ = await records.team.read(cluster)
    assert (shared["actor"], shared["outcome"], shared["merged"]) == ("alice", "done", False)
    assert records.journal.owed() == []


async def test_what_is_written_while_the_server_is_away_follows_later(
    records: Records, keeper: SessionKeeper
) -> None:
    cluster = secrets.token_hex(8)
    there, records.team = records.team, TeamJournal(NOWHERE, keeper)
    entry = make_entry(cluster)
    await records.begin(entry)
    entry.outcome = "done"
    await records.finish(entry)
    assert "kept here" in records.trouble
    assert len(records.journal.owed()) == 1

    await records.team.aclose()
    records.team = there
    (found,) = await Activity(records, cluster).read()
    assert found.outcome == "done"
    assert records.trouble == ""
    assert records.journal.owed() == []
    assert there is not None
    (shared,), _ = await there.read(cluster)
    assert (shared["actor"], shared["merged"]) == ("alice", True)


async def test_values_of_secrets_never_leave(records: Records) -> None:
    cluster = secrets.token_hex(8)
    masked = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "••••••••"}}
    entry = make_entry(cluster, kind="Secret", group="", before=masked, after=None, verb="delete")
    await records.begin(entry)
    entry.outcome = "done"
    await records.finish(entry)
    assert records.team is not None
    (shared, *_), _ = await records.team.read(cluster)
    assert "data" not in shared["before"]
