"""The table of flows, tried from real pods: what it lists works, and nothing else does."""

import os
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.platform.cluster import NAMESPACE, ROOT, Cluster, eventually
from tests.platform.people import Platform

ROW = re.compile(r"\| (leviathan-\S+) \| ([^|]+?) \| ([0-9, ]+) \|")
PYTHON = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


def strange_pod(name: str, namespace: str) -> str:
    """Return a pod that is none of the services, with the name of one as its label."""
    container = {
        "name": "try",
        "image": "busybox:1.36",
        "command": ["sleep", "3600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    labels = {"app.kubernetes.io/name": name}
    security = {
        "runAsNonRoot": True,
        "runAsUser": 64099,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    spec = {
        "containers": [container],
        "securityContext": security,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    metadata = {"name": f"try-{name}", "namespace": namespace, "labels": labels}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


STRANGERS = {
    "leviathan-bootstrap": NAMESPACE,
    "stranger": NAMESPACE,
    "visitor": "default",
}
SOURCES = (
    "leviathan-auth",
    "leviathan-console",
    "leviathan-redis",
    "leviathan-session-redis",
    *STRANGERS,
)


@pytest.fixture(scope="module", autouse=True)
def strangers(cluster: Cluster, platform: Platform) -> Iterator[None]:
    if not os.environ.get("LEVIATHAN_TEST_POLICIES"):
        pytest.skip("LEVIATHAN_TEST_POLICIES does not say that the cluster enforces policies")
    for name, namespace in STRANGERS.items():
        cluster.kubectl("apply", "-f", "-", typed=strange_pod(name, namespace))
    for name, namespace in STRANGERS.items():
        there = ("-n", namespace, f"pod/try-{name}")
        cluster.kubectl("wait", *there, "--for=condition=ready", "--timeout=60s")
    yield
    for name, namespace in STRANGERS.items():
        cluster.kubectl("delete", "pod", "-n", namespace, f"try-{name}", "--wait=false")


def targets(cluster: Cluster) -> dict[tuple[str, int], str]:
    """Return the address of each target by its name in the table and its port."""

    def service(name: str, namespace: str = NAMESPACE) -> str:
        return str(cluster.json("service", "-n", namespace, name)["spec"]["clusterIP"])

    def endpoint(name: str, namespace: str) -> tuple[str, int]:
        label = f"kubernetes.io/service-name={name}"
        (found,) = cluster.json("endpointslices", "-n", namespace, "-l", label)["items"]
        return str(found["endpoints"][0]["addresses"][0]), int(found["ports"][0]["port"])

    metrics, metrics_port = endpoint("metrics-server", "kube-system")
    api_server, api_port = endpoint("kubernetes", "default")
    (dns,) = re.findall(
        r"nameserver (\S+)",
        cluster.inside("deploy/leviathan-console", "cat", "/etc/resolv.conf"),
    )
    return {
        ("leviathan-auth", 8443): service("leviathan-auth"),
        ("leviathan-session-redis", 6379): service("leviathan-session-redis"),
        ("leviathan-redis", 6379): service("leviathan-redis"),
        ("API server", 443): service("kubernetes", "default"),
        ("DNS", 53): dns,
        ("API server", api_port): api_server,
        ("metrics server", metrics_port): metrics,
    }


def listed() -> set[tuple[str, str, int]]:
    """Return who may reach whom at which port, as docs/flows.md says."""
    rows = ROW.findall((ROOT / "docs/flows.md").read_text())
    return {(who, whom, int(port)) for who, whom, ports in rows for port in ports.split(",")}


def reaches(cluster: Cluster, source: str, address: str, port: int) -> bool:
    """Whether a connection to an address is made from a pod of a service."""
    there, command = _try_from(source, address, str(port))
    return cluster.run("exec", "-n", *there, "--", *command).returncode == 0


def _try_from(source: str, address: str, port: str) -> tuple[list[str], list[str]]:
    """Return namespace and pod, and what to run there."""
    if source in STRANGERS:
        return [STRANGERS[source], f"try-{source}"], ["nc", "-w", "3", address, port, "-e", "true"]
    if source.endswith("redis"):
        # What it says of the connection: the answer itself will not be Redis' own.
        asked = f"timeout 4 redis-cli -h {address} -p {port} ping"
        failed = "grep -q 'Could not connect'"
        script = f'answer=$({asked} 2>&1); [ $? != 124 ] && ! echo "$answer" | {failed}'
        return [NAMESPACE, f"{source}-0"], ["sh", "-c", script]
    return [NAMESPACE, f"deploy/{source}"], ["python3", "-c", PYTHON, address, port]


@pytest.mark.parametrize("source", SOURCES)
def test_a_pod_reaches_what_is_listed_and_nothing_else(cluster: Cluster, source: str) -> None:
    table = listed()
    for (whom, port), address in targets(cluster).items():
        if source.endswith(whom) and source.startswith("leviathan-"):
            continue  # itself
        ours = STRANGERS.get(source, NAMESPACE) == NAMESPACE
        wanted = (source, whom, port) in table
        if not ours:
            # Policies of this namespace decide about what comes in.
            wanted = whom not in ("leviathan-redis", "leviathan-session-redis")
        # A rule comes into force a moment after its pod.
        eventually(
            f"{source} {'reaches' if wanted else 'does not reach'} {whom}",
            lambda: reaches(cluster, source, address, port) is wanted,  # noqa: B023
            15,
        )
