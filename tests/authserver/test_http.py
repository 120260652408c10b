"""The interface as a whole: its documents, its probes, and what surrounds every answer."""

import json
from pathlib import Path

import httpx
import pytest

from authserver import app
from authserver.routes.operation import Access
from authserver.service import Service
from tests.authserver.helpers import (
    FakeClock,
    add_user,
    bearer,
    client_of,
    log_in,
    make_service,
    make_settings,
    own_headers,
)


async def test_the_openapi_document_covers_every_operation(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == {(operation.method, operation.path) for operation in app.OPERATIONS}
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in text
    login = document["paths"]["/login"]["post"]
    schema = login["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    fields = document["components"]["schemas"][schema.rpartition("/")[2]]
    assert fields["required"] == ["username", "password", "audience"]
    assert fields["additionalProperties"] is False


async def test_every_guarded_operation_asks_for_a_token(client: httpx.AsyncClient) -> None:
    guarded = [op for op in app.OPERATIONS if op.access is not Access.OPEN]
    assert len(guarded) == 14
    for operation in guarded:
        answer = await client.request(operation.method, operation.path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_answers_are_not_to_be_stored(client: httpx.AsyncClient) -> None:
    for answer in (
        await log_in(client),
        await log_in(client, password="wrong"),
        await client.get("/me"),
        await client.get("/nothing"),
        await client.get("/login"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await client.get("/nothing")).json()["error"] == "not_found"
    assert (await client.get("/login")).json()["error"] == "method_not_allowed"


@pytest.mark.parametrize(
    "values", [[], ["Bearer"], ["Bearer "], ["Basic YTpi"], ["Bearer a", "Bearer b"], ["bearer\ta"]]
)
async def test_not_exactly_one_bearer_token(client: httpx.AsyncClient, values: list[str]) -> None:
    headers = [("authorization", value) for value in values]
    assert (await client.get("/me", headers=headers)).status_code == 401


async def test_the_scheme_may_be_written_in_any_case(client: httpx.AsyncClient) -> None:
    header = (await own_headers(client))["authorization"].replace("Bearer", "BEARER")
    assert (await client.get("/me", headers={"authorization": header})).status_code == 200


async def test_metrics_count_what_happens(service: Service, client: httpx.AsyncClient) -> None:
    await log_in(client)
    await log_in(client, password="wrong")
    await client.delete("/sessions/some-id")
    text = (await client.get("/metrics")).text
    assert 'leviathan_auth_events_total{action="login",outcome="ok"} 1\n' in text
    assert 'leviathan_auth_events_total{action="login",outcome="refused"} 1\n' in text
    assert 'leviathan_auth_requests_total{route="/login",status="200"} 1\n' in text
    assert 'leviathan_auth_requests_total{route="/sessions/{id}",status="401"} 1\n' in text
    assert 'leviathan_auth_request_seconds_count{route="/login"} 2\n' in text
    assert 'leviathan_auth_request_seconds_bucket{route="/login",le="+Inf"} 2\n' in text
    assert f"leviathan_auth_password_computations {service.hasher.computations}\n" in text
    assert "alice" not in text
    assert "some-id" not in text


async def test_an_issuer_with_a_path_is_served_below_it(tmp_path: Path, clock: FakeClock) -> None:
    service = make_service(make_settings(tmp_path, issuer="https://example.org/auth"), clock)
    await add_user(service)
    async with client_of(service) as client:
        discovery = await client.get("/auth/.well-known/openid-configuration")
        assert discovery.json()["issuer"] == "https://example.org/auth"
        assert discovery.json()["jwks_uri"] == "https://example.org/auth/jwks"
        assert (await client.get("/auth/jwks")).status_code == 200
        assert (await client.get("/jwks")).status_code == 404
        body = {"username": "alice", "password": "x" * 12, "audience": "leviathan"}
        assert (await client.post("/auth/login", json=body)).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
    await service.close()


async def test_a_user_who_is_gone_has_no_use_for_a_token(
    service: Service, client: httpx.AsyncClient
) -> None:
    headers = await own_headers(client)
    user = await service.stores.users.user("alice")
    assert user is not None
    ended = await service.stores.sessions.end_sessions("alice")
    assert ended == 1
    for path in ("/me", "/sessions", "/api-keys"):
        assert (await client.get(path, headers=headers)).status_code == 401
    assert (await client.get("/me", headers=bearer("lvk_x"))).status_code == 401


async def test_readiness_names_every_store(
    service: Service, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    names = ("users", "sessions", "journal", "audit")
    ready = await client.get("/readyz")
    assert ready.json() == {"status": "ok", "stores": dict.fromkeys(names, "ok")}
    path = service.settings.path(service.settings.audit.path)
    path.unlink()
    path.mkdir()  # what cannot be audited does not happen
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == "unavailable"
    assert answer.json()["stores"] == dict.fromkeys(names, "ok") | {"audit": "unavailable"}
    assert str(tmp_path) not in answer.text
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    path.rmdir()
    assert (await client.get("/readyz")).status_code == 200
