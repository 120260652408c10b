"""The team's journal from a client's side, at a real auth server and at servers that are none."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.identity.auth_client import AuthClient
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.identity.saved import SavedToken, SessionFile
from leviathan_tui.backend.identity.team_journal import AUDIENCE, Away, Refused, TeamJournal
from tests.backend.identity.conftest import PASSWORD, AuthServer

Object = dict[str, Any]


def entry(cluster: str = "prod", **changes: Any) -> Object:
    return {
        "id": secrets.token_hex(16),
        "at": 1_700_000_000.5,
        "cluster": cluster,
        "context": "prod-admin",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "uid": "u1",
        "verb": "scale",
        "summary": "scale web from 2 to 3",
        "undo_of": "",
        "before": {"spec": {"replicas": 2}},
        "after": None,
        "plan": None,
        "outcome": "pending",
        "message": "",
        "duration": None,
        "merged": False,
        **changes,
    }


@pytest.fixture
async def journal(server: AuthServer, keeper: SessionKeeper) -> AsyncIterator[TeamJournal]:
    await keeper.login("alice", PASSWORD, "leviathan")
    made = TeamJournal(server.url, keeper)
    yield made
    await made.aclose()


@pytest.fixture
async def bobs(server: AuthServer, tmp_path: Path) -> AsyncIterator[TeamJournal]:
    if "bob" not in server.command("user", "list"):
        server.command("user", "add", "bob", typed=f"{PASSWORD}\n{PASSWORD}\n")
    client = AuthClient(server.url)
    keeper = SessionKeeper(client, SessionFile(tmp_path / "bob", client.url))
    await keeper.login("bob", PASSWORD, AUDIENCE)
    made = TeamJournal(server.url, keeper)
    yield made
    await made.aclose()


async def test_an_entry_from_beginning_to_end(journal: TeamJournal) -> None:
    cluster = secrets.token_hex(8)
    begun = entry(cluster)
    written = await journal.begin(begun)
    assert (written["actor"], written["outcome"]) == ("alice", "pending")
    assert await journal.begin(begun) == written
    (found,), cursor = await journal.read(cluster)
    assert found["before"] == begun["before"]
    assert found["token_id"] == written["token_id"]
    assert await journal.read(cluster, cursor) == ([], cursor)
    done = await journal.finish(begun["id"], "done", message="3/3", after={"x": 1}, duration=2.5)
    assert done["outcome"] == "done"
    again = await journal.finish(begun["id"], "done", message="3/3", after={"x": 1}, duration=2.5)
    assert again == done
    (ended,), newer = await journal.read(cluster, cursor)
    assert (ended["id"], ended["outcome"], ended["duration"]) == (begun["id"], "done", 2.5)
    assert newer != cursor
    with pytest.raises(Refused) as refused:
        await journal.finish(begun["id"], "failed")
    assert refused.value.code == "finished"


async def test_pages(journal: TeamJournal) -> None:
    cluster = secrets.token_hex(8)
    begun = [entry(cluster) for _ in range(5)]
    for one in begun:
        await journal.begin(one)
    names = [one["id"] for one in begun]
    newest, _ = await journal.read(cluster, limit=2)
    assert [it["id"] for it in newest] == names[3:]
    older = await journal.older(cluster, newest[0]["sequence"], limit=2)
    assert [it["id"] for it in older] == names[1:3]
    seen: list[str] = []
    cursor = "0"
    while True:
        page, after = await journal.read(cluster, cursor, limit=2)
        if after == cursor:
            break
        seen += [it["id"] for it in page]
        cursor = after
    assert seen == names


async def test_others_see_that_but_not_what(journal: TeamJournal, bobs: TeamJournal) -> None:
    mine = entry(secrets.token_hex(8))
    await journal.begin(mine)
    (seen,), _ = await bobs.read(mine["cluster"])
    assert (seen["actor"], seen["summary"], seen["before"]) == ("alice", mine["summary"], None)
    with pytest.raises(Refused) as refused:
        await bobs.finish(mine["id"], "done")
    assert refused.value.code == "not_yours"
    with pytest.raises(Refused) as refused:
        await bobs.begin(mine)
    assert refused.value.code == "taken"


async def test_a_server_that_is_away_gets_what_happened_afterwards(
    server: AuthServer, journal: TeamJournal
) -> None:
    begun = entry(secrets.token_hex(8))
    lost = entry(begun["cluster"])
    await journal.begin(begun)
    server.stop()
    try:
        for attempt in (
            journal.begin(lost),
            journal.finish(begun["id"], "done"),
            journal.read(begun["cluster"]),
        ):
            with pytest.raises(Away, match="does not answer"):
                await attempt
    finally:
        server.start()
    await journal.merge({**begun, "outcome": "done", "duration": 1.0})
    await journal.merge({**lost, "outcome": "refused", "message": "forbidden"})
    entries, _ = await journal.read(begun["cluster"])
    assert [(it["id"], it["outcome"], it["merged"]) for it in entries] == [
        (begun["id"], "done", True),
        (lost["id"], "refused", True),
    ]


async def test_without_a_session_it_is_as_if_the_server_were_away(
    server: AuthServer, keeper: SessionKeeper
) -> None:
    journal = TeamJournal(server.url, keeper)
    with pytest.raises(Away, match="not logged in"):
        await journal.begin(entry())
    await journal.aclose()


async def test_an_entry_that_is_too_large_or_makes_no_sense(journal: TeamJournal) -> None:
    with pytest.raises(Refused) as refused:
        await journal.begin(entry(before={"text": "x" * (300 << 10)}))
    assert refused.value.code == "too_large"
    with pytest.raises(Refused) as refused:
        await journal.begin(entry(verb=""))
    assert refused.value.code == "bad_request"


async def test_long_texts_are_cut(journal: TeamJournal) -> None:
    begun = entry(secrets.token_hex(8), summary="s" * 5000)
    await journal.begin(begun)
    await journal.finish(begun["id"], "failed", message="m" * 10_000)
    (found,), _ = await journal.read(begun["cluster"])
    assert (len(found["summary"]), len(found["message"])) == (1024, 4096)


async def test_what_others_wrote_cannot_act_on_the_terminal(
    journal: TeamJournal, bobs: TeamJournal
) -> None:
    planted = entry(
        secrets.token_hex(8),
        summary="\x1b]52;c;aGk=\x07 rm -rf",
        name="\u202eweb",
        before={"metadata": {"name": "\x1b[2J"}},
    )
    await bobs.begin(planted)
    (seen,), _ = await journal.read(planted["cluster"])
    assert "\x1b" not in seen["summary"]
    assert "␛]52" in seen["summary"]
    assert "\u202e" not in seen["name"]
    # What an undo would send stays as it is.
    (own,), _ = await bobs.read(planted["cluster"])
    assert own["before"] == planted["before"]


class Tokens:
    """A source of tokens that asks nobody."""

    async def token(self, audience: str) -> SavedToken:
        assert audience == AUDIENCE
        return SavedToken("a.b.c", 2**40)


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Serve on loopback with `answer`; yield the address."""
    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def saying(status: str, body: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        ("502 Bad Gateway", b"<html>proxy</html>", Away, "HTTP 502"),
        ("200 OK", b"<html>log in first</html>", Away, "cannot be read"),
        ("200 OK", b'{"entries": {}, "cursor": "x"}', Away, "cannot be read"),
        ("200 OK", b"[" * 100_000, Away, "cannot be read"),
        ("302 Found", b"", Away, "HTTP 302"),
        (
            "503 Service Unavailable",
            b'{"error":"unavailable","message":"The store is away.","retry_after":5}',
            Away,
            "store is away",
        ),
        (
            "429 Too Many Requests",
            b'{"error":"too_many_requests","message":"Wait.","retry_after":2}',
            Away,
            "Wait",
        ),
        (
            "401 Unauthorized",
            b'{"error":"invalid_token","message":"The token is not accepted."}',
            Away,
            "not accepted",
        ),
        (
            "404 Not Found",
            b'{"error":"not_found","message":"There is nothing here."}',
            Refused,
            "nothing here",
        ),
        (
            "403 Forbidden",
            b'{"error":"not_yours","message":"\\u001b[2Jno"}',
            Refused,
            "␛\\[2Jno",
        ),
    ],
)
async def test_answers_of_all_kinds(
    status: str, body: bytes, kind: type[Exception], words: str
) -> None:
    async with answering(saying(status, body)) as url:
        journal = TeamJournal(url, Tokens())
        with pytest.raises(kind, match=words):
            await journal.read("prod")
        await journal.aclose()


async def test_a_server_that_never_answers_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leviathan_tui.backend.identity.team_journal.REQUEST_TIMEOUT", 0.2)
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # ends when the client has given up
        writer.close()
        gone.set()

    async with answering(silent) as url:
        journal = TeamJournal(url, Tokens())
        with pytest.raises(Away, match="answer"):
            await journal.begin(entry())
        await journal.aclose()
        await gone.wait()


def test_only_https_off_loopback() -> None:
    with pytest.raises(AuthRefused, match="https"):
        TeamJournal("http://auth.example", Tokens())


async def test_a_missing_certificate_authority_is_said(tmp_path: Path) -> None:
    journal = TeamJournal("https://auth.example", Tokens(), str(tmp_path / "absent.pem"))
    with pytest.raises(Refused, match="Cannot read"):
        await journal.read("prod")
