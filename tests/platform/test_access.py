"""Three ways to one issuer, and what each person may do with the token from there."""

import json
from pathlib import Path

import jwt
import pytest

from tests.platform.cluster import NAMESPACE, Cluster
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
