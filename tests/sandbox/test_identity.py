"""The auth server's tokens at a sandbox that trusts it, and what its groups may do there."""

import asyncio
import base64
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from leviathan_sandbox import Issuer, Sandbox, SystemClock
from leviathan_tui.backend.identity.auth_client import AuthClient
from tests.backend.identity.conftest import PASSWORD, AuthServer
from tests.sandbox.conftest import client_for

RIGHTS = Path(__file__).parents[2] / "k8s" / "base" / "rights"
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


@pytest.fixture(scope="module")
def auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthServer]:
    """An auth server with alice in viewers and bob in operators."""
    server = AuthServer(tmp_path_factory.mktemp("identity"))
    server.command("user", "add", "bob", "--groups", "operators", typed=f"{PASSWORD}\n{PASSWORD}\n")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def trusting(auth: AuthServer) -> Iterator[Sandbox]:
    with Sandbox(live=False, issuer=Issuer(auth.url, "leviathan")) as sandbox:
        yield sandbox


def token_of(auth: AuthServer, name: str) -> str:
    return asyncio.run(AuthClient(auth.url).login(name, PASSWORD, "leviathan")).access_token


@pytest.fixture(scope="module")
def alice(auth: AuthServer) -> str:
    return token_of(auth, "alice")


@pytest.fixture(scope="module")
def bob(auth: AuthServer) -> str:
    return token_of(auth, "bob")


def ask(
    sandbox: Sandbox, token: str, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    with client_for(sandbox) as client:
        given = {"Authorization": f"Bearer {token}", **headers}
        return client.request(method, path, json=body, headers=given)


def user_info(sandbox: Sandbox, token: str) -> dict[str, Any]:
    response = ask(sandbox, token, "POST", REVIEW, {})
    assert response.status_code == 201, response.text
    info: dict[str, Any] = response.json()["status"]["userInfo"]
    return info


def test_a_token_is_its_user_with_prefixes_and_the_tokens_name(
    trusting: Sandbox, alice: str
) -> None:
    info = user_info(trusting, alice)
    assert info["username"] == "leviathan:alice"
    assert info["groups"] == ["leviathan:viewers", "system:authenticated"]
    [credential] = info["extra"]["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("JTI=")
    assert len(credential) > len("JTI=")


def test_viewers_read_and_change_nothing(trusting: Sandbox, alice: str) -> None:
    for path in ("/apis/apps/v1/deployments", "/api/v1/pods", "/apis/batch/v1/cronjobs"):
        assert ask(trusting, alice, "GET", path).status_code == 200
    pod = trusting.objects("Pod", "shop")[0]["metadata"]["name"]
    log = f"/api/v1/namespaces/shop/pods/{pod}/log"
    assert ask(trusting, alice, "GET", log).status_code == 200
    refused = ask(trusting, alice, "DELETE", f"{DEPLOYMENTS}/web")
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        'deployments.apps "web" is forbidden: User "leviathan:alice" cannot delete resource'
        ' "deployments" in API group "apps" in the namespace "shop"',
    )
    assert ask(trusting, alice, "GET", "/api/v1/secrets").status_code == 403
    assert trusting.get("Deployment", "shop", "web")["metadata"]["name"] == "web"


def test_operators_change_too(trusting: Sandbox, bob: str) -> None:
    with client_for(trusting) as client:
        headers = {
            "Authorization": f"Bearer {bob}",
            "Content-Type": "application/merge-patch+json",
        }
        path = f"{DEPLOYMENTS}/web/scale"
        body = '{"spec": {"replicas": 3}}'
        assert client.patch(path, content=body, headers=headers).status_code == 200
    assert trusting.get("Deployment", "shop", "web")["spec"]["replicas"] == 3
    assert ask(trusting, bob, "DELETE", f"{DEPLOYMENTS}/cart").status_code == 200
    assert ask(trusting, bob, "GET", "/api/v1/secrets").status_code == 403


def test_a_person_may_not_act_as_another(trusting: Sandbox, alice: str) -> None:
    refused = ask(trusting, alice, "GET", "/api/v1/pods", None, **{"Impersonate-User": "root"})
    assert refused.status_code == 403
    # Of the two refusals, that of the constrained form and that of the older one, the first is told.
    assert refused.json()["message"] == (
        'pods is forbidden: User "leviathan:alice" cannot impersonate-on:user-info:list resource'
        ' "pods" in API group "" at the cluster scope'
    )


def test_impersonation_is_granted_by_name(trusting: Sandbox, alice: str) -> None:
    group = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": [""],
        "resources": ["users"],
        "verbs": ["impersonate"],
        "resourceNames": ["leviathan:bob"],
    }
    trusting.create({"kind": "ClusterRole", "metadata": {"name": "as-bob"}, "rules": [rule]})
    trusting.create(
        {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "as-bob"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "as-bob"},
            "subjects": [{"kind": "User", "name": "leviathan:alice"}],
        }
    )
    try:
        answers = {
            name: ask(trusting, alice, "POST", REVIEW, {}, **{"Impersonate-User": name})
            for name in ("leviathan:bob", "leviathan:carol")
        }
        assert answers["leviathan:carol"].status_code == 403
        info = answers["leviathan:bob"].json()["status"]["userInfo"]
        assert info == {"username": "leviathan:bob", "groups": ["system:authenticated"]}
        grouped = {"Impersonate-User": "leviathan:bob", "Impersonate-Group": "system:masters"}
        assert ask(trusting, alice, "GET", "/api/v1/pods", None, **grouped).status_code == 403
    finally:
        trusting.delete("ClusterRoleBinding", "", "as-bob")
        trusting.delete("ClusterRole", "", "as-bob")


