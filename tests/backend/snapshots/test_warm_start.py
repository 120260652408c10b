"""Starting from a snapshot: marked, replaced in place by the truth, and gone where it is refused."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.server.faults import Fault, Refused, Slow, forbidden_to_list
from leviathan_tui.backend.fleet import first_paint
from leviathan_tui.backend.fleet.archive import QUIET, RENEWED, Remembered, Saver
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.first_paint import FirstPaint
from leviathan_tui.backend.fleet.messages import (
    Delete,
    Message,
    Phase,
    Restored,
    Scope,
    State,
    Upsert,
)
from leviathan_tui.backend.fleet.records import CronJob
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.file import FileBackend
from leviathan_tui.backend.snapshots.keeper import Snapshots
from tests.backend.snapshots.conftest import PODS, make_identity, make_pods

TIMEOUT = 60.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A fleet in which nothing changes."""
    with Sandbox(apps=12, live=False) as started:
        yield started


@contextmanager
def away(sandbox: Sandbox) -> Iterator[None]:
    """Nobody answers."""
    sandbox.stop_serving()
    try:
        yield
    finally:
        sandbox.resume_serving()


class Console:
    """A cluster with snapshots, pumped by the test."""

    def __init__(self, target: Target, folder: Path, namespace: str, fallback: tuple[str, ...]):
        self.woken = threading.Event()
        self.archive = Snapshots(target, FileBackend(folder), make_identity)
        self.cluster = Cluster(target, fallback, self.woken.set, archive=self.archive)
        self.store = self.cluster.store
        self.cluster.start("pods", namespace)

    def until(self, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + TIMEOUT
        while True:
            self.woken.clear()
            self.cluster.pump(1.0)
            if self.cluster.awaits_paint:
                self.cluster.first_paint.set()
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, self.store.connection.status(time.time())
            self.woken.wait(0.2)

    @property
    def freshness(self) -> Freshness:
        return self.store.connection.status(time.time()).freshness

    def until_live(self) -> None:
        self.until(lambda: self.freshness is Freshness.LIVE)

    def names(self) -> set[str]:
        return {row.name for row in self.store.rows("pods").values()}


@pytest.fixture
def console(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Console]]:
    """Start consoles one after another, each of which ends the one before."""
    # A busy machine must not decide whether a snapshot is used.
    monkeypatch.setattr("leviathan_tui.backend.snapshots.keeper.EXPECTS_TIMEOUT", TIMEOUT)
    target = kubeconfig.resolve(kubeconfig.from_document(sandbox.kubeconfig()))
    running: list[Console] = []

    def end() -> None:
        if running:
            running.pop().cluster.stop()

    def start(namespace: str = "", fallback: tuple[str, ...] = ()) -> Console:
        end()
        running.append(Console(target, tmp_path, namespace, fallback))
        return running[-1]

    start.end = end  # type: ignore[attr-defined]
    yield start
    end()
    sandbox.clear_faults()


@pytest.fixture
def seen(console: Callable[..., Console]) -> set[str]:
    """The names of all pods, after a console was there and has ended."""
    first = console()
    first.until_live()
    names = first.names()
    console.end()  # type: ignore[attr-defined]
    assert names
    return names


def test_a_slow_cluster_shows_the_snapshot_first_and_marks_it(
    sandbox: Sandbox, console: Callable[..., Console], seen: set[str]
) -> None:
    slow = sandbox.inject(Slow(verb="list", seconds=TIMEOUT))
    second = console()
    second.until(lambda: second.names() == seen and second.store.tally("apps").rows == 12)
    status = second.store.connection.status(time.time())
    assert status.freshness is Freshness.STALE
    assert 0 < status.since <= time.time()
    reason = second.cluster.only_snapshot("Pod", "")
    assert reason.startswith("Only the snapshot of ")
    assert second.cluster.only_snapshot("Deployment", "shop")
    sandbox.remove(slow)
    with away(sandbox):
        pass
    second.cluster.retry_now()
    second.until_live()
    assert second.cluster.only_snapshot("Pod", "") == ""
    assert second.names() == seen


def test_without_a_cluster_all_rows_are_there_with_the_time_they_are_from(
    sandbox: Sandbox, console: Callable[..., Console], seen: set[str]
) -> None:
    ended = time.time()
    with away(sandbox):
        second = console()
        second.until(lambda: second.names() == seen and second.freshness is Freshness.OFFLINE)
        assert second.store.connection.status(time.time()).since <= ended
        assert second.cluster.only_snapshot("Pod", "")
    second.until_live()
    assert second.names() == seen


