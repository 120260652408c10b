"""Numbered lines from real pods: none lost, none twice, whatever happens in between.

Some tests stop and start parts of the cluster with the program that LEVIATHAN_TEST_CLUSTER names, as in
`PROGRAM stop apiserver` and `PROGRAM start apiserver`.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds, kubeconfig
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.logs.follower import Follower
from leviathan_tui.backend.logs.pod_selection import PodSelection
from leviathan_tui.backend.logs.ring import Line, Ring
from leviathan_tui.backend.logs.sources import LogRange
from leviathan_tui.backend.logs.thread import LogThread
from tests.mirror.mirror import Mirror, deployment

pytestmark = pytest.mark.cluster

TIMEOUT = 120.0

COUNT = "i=0; while true; do i=$((i+1)); echo line $i; {pause}; done"
"""Writes numbered lines; `pause` says how fast."""


@pytest.fixture(scope="module")
def target() -> Target:
    """The cluster."""
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_KUBECONFIG names no cluster")
    return kubeconfig.resolve(kubeconfig.load([Path(named)]))


@pytest.fixture
def cluster() -> Callable[[str, str], None]:
    """Stops and starts parts of the cluster."""
    program = os.environ.get("LEVIATHAN_TEST_CLUSTER")
    if not program:
        pytest.skip("LEVIATHAN_TEST_CLUSTER names no program that stops parts of the cluster")

    def run(verb: str, part: str) -> None:
        subprocess.run([program, verb, part], check=True, capture_output=True, timeout=TIMEOUT)

    return run


@pytest.fixture
def mirror(target: Target) -> Iterator[Mirror]:
    """A mirror of the cluster."""
    made = Mirror(target)
    yield made
    made.close()


@pytest.fixture
def namespace(mirror: Mirror) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-logs-{time.time_ns() % 10**9}"
    mirror.create(kinds.NAMESPACE, {"metadata": {"name": name}}, "")
    yield name
    mirror.delete(Ref("Namespace", "", name))


class Reading:
    """A follower of an app's pods, as the store knows them."""

    def __init__(self, mirror: Mirror, ref: Ref) -> None:
        self._mirror = mirror
        self.ring = Ring(2_000_000, 512 * 1024 * 1024)
        self._thread = LogThread(mirror.feed.target)
        self._selection = PodSelection(mirror.store, [ref])
        self.follower = Follower(self._thread, self.ring, LogRange(), sheds=False)
        mirror.store.subscribe("pods", lambda _: self.follower.show(self._selection.pods()))
        self.follower.show(self._selection.pods())

    def close(self) -> None:
        self.follower.stop()
        self._thread.stop()

    def lines(self) -> list[Line]:
        """All lines so far."""
        found = [self.ring.line(number) for number in range(self.ring.first, self.ring.end)]
        return [line for line in found if line is not None]

    def notes(self) -> list[str]:
        """What the console itself said."""
        return [line.text.decode() for line in self.lines() if line.is_note]

    def numbers(self) -> dict[str, list[int]]:
        """Each pod's numbers, in the order in which they came."""
        found: dict[str, list[int]] = {}
        for line in self.lines():
            match = re.fullmatch(rb"line (\d+)", line.text)
            if match is not None and not line.is_note:
                pod = self.follower.sources[line.source].pod
                found.setdefault(pod, []).append(int(match[1]))
        return found

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait, with the store kept up to date."""

        def met() -> Any:
            try:
                return condition()
            except KeyError:
                return False

        self._mirror.until(met, f"{what}; {self.notes()[-5:]}; {self.follower.progress}")

    def grows(self, by: int, *, without: set[str] | None = None) -> None:
        """Wait until every pod but those `without` has brought so many lines more."""
        before = {pod: len(found) for pod, found in self.numbers().items()}

        def more() -> bool:
            now = self.numbers()
            return all(
                len(now[pod]) >= count + by
                for pod, count in before.items()
                if pod not in (without or ())
            )

        self.until(more, f"{by} more lines of each")


def assert_none_lost_none_twice(numbers: dict[str, list[int]]) -> None:
    assert numbers
    for pod, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), pod


@pytest.fixture
def follow(mirror: Mirror, namespace: str) -> Iterator[Callable[..., Reading]]:
    """Make an app of numbered lines and follow it."""
    made: list[Reading] = []

    def begin(pause: str = "sleep 0.01", replicas: int = 2) -> Reading:
        document = deployment("numbers", COUNT.format(pause=pause), replicas)
        uid = mirror.create(kinds.DEPLOYMENT, document, namespace)["metadata"]["uid"]
        mirror.until(
            lambda: (
                (app := mirror.store.record("Deployment", uid)) is not None
                and app.ready == replicas
            ),
            "the app is ready",
        )
        reading = Reading(mirror, Ref("Deployment", namespace, "numbers", uid))
        made.append(reading)
        reading.until(lambda: len(reading.numbers()) == replicas, "lines of every pod")
        return reading

    yield begin
    for reading in made:
        reading.close()


def test_as_it_comes(follow: Callable[..., Reading]) -> None:
    reading = follow()
    reading.grows(300)
    assert_none_lost_none_twice(reading.numbers())


def test_through_a_rolling_update(
    follow: Callable[..., Reading], mirror: Mirror, namespace: str
) -> None:
    reading = follow()
    old = set(reading.numbers())
    mirror.patch(
        Ref("Deployment", namespace, "numbers"),
        {"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}},
    )
    reading.until(lambda: len(set(reading.numbers()) - old) == 2, "lines of both new pods")
    reading.until(
        lambda: sum("ended" in note or "gone" in note for note in reading.notes()) >= 2,
        "the old pods' ends",
    )
    reading.grows(100, without=old)
    assert_none_lost_none_twice(reading.numbers())


def test_a_pod_that_is_released_is_left(
    follow: Callable[..., Reading], mirror: Mirror, namespace: str
) -> None:
    reading = follow()
    aside = min(reading.numbers())
    mirror.patch(Ref("Pod", namespace, aside), {"metadata": {"labels": {"app": "aside"}}})
    reading.until(
        lambda: any(f"{aside} was released" in note for note in reading.notes()), "its release"
    )
    reading.until(lambda: len(reading.numbers()) == 3, "lines of the pod that takes its place")
    known = reading.numbers()[aside]
    reading.grows(100, without={aside})
    assert_none_lost_none_twice(reading.numbers())
    assert reading.numbers()[aside] == known


def test_through_restarts_of_the_api_server(
    follow: Callable[..., Reading], cluster: Callable[[str, str], None]
) -> None:
    reading = follow()
    for _ in range(2):
        cluster("stop", "apiserver")
        cluster("start", "apiserver")
        reading.grows(200)
    assert_none_lost_none_twice(reading.numbers())
    assert any("broke off" in note for note in reading.notes())


def test_through_restarts_of_the_kubelet(
    follow: Callable[..., Reading], cluster: Callable[[str, str], None]
) -> None:
    reading = follow()
    for _ in range(2):
        cluster("stop", "kubelet")
        cluster("start", "kubelet")
        reading.grows(200)
    assert_none_lost_none_twice(reading.numbers())


def test_through_rotations_of_the_log(follow: Callable[..., Reading]) -> None:
    # A hundred bytes a line: the node's 10 MiB are full after a hundred thousand.
    filler = "x" * 90
    reading = follow(f"echo {filler}; echo {filler}; echo {filler}; echo {filler}", replicas=1)
    (pod,) = reading.numbers()
    reading.until(lambda: reading.follower.sources[0].lines > 400_000, "four rotations")
    numbers = reading.numbers()[pod]
    gaps = [note for note in reading.notes() if "gap" in note]
    missing = sum(after != number + 1 for number, after in pairwise(numbers))
    assert missing <= len(gaps), "what is missing is marked"
    assert sorted(set(numbers)) == numbers, "none twice and none out of order"


def test_a_container_that_crashes_begins_again(mirror: Mirror, namespace: str) -> None:
    command = "for i in 1 2 3 4 5; do echo line $i; done; exit 7"
    pod = {
        "metadata": {"name": "short"},
        "spec": {
            "restartPolicy": "Always",
            "containers": [
                {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", command]}
            ],
        },
    }
    uid = mirror.create(kinds.POD, pod, namespace)["metadata"]["uid"]
    mirror.until(lambda: mirror.store.record("Pod", uid), "the pod")
    reading = Reading(mirror, Ref("Pod", namespace, "short", uid))
    try:
        reading.until(lambda: len(reading.numbers()["short"]) >= 15, "three runs")
        numbers = reading.numbers()["short"]
        assert numbers[:15] == [1, 2, 3, 4, 5] * 3
        assert any("ended: exit code 7" in note for note in reading.notes())
        assert not any("gap" in note for note in reading.notes())
    finally:
        reading.close()
