"""Whoever may create workloads everywhere still cannot run anything beside the signing keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.cluster import NAMESPACE, Cluster
from tests.platform.people import Platform

MAKER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: test-maker}
rules:
  - apiGroups: ["", apps, batch]
    resources: [pods, pods/exec, pods/attach, pods/ephemeralcontainers, replicationcontrollers,
      podtemplates, configmaps, secrets, serviceaccounts/token, deployments, statefulsets,
      daemonsets, replicasets, jobs, cronjobs]
    verbs: [get, list, watch, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-maker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: test-maker}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "leviathan:bob"}]
"""
POD: dict[str, Any] = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 64001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "restartPolicy": "Never",
    "containers": [
        {
            "name": "thief",
            "image": "busybox:1.36",
            "command": ["cat", "/keys/secret"],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
        }
    ],
    "volumes": [{"name": "keys", "secret": {"secretName": "leviathan-auth-keys"}}],
}
LABELS = {"app": "thief"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
LASTING = {"metadata": {"labels": LABELS}, "spec": {**POD, "restartPolicy": "Always"}}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Pod": ("v1", {"spec": POD}),
    "ReplicationController": ("v1", {"spec": {"selector": LABELS, "template": LASTING}}),
    "PodTemplate": ("v1", {"template": TEMPLATE}),
    "Deployment": ("apps/v1", {"spec": {"selector": {"matchLabels": LABELS}, "template": LASTING}}),
    "ReplicaSet": ("apps/v1", {"spec": {"selector": {"matchLabels": LABELS}, "template": LASTING}}),
    "DaemonSet": ("apps/v1", {"spec": {"selector": {"matchLabels": LABELS}, "template": LASTING}}),
    "StatefulSet": (
        "apps/v1",
        {"spec": {"serviceName": "x", "selector": {"matchLabels": LABELS}, "template": LASTING}},
    ),
    "Job": ("batch/v1", {"spec": {"template": TEMPLATE}}),
    "CronJob": (
        "batch/v1",
        {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}},
    ),
}


def manifest(kind: str, namespace: str) -> str:
    version, body = KINDS[kind]
    document = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "thief", "namespace": namespace},
        **body,
    }
    return yaml.safe_dump(document)


@pytest.fixture(scope="module")
def maker(cluster: Cluster, platform: Platform) -> Iterator[Path]:
    """The kubeconfig of bob, who may make workloads in every namespace here."""
    cluster.kubectl("apply", "-f", "-", typed=MAKER)
    yield platform.kubeconfig_of("bob")
    cluster.kubectl("delete", "-f", "-", typed=MAKER)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_becomes_a_pod_is_made_beside_the_keys(
    cluster: Cluster, maker: Path, kind: str
) -> None:
    dry = ("create", "--dry-run=server", "-f", "-")
    # The right is there: elsewhere the same is taken.
    cluster.kubectl(*dry, typed=manifest(kind, "apps"), kubeconfig=maker)
    said = cluster.refused(*dry, typed=manifest(kind, NAMESPACE), kubeconfig=maker)
    assert "only a cluster administrator may" in said
    cluster.kubectl(*dry, typed=manifest(kind, NAMESPACE))


def test_nobody_enters_or_changes_what_is_there(cluster: Cluster, maker: Path) -> None:
    (pod, _) = cluster.pods("leviathan-auth")
    name = pod["metadata"]["name"]
    there = ("-n", NAMESPACE)
    for command in (
        ("exec", *there, name, "--", "cat", "/run/leviathan-auth/keys/secret"),
        ("attach", *there, name),
        ("debug", *there, name, "--profile=restricted", "--image=busybox:1.36", "--", "true"),
        ("set", "image", *there, "deploy/leviathan-auth", "auth=busybox:1.36"),
        ("label", *there, f"pod/{name}", "app=thief"),
    ):
        said = cluster.refused(*command, kubeconfig=maker)
        assert "only a cluster administrator may" in said, (command, said)


def test_the_installer_and_kubernetes_itself_go_on(cluster: Cluster, platform: Platform) -> None:
    assert cluster.inside("deploy/leviathan-console", "leviathan", "--version")
    (pod,) = cluster.pods("leviathan-redis")
    cluster.kubectl("delete", "pod", "-n", NAMESPACE, pod["metadata"]["name"])
    cluster.kubectl(
        *("wait", "-n", NAMESPACE, "pod/leviathan-redis-0"),
        *("--for=condition=ready", "--timeout=120s"),
    )


def test_settings_and_tokens_are_guarded_too(cluster: Cluster, maker: Path) -> None:
    there = ("-n", NAMESPACE)
    for command in (
        ("create", "configmap", *there, "thief", "--from-literal=a=b"),
        ("create", "secret", "generic", *there, "thief", "--from-literal=a=b"),
        ("create", "token", *there, "leviathan-bootstrap"),
    ):
        said = cluster.refused(*command, kubeconfig=maker)
        assert "only a cluster administrator may" in said, (command, said)


def test_a_controllers_account_is_no_way_in(
    cluster: Cluster, maker: Path, platform: Platform
) -> None:
    """Who may make pods in kube-system can run one as an account that makes pods everywhere."""
    overrides = {
        "spec": {
            "serviceAccountName": "daemon-set-controller",
            "containers": [{"name": "thief", "image": "busybox:1.36", "command": ["sleep", "900"]}],
        }
    }
    cluster.kubectl(
        *("run", "thief", "-n", "kube-system", "--image=busybox:1.36", "--restart=Never"),
        f"--overrides={json.dumps(overrides)}",
        kubeconfig=maker,
    )
    try:
        there = ("-n", "kube-system")
        cluster.kubectl("wait", *there, "pod/thief", "--for=condition=ready", "--timeout=60s")
        place = "/var/run/secrets/kubernetes.io/serviceaccount/token"
        token = cluster.kubectl("exec", *there, "thief", "--", "cat", place, kubeconfig=maker)
        thief = platform.kubeconfig("thief", {"token": token.strip()})
        dry = ("create", "--dry-run=server", "-f", "-")
        cluster.kubectl(*dry, typed=manifest("Pod", "apps"), kubeconfig=thief)
        said = cluster.refused(*dry, typed=manifest("Pod", NAMESPACE), kubeconfig=thief)
        assert "only a cluster administrator may" in said
    finally:
        cluster.kubectl(
            "delete", "pod", "-n", "kube-system", "thief", "--grace-period=0", "--force"
        )


def test_an_operator_cannot_reach_the_keys_by_way_of_the_nodes_disk(
    cluster: Cluster, platform: Platform
) -> None:
    volume = {"name": "keys", "hostPath": {"path": "/var/lib/kubelet"}}
    spec = {**POD, "volumes": [volume]}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "thief", "namespace": "apps"},
        "spec": spec,
    }
    # Whoever asks: even the administrator of the cluster.
    said = cluster.refused("create", "--dry-run=server", "-f", "-", typed=yaml.safe_dump(document))
    assert "violates PodSecurity" in said
