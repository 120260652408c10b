"""kubectl against the sandbox, as people use it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import Sandbox

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="there is no kubectl on the PATH"
)
Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Sandbox]:
    with Sandbox(apps=24, pace=0.1) as sandbox:
        yield sandbox
        assert sandbox.failures == []


@pytest.fixture
def kubectl(fleet: Sandbox, tmp_path: Path) -> Kubectl:
    path = fleet.write_kubeconfig(tmp_path / "kubeconfig")

    def run(*arguments: str, fails: bool = False) -> str:
        # Discovery is cached per server address in the home directory: keep it out of there.
        cache = f"--cache-dir={tmp_path / 'cache'}"
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={path}", cache, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_get(kubectl: Kubectl) -> None:
    lines = kubectl("get", "pods", "-A").splitlines()
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert len(lines) > 60
    assert "CrashLoopBackOff" in kubectl(
        "get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=billing"
    )
    deployment = kubectl("get", "deploy", "web", "-n", "shop").splitlines()[1].split()
    assert deployment[:4] == ["web", "4/4", "4", "4"]
    wide = kubectl("get", "nodes", "-o", "wide")
    assert "Debian GNU/Linux 13" in wide
    everything = kubectl("get", "all", "-n", "ops")
    for kind in (
        "pod",
        "service",
        "daemonset.apps",
        "deployment.apps",
        "replicaset.apps",
        "statefulset.apps",
        "job.batch",
        "cronjob.batch",
    ):
        assert f"{kind}/" in everything
    assert "web" in kubectl("get", "hpa,ing,svc,cm,secrets,sa", "-n", "shop")


def test_describe(kubectl: Kubectl) -> None:
    labelled = ("-l", "app.kubernetes.io/name=billing")
    pod = kubectl("get", "pods", "-n", "shop", *labelled, "-o", "name").split()[0]
    text = kubectl("describe", pod, "-n", "shop")
    assert "Reason:       CrashLoopBackOff" in text
    assert "Back-off restarting failed container billing" in text
    assert "StrategyType:           RollingUpdate" in kubectl(
        "describe", "deploy", "web", "-n", "shop"
    )
    assert "Schedule:                      */5 * * * *" in kubectl(
        "describe", "cronjob", "invoice-mails", "-n", "shop"
    )
    assert "Non-terminated Pods:" in kubectl("describe", "node", "node-1")


def test_logs(kubectl: Kubectl) -> None:
    assert len(kubectl("logs", "-n", "shop", "deploy/web", "--tail=5").splitlines()) == 5
    previous = kubectl("logs", "-n", "shop", "deploy/billing", "--previous")
    assert "Traceback (most recent call last):" in previous
    assert "waiting to start" in kubectl("logs", "-n", "ops", "deploy/reports", fails=True)


def test_top(kubectl: Kubectl) -> None:
    assert len(kubectl("top", "pods", "-n", "shop").splitlines()) > 5
    assert "node-1" in kubectl("top", "nodes")


def test_watch_and_follow(kubectl: Kubectl, fleet: Sandbox, tmp_path: Path) -> None:
    path = fleet.write_kubeconfig(tmp_path / "kubeconfig")
    pod = kubectl(
        "get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=cart", "-o", "name"
    ).split()[0]
    command = ["kubectl", f"--kubeconfig={path}", "-n", "shop"]
    with subprocess.Popen(
        [*command, "logs", "-f", "--tail=0", pod], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
    with subprocess.Popen(
        [*command, "get", "configmaps", "-w", "--output-watch-events"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("EVENT")
        fleet.create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "appears", "namespace": "shop"},
            }
        )
        for line in process.stdout:
            if "appears" in line:
                assert line.startswith("ADDED")
                break
        process.terminate()


def test_scale_delete_and_roll(kubectl: Kubectl) -> None:
    shop = ("-n", "shop")
    kubectl("scale", "deploy/cart", "--replicas=2", *shop)
    kubectl("rollout", "status", "deploy/cart", "--timeout=30s", *shop)
    pod = kubectl("get", "pods", *shop, "-l", "app.kubernetes.io/name=cart", "-o", "name").split()[
        0
    ]
    assert "deleted" in kubectl("delete", pod, *shop)
    kubectl("set", "image", "deploy/cart", "cart=registry.example.com/shop/cart:2.2.0", *shop)
    assert "successfully rolled out" in kubectl(
        "rollout", "status", "deploy/cart", "--timeout=30s", *shop
    )
    history = kubectl("rollout", "history", "deploy/cart", *shop).split()
    assert [it for it in history if it.isdigit()] == ["1", "2", "3"]
    kubectl("rollout", "undo", "deploy/cart", *shop)
    kubectl("rollout", "status", "deploy/cart", "--timeout=30s", *shop)
    image = kubectl(
        "get", "deploy/cart", *shop, "-o", "jsonpath={.spec.template.spec.containers[0].image}"
    )
    assert image == "registry.example.com/shop/cart:2.1.0"
    kubectl("rollout", "restart", "deploy/cart", *shop)
    kubectl("rollout", "status", "deploy/cart", "--timeout=30s", *shop)
    kubectl("rollout", "restart", "sts/redis", "-n", "data")
    kubectl("rollout", "status", "sts/redis", "--timeout=30s", "-n", "data")


def test_a_run_by_hand(kubectl: Kubectl) -> None:
    kubectl("create", "job", "--from=cronjob/certificate-check", "by-hand", "-n", "ops")
    kubectl("wait", "--for=condition=complete", "job/by-hand", "-n", "ops", "--timeout=30s")
    job = json.loads(kubectl("get", "job", "by-hand", "-n", "ops", "-o", "json"))
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert job["metadata"]["ownerReferences"][0]["name"] == "certificate-check"
    cron = json.loads(kubectl("get", "cj", "certificate-check", "-n", "ops", "-o", "json"))
    assert (
        job["spec"]["template"]["spec"] == cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    )


def test_what_kubectl_creates_itself(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "mine")
    mine = ("-n", "mine")
    kubectl("create", "deployment", "front", "--image=nginx:1.29", "--port=80", *mine)
    kubectl("create", "configmap", "settings", "--from-literal=a=b", *mine)
    kubectl("create", "secret", "generic", "hidden", "--from-literal=p=hunter2", *mine)
    kubectl("create", "cronjob", "tick", "--image=busybox:1.36", "--schedule=0 0 1 1 *", *mine)
    kubectl("expose", "deployment", "front", "--port=80", *mine)
    kubectl("wait", "--for=condition=available", "deploy/front", "--timeout=30s", *mine)
    secret = json.loads(kubectl("get", "secret", "hidden", "-o", "json", *mine))
    assert secret["data"] == {"p": "aHVudGVyMg=="}
    deployment = json.loads(kubectl("get", "deploy", "front", "-o", "json", *mine))
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert "already exists" in kubectl("create", "namespace", "mine", fails=True)
    kubectl("annotate", "deploy", "front", "note=one", *mine)
    kubectl("label", "deploy", "front", "tier=web", *mine)
    kubectl("patch", "cronjob", "tick", "-p", '{"spec":{"suspend":true}}', *mine)
    assert "True" in kubectl("get", "cronjob", "tick", *mine)
    assert "deleted" in kubectl("delete", "namespace", "mine")


def test_apply(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yaml"

    def write(image: str, extra: str) -> None:
        manifest.write_text(
            f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: applied, namespace: default}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: applied}}}}
  template:
    metadata: {{labels: {{app: applied}}}}
    spec:
      containers:
      - {{name: app, image: "{image}", env: [{{name: A, value: "1"}}{extra}]}}
""",
            encoding="utf-8",
        )

    write("nginx:1.28", ', {name: B, value: "2"}')
    assert "created" in kubectl("apply", "-f", str(manifest))
    assert "unchanged" in kubectl("apply", "-f", str(manifest))
    write("nginx:1.29", "")
    assert "configured (server dry run)" in kubectl(
        "apply", "--dry-run=server", "-f", str(manifest)
    )
    assert "configured" in kubectl("apply", "-f", str(manifest))
    container = json.loads(kubectl("get", "deploy", "applied", "-o", "json"))["spec"]["template"][
        "spec"
    ]["containers"][0]
    assert container["image"] == "nginx:1.29"
    assert container["env"] == [{"name": "A", "value": "1"}]
    assert "deleted" in kubectl("delete", "-f", str(manifest))


