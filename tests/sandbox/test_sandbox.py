"""The sandbox as a whole: its kubeconfig, its doors, its direct ways in."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from leviathan_sandbox import (
    BEHAVIOUR,
    DeleteOptions,
    ManualClock,
    Sandbox,
    StatusError,
    SystemClock,
)
from tests.sandbox.conftest import client_for

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "it", "annotations": {BEHAVIOUR: "run"}},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}


def test_its_kubeconfig_is_for_its_owner_only(sandbox: Sandbox, tmp_path: Path) -> None:
    path = sandbox.write_kubeconfig(tmp_path / "deeper" / "kubeconfig")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config == sandbox.kubeconfig()
    assert config["clusters"][0]["cluster"]["server"] == sandbox.url
    assert os.listdir(path.parent) == ["kubeconfig"]
    path.chmod(0o644)
    sandbox.write_kubeconfig(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_takes_nobody_without_its_token(sandbox: Sandbox, client: httpx.Client) -> None:
    assert client.get("/api/v1/pods").status_code == 200
    assert client.get("/api/v1/pods", headers={"Authorization": "Bearer x"}).status_code == 401
    assert (
        client.get("/api/v1/pods", headers={"Authorization": f"Basic {sandbox.token}"}).status_code
        == 401
    )
    del client.headers["Authorization"]
    assert client.get("/api/v1/pods").status_code == 403
    assert client.get("/readyz").text == "ok"
    assert client.get("/version").json()["minor"] == "37"


def test_only_its_own_authority_vouches_for_it(sandbox: Sandbox) -> None:
    with Sandbox(apps=0) as other:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with client_for(other) as client, pytest.raises(httpx.ConnectError):
            client.get(f"{sandbox.url}/api/v1/pods", headers=headers)


def test_two_do_not_share_anything() -> None:
    with Sandbox(apps=0) as one, Sandbox(apps=0) as two:
        assert (one.url, one.token) != (two.url, two.token)
        one.create(POD)
        assert len(one.objects("Pod")) == 1
        assert two.objects("Pod") == []


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        Sandbox(apps=0, port=port).start()


def test_objects_without_http(sandbox: Sandbox) -> None:
    created = sandbox.create(POD)
    assert sandbox.get("Pod", "default", "it")["metadata"]["uid"] == created["metadata"]["uid"]
    changed = sandbox.patch("Pod", "default", "it", {"metadata": {"labels": {"a": "b"}}})
    assert changed["metadata"]["labels"] == {"a": "b"}
    marked = sandbox.patch(
        "Pod", "default", "it", {"status": {"message": "by hand"}}, subresource="status"
    )
    assert marked["status"]["message"] == "by hand"
    with pytest.raises(StatusError) as refused:
        sandbox.delete("Pod", "default", "it", DeleteOptions(uid="another"))
    assert refused.value.code == 409
    sandbox.delete("Pod", "default", "it", DeleteOptions(grace=0))
    with pytest.raises(StatusError) as gone:
        sandbox.get("Pod", "default", "it")
    assert gone.value.reason == "NotFound"


def test_what_is_returned_is_a_copy(sandbox: Sandbox) -> None:
    sandbox.create(POD)
    sandbox.get("Pod", "default", "it")["metadata"]["name"] = "changed"
    assert sandbox.get("Pod", "default", "it")["metadata"]["name"] == "it"


def test_time_stands_still_until_it_is_moved() -> None:
    with Sandbox(apps=0, clock=ManualClock()) as sandbox:
        sandbox.create(POD)
        sandbox.settle()
        assert sandbox.get("Pod", "default", "it")["status"]["phase"] == "Pending"
        sandbox.advance(10)
        assert sandbox.get("Pod", "default", "it")["status"]["phase"] == "Running"
        assert sandbox.get("Pod", "default", "it")["status"]["startTime"].startswith("2026-01-01")


def test_other_clocks_cannot_be_moved(sandbox: Sandbox) -> None:
    with pytest.raises(TypeError):
        sandbox.advance(10)
    assert SystemClock(3600).time() > SystemClock().time() + 3000


def test_lines_by_hand_come_at_once(sandbox: Sandbox) -> None:
    sandbox.create(POD)
    with client_for(sandbox) as client:
        params = {"watch": "true", "fieldSelector": "status.phase=Running"}
        with client.stream("GET", "/api/v1/pods", params=params) as response:
            next(response.iter_lines())
        path = "/api/v1/namespaces/default/pods/it/log"
        query = {"follow": "true", "tailLines": "0"}
        with client.stream("GET", path, params=query) as response:
            sandbox.append_log("default", "it", "first\nsecond: \x1b[31mred\x1b[0m")
            found = []
            for line in response.iter_lines():
                if line in ("first", "second: \x1b[31mred\x1b[0m"):
                    found.append(line)
                if len(found) == 2:
                    break
    assert found == ["first", "second: \x1b[31mred\x1b[0m"]


def test_a_log_reads_the_same_twice() -> None:
    logs = []
    for _ in range(2):
        with Sandbox(apps=24, clock=ManualClock(), live=False) as sandbox:
            pod = next(
                it["metadata"]["name"]
                for it in sandbox.objects("Pod", "shop")
                if it["metadata"]["name"].startswith("web-")
            )
            with client_for(sandbox) as client:
                path = f"/api/v1/namespaces/shop/pods/{pod}/log"
                logs.append(client.get(path, params={"tailLines": "200"}).text)
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) == 200


def test_bodies_are_bounded(client: httpx.Client) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    body = {"metadata": {"name": "huge"}, "data": {"a": "x" * (3 << 20)}}
    response = client.post(path, json=body)
    assert response.status_code == 413
    assert response.json()["reason"] == "RequestEntityTooLarge"


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_bodies_break_nothing(client: httpx.Client, depth: int) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    content = '{"metadata":{"name":"deep"},"x":' + "[" * depth + "]" * depth + "}"
    response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (201, 400)
    assert client.get(path).status_code == 200


def test_browsers_and_curl_get_it_indented(client: httpx.Client) -> None:
    plain = client.get("/version").text
    for agent in ("curl/8.14.1", "Mozilla/5.0 (X11)"):
        assert len(client.get("/version", headers={"User-Agent": agent}).text) > len(plain)


def test_it_serves_alone_until_it_is_told_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    program = f"from leviathan_sandbox import serve; serve({str(path)!r}, 1, 0)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "1 apps at https://127.0.0.1:" in process.stdout.readline()
        assert str(path) in process.stdout.readline()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not path.exists()


def test_what_is_written_without_http_may_have_an_owner(sandbox: Sandbox) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}
    sandbox.create(body, manager="helm")
    changed = sandbox.patch("ConfigMap", "default", "x", {"data": {"b": "2"}}, manager="kubectl")
    owners = {it["manager"]: it["fieldsV1"] for it in changed["metadata"]["managedFields"]}
    assert owners == {
        "helm": {"f:data": {".": {}, "f:a": {}}},
        "kubectl": {"f:data": {"f:b": {}}},
    }
    changed = sandbox.patch("ConfigMap", "default", "x", {"data": {"a": "3"}})
    assert {it["manager"] for it in changed["metadata"]["managedFields"]} == set(owners)