@pytest.mark.parametrize("offset", [3600, -3600], ids=["expired", "not valid yet"])
def test_tokens_out_of_their_time(auth: AuthServer, alice: str, offset: float) -> None:
    issuer = Issuer(auth.url, "leviathan")
    with Sandbox(apps=0, clock=SystemClock(offset), issuer=issuer) as sandbox:
        response = ask(sandbox, alice, "GET", "/version")
    assert response.status_code == 401
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_tokens_for_another_audience_or_of_another_issuer(
    auth: AuthServer, trusting: Sandbox, alice: str
) -> None:
    for issuer in (Issuer(auth.url, "another"), Issuer(auth.url + "/", "leviathan"), None):
        with Sandbox(apps=0, issuer=issuer) as sandbox:
            assert ask(sandbox, alice, "GET", "/version").status_code == 401
    header, payload, signature = alice.split(".")
    other = signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")
    assert ask(trusting, f"{header}.{payload}.{other}", "GET", "/version").status_code == 401


def test_a_rotation_of_keys_disturbs_nobody(auth: AuthServer, trusting: Sandbox) -> None:
    before = token_of(auth, "alice")
    assert user_info(trusting, before)["username"] == "leviathan:alice"
    auth.command("key", "rotate")
    after = token_of(auth, "alice")
    assert user_info(trusting, before)["username"] == "leviathan:alice"
    assert user_info(trusting, after)["username"] == "leviathan:alice"


def test_an_issuer_that_is_away_disturbs_nobody(
    auth: AuthServer, trusting: Sandbox, alice: str
) -> None:
    assert user_info(trusting, alice)["username"] == "leviathan:alice"
    auth.stop()
    try:
        assert user_info(trusting, alice)["username"] == "leviathan:alice"
    finally:
        auth.start()


def test_its_roles_are_those_that_are_shipped(trusting: Sandbox) -> None:
    for file in ("roles.yaml", "cluster-reader.yaml"):
        for shipped in yaml.safe_load_all((RIGHTS / file).read_text()):
            found = trusting.get(shipped["kind"], "", shipped["metadata"]["name"])
            for field in ("rules", "roleRef", "subjects"):
                assert found.get(field) == shipped.get(field)


def test_the_program_trusts_the_issuer_that_it_is_given(
    auth: AuthServer, alice: str, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    program = [sys.executable, "-m", "leviathan_tui", "sandbox", "--apps", "0"]
    options = ["--issuer", auth.url, "--audience", "leviathan", "--write-kubeconfig", str(file)]
    with subprocess.Popen([*program, *options], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert "0 apps at https://" in running.stdout.readline()
            cluster = yaml.safe_load(file.read_text())["clusters"][0]["cluster"]
            pem = base64.b64decode(cluster["certificate-authority-data"]).decode()
            with httpx.Client(
                base_url=cluster["server"], verify=ssl.create_default_context(cadata=pem)
            ) as client:
                headers = {"Authorization": f"Bearer {alice}"}
                answer = client.post(REVIEW, json={}, headers=headers)
            assert answer.json()["status"]["userInfo"]["username"] == "leviathan:alice"
        finally:
            running.terminate()
            running.wait(30)