def test_who_may_what(kubectl: Kubectl) -> None:
    assert "sandbox-admin" in kubectl("auth", "whoami")
    shop, viewer = ("-n", "shop"), ("--as=alice", "--as-group=leviathan:viewers")
    assert kubectl("auth", "can-i", "get", "pods/log", *shop, *viewer) == "yes\n"
    listed = kubectl("auth", "can-i", "--list", *shop, *viewer)
    assert re.search(r"^pods/log +\[\] +\[\] +\[get list watch\]$", listed, re.MULTILINE)
    refused = kubectl("delete", "deploy", "web", *shop, *viewer, fails=True)
    assert 'User "alice" cannot delete resource "deployments" in API group "apps"' in refused
    # What kubectl makes itself, it sends as protobuf.
    kubectl("create", "role", "eraser", "--verb=delete", "--resource=deployments.apps", *shop)
    kubectl("create", "rolebinding", "eraser", "--role=eraser", "--user=alice", *shop)
    assert kubectl("auth", "can-i", "delete", "deployments", *shop, *viewer) == "yes\n"
    wide = kubectl("get", "rolebindings", "-o", "wide", *shop).splitlines()
    assert wide[1].split()[:2] == ["eraser", "Role/eraser"]
    assert wide[1].split()[-1] == "alice"
