"""People who go on working while something is broken, and remember what was acknowledged to them."""

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from tests.platform.people import PASSWORD, Platform

OWN: Final = "leviathan-auth"
PATIENCE: Final = 120.0
"""Seconds for which one request is tried again."""


_WRITES_A_REFRESH: Final = 5


class Unanswered(Exception):
    """Nobody has answered for too long."""


class Client:
    """One person's requests, each with a connection of its own, sent again as the console does.

    They go to whichever replica is given, or to one `pod` of the auth server.
    """

    def __init__(self, platform: Platform, pod: dict[str, Any] | None = None) -> None:
        self._url = platform.url if pod is None else f"https://{pod['status']['podIP']}:8443"
        self._extensions = {"sni_hostname": platform.node}
        self._trust = ssl.create_default_context(cafile=str(platform.ca))
        self.unanswered = 0
        """How often there was no answer, or 503."""

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the first answer that says neither to wait nor that a store is away."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer: httpx.Response | None
            try:
                answer = await self.once(method, path, **options)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            if answer is not None and answer.status_code != 503:
                return answer
            self.unanswered += 1
            await asyncio.sleep(0.2)
        raise Unanswered(f"{method} {path}")

    async def once(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request one time and return its answer, whatever it is."""
        async with httpx.AsyncClient(verify=self._trust, timeout=5.0, trust_env=False) as http:
            return await http.request(
                method, self._url + path, extensions=self._extensions, **options
            )

    async def log_in(self, name: str) -> httpx.Response:
        """Try to log in, once."""
        body = {"username": name, "password": PASSWORD, "audience": OWN}
        return await self.once("POST", "/login", json=body)


class Session(Client):
    """A session that is refreshed again and again."""

    def __init__(self, platform: Platform, name: str) -> None:
        super().__init__(platform)
        grant = platform.log_in(name, audience=OWN)
        self._refresh_token = grant.refresh_token
        self.access_token = grant.access_token
        self.refreshes = 0

    async def refresh(self) -> None:
        """Get a new pair of tokens; anything but that fails."""
        body = {"refresh_token": self._refresh_token, "audience": OWN}
        answer = await self.send("POST", "/refresh", json=body)
        assert answer.status_code == 200, answer.text
        self._refresh_token = answer.json()["refresh_token"]
        self.access_token = answer.json()["access_token"]
        self.refreshes += 1

    async def write(self) -> str:
        """Begin an entry of the journal and return its id when it was acknowledged."""
        entry = new_entry()
        headers = {"Authorization": f"Bearer {self.access_token}"}
        answer = await self.send("PUT", f"/journal/{entry['id']}", json=entry, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(entry["id"])

    async def journal(self) -> set[str]:
        """Return the ids of all entries."""
        return {str(entry["id"]) for entry in await self.entries()}

    async def entries(self) -> list[dict[str, Any]]:
        """Return all entries of the journal."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        found: list[dict[str, Any]] = []
        cursor = "0"
        while True:
            query = {"after": cursor, "limit": "500"}
            answer = await self.send("GET", "/journal", params=query, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["entries"]
            if str(page["cursor"]) == cursor:
                return found
            cursor = str(page["cursor"])


def new_entry() -> dict[str, Any]:
    """Return an entry of the journal about nothing that exists."""
    texts = ("context", "group", "namespace", "uid", "summary", "undo_of", "message")
    return {
        "id": str(uuid.uuid4()),
        "at": time.time(),
        "cluster": "https://test",
        "kind": "ConfigMap",
        "name": "test",
        "verb": "patch",
        "before": None,
        "after": None,
        "plan": None,
        "outcome": "pending",
        "duration": None,
        "merged": False,
        **dict.fromkeys(texts, ""),
    }


class Work:
    """Sessions that refresh and write, and the ids of what was acknowledged to them."""

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.over = False
        self._more = asyncio.Condition()

    async def until(self, count: int) -> None:
        """Wait until so many entries were acknowledged."""
        async with self._more:
            await self._more.wait_for(lambda: len(self.written) >= count)

    async def work(self, session: Session) -> None:
        """Refresh and write until it is over."""
        while not self.over:
            await session.refresh()
            for _ in range(_WRITES_A_REFRESH):
                self.written.add(await session.write())
                async with self._more:
                    self._more.notify_all()


@asynccontextmanager
async def working(sessions: list[Session]) -> AsyncIterator[Work]:
    """Let all of them work until the block ends; what one of them fails with ends it at once."""
    work = Work()
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(work.work(session))
        yield work
        work.over = True
