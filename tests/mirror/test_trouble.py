"""What goes wrong between console and cluster: a state, the last known rows, recovery by itself."""

import time
from collections.abc import Callable, Iterator

import pytest

from leviathan_sandbox import Sandbox
from leviathan_sandbox import status as sandbox_status
from leviathan_sandbox.kinds import KINDS, Kind
from leviathan_sandbox.server.faults import (
    Html,
    Malformed,
    Refused,
    Reset,
    Silent,
    Slow,
    StreamFault,
)
from leviathan_tui.backend.fleet import pulse
from leviathan_tui.backend.fleet.connection import Freshness, Status
from leviathan_tui.backend.fleet.messages import Phase
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.pace import Pace
from tests.certificates import self_signed
from tests.mirror.conftest import grow, sandbox_target
from tests.mirror.mirror import Mirror

MakeMirror = Callable[..., Mirror]


def config_map(name: str) -> dict[str, object]:
    return {"kind": "ConfigMap", "metadata": {"name": name}}


def namespace(name: str) -> dict[str, object]:
    return {"kind": "Namespace", "metadata": {"name": name}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own, to be broken."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        yield sandbox


@pytest.fixture
def mirror(sandbox: Sandbox, mirror_of: MakeMirror) -> Mirror:
    """A mirror of it that is live."""
    made = mirror_of(sandbox_target(sandbox))
    made.until(lambda: status(made).freshness is Freshness.LIVE, "live")
    return made


def status(mirror: Mirror) -> Status:
    return mirror.store.connection.status(time.time())


def has(mirror: Mirror, name: str) -> bool:
    return any(row.name == name for row in mirror.store.rows("namespaces").values())


def test_a_server_that_hangs_is_noticed_though_its_watches_are_open(
    sandbox: Sandbox, mirror_of: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox's faults are about resources: this one is asked for instead of the version.
    monkeypatch.setattr(pulse, "QUESTION", "/api/v1/namespaces/default")
    mirror = mirror_of(sandbox_target(sandbox), pace=Pace(pulse=0.05, pulse_wait=0.1))
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "live")
    hangs = sandbox.inject(Silent(verb="get", resource="namespaces"))
    mirror.until(lambda: status(mirror).freshness is Freshness.STALE, "stale")
    # Its connections may be dead: what comes after that comes by new ones.
    watches = sum("watch=true" in path for _, path in sandbox.requests)
    sandbox.remove(hangs)
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "live again")
    assert sum("watch=true" in path for _, path in sandbox.requests) > watches
    sandbox.create(namespace("after"))
    mirror.until(lambda: has(mirror, "after"))


@pytest.mark.parametrize("code", [403, 404, 302])
def test_a_gateway_that_keeps_the_question_for_itself_does_not_mean_that_the_server_is_away(
    sandbox: Sandbox, mirror_of: MakeMirror, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(pulse, "QUESTION", "/api/v1/namespaces/default")
    sandbox.inject(Html(code=code, verb="get", resource="namespaces"))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=Pace(pulse=0.02))

    def questions() -> int:
        return sum(path.startswith(pulse.QUESTION) for _, path in sandbox.requests)

    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "live")
    mirror.until(lambda: questions() >= 5)
    sandbox.create(namespace("after"))
    mirror.until(lambda: has(mirror, "after"))
    assert Phase.BROKEN not in {phase for _, phase in mirror.phases}


def test_a_watch_that_goes_on_is_live_whatever_is_not_answered_beside_it(
    sandbox: Sandbox, mirror_of: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "QUESTION", "/api/v1/namespaces/default")
    sandbox.inject(Silent(verb="get", resource="namespaces"))
    pace = Pace(pulse=0.02, pulse_wait=0.1)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=pace)
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "live")
    mirror.until(lambda: status(mirror).freshness is Freshness.STALE, "stale")
    told = len(mirror.phases)
    sandbox.create(namespace("after"))
    mirror.until(lambda: has(mirror, "after"))
    mirror.until(lambda: Phase.LIVE in {phase for _, phase in mirror.phases[told:]}, "live again")


def test_rows_stay_while_the_server_is_gone_and_nothing_is_lost(
    sandbox: Sandbox, mirror: Mirror
) -> None:
    sandbox.create(namespace("before"))
    sandbox.create(namespace("doomed"))
    mirror.until(lambda: has(mirror, "before") and has(mirror, "doomed"))
    sandbox.stop_serving()
    mirror.until(lambda: status(mirror).freshness is Freshness.STALE, "stale")
    mirror.until(
        lambda: (
            (problem := status(mirror).problem) and "no connection to 127.0.0.1" in problem.sentence
        ),
        "why",
    )
    assert has(mirror, "before")
    sandbox.create(namespace("meanwhile"))
    sandbox.delete("Namespace", "", "doomed")
    sandbox.resume_serving()
    mirror.until(lambda: has(mirror, "meanwhile") and not has(mirror, "doomed"), "caught up")
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "live again")


