"""What can be made to go wrong, as a client meets it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from leviathan_sandbox import (
    Html,
    IncompleteRules,
    Malformed,
    Refused,
    Reset,
    Sandbox,
    Silent,
    Slow,
    StreamFault,
    errors,
    forbidden_to_list,
)
from leviathan_sandbox.kinds import POD
from tests.sandbox.conftest import client_for

MAPS = "/api/v1/namespaces/default/configmaps"


def add(sandbox: Sandbox, name: str) -> None:
    sandbox.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})


def test_a_page_from_a_proxy(sandbox: Sandbox, client: httpx.Client) -> None:
    fault = sandbox.inject(Html(resource="pods"))
    response = client.get("/api/v1/pods")
    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert client.get("/api/v1/nodes").status_code == 200
    sandbox.remove(fault)
    assert client.get("/api/v1/pods").status_code == 200


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.unauthorized(), 401, "Unauthorized"),
        (forbidden_to_list("pods"), 403, "Forbidden"),
        (errors.internal("etcdserver: leader changed"), 500, "InternalError"),
        (errors.expired("too old"), 410, "Expired"),
    ],
)
def test_refusals(
    sandbox: Sandbox, client: httpx.Client, error: errors.StatusError, code: int, reason: str
) -> None:
    sandbox.inject(Refused(error=error, verb="list", resource="pods", times=2))
    for _ in range(2):
        response = client.get("/api/v1/pods")
        assert response.status_code == code
        assert response.json()["reason"] == reason
    assert client.get("/api/v1/pods").status_code == 200


def test_too_many_requests_say_when_to_come_back(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.inject(Refused(error=errors.too_many_requests(7), times=1))
    response = client.get("/api/v1/pods")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "7"
    assert response.json()["details"]["retryAfterSeconds"] == 7


def test_a_slow_answer(sandbox: Sandbox, client: httpx.Client) -> None:
    fault = sandbox.inject(Slow(seconds=3600))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/v1/pods", timeout=httpx.Timeout(60, read=0.2))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, MAPS)
        while not any(path.startswith(MAPS) for _, path in sandbox.requests):
            assert not waiting.done()
        # What is late already does not stay so.
        sandbox.remove(fault)
        assert waiting.result().status_code == 200


@pytest.mark.parametrize(("applied", "code"), [(False, 404), (True, 200)])
def test_a_broken_connection(
    sandbox: Sandbox, client: httpx.Client, *, applied: bool, code: int
) -> None:
    sandbox.inject(Reset(times=1, verb="create", applied=applied))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post(MAPS, json={"metadata": {"name": "lost"}})
    assert client.get(f"{MAPS}/lost").status_code == code


def test_a_watch_that_ends_early(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.inject(StreamFault(verb="watch", resource="configmaps", after_events=2, times=1))
    params = {
        "watch": "true",
        "resourceVersion": client.get(MAPS).json()["metadata"]["resourceVersion"],
    }
    with client.stream("GET", MAPS, params=params) as response:
        for name in ("one", "two", "three"):
            add(sandbox, name)
        events = [json.loads(line) for line in response.iter_lines()]
    assert [it["object"]["metadata"]["name"] for it in events] == ["one", "two"]


@pytest.mark.parametrize(
    "last", [b'{"type":"ADDED","obj', b'{"type":"ERROR","object":{"code":500}}\n']
)
def test_a_watch_that_ends_badly(sandbox: Sandbox, client: httpx.Client, last: bytes) -> None:
    sandbox.inject(StreamFault(verb="watch", after_events=1, last_line=last, times=1))
    with client.stream("GET", MAPS, params={"watch": "true"}) as response:
        lines = response.read().split(b"\n")
    assert json.loads(lines[0])["type"] == "ADDED"
    assert b"\n".join(lines[1:]) == last


def test_objects_that_are_none(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.inject(Malformed(resource="configmaps", times=2))
    items = client.get(MAPS).json()["items"]
    assert None in items
    assert items[-1]["metadata"]["name"] == "kube-root-ca.crt"
    with client.stream("GET", MAPS, params={"watch": "1", "timeoutSeconds": "1"}) as response:
        objects = [json.loads(line)["object"] for line in response.iter_lines()]
    assert objects[0] is None
    assert objects[-1]["metadata"]["name"] == "kube-root-ca.crt"


def test_compaction_expires_watches_and_pages(sandbox: Sandbox, client: httpx.Client) -> None:
    for number in range(4):
        add(sandbox, f"c{number}")
    page = client.get(MAPS, params={"limit": "2"}).json()["metadata"]
    add(sandbox, "later")
    sandbox.compact()
    again = client.get(MAPS, params={"limit": "2", "continue": page["continue"]})
    assert again.status_code == 410
    params = {"watch": "true", "resourceVersion": page["resourceVersion"]}
    with client.stream("GET", MAPS, params=params) as response:
        event = json.loads(next(response.iter_lines()))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    fresh = client.get(MAPS).json()["metadata"]["resourceVersion"]
    with client.stream("GET", MAPS, params={"watch": "true", "resourceVersion": fresh}) as response:
        add(sandbox, "new")
        assert json.loads(next(response.iter_lines()))["type"] == "ADDED"


def test_a_short_window_forgets_by_itself() -> None:
    with Sandbox(apps=0, window=5) as sandbox, client_for(sandbox) as client:
        start = client.get(MAPS).json()["metadata"]["resourceVersion"]
        for number in range(7):
            add(sandbox, f"c{number}")
        params = {"watch": "true", "resourceVersion": start}
        with client.stream("GET", MAPS, params=params) as response:
            assert json.loads(next(response.iter_lines()))["type"] == "ERROR"


def test_it_goes_away_and_comes_back_on_the_same_port(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    url = sandbox.url
    params = {"watch": "true"}
    with client.stream("GET", MAPS, params=params) as response:
        lines = response.iter_lines()
        next(lines)
        sandbox.stop_serving()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            list(lines)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 5)
    add(sandbox, "meanwhile")
    sandbox.resume_serving()
    assert sandbox.url == url
    with client_for(sandbox) as again:
        assert again.get(f"{MAPS}/meanwhile").status_code == 200


def test_a_log_that_ends_early(sandbox: Sandbox, client: httpx.Client) -> None:
    spec = {"containers": [{"name": "app", "image": "app:1"}]}
    sandbox.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it"}, "spec": spec})
    with client.stream(
        "GET",
        "/api/v1/namespaces/default/pods",
        params={"watch": "1", "fieldSelector": "status.phase=Running"},
    ) as response:
        next(response.iter_lines())
    for number in range(4):
        sandbox.append_log("default", "it", f"line {number}")
    sandbox.inject(StreamFault(verb="log", after_events=3))
    path = f"/api/v1/namespaces/default/{POD.plural}/it/log"
    with client.stream("GET", path, params={"follow": "true"}) as response:
        assert len(list(response.iter_lines())) == 3


def test_faults_are_counted_and_cleared(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.inject(Html(code=200))
    assert client.get("/api/v1/pods").text.startswith("<html>")
    sandbox.clear_faults()
    assert client.get("/api/v1/pods").status_code == 200
    assert sandbox.requests[-2:] == [("GET", "/api/v1/pods"), ("GET", "/api/v1/pods")]


@pytest.mark.parametrize(("applied", "code"), [(False, 404), (True, 200)])
def test_no_answer_until_the_client_gives_up(
    sandbox: Sandbox, client: httpx.Client, *, applied: bool, code: int
) -> None:
    sandbox.inject(Silent(times=1, verb="create", applied=applied))
    late = httpx.Timeout(60, read=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.post(MAPS, json={"metadata": {"name": "lost"}}, timeout=late)
    assert client.get(f"{MAPS}/lost").status_code == code


def test_silence_ends_with_the_server(client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.inject(Silent(verb="list"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, MAPS)
        while not any(path.startswith(MAPS) for _, path in sandbox.requests):
            assert not waiting.done()
        sandbox.stop_serving()
        assert isinstance(waiting.exception(), httpx.TransportError)


def test_a_webhook_that_cannot_be_asked_in_dry_runs(sandbox: Sandbox, client: httpx.Client) -> None:
    add(sandbox, "there")
    sandbox.inject(Refused(error=errors.dry_run_unsupported("quota.example.com"), dry_run=True))
    path, merge = f"{MAPS}/there", {"Content-Type": "application/merge-patch+json"}
    patch = {"data": {"a": "1"}}
    body = {"metadata": {"name": "there"}}
    for response in (
        client.post(MAPS, json=body, params={"dryRun": "All"}),
        client.put(path, json=body, params={"dryRun": "All"}),
        client.patch(path, json=patch, headers=merge, params={"dryRun": "All"}),
        client.request("DELETE", path, json={"dryRun": ["All"]}),
        client.delete(path, params={"dryRun": "All"}),
    ):
        assert response.status_code == 400
        assert response.json()["message"] == (
            'admission webhook "quota.example.com" does not support dry run'
        )
    assert client.patch(path, json=patch, headers=merge).status_code == 200
    assert client.request("DELETE", path, json={}).status_code == 200


@pytest.mark.parametrize(
    ("code", "reason"), [(403, "Forbidden"), (400, "BadRequest"), (422, "Invalid")]
)
def test_a_webhook_that_refuses(
    sandbox: Sandbox, client: httpx.Client, code: int, reason: str
) -> None:
    denied = errors.denied("policy.example.com", "images come from our registry only", code)
    sandbox.inject(Refused(error=denied, verb="create", dry_run=False))
    body = {"metadata": {"name": "x"}}
    assert client.post(MAPS, json=body, params={"dryRun": "All"}).status_code == 201
    response = client.post(MAPS, json=body)
    assert (response.status_code, response.json()["reason"]) == (code, reason)
    assert response.json()["message"] == (
        'admission webhook "policy.example.com" denied the request: images come from our'
        " registry only"
    )
    assert client.get(f"{MAPS}/x").status_code == 404


@pytest.mark.parametrize("hides", [True, False])
def test_rules_that_are_not_all_there(
    sandbox: Sandbox, client: httpx.Client, *, hides: bool
) -> None:
    sandbox.inject(IncompleteRules(hides=hides))
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status = client.post(path, json={"spec": {"namespace": "default"}}).json()["status"]
    assert status["incomplete"] is True
    assert "does not support user rule resolution" in status["evaluationError"]
    assert bool(status["resourceRules"]) is not hides
