"""What the services' own accounts may do is what they did, no more and no less."""

import json
import os
from pathlib import Path

import pytest

from tests.platform.cluster import NAMESPACE, Cluster, eventually
from tests.platform.people import Platform

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:"


@pytest.fixture
def audited() -> Path:
    named = os.environ.get("LEVIATHAN_TEST_AUDIT_LOG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_AUDIT_LOG does not name the API server's audit log")
    return Path(named)


def done(log: Path) -> set[tuple[str, str, str, str]]:
    """Return who did what: account, verb, resource, name."""
    found = set()
    for line in log.read_text().splitlines():
        event = json.loads(line)
        user = event["user"]["username"]
        if user.startswith(ACCOUNT):
            what = event.get("objectRef", {})
            account = user.removeprefix(ACCOUNT)
            found.add((account, event["verb"], what.get("resource", ""), what.get("name", "")))
    return found


def allowed(cluster: Cluster) -> set[tuple[str, str, str, str]]:
    """Return what the Roles of the namespace allow whom."""
    found = set()
    for binding in cluster.json("rolebindings", "-n", NAMESPACE)["items"]:
        role = cluster.json("role", "-n", NAMESPACE, binding["roleRef"]["name"])
        for subject in binding["subjects"]:
            for rule in role["rules"]:
                for name in rule["resourceNames"]:
                    for resource in rule["resources"]:
                        found |= {(subject["name"], verb, resource, name) for verb in rule["verbs"]}
    return found


def test_every_right_is_used_and_none_is_lacking(
    cluster: Cluster, platform: Platform, audited: Path
) -> None:
    eventually("the log is written", lambda: done(audited) == allowed(cluster), 30)


def test_no_account_has_rights_elsewhere(cluster: Cluster, platform: Platform) -> None:
    for kind in ("rolebindings", "clusterrolebindings"):
        for binding in cluster.json(kind, "-A")["items"]:
            if binding["metadata"].get("namespace") != NAMESPACE:
                for subject in binding.get("subjects", []):
                    assert subject.get("namespace") != NAMESPACE, binding["metadata"]["name"]


def test_people_have_one_binding_for_the_whole_cluster(
    cluster: Cluster, platform: Platform
) -> None:
    found = []
    for binding in cluster.json("clusterrolebindings")["items"]:
        names = [subject["name"] for subject in binding.get("subjects", [])]
        if any(name.startswith("leviathan:") for name in names):
            found.append(binding["roleRef"]["name"])
            assert all(subject["kind"] == "Group" for subject in binding["subjects"])
    assert found == ["leviathan-cluster-reader"]
    (role,) = [cluster.json("clusterrole", name) for name in found]
    resources = {
        (group, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for name in rule["resources"]
    }
    assert resources == {("", "namespaces"), ("", "nodes"), ("metrics.k8s.io", "nodes")}
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} <= {"get", "list", "watch"}
