"""Certificates that are made anew, and a wrong password: both are noticed without anybody's help."""

import asyncio
import base64
import json
import socket
import ssl
from typing import Any

from cryptography import x509

from tests.platform.cluster import NAMESPACE, OVERLAY, Cluster, eventually, restarts
from tests.platform.load import Client, Session
from tests.platform.people import Platform

SLOW = 240.0
"""Seconds in which a node has surely put a changed Secret where pods see it."""


def make_anew(cluster: Cluster, secret: str, *keys: str) -> None:
    """Delete keys of a Secret and let the bootstrap Job make them again, as docs/operations.md says."""
    patch = json.dumps({"data": dict.fromkeys(keys)})
    cluster.kubectl("patch", "secret", "-n", NAMESPACE, secret, "--type=merge", "-p", patch)
    (job,) = cluster.json("jobs", "-n", NAMESPACE)["items"]
    cluster.kubectl("delete", "job", "-n", NAMESPACE, job["metadata"]["name"])
    cluster.kubectl("apply", "-k", str(OVERLAY))
    eventually("the Secret is whole", lambda: set(keys) <= set(cluster.secrets()[secret]))


def shown(platform: Platform, pod: dict[str, Any]) -> int:
    """Return the serial number of the certificate that a pod of the auth server shows."""
    trust = ssl.create_default_context(cafile=str(platform.ca))
    with (
        socket.create_connection((pod["status"]["podIP"], 8443), 10) as plain,
        trust.wrap_socket(plain, server_hostname=platform.node) as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found).serial_number


def test_the_auth_server_shows_a_new_certificate_without_a_restart(
    cluster: Cluster, platform: Platform
) -> None:
    before = [restarts(pod) for pod in cluster.pods("leviathan-auth")]
    make_anew(cluster, "leviathan-auth-tls", "tls.crt", "tls.key", "ca.crt")
    pem = base64.b64decode(cluster.secrets()["leviathan-auth-tls"]["tls.crt"])
    wanted = x509.load_pem_x509_certificate(pem).serial_number
    pods = cluster.pods("leviathan-auth")
    eventually("it is shown", lambda: {shown(platform, pod) for pod in pods} == {wanted}, SLOW)
    assert platform.log_in("alice").access_token
    assert [restarts(pod) for pod in cluster.pods("leviathan-auth")] == before


def test_redis_starts_again_with_new_certificates_and_all_its_data(
    cluster: Cluster, platform: Platform
) -> None:
    session = Session(platform, "bob")
    entry = asyncio.run(session.write())
    (pod,) = cluster.pods("leviathan-session-redis")
    before = restarts(pod)
    make_anew(cluster, "leviathan-session-redis", "tls.crt", "tls.key", "ca.crt")

    def started_again() -> bool:
        (pod,) = cluster.pods("leviathan-session-redis")
        return restarts(pod) > before

    eventually("it was started again", started_again, SLOW)
    eventually("every pod is ready", cluster.all_ready)
    asyncio.run(session.refresh())
    assert entry in asyncio.run(session.journal())


def test_a_wrong_password_is_said_and_mended_without_a_restart(
    cluster: Cluster, platform: Platform
) -> None:
    right = cluster.secrets()["leviathan-auth-redis"]["password"]

    def set_password(value: str) -> None:
        patch = json.dumps({"data": {"password": value}})
        cluster.kubectl(
            *("patch", "secret", "-n", NAMESPACE, "leviathan-auth-redis", "--type=merge"),
            *("-p", patch),
        )

    set_password(base64.b64encode(b"wrong").decode())
    try:
        there = ("-n", NAMESPACE, "deploy/leviathan-auth")
        cluster.kubectl("rollout", "restart", *there)
        cluster.kubectl("rollout", "status", *there, "--timeout=180s")
        pods = cluster.pods("leviathan-auth")
        assert _statuses(platform, pods, "/readyz") == [503, 503]
        assert _statuses(platform, pods, "/jwks") == [200, 200]
        for pod in pods:
            refused = asyncio.run(Client(platform, pod).log_in("bob"))
            assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            name = pod["metadata"]["name"]
            eventually(
                "the log says what is wrong",
                lambda: "refuses the user or password" in cluster.logs(name),  # noqa: B023
                30,
            )
    finally:
        set_password(right)
    eventually(
        "both reach their store", lambda: _statuses(platform, pods, "/readyz") == [200, 200], SLOW
    )
    assert platform.log_in("bob").access_token


def _statuses(platform: Platform, pods: list[dict[str, Any]], path: str) -> list[int]:
    """Return what each of the pods answers. Asked through the Service, one could be missed."""

    async def ask() -> list[int]:
        return [(await Client(platform, pod).once("GET", path)).status_code for pod in pods]

    return asyncio.run(ask())
