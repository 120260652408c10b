"""What an answer proves: only a list is a list, and what says nothing for long is not live."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from leviathan_sandbox import Busy, Html, Refused, Sandbox, Slow, StreamFault
from leviathan_sandbox import status as sandbox_status
from leviathan_sandbox.status import StatusError
from leviathan_tui.backend.fleet.connection import Freshness, Status
from leviathan_tui.backend.fleet.sink import problem_of
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import error_from
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.pace import Pace
from tests.mirror.conftest import grow, sandbox_target
from tests.mirror.mirror import Mirror
from tests.relay import Relay, relay_to, through

MakeMirror = Callable[..., Mirror]

NAMESPACES = "/api/v1/namespaces?"

GONE = sandbox_status.expired("too old resource version")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own, to be broken."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        yield sandbox


def status(mirror: Mirror) -> Status:
    return mirror.store.connection.status(time.time())


def freshness(mirror: Mirror) -> Freshness:
    return status(mirror).freshness


def said(mirror: Mirror) -> str:
    problem = status(mirror).problem
    return "" if problem is None else problem.sentence


def names(mirror: Mirror) -> set[str]:
    return {row.name for row in mirror.store.rows("namespaces").values()}


def namespace(name: str) -> dict[str, object]:
    return {"kind": "Namespace", "metadata": {"name": name}}


def asked(sandbox: Sandbox, *parts: str) -> int:
    """Count the requests whose paths have all these parts."""
    return sum(all(part in path for part in parts) for _, path in sandbox.requests)


# Only a list is a list

NO_LISTS = {
    "nothing": "",
    "an empty object": "{}",
    "a health check": '{"status":"ok"}',
    "a success": '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}',
    "a login page": "<!DOCTYPE html><title>Hotel Wi-Fi</title>",
    "plain text": "OK",
    "null": "null",
    "an array": "[]",
    "no items": '{"kind":"NamespaceList","metadata":{"resourceVersion":"7"}}',
    "no version": '{"kind":"NamespaceList","metadata":{},"items":[]}',
    "no metadata": '{"kind":"NamespaceList","items":[]}',
    "no kind": '{"metadata":{"resourceVersion":"7"},"items":[]}',
    "another list": '{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[]}',
    "one object": '{"kind":"Namespace","metadata":{"resourceVersion":"7"},"items":[]}',
    "half a list": '{"kind":"NamespaceList","metadata":{"resourceVersion":"7"},"items":[{"meta',
    "no UTF-8": '{"kind":"NamespaceList","metadata":{"resourceVersion":"\udcff"},"items":[]}',
}


@pytest.mark.parametrize("body", NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_deletes_nothing_and_is_not_live(
    sandbox: Sandbox, mirror_of: MakeMirror, body: str
) -> None:
    sandbox.create(namespace("there"))
    # Watches that are opened again soon, to be told that a list is due.
    pace = Pace(silence=0.1, steady=0.05, slowest=0.2)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=pace)
    mirror.until(lambda: "there" in names(mirror) and freshness(mirror) is Freshness.LIVE)
    before = names(mirror)
    removed: list[str] = []
    mirror.store.subscribe("namespaces", lambda diff: removed.extend(diff.removed))
    fault = sandbox.inject(Html(code=200, body=body, verb="list", resource="namespaces"))
    sandbox.inject(Refused(verb="watch", resource="namespaces", times=1, error=GONE))
    lists = asked(sandbox, NAMESPACES, "limit=")
    mirror.until(lambda: asked(sandbox, NAMESPACES, "limit=") >= lists + 3, "asked again and again")
    mirror.until(lambda: freshness(mirror) is Freshness.STALE)
    assert "instead of an answer" in said(mirror) or "that was no NamespaceList" in said(mirror)
    assert (names(mirror), removed) == (before, [])
    # So a snapshot is not overwritten with nothing.
    assert mirror.store.connection.followed() == []
    sandbox.remove(fault)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE, "recovered")
    assert removed == []


@pytest.mark.parametrize(
    "body", ['{"status":"ok"}\n', "<html>\n<body>log in</body></html>\n", "OK"]
)
def test_a_watch_that_answers_in_other_words_is_not_live(
    sandbox: Sandbox, mirror_of: MakeMirror, body: str
) -> None:
    sandbox.create(namespace("there"))
    pace = Pace(silence=0.1, steady=0.05, slowest=0.2)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=pace)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    # Everything is answered by whoever is in between.
    fault = sandbox.inject(Html(code=200, body=body, resource="namespaces"))
    mirror.until(lambda: freshness(mirror) is Freshness.STALE)
    watches = asked(sandbox, NAMESPACES, "watch=true")
    lists = asked(sandbox, NAMESPACES, "limit=")
    mirror.until(lambda: asked(sandbox, NAMESPACES, "limit=") >= lists + 3)
    assert asked(sandbox, NAMESPACES, "watch=true") == watches, "only a list brings it back"
    assert freshness(mirror) is Freshness.STALE
    assert "there" in names(mirror)
    sandbox.remove(fault)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)


def test_a_redirect_names_where_it_leads(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    location = "https://alice:hunter2@login.hotel.example/portal?next=secret"
    error = error_from(302, b"", None, location)
    assert "login.hotel.example" in error.message
    assert "hunter2" not in error.message
    assert "secret" not in error.message
    sandbox.inject(Html(code=302))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: "HTTP 302" in said(mirror))


def test_a_busy_server_is_asked_again_when_it_wants(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float]
) -> None:
    sandbox.create(namespace("there"))
    sandbox.inject(Busy(verb="list", resource="namespaces", times=1, seconds=2))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: "too many requests" in said(mirror))
    problem = status(mirror).problem
    assert problem is not None
    assert problem.kind == "busy"
    mirror.until(lambda: "there" in names(mirror))
    assert max(pauses) >= 2.0
    assert asked(sandbox, NAMESPACES, "limit=") == 2


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("99999999999999", 300, 300),
        ("Wed, 21 Oct 2065 07:28:00 GMT", 300, 300),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str, least: float, most: float) -> None:
    for code, body in ((429, b"slow down"), (503, b"<html>"), (429, b'{"kind":"Status"}')):
        asked_for = error_from(code, body, header).retry_after
        assert asked_for is not None
        assert least <= asked_for <= most


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, "unauthorized"), (403, "forbidden"), (404, "absent"), (422, "server")],
)
def test_a_refusal_is_one_whenever_it_wants_to_be_asked_again(code: int, kind: str) -> None:
    body = b'{"kind":"Status","message":"no"}'
    assert problem_of(error_from(code, body, "7")).kind == kind
    assert error_from(code, body, "7").retry_after is None
    for passing in (429, 500, 503, 504):
        assert problem_of(error_from(passing, body, "7")).kind == "busy"


@pytest.mark.parametrize("header", [None, "", "soon", "-3", "1.5", "٣", "0x10"])
def test_what_is_no_time_is_not_waited_for(header: str | None) -> None:
    assert error_from(429, b"slow down", header).retry_after is None


# List without watch

UNWATCHABLE = [
    StatusError(403, "Forbidden", 'namespaces is forbidden: User "u" cannot watch', {}),
    StatusError(405, "MethodNotAllowed", "the server does not allow this method", {}),
]


@pytest.mark.parametrize("refusal", UNWATCHABLE, ids=["403", "405"])
def test_what_may_not_be_watched_is_polled_and_said_to_be(
    sandbox: Sandbox, mirror_of: MakeMirror, refusal: StatusError
) -> None:
    sandbox.create(namespace("there"))
    fault = sandbox.inject(Refused(verb="watch", resource="namespaces", error=refusal))
    pace = Pace(poll=0.05, rewatch=0.2)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=pace)
    mirror.until(lambda: freshness(mirror) is Freshness.POLLED, "polled")
    assert "there" in names(mirror)
    assert [state.scope.kind for state in mirror.store.connection.polled()] == ["Namespace"]
    assert 0 < status(mirror).since <= time.time()
    sandbox.create(namespace("new"))
    mirror.until(lambda: "new" in names(mirror), "what came")
    sandbox.delete("Namespace", "", "new")
    mirror.until(lambda: "new" not in names(mirror), "what went")
    sandbox.remove(fault)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE, "watched once it may be")


def test_polling_asks_for_a_watch_ever_less_often(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    fault = sandbox.inject(Refused(verb="watch", resource="namespaces", error=UNWATCHABLE[0]))
    mirror = mirror_of(
        sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=Pace(poll=0.02, rewatch=3600.0)
    )
    mirror.until(lambda: asked(sandbox, NAMESPACES, "limit=") >= 20)
    assert asked(sandbox, NAMESPACES, "watch=true") < 10
    # A server that has just started refuses for a moment: that is not taken for five minutes.
    sandbox.remove(fault)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE, "watched")


def test_rights_that_are_taken_away_leave_no_rows(sandbox: Sandbox, mirror_of: MakeMirror) -> None:
    sandbox.create(namespace("there"))
    pace = Pace(poll=3600.0, silence=0.1, steady=0.05)
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=pace)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    sandbox.inject(Refused(resource="namespaces", error=UNWATCHABLE[0]))
    # A watch that ends is refused first: what may still be read is asked at once.
    mirror.until(lambda: not names(mirror))
    assert freshness(mirror) is Freshness.REFUSED


# Wires


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[tuple[Relay, Target]]:
    """A wire to the sandbox that can be frozen, and how to reach it through that."""
    target = sandbox_target(sandbox)
    with relay_to(target) as relay:
        yield relay, through(relay, target)


def test_frozen_wires_are_noticed_and_what_came_meanwhile_is_shown(
    sandbox: Sandbox, wire: tuple[Relay, Target], mirror_of: MakeMirror
) -> None:
    relay, target = wire
    pace = Pace(silence=0.3, patience=0.2, pulse=3600.0)
    mirror = mirror_of(target, pace=pace)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    before = names(mirror)
    frozen = time.time()
    relay.freeze()
    sandbox.create(namespace("meanwhile"))
    mirror.until(lambda: freshness(mirror) is Freshness.STALE, "noticed")
    assert "has not answered" in said(mirror)
    assert status(mirror).since <= frozen + 1, "the age is that of what is known"
    assert names(mirror) == before
    relay.thaw()
    mirror.until(lambda: "meanwhile" in names(mirror), "caught up")
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)


def test_wires_that_are_frozen_one_by_one_are_replaced(
    sandbox: Sandbox, wire: tuple[Relay, Target], mirror_of: MakeMirror
) -> None:
    relay, target = wire
    mirror = mirror_of(target, wanted=(kinds.NAMESPACE,), pace=Pace(silence=0.3))
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    relay.freeze(new_ones=False)
    sandbox.create(namespace("meanwhile"))
    mirror.until(lambda: "meanwhile" in names(mirror))
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    lists = asked(sandbox, NAMESPACES, "limit=")
    assert lists == 1, "the watch goes on from where it was"


def test_a_server_that_accepts_and_never_answers_is_said_and_still_waited_for(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    sandbox.create(namespace("there"))
    slow = sandbox.inject(Slow(verb="list", resource="namespaces", seconds=3600.0))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=Pace(patience=0.1))
    mirror.until(lambda: "has not answered" in said(mirror))
    assert freshness(mirror) is Freshness.CONNECTING, "nothing says that it is away"
    sandbox.remove(slow)
    mirror.until(lambda: "there" in names(mirror))
    assert asked(sandbox, NAMESPACES, "limit=") == 1, "the request was not given up"


def test_a_wire_that_is_frozen_from_the_beginning_is_said(
    wire: tuple[Relay, Target], mirror_of: MakeMirror
) -> None:
    relay, target = wire
    relay.freeze()
    mirror = mirror_of(target, wanted=(kinds.NAMESPACE,), pace=Pace(patience=0.1))
    mirror.until(lambda: "has not answered" in said(mirror))
    relay.thaw()
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    assert relay.connections <= 2, "one for the list, one for the watch"


def test_a_watch_that_is_accepted_and_not_answered_is_not_live(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    slow = sandbox.inject(Slow(verb="watch", resource="namespaces", seconds=3600.0))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=Pace(patience=0.1))
    mirror.until(lambda: "has not answered" in said(mirror))
    assert freshness(mirror) is Freshness.STALE
    sandbox.remove(slow)
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["slept", "set back"])
def test_a_clock_that_jumps_opens_every_watch_again(
    sandbox: Sandbox, mirror_of: MakeMirror, jump: float
) -> None:
    ahead = 0.0
    mirror = mirror_of(
        sandbox_target(sandbox), pace=Pace(clocks=0.02), wall=lambda: time.time() + ahead
    )
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    watches = asked(sandbox, "watch=true")
    assert watches == 9
    ahead = jump
    mirror.until(lambda: asked(sandbox, "watch=true") == 2 * watches, "opened again")
    mirror.until(
        lambda: mirror.store.connection.status(time.time() + jump).freshness is Freshness.LIVE
    )
    assert asked(sandbox, "limit=") == watches, "from where they were: nothing is listed anew"


def test_a_clock_that_jumps_asks_again_for_a_list_that_is_under_way(
    sandbox: Sandbox, wire: tuple[Relay, Target], mirror_of: MakeMirror
) -> None:
    relay, target = wire
    relay.freeze()
    ahead = 0.0
    mirror = mirror_of(
        target,
        wanted=(kinds.NAMESPACE,),
        pace=Pace(clocks=0.02, patience=0.1),
        wall=lambda: time.time() + ahead,
    )
    mirror.until(lambda: "has not answered" in said(mirror))
    # The connection of the list died in the sleep; those that are made now work.
    relay.thaw_new()
    ahead = 3600.0
    mirror.until(lambda: mirror.store.connection.complete("Namespace"))
    assert relay.connections >= 2
    assert asked(sandbox, NAMESPACES, "limit=") == 1


def test_after_a_sleep_the_rows_are_as_old_as_they_are(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    woken = time.time() + 8 * 3600
    found = mirror.store.connection.status(woken)
    assert found.freshness is Freshness.OFFLINE
    assert woken - found.since >= 8 * 3600


def test_connections_find_out_that_their_peer_is_dead(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))

    async def options(client: KubeClient) -> dict[str, int]:
        watch = {"watch": "true", "timeoutSeconds": "60"}
        async with client.request("GET", "/api/v1/namespaces", params=watch) as response:
            assert response.connection is not None
            assert response.connection.transport is not None
            made: socket.socket = response.connection.transport.get_extra_info("socket")
            names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            found = {
                name: made.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in names
                if hasattr(socket, name)
            }
            found["on"] = made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            return found

    found = mirror.ask(options)
    assert found.pop("on")
    wanted = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    assert found == {name: wanted[name] for name in found}


# Storms

BOOKMARK = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"resourceVersion": "VERSION"}}


def _line(kind: str, version: str) -> bytes:
    text = json.dumps({"type": kind, "object": BOOKMARK}).replace("VERSION", version)
    return text.encode() + b"\n"


@pytest.mark.parametrize("kind", ["BOOKMARK", "MODIFIED"])
def test_a_watch_that_ends_after_each_sign_of_life_causes_no_storm(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float], kind: str
) -> None:
    version = sandbox.create(namespace("there"))["metadata"]["resourceVersion"]
    sandbox.inject(StreamFault(verb="watch", resource="namespaces", last_line=_line(kind, version)))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: asked(sandbox, NAMESPACES, "watch=true") >= 5)
    assert grow(pauses), pauses
    assert asked(sandbox, NAMESPACES, "limit=") == 1


def test_a_watch_that_expires_after_each_bookmark_causes_no_storm_of_lists(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float]
) -> None:
    version = sandbox.create(namespace("there"))["metadata"]["resourceVersion"]
    error = json.dumps({"type": "ERROR", "object": GONE.status}).encode() + b"\n"
    line = _line("BOOKMARK", version) + error
    sandbox.inject(StreamFault(verb="watch", resource="namespaces", last_line=line))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,))
    mirror.until(lambda: asked(sandbox, NAMESPACES, "limit=") >= 5)
    assert grow(pauses), pauses


def test_a_watch_that_never_lasts_is_backed_by_lists(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    # Something in between ends every watch before anything comes through it.
    sandbox.inject(StreamFault(verb="watch", resource="namespaces"))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.NAMESPACE,), pace=Pace(slowest=0.2))
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    sandbox.create(namespace("new"))
    mirror.until(lambda: "new" in names(mirror))
