"""The ways to one issuer, and what each person may do with the token from there."""

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import jwt
import pytest
import yaml

from tests.platform.cluster import NAMESPACE, OVERLAY, ROOT, Cluster, eventually
from tests.platform.people import PASSWORD, Home, Platform

ISSUER = "https://leviathan-auth.leviathan.svc:8443"
POD_LOGIN = f"""
import asyncio
from leviathan_tui.backend.identity.auth_client import AuthClient
client = AuthClient({ISSUER!r}, "/run/leviathan/redis/ca.crt")
print(asyncio.run(client.login("alice", {PASSWORD!r}, "leviathan")).access_token)
"""


def works(platform: Platform, token: str) -> bool:
    kubeconfig = platform.kubeconfig("way", {"token": token})
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == ISSUER
    told = platform.cluster.kubectl("auth", "whoami", "-o", "json", kubeconfig=kubeconfig)
    return bool(json.loads(told)["status"]["userInfo"]["username"] == "leviathan:alice")


def test_a_laptop_comes_by_port_forward(cluster: Cluster, platform: Platform) -> None:
    with cluster.forwarded("service/leviathan-auth", 8443) as port:
        grant = platform.log_in("alice", f"https://localhost:{port}")
    assert works(platform, grant.access_token)


def test_a_laptop_comes_by_the_nodes_port(platform: Platform) -> None:
    assert works(platform, platform.log_in("alice", platform.url).access_token)


def test_a_pod_comes_by_the_service(cluster: Cluster, platform: Platform) -> None:
    told = cluster.inside("deploy/leviathan-console", "python3", "-c", POD_LOGIN)
    assert works(platform, told.strip())


BALANCER = "192.0.2.10"


@pytest.fixture
def balanced(cluster: Cluster, platform: Platform, tmp_path: Path) -> Iterator[str]:
    """The auth server behind a load balancer, by the guide's overlay; gives the balancer's URL.

    Nothing here makes load balancers. The Service is told that it has one, as a cloud would tell
    it, and the node takes what is sent to that address.
    """
    guide = (ROOT / "docs/install.md").read_text()
    (overlay,) = re.findall(r"^# kustomization.yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(overlay)
    (tmp_path / "k8s").symlink_to(ROOT / "k8s")
    made = {
        (one["kind"], one["metadata"]["name"]): one
        for one in yaml.safe_load_all(cluster.kubectl("kustomize", str(tmp_path)))
    }
    (job,) = (one for (kind, _), one in made.items() if kind == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"][-2:] == ["--auth-host", "auth.example.com"]
    service = ("-n", NAMESPACE, "service", "leviathan-auth")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": BALANCER}]}}}
    try:
        cluster.kubectl("apply", "-f", "-", typed=json.dumps(made["Service", "leviathan-auth"]))
        cluster.kubectl("patch", *service, "--subresource=status", "-p", json.dumps(status))
        yield f"https://{BALANCER}:8443"
    finally:
        cluster.kubectl("apply", "-k", str(OVERLAY))
    spec = cluster.json(*service)["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("NodePort", "Local")


def test_a_laptop_comes_by_a_load_balancer(platform: Platform, balanced: str) -> None:
    trust = ssl.create_default_context(cafile=str(platform.ca))
    # The certificate has the names that it was made with, and not this address.
    name = {"sni_hostname": "leviathan-auth.leviathan.svc"}

    def keys() -> list[object]:
        with suppress(httpx.TransportError), httpx.Client(verify=trust, trust_env=False) as http:
            answer = http.get(f"{balanced}/jwks", extensions=name)
            return list(answer.json()["keys"])
        return []

    assert eventually("the keys are published there", keys)


def test_rights_are_by_group_and_end_at_the_namespace_of_apps(platform: Platform) -> None:
    people = {name: platform.kubeconfig_of(name) for name in ("alice", "bob", "carol")}

    def may(name: str, *question: str) -> bool:
        done = platform.cluster.run("auth", "can-i", *question, kubeconfig=people[name])
        return done.stdout.startswith("yes")

    for name in people:
        assert may(name, "list", "namespaces")
        assert may(name, "list", "nodes")
        assert may(name, "list", "pods", "-n", "apps")
        assert may(name, "get", "pods", "--subresource=log", "-n", "apps")
        assert not may(name, "list", "pods", "-A")
        for kind in ("pods", "secrets", "configmaps", "deployments.apps"):
            assert not may(name, "list", kind, "-n", NAMESPACE)
            assert not may(name, "list", kind, "-n", "kube-system")
    for kind in ("deployments.apps", "cronjobs.batch"):
        assert not may("alice", "patch", kind, "-n", "apps")
        assert may("bob", "patch", kind, "-n", "apps")
    assert not may("alice", "get", "secrets", "-n", "apps")
    assert not may("bob", "get", "secrets", "-n", "apps")
    assert not may("bob", "create", "rolebindings.rbac.authorization.k8s.io", "-n", "apps")
    assert may("carol", "create", "rolebindings.rbac.authorization.k8s.io", "-n", "apps")


@pytest.fixture
def bob(platform: Platform) -> Home:
    home = platform.home("bob")
    home.log_in()
    return home


def test_an_operator_deploys_pauses_deletes_and_takes_back(
    cluster: Cluster, platform: Platform, bob: Home, tmp_path: Path
) -> None:
    try:
        bob.does("apps", "deploy", "busybox:1.36", "web", "--command", "sleep 3600", "--yes")
        assert "web" in bob.does("apps", "list")
        bob.does("apps", "pause", "web", "--yes")
        assert cluster.json("deployment", "web", "-n", "apps")["spec"]["replicas"] == 0
        bob.does("apps", "delete", "web", "--yes")
        assert cluster.run("get", "deployment", "web", "-n", "apps").returncode != 0
        bob.does("undo", "--yes")
        assert cluster.json("deployment", "web", "-n", "apps")["spec"]["replicas"] == 0
        bob.does("apps", "boot", "web", "--yes")
        assert cluster.json("deployment", "web", "-n", "apps")["spec"]["replicas"] == 1

        alice = platform.home("alice")
        alice.log_in()
        assert "web" in alice.does("apps", "list")
        refused = alice.leviathan("apps", "pause", "web", "--yes")
        assert refused.returncode != 0
        assert "may not" in refused.stderr or "cannot" in refused.stderr, refused.stderr
        # The journal of the team lies in session Redis, and says who it was.
        told = alice.does("journal", "--json")
        assert '"actor":"bob"' in told.replace(" ", "")
    finally:
        cluster.kubectl("delete", "deployment", "web", "-n", "apps", "--ignore-not-found")