def test_rows_keep_their_place_and_what_vanished_goes(
    sandbox: Sandbox, console: Callable[..., Console], seen: set[str]
) -> None:
    gone = sandbox.objects("Pod")[0]["metadata"]
    # Nobody's kubelet runs here to end it in the time it is given.
    sandbox.delete("Pod", gone["namespace"], gone["name"], DeleteOptions(grace=0))
    slow = sandbox.inject(Slow(resource="pods", verb="list", seconds=3600.0))
    second = console()
    second.until(lambda: second.names() == seen)
    removed: list[str] = []
    second.store.subscribe("pods", lambda diff: removed.extend(diff.removed))
    sandbox.remove(slow)
    second.until_live()
    assert removed == [gone["uid"]]
    # A controller may have made another in its place.
    assert gone["name"] not in second.names()
    assert seen - {gone["name"]} <= second.names()


def test_what_may_not_be_read_any_more_is_gone_with_its_snapshot(
    sandbox: Sandbox, console: Callable[..., Console], seen: set[str]
) -> None:
    refusal: Fault = sandbox.inject(Refused(resource="pods", error=forbidden_to_list("pods")))
    second = console()
    second.until(lambda: second.store.connection.refusals() and not second.names())
    sandbox.remove(refusal)
    with away(sandbox):
        third = console()
        third.until(lambda: third.freshness is Freshness.OFFLINE)
        third.until(lambda: third.store.tally("apps").rows == 12)
        assert third.names() == set()


def test_namespaces_that_are_known_by_name_are_there_without_a_cluster(
    sandbox: Sandbox, console: Callable[..., Console]
) -> None:
    first = console("shop")
    first.until_live()
    names = first.names()
    assert names
    console.end()  # type: ignore[attr-defined]
    with away(sandbox):
        second = console("", ("shop",))
        second.until(lambda: second.names() == names)
        second.until(lambda: second.freshness is Freshness.OFFLINE)