@pytest.mark.parametrize("ending", ["clean", "error event"])
def test_both_forms_of_410_list_again_and_delete_what_vanished(
    sandbox: Sandbox, mirror: Mirror, ending: str
) -> None:
    sandbox.create(namespace("doomed"))
    mirror.until(lambda: has(mirror, "doomed"))
    sandbox.stop_serving()
    mirror.until(lambda: status(mirror).freshness is Freshness.STALE)
    sandbox.delete("Namespace", "", "doomed")
    sandbox.create(namespace("new"))
    sandbox.compact()
    if ending == "clean":
        gone = sandbox_status.expired("too old resource version")
        sandbox.inject(Refused(verb="watch", resource="namespaces", times=1, error=gone))
    sandbox.resume_serving()
    mirror.until(lambda: has(mirror, "new") and not has(mirror, "doomed"), "listed again")
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE)


def test_an_expired_continue_token_starts_the_list_again(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    for number in range(3):
        sandbox.create(namespace(f"n{number}"))
    gone = sandbox_status.expired("The provided continue parameter is too old")
    sandbox.inject(Refused(verb="list", resource="namespaces", times=1, error=gone))
    mirror = mirror_of(sandbox_target(sandbox))
    mirror.until(lambda: has(mirror, "n0") and has(mirror, "n2"))


def test_a_stream_that_ends_at_once_is_not_asked_for_in_a_loop(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float]
) -> None:
    fault = sandbox.inject(StreamFault(verb="watch", resource="namespaces"))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))

    def watches() -> int:
        return sum("watch=true" in path for _, path in sandbox.requests)

    mirror.until(lambda: watches() >= 5, "five watches")
    assert grow(pauses), pauses
    sandbox.remove(fault)
    sandbox.create(namespace("after"))
    mirror.until(lambda: has(mirror, "after"))
    lists = [path for _, path in sandbox.requests if "/namespaces?limit" in path]
    assert len(lists) == 1, "a clean end resumes from the last version instead of listing again"


def test_half_a_line_at_the_end_loses_nothing(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    half = b'{"type":"ADDED","object":{"kind":"Namespace","meta'
    sandbox.inject(StreamFault(verb="watch", resource="namespaces", times=1, last_line=half))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    sandbox.create(namespace("after"))
    mirror.until(lambda: has(mirror, "after"))
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Html(code=502), "not as Kubernetes does"),
        (Html(code=200), "a web page came instead of an answer"),
        (Html(code=200, body="{}"), "that was no"),
        (Html(code=200, body='{"status":"ok"}'), "that was no"),
        (Html(code=200, body=""), "that was no"),
        (Html(code=200, body='{"kind":"Status","metadata":{},"status":"Success"}'), "that was no"),
        (Reset(), "the connection broke"),
        (Refused(error=sandbox_status.internal("etcd is on fire")), "etcd is on fire"),
        (Refused(error=sandbox_status.unauthorized()), "Unauthorized"),
    ],
)
def test_a_server_in_trouble_is_a_state_and_is_survived(
    sandbox: Sandbox, mirror_of: MakeMirror, fault: Refused, said: str
) -> None:
    sandbox.create(namespace("there"))
    sandbox.inject(fault)
    mirror = mirror_of(sandbox_target(sandbox))
    mirror.until(lambda: status(mirror).problem, "a problem")
    problem = status(mirror).problem
    assert problem is not None
    assert said in problem.sentence
    sandbox.remove(fault)
    mirror.until(lambda: has(mirror, "there"), "recovered")
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE)


def test_a_slow_server_keeps_what_is_known(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    slow = sandbox.inject(Slow(resource="pods", seconds=3600.0))
    mirror = mirror_of(sandbox_target(sandbox))
    mirror.until(lambda: mirror.store.connection.complete("Namespace"))
    assert not mirror.store.connection.complete("Pod")
    sandbox.remove(slow)
    mirror.until(lambda: mirror.store.connection.complete("Pod"))


def test_retry_after_is_honoured(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float]
) -> None:
    busy = Refused(
        verb="list", resource="namespaces", times=1, error=sandbox_status.too_many_requests(2)
    )
    sandbox.inject(busy)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: mirror.store.connection.complete("Namespace"))
    assert max(pauses) >= 2.0


