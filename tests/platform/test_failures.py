"""What each thing that goes wrong does to the platform: nothing that was acknowledged is lost."""

import asyncio
from collections.abc import Callable

import pytest

from tests.platform.cluster import NAMESPACE, SERVICES, Cluster, eventually, restarts
from tests.platform.load import Session, working
from tests.platform.people import Platform

USERS = ("alice", "bob", "carol")
WORTHWHILE = 40
"""Entries that are written before something is broken, and again after it is whole."""


def while_working(platform: Platform, breaking: Callable[[], None]) -> list[Session]:
    """Break something amid refreshes and writes, and check that all that was acknowledged is there."""
    sessions = [Session(platform, name) for name in USERS for _ in range(3)]
    asyncio.run(_while_working(sessions, breaking))
    return sessions


async def _while_working(sessions: list[Session], breaking: Callable[[], None]) -> None:
    async with working(sessions) as work:
        await work.until(WORTHWHILE)
        await asyncio.to_thread(breaking)
        await work.until(len(work.written) + WORTHWHILE)
    written = work.written
    found = await sessions[-1].journal()
    assert written <= found, f"{len(written - found)} of {len(written)} entries were lost"


@pytest.mark.parametrize("service", SERVICES)
def test_each_pod_that_is_killed_comes_back(
    cluster: Cluster, platform: Platform, service: str
) -> None:
    def kill() -> None:
        pod = cluster.pods(service)[0]
        before = restarts(pod)
        cluster.killed(pod)
        eventually("it was started again", lambda: restarts(cluster.pods(service)[0]) > before)
        eventually("every pod is ready", cluster.all_ready)

    while_working(platform, kill)


def test_session_redis_killed_again_and_again_loses_nothing(
    cluster: Cluster, platform: Platform
) -> None:
    def kill() -> None:
        for _ in range(3):
            (pod,) = cluster.pods("leviathan-session-redis")
            before = restarts(pod)
            cluster.killed(pod)
            eventually("it was started again", lambda: _restarts(cluster) > before)  # noqa: B023
            eventually("it is ready", lambda: cluster.ready("leviathan-session-redis", 1))

    sessions = while_working(platform, kill)
    assert sum(session.unanswered for session in sessions) > 0, "nothing was noticed of it"


def _restarts(cluster: Cluster) -> int:
    pods = cluster.pods("leviathan-session-redis")
    return restarts(pods[0]) if pods else 0


def test_a_rolling_restart_loses_no_refresh(cluster: Cluster, platform: Platform) -> None:
    def restart() -> None:
        there = ("-n", NAMESPACE, "deploy/leviathan-auth")
        cluster.kubectl("rollout", "restart", *there)
        cluster.kubectl("rollout", "status", *there, "--timeout=180s")

    sessions = while_working(platform, restart)
    assert all(session.refreshes for session in sessions)


def test_a_missing_image_stops_at_the_first_new_pod(cluster: Cluster, platform: Platform) -> None:
    there = ("-n", NAMESPACE, "deploy/leviathan-auth")
    old = {pod["metadata"]["name"] for pod in cluster.pods("leviathan-auth")}

    def waits_for_image() -> bool:
        pods = [pod for pod in cluster.pods("leviathan-auth") if pod["metadata"]["name"] not in old]
        states = [
            one["state"] for pod in pods for one in pod["status"].get("containerStatuses", [])
        ]
        reasons = {state.get("waiting", {}).get("reason") for state in states}
        return bool(reasons & {"ErrImagePull", "ImagePullBackOff"})

    cluster.kubectl("set", "image", *there, "auth=localhost/leviathan:missing")
    try:
        eventually("the new pod lacks its image", waits_for_image)
        assert old <= {pod["metadata"]["name"] for pod in cluster.pods("leviathan-auth")}
        assert platform.log_in("alice").access_token
    finally:
        cluster.kubectl("rollout", "undo", *there)
        eventually("every pod is ready", cluster.all_ready)


def test_a_node_that_is_drained_gets_everything_back(cluster: Cluster, platform: Platform) -> None:
    session = Session(platform, "bob")
    entry = asyncio.run(session.write())
    options = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=150s")
    cluster.kubectl("drain", "localhost", *options)
    try:
        assert not any(pod["spec"].get("nodeName") for pod in cluster.pods("leviathan-auth"))
    finally:
        cluster.kubectl("uncordon", "localhost")
    eventually("every pod is ready", cluster.all_ready)
    asyncio.run(session.refresh())
    assert entry in asyncio.run(session.journal())