def test_an_empty_snapshot_holds_nothing_back(
    console: Callable[..., Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    console("nowhere").until_live()
    monkeypatch.setattr(first_paint, "TIMEOUT", 10 * TIMEOUT)
    second = console("nowhere")
    # It was to be waited for, and may have come by now.
    assert second.cluster.first_paint._needed
    second.until_live()
    assert second.names() == set()


def test_nothing_is_asked_for_before_the_rows_are_drawn(
    sandbox: Sandbox,
    console: Callable[..., Console],
    seen: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_paint, "TIMEOUT", 10 * TIMEOUT)
    before = len(sandbox.requests)
    with monkeypatch.context() as undrawn:
        undrawn.setattr(FirstPaint, "set", lambda event: None)
        second = console()
        assert not second.cluster.first_paint.is_set
        second.store.subscribe("pods", lambda _: None)
        second.until(lambda: second.names() == seen and second.cluster.awaits_paint)
    assert sandbox.requests[before:] == []
    # What no open list shows is counted once its rows are drawn.
    second.until(lambda: second.store.tally("crons").rows)
    second.until_live()


@pytest.mark.usefixtures("seen")
def test_lists_do_not_wait_for_rows_for_ever(
    console: Callable[..., Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_paint, "TIMEOUT", 0.01)
    monkeypatch.setattr(FirstPaint, "set", lambda event: None)
    second = console()
    assert not second.cluster.first_paint.is_set
    second.until_live()


def test_a_snapshot_that_comes_after_the_list_is_not_used(sandbox: Sandbox, tmp_path: Path) -> None:
    target = kubeconfig.resolve(kubeconfig.from_document(sandbox.kubeconfig()))
    go_on = threading.Event()

    class Late(Snapshots):
        def _load(self, scope: Scope, asked_in: int) -> Remembered | None:
            assert go_on.wait(TIMEOUT)
            return Remembered(1.0, "1", list(make_pods(3)) if scope == PODS else [])

    archive = Late(target, FileBackend(tmp_path), make_identity)
    cluster = Cluster(target, archive=archive)
    cluster.start("pods", "")
    heard: list[Message] = []
    cluster.store.apply, apply = heard.extend, cluster.store.apply  # type: ignore[method-assign,assignment]
    end = time.monotonic() + TIMEOUT
    while sum(isinstance(item, State) and item.phase is Phase.LIVE for item in heard) < 9:
        assert time.monotonic() < end
        cluster.pump(1.0)
    go_on.set()
    assert archive.load(PODS).result(TIMEOUT) is not None
    cluster.pump(1.0)
    for _ in range(3):
        # Each answer is a turn of the feed's thread, in which what it had to do is done.
        cluster._feed.call(a_turn).result(TIMEOUT)
    cluster.pump(1.0)
    cluster.stop()
    assert not any(isinstance(item, Restored) for item in heard)
    apply(heard)
    assert not {"web-0", "web-1"} & {row.name for row in cluster.store.rows("pods").values()}


async def a_turn(client: KubeClient) -> None:
    """Let the thread do what it has to."""


# Parts


def test_runs_that_were_due_after_the_snapshot_are_not_missed() -> None:
    """Nobody watched: the controller may well have started them."""
    now = [1_700_000_000.0]
    store = Store(lambda: now[0])
    scope = Scope("CronJob")
    cron = CronJob(
        uid="c", namespace="shop", name="report", created=1_600_000_000,
        schedule="*/5 * * * *", last_schedule=1_699_999_800,
    )  # fmt: skip

    def missed() -> int:
        store.flush()
        return store.rows("crons")["c"].missed  # type: ignore[union-attr]

    store.apply(
        [
            Restored(number=1, scope=scope, at=now[0]),
            Upsert(number=2, scope=scope, records=[cron]),
        ]
    )
    now[0] += 3_600
    assert missed() == 0
    store.apply([State(number=3, scope=scope, phase=Phase.BROKEN, at=now[0])])
    assert missed() == 0
    store.apply([State(number=4, scope=scope, phase=Phase.LISTED, at=now[0])])
    assert missed() == 12
    store.apply([State(number=5, scope=scope, phase=Phase.LIVE, at=now[0])])
    store.apply([State(number=6, scope=scope, phase=Phase.BROKEN, at=now[0])])
    now[0] += 3_600
    assert missed() == 12


def test_a_clock_that_is_behind_makes_no_age_negative() -> None:
    store = Store(lambda: 1_000.0)
    store.apply([Restored(number=1, scope=PODS, at=5_000.0)])
    store.apply([State(number=2, scope=PODS, phase=Phase.LISTING, at=1_000.0)])
    assert store.connection.status(1_000.0).since == 1_000.0
    store.apply([State(number=3, scope=PODS, phase=Phase.BROKEN, at=1_000.0)])
    assert store.connection.status(1_000.0).since == 1_000.0


def test_a_whole_kind_that_takes_over_a_restored_namespace_is_restored_too() -> None:
    store = Store(lambda: 1_000.0)
    store.apply([Restored(number=1, scope=Scope("Pod", "shop"), at=900.0)])
    store.connection.forget(Scope("Pod", "shop"), keep=True)
    assert store.connection.restored("Pod", "shop") == 900.0
    store.apply([State(number=2, scope=PODS, phase=Phase.LISTED, at=1_000.0)])
    assert store.connection.restored("Pod", "shop") is None


class Written:
    """An archive that only notes what it is given."""

    trouble = ""

    def __init__(self) -> None:
        self.saved: list[tuple[Scope, Remembered]] = []

    def keeps(self, kind: str) -> bool:
        return kind == "Pod"

    def save(self, scope: Scope, remembered: Remembered) -> None:
        self.saved.append((scope, remembered))


def saver_for(store: Store, written: Written, now: list[float]) -> Saver:
    archive: Any = written
    return Saver(archive, store, lambda scope: "7", lambda: 1_000.0, lambda: now[0])


def test_a_change_is_saved_once_it_is_calm() -> None:
    now = [0.0]
    store, written = Store(lambda: 1_000.0), Written()
    saver = saver_for(store, written, now)
    change: list[Message] = [
        State(number=1, scope=PODS, phase=Phase.LIVE, at=1_000.0),
        Upsert(number=2, scope=PODS, records=list(make_pods(3))),
    ]
    store.apply(change)
    for _ in range(3):
        saver.seen(change)
        saver.tick()
        now[0] += QUIET - 1
    assert written.saved == []
    now[0] += 1
    saver.tick()
    saver.tick()
    ((scope, remembered),) = written.saved
    assert scope == PODS
    assert (remembered.at, remembered.version, len(remembered.records)) == (1_000.0, "7", 3)


def test_what_never_calms_down_is_saved_all_the_same_but_seldom() -> None:
    now = [0.0]
    store, written = Store(lambda: 1_000.0), Written()
    saver = saver_for(store, written, now)
    store.apply([State(number=1, scope=PODS, phase=Phase.LIVE, at=1_000.0)])
    for _ in range(300):
        saver.seen([Delete(number=2, scope=PODS, uids=["a"])])
        saver.tick()
        now[0] += 1
    assert len(written.saved) == 4


def test_what_does_not_change_is_renewed_seldom_and_what_is_not_live_never() -> None:
    now = [0.0]
    store, written = Store(lambda: 1_000.0), Written()
    saver = saver_for(store, written, now)
    store.apply([State(number=1, scope=PODS, phase=Phase.LIVE, at=1_000.0)])
    saver.tick()
    now[0] += RENEWED
    saver.tick()
    assert len(written.saved) == 1
    store.apply([State(number=2, scope=PODS, phase=Phase.BROKEN, at=1_000.0)])
    now[0] += RENEWED
    saver.tick()
    saver.finish()
    assert len(written.saved) == 1
