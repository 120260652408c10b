"""People who write in the team's journal, and what they write."""

from typing import Any

import httpx

from tests.authserver.helpers import own_headers

Object = dict[str, Any]
_NEXT = iter(range(10**6))


def new_id() -> str:
    return f"{next(_NEXT):026d}"


def entry(**changes: Any) -> Object:
    """The entry of a change that is about to be sent."""
    return {
        "id": new_id(),
        "at": 1_700_000_000.25,
        "cluster": "prod",
        "context": "prod-admin",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "uid": "11111111-2222-3333-4444-555555555555",
        "verb": "scale",
        "summary": "scale web from 2 to 3",
        "undo_of": "",
        "before": {"spec": {"replicas": 2}},
        "after": None,
        "plan": {"spec": {"replicas": 3}},
        "outcome": "pending",
        "message": "",
        "duration": None,
        "merged": False,
        **changes,
    }


def outcome(**changes: Any) -> Object:
    done = {"outcome": "done", "message": "3/3 ready", "after": {"a": 1}, "duration": 1.5}
    return done | changes


class Member:
    """Somebody with a token for the server's own routes."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def put(self, body: Object) -> httpx.Response:
        path = f"/journal/{body['id']}"
        return await self.client.put(path, json=body, headers=self.headers)

    async def begin(self, **changes: Any) -> str:
        body = entry(**changes)
        answer = await self.put(body)
        assert answer.status_code == 200, answer.text
        return str(body["id"])

    async def finish(self, entry_id: str, **changes: Any) -> httpx.Response:
        path = f"/journal/{entry_id}/outcome"
        return await self.client.post(path, json=outcome(**changes), headers=self.headers)

    async def get(self, **query: Any) -> httpx.Response:
        return await self.client.get("/journal", params=query, headers=self.headers)

    async def read(self, **query: Any) -> tuple[list[Object], int]:
        answer = await self.get(**query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body["entries"], body["cursor"]


async def member(client: httpx.AsyncClient, name: str = "alice") -> Member:
    return Member(client, await own_headers(client, name))