def test_what_may_not_be_read_loses_its_rows_and_the_rest_goes_on(
    sandbox: Sandbox, mirror: Mirror
) -> None:
    sandbox.create(namespace("there"))
    mirror.until(lambda: has(mirror, "there"))
    denied = sandbox_status.forbidden(_kind("Namespace"), "", "no rights")
    sandbox.stop_serving()
    mirror.until(lambda: status(mirror).freshness is Freshness.STALE)
    sandbox.inject(Refused(resource="namespaces", error=denied))
    sandbox.resume_serving()
    mirror.until(lambda: not mirror.store.rows("namespaces"), "rows are gone")
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE, "the rest is live")
    refused = mirror.store.connection.refusals()
    assert [state.scope.kind for state in refused] == ["Namespace"]


def test_without_rights_on_all_namespaces_the_known_ones_are_shown(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "busybox:1.36"}]},
    }
    for name in ("shop", "edge", "hidden"):
        sandbox.create(namespace(name))
        sandbox.create(pod, name)
    denied = sandbox_status.forbidden(_kind("Pod"), "", "no rights")
    sandbox.inject(Refused(resource="pods", namespace="", error=denied, verb="list", times=1))
    sandbox.inject(Refused(resource="pods", namespace="hidden", error=denied))
    target = sandbox_target(sandbox)
    target.namespace = "shop"
    mirror = mirror_of(target, fallback=("edge", "hidden"), wanted=(kinds.POD,))
    mirror.until(lambda: mirror.store.tally("pods").rows == 2)
    namespaces = {row.namespace for row in mirror.store.rows("pods").values()}
    assert namespaces == {"shop", "edge"}
    mirror.until(lambda: len(mirror.store.connection.refusals()) == 2)
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE)

    # Watching one more kind, as the screen of events does, changes nothing of that.
    mirror.feed.watch((kinds.POD, kinds.EVENT), ("",), 0)
    mirror.until(lambda: mirror.store.connection.complete("Event"))
    assert mirror.store.tally("pods").rows == 2


def test_widening_to_all_namespaces_clears_no_row(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "busybox:1.36"}]},
    }
    for name in ("shop", "edge"):
        sandbox.create(namespace(name))
        sandbox.create(pod, name)
    mirror = mirror_of(sandbox_target(sandbox), namespace="shop", wanted=(kinds.POD,))
    mirror.until(lambda: mirror.store.tally("pods").rows == 1)
    removed: list[str] = []
    mirror.store.subscribe("pods", lambda diff: removed.extend(diff.removed))
    mirror.feed.watch((kinds.POD,), ("",), 0)
    mirror.until(lambda: mirror.store.tally("pods").rows == 2)
    assert removed == []
    sandbox.delete("Pod", "shop", "p")
    mirror.until(lambda: mirror.store.tally("pods").rows == 1)


def test_objects_that_cannot_be_read_are_counted_and_left_out(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    sandbox.create(namespace("there"))
    sandbox.inject(Malformed(verb="list", resource="namespaces", times=1))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: has(mirror, "there"))
    assert mirror.store.malformed > 0


def test_a_wrong_authority_is_named(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    from base64 import b64encode

    target = sandbox_target(sandbox)
    target.cluster.certificate_authority_data = b64encode(self_signed("other")[0]).decode()
    mirror = mirror_of(target)
    mirror.until(lambda: status(mirror).problem)
    problem = status(mirror).problem
    assert problem is not None
    assert problem.kind == "untrusted"
    assert "certificate does not verify" in problem.sentence


def test_a_kind_that_the_server_lacks_is_absent_and_no_failure(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    missing = sandbox_status.not_found(_kind("CronJob"), "")
    sandbox.inject(Refused(resource="cronjobs", error=missing))
    mirror = mirror_of(sandbox_target(sandbox))
    mirror.until(lambda: status(mirror).freshness is Freshness.LIVE)
    assert [state.phase for state in mirror.store.connection.of("CronJob")] == [Phase.ABSENT]


def test_one_changed_object_is_decoded_once_however_many_there_are(
    sandbox: Sandbox, mirror: Mirror
) -> None:
    for number in range(50):
        sandbox.create(namespace(f"n{number}"))
    mirror.until(lambda: has(mirror, "n49"))
    before = mirror.messages
    sandbox.patch("Namespace", "", "n7", {"metadata": {"labels": {"seen": "yes"}}})
    mirror.until(
        lambda: any(row.labels.get("seen") for row in mirror.store.rows("namespaces").values())
    )
    assert mirror.messages - before <= 2


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)
