"""Snapshots of a real cluster: whose they are, and a start while its API server is down.

Tests that stop and start parts of the cluster use the program that LEVIATHAN_TEST_CLUSTER names, as in
`PROGRAM stop apiserver` and `PROGRAM start apiserver`.
"""

import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.errors import Conflict
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.keeper import DAMAGED, Snapshots
from leviathan_tui.backend.snapshots.redis import PREFIX, RedisBackend
from leviathan_tui.backend.snapshots.sealing import Identity, Vault
from tests.authserver.helpers import RedisProcess
from tests.console.terminal import Terminal
from tests.mirror.mirror import Mirror, deployment

pytestmark = pytest.mark.cluster

TIMEOUT = 120.0

ROLE_BINDING = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io")


@pytest.fixture(scope="module")
def config() -> Path:
    """The cluster's kubeconfig."""
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_KUBECONFIG names no cluster")
    return Path(named)


@pytest.fixture
def mirror(config: Path) -> Iterator[Mirror]:
    """A mirror of the cluster."""
    made = Mirror(kubeconfig.resolve(kubeconfig.load([config])))
    yield made
    made.close()


class Team:
    """A namespace with an app, and the only person who may look at it."""

    def __init__(self, mirror: Mirror, config: Path, user: str) -> None:
        self.user = user
        self.namespace = f"test-{user}-{secrets.token_hex(3)}"
        mirror.create(kinds.NAMESPACE, {"metadata": {"name": self.namespace}}, "")
        mirror.create(kinds.DEPLOYMENT, deployment(f"of-{user}", "sleep 1000000"), self.namespace)
        binding = {
            "metadata": {"name": "viewer"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        }
        mirror.create(ROLE_BINDING, binding, self.namespace)
        document = yaml.safe_load(config.read_text())
        for item in document["users"]:
            item["user"]["as"] = user
        self.target = kubeconfig.resolve(kubeconfig.from_document(document))
        self.identity = Identity(("issuer", user, self.namespace), secrets.token_bytes(32))

    def snapshots(self, redis: RedisProcess) -> Snapshots:
        return Snapshots(self.target, RedisBackend(redis.url), lambda: self.identity)

    def name(self, scope: Scope) -> str:
        return PREFIX + Vault(self.target, self.identity).name(scope)


class Looking:
    """A console's cluster, pumped by the test."""

    def __init__(self, team: Team, redis: RedisProcess, target: Target | None = None) -> None:
        self._woken = threading.Event()
        self.archive = team.snapshots(redis)
        self.cluster = Cluster(
            target or team.target, (team.namespace,), self._woken.set, archive=self.archive
        )
        self.cluster.start("apps", "")

    def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < end, self.cluster.store.connection.status(time.time())
            self._woken.wait(0.2)
            self._woken.clear()
            self.cluster.pump(1.0)

    def apps(self) -> set[str]:
        return {row.name for row in self.cluster.store.rows("apps").values()}

    @property
    def freshness(self) -> Freshness:
        return self.cluster.store.connection.status(time.time()).freshness


@pytest.fixture
def teams(mirror: Mirror, config: Path) -> Iterator[tuple[Team, Team]]:
    """Two people, each with a namespace of their own."""
    made = Team(mirror, config, "ada"), Team(mirror, config, "bob")
    yield made
    for team in made:
        with suppress(Conflict):
            mirror.delete(Ref("Namespace", "", team.namespace))


def test_the_viewer_of_one_namespace_neither_reads_nor_poisons_anothers(
    teams: tuple[Team, Team], tmp_path: Path
) -> None:
    ada, bob = teams
    scope = Scope("Deployment", ada.namespace)
    redis = RedisProcess(tmp_path)
    try:
        for team in teams:
            looking = Looking(team, redis)
            looking.until(lambda: looking.freshness is Freshness.LIVE)  # noqa: B023
            assert looking.apps() == {f"of-{team.user}"}
            looking.cluster.stop()
        with redis.client() as client:
            entry = client.get(ada.name(scope))
            assert isinstance(entry, bytes)
            # Bob knows the Redis, and even the name of Ada's entry.
            theirs = bob.snapshots(redis)
            assert theirs.load(scope).result(TIMEOUT) is None
            bobs = bob.name(Scope("Deployment", bob.namespace))
            client.set(bob.name(scope), entry)
            assert theirs.load(scope).result(TIMEOUT) is None
            assert theirs.trouble == DAMAGED
            # What he seals himself does not open for Ada: she sees the cluster, and a mark.
            own = client.get(bobs)
            assert isinstance(own, bytes)
            client.set(ada.name(scope), own)
        looking = Looking(ada, redis)
        looking.until(lambda: looking.freshness is Freshness.LIVE)
        looking.until(lambda: looking.archive.trouble == DAMAGED)
        assert looking.apps() == {"of-ada"}
        looking.cluster.stop()
    finally:
        redis.close()


def test_a_start_without_the_api_server_is_full_and_comes_alive_after_restarts(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = os.environ.get("LEVIATHAN_TEST_CLUSTER")
    if not program:
        pytest.skip("LEVIATHAN_TEST_CLUSTER names no program that stops parts of the cluster")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def part(verb: str) -> None:
        subprocess.run([program, verb, "apiserver"], check=True, capture_output=True)

    arguments = ("--kubeconfig", str(config), "-A")
    with Terminal(*arguments, size=(160, 40)) as terminal:
        terminal.sees("● live", "Apps (")
        title = next(line for line in terminal.text.splitlines() if "Apps (" in line)
        apps = title[title.index("Apps (") : title.index(")") + 1]
        terminal.press("\x03")
        assert terminal.ended() == 0
    part("stop")
    try:
        with Terminal(*arguments, size=(160, 40)) as terminal:
            terminal.sees(apps, "○ offline since")
            part("start")
            end = time.monotonic() + TIMEOUT
            while "● live" not in terminal.text:
                assert time.monotonic() < end, terminal.text
                terminal.read()
            terminal.sees("Apps (")
    finally:
        part("start")
