"""The API server is away for longer than a token lives: people stay logged in, and go on afterwards."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.console.terminal import Terminal
from tests.platform.cluster import NAMESPACE, Cluster, eventually
from tests.platform.load import Session
from tests.platform.people import Platform

AWAY = 90.0
"""Seconds without an API server."""
LIFE = 60
"""Seconds that an access token lives meanwhile, the fewest that the server allows."""


@pytest.fixture
def short_tokens(cluster: Cluster, platform: Platform) -> Iterator[None]:
    there = ("-n", NAMESPACE, "deploy/leviathan-auth")
    cluster.kubectl("set", "env", *there, f"LEVIATHAN_AUTH_TOKENS__ACCESS_SECONDS={LIFE}")
    cluster.kubectl("rollout", "status", *there, "--timeout=180s")
    yield
    cluster.kubectl("set", "env", *there, "LEVIATHAN_AUTH_TOKENS__ACCESS_SECONDS-")
    cluster.kubectl("rollout", "status", *there, "--timeout=180s")


def test_people_go_on_after_the_api_server_was_away(
    cluster: Cluster, platform: Platform, short_tokens: None
) -> None:
    cluster.kubectl(
        *("create", "deployment", "web", "-n", "apps", "--image=busybox:1.36"),
        *("--", "sleep", "3600"),
    )
    home = platform.home("bob")
    home.log_in()
    session = Session(platform, "bob")
    options = ("--kubeconfig", str(home.kubeconfig), "-n", "apps")
    try:
        with Terminal(*options, size=(120, 40), environment=home.environment) as console:
            console.sees("● live", "web", "1/1")
            begun = time.monotonic()
            cluster.part("stop", "apiserver")
            try:
                console.sees("no connection", "web")
                while time.monotonic() < begun + AWAY:
                    console.read()
                # The auth server needs no API server.
                asyncio.run(session.refresh())
                assert platform.log_in("alice").access_token
            finally:
                cluster.part("start", "apiserver")
            console.sees("● live", "web")
            console.press("p")
            console.sees("Pause")
            console.press("y")
            eventually("web is paused", lambda: _replicas(cluster) == 0)
            console.press("\x03")
            assert console.ended() == 0
    finally:
        cluster.kubectl("delete", "deployment", "web", "-n", "apps", "--ignore-not-found")


def _replicas(cluster: Cluster) -> int:
    return int(cluster.json("deployment", "web", "-n", "apps")["spec"]["replicas"])
