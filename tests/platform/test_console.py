"""The console in the cluster, entered with `kubectl exec` by one person after the other."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.console.terminal import Terminal
from tests.platform.cluster import NAMESPACE, Cluster, eventually
from tests.platform.load import Session
from tests.platform.people import PASSWORD, Platform

LOOK = (
    "import os;"
    "print([os.path.join(d, f) for r in ('/tmp', '/home', '/root', '/run', '/var')"
    " for d, _, fs in os.walk(r) for f in fs if os.access(os.path.join(d, f), os.W_OK)])"
)


TOLD = {name: value for name, value in os.environ.items() if name.startswith("LEVIATHAN_")}
"""What the cluster's program is told by its environment; a terminal of the tests has none of it."""

LABEL = "app.kubernetes.io/name=leviathan-console"


def enter(cluster: Cluster) -> list[str]:
    """Return the command that opens the console in the cluster."""
    return cluster.command(
        *("exec", "-it", "-n", NAMESPACE, "deploy/leviathan-console", "--", "leviathan")
    )


def log_in(terminal: Terminal, name: str) -> None:
    """Log in as somebody, and wait until the apps are there."""
    terminal.sees("Log in at", "You are not logged in.")
    terminal.press(f"{name}\r")
    terminal.sees(name)
    terminal.press(f"{PASSWORD}\r")
    terminal.sees("● live", "Apps (")


@contextmanager
def console(cluster: Cluster, name: str, size: tuple[int, int]) -> Iterator[Terminal]:
    """The console as somebody sees it who has logged in there."""
    program, *arguments = enter(cluster)
    with Terminal(*arguments, size=size, program=program, environment=TOLD) as terminal:
        log_in(terminal, name)
        yield terminal
        terminal.press("\x03")
        terminal.wait_gone()


@pytest.fixture
def web(cluster: Cluster, platform: Platform) -> Iterator[str]:
    cluster.kubectl(
        *("create", "deployment", "web", "-n", "apps", "--image=busybox:1.36"),
        *("--", "sleep", "3600"),
    )
    yield "web"
    cluster.kubectl("delete", "deployment", "web", "-n", "apps", "--ignore-not-found")


def test_two_people_one_after_the_other(cluster: Cluster, platform: Platform, web: str) -> None:
    with console(cluster, "bob", (80, 24)) as terminal:
        terminal.sees("web")
        terminal.press("p")
        terminal.sees("Pause")
        terminal.press("y")
        terminal.sees("paused")
        terminal.press(":whoami\r")
        terminal.sees("leviathan:bob")
    assert cluster.json("deployment", "web", "-n", "apps")["spec"]["replicas"] == 0
    # The row lies in session Redis, for it cannot lie anywhere else.
    entries = asyncio.run(Session(platform, "bob").entries())
    done = [(entry["actor"], entry["verb"], entry["name"], entry["outcome"]) for entry in entries]
    assert ("bob", "pause", "web", "done") in done
    assert cluster.inside("deploy/leviathan-console", "python3", "-c", LOOK).strip() == "[]"
    with console(cluster, "alice", (160, 48)) as terminal:
        terminal.press(":whoami\r")
        terminal.sees("leviathan:alice")
        assert "leviathan:bob" not in terminal.text


def test_whoever_is_there_when_the_pod_has_to_go_is_logged_out(
    cluster: Cluster, platform: Platform
) -> None:
    def sessions() -> int:
        told = cluster.inside("deploy/leviathan-auth", "leviathan-auth", "sessions", "bob")
        return len(told.splitlines())

    before = sessions()
    program, *arguments = enter(cluster)
    with Terminal(*arguments, size=(80, 24), program=program, environment=TOLD) as terminal:
        log_in(terminal, "bob")
        assert sessions() == before + 1
        cluster.kubectl("delete", "pod", "-n", NAMESPACE, "-l", LABEL, "--wait=false")
        terminal.wait_gone()
        # The terminal is as it was before: the last words are that the other screen is left.
        assert b"\x1b[?1049l" in terminal.raw
    eventually("the session is ended", lambda: sessions() == before, 30)
    eventually("every pod is ready", cluster.all_ready)


def test_what_cannot_ask_says_so(cluster: Cluster, platform: Platform) -> None:
    there = ("exec", "-n", NAMESPACE, "deploy/leviathan-console", "--", "leviathan")
    for command in (("apps", "list"), ("login",), ("credential",)):
        said = cluster.refused(*there, *command)
        assert "leviathan:" in said
        assert "Traceback" not in said


def test_the_snapshot_lies_in_redis_and_ends_by_itself(
    cluster: Cluster, platform: Platform, web: str
) -> None:
    with console(cluster, "bob", (80, 24)) as terminal:
        terminal.sees("web")
    # Asked as the administrator of that Redis: as nobody who is among its users.
    ask = (
        "cd /run/leviathan/secret; export REDISCLI_AUTH=$(cat probe-password); "
        "redis-cli --no-auth-warning --user probe --tls --cacert ca.crt --cert tls.crt "
        "--key tls.key info keyspace"
    )
    told = cluster.inside("leviathan-redis-0", "sh", "-c", ask)
    fields = dict(part.split("=") for part in told.split("db0:")[1].strip().split(","))
    assert int(fields["keys"]) > 0
    assert fields["keys"] == fields["expires"], "a snapshot without a time to live"
