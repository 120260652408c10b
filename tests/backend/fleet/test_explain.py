"""Explaining: never that nothing is wrong where less is available than wanted."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leviathan_tui.backend.fleet.explain import explain
from leviathan_tui.backend.fleet.messages import Phase, Scope, State, Upsert
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.store import Store
from leviathan_tui.backend.fleet.summary import verdict
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import BY_NAME
from tests.backend.fleet.objects import (
    NOW,
    cron_job,
    deployment,
    metadata,
    pod,
    record,
    stamp,
)

NOTHING = "Nothing is wrong"


class Objects:
    """Answers for a few objects, and has neither events nor logs."""

    def __init__(self, *found: tuple[str, dict[str, Any]]) -> None:
        self._found = {
            BY_NAME[kind].path(
                document["metadata"].get("namespace", ""), document["metadata"]["name"]
            ): (msgspec.json.encode(document))
            for kind, document in found
        }

    async def read(self, path: str, **_options: Any) -> bytes:
        if path not in self._found:
            raise NotFound(404, "NotFound", f"there is no {path}")
        return self._found[path]

    async def pages(self, *_kind: Any, **_options: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(items=[])


def told(kind: str, document: dict[str, Any], pods: list[dict[str, Any]]) -> str:
    """Return what is explained about an object, whose row and pods are known."""
    client = Objects((kind, document), *(("Pod", one) for one in pods))
    store = Store(lambda: float(NOW))
    for name, objects in (("Pod", pods), (kind, [document])):
        records = [record(name, one) for one in objects]
        state = State(scope=Scope(name), number=0, phase=Phase.LIVE, at=NOW)
        store.apply([state, Upsert(scope=Scope(name), number=0, records=records)])
    store.flush()
    meta = document["metadata"]
    ref = Ref(kind, meta.get("namespace", ""), meta["name"], meta["uid"])
    found = [record("Pod", one) for one in pods]
    words = verdict(store.row(ref.uid))
    prose = asyncio.run(explain(cast(KubeClient, client), ref, found, words))
    return "\n".join("".join(text for text, _ in line) for line in prose)


counts = st.integers(0, 4)
containers = st.one_of(
    st.just({"running": {}}),
    st.builds(
        lambda reason: {"waiting": {"reason": reason}},
        st.sampled_from(["", "ContainerCreating", "New"]),
    ),
    st.builds(lambda code: {"terminated": {"exitCode": code}}, st.integers(0, 2)),
)
pods = st.builds(
    lambda phase, ready, state, reason, leaving: (
        pod(
            "web-x",
            ("ReplicaSet", "web"),
            phase=phase,
            reason=reason,
            conditions=[{"type": "Ready", "status": ready}],
            containerStatuses=[{"name": "main", "ready": ready == "True", "state": state}],
        )
        | {"leaving": leaving}
    ),
    st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown", ""]),
    st.sampled_from(["True", "False", "Unknown"]),
    containers,
    st.sampled_from([None, "Evicted", "NodeLost"]),
    st.booleans(),
)


@given(
    kind=st.sampled_from(["Deployment", "StatefulSet", "DaemonSet"]),
    wanted=st.integers(1, 4),
    numbers=st.lists(counts, min_size=4, max_size=4),
    age=st.sampled_from([1, 60, 7200]),
    found=st.lists(pods, max_size=3),
    strategy=st.sampled_from(["", "OnDelete", "RollingUpdate"]),
    paused=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_less_available_than_wanted_is_never_nothing(
    kind: str,
    wanted: int,
    numbers: list[int],
    age: int,
    found: list[dict[str, Any]],
    strategy: str,
    paused: bool,
) -> None:
    available = min(numbers[0], wanted - 1)
    app = deployment("web", replicas=wanted, ready=numbers[1], availableReplicas=available)
    app["metadata"]["creationTimestamp"] = stamp(NOW - age)
    app["spec"] |= {"updateStrategy": {"type": strategy}, "paused": paused}
    app["status"] |= {
        "updatedReplicas": numbers[2],
        "replicas": numbers[3],
        "desiredNumberScheduled": wanted,
        "numberReady": numbers[1],
        "numberAvailable": available,
        "updatedNumberScheduled": numbers[2],
    }
    for at, one in enumerate(found):
        one["metadata"] |= {"name": f"web-{at}", "uid": f"uid-{at}"}
        if one.pop("leaving"):
            one["metadata"]["deletionTimestamp"] = stamp(NOW)
    said = told(kind, app, found)
    assert NOTHING not in said
    if "not created" in said:
        there = wanted if kind == "DaemonSet" else numbers[3]
        assert there < wanted


def test_what_is_well_is_said_to_be() -> None:
    app = deployment("web")
    assert NOTHING in told("Deployment", app, [pod("a"), pod("b")])


def test_a_gate_is_named() -> None:
    blocked = pod("a", conditions=[{"type": "Ready", "status": "False"}])
    blocked["spec"]["readinessGates"] = [{"conditionType": "example.org/target"}]
    said = told("Deployment", deployment("web", replicas=1, ready=0), [blocked])
    assert "a: Running, 1/1 ready, readiness gate example.org/target is not met" in said


def test_a_pod_that_is_not_ready_has_a_reason() -> None:
    pending = pod("a", phase="Pending", conditions=[], containerStatuses=None)
    assert "a: Pending, 0/1 ready" in told("Pod", pending, [])


def test_what_does_not_go_says_what_it_waits_for() -> None:
    going = {"deletionTimestamp": stamp(NOW - 90_000), "finalizers": ["example.org/keep"]}
    for kind, document in (("Deployment", deployment("web")), ("Pod", pod("a"))):
        document["metadata"] |= going
        said = told(kind, document, [])
        assert NOTHING not in said
        assert "example.org/keep" in said


def test_a_pod_that_does_not_end_names_the_way_out_in_its_app_too() -> None:
    # What is late is so by the machine's own clock.
    late = {"deletionTimestamp": stamp(time.time() - 90), "deletionGracePeriodSeconds": 30}
    stuck = pod("a")
    stuck["metadata"] |= late
    stuck["spec"]["nodeName"] = "n1"
    for said in (told("Deployment", deployment("web"), [stuck]), told("Pod", stuck, [])):
        assert "▲ a is being deleted (since" in said
        assert "Its containers on node n1 were to end by" in said
        assert "Way out: ctrl-x force deletes it" in said


def test_a_pod_whose_time_is_just_over_is_being_killed() -> None:
    leaving = pod("a")
    leaving["metadata"] |= {
        "deletionTimestamp": stamp(time.time() - 2),
        "deletionGracePeriodSeconds": 30,
    }
    assert NOTHING in told("Deployment", deployment("web"), [leaving])
    said = told("Pod", leaving, [])
    assert "they are killed now" in said
    assert "Way out" not in said


@pytest.mark.parametrize("grace", [4_000_000_000, 10**18, 2**63 - 1])
@pytest.mark.parametrize("ends", ["2153-01-01T00:00:00Z", "1807-04-12T15:36:32Z"])
def test_a_pod_may_be_given_more_time_than_any_calendar_has(grace: int, ends: str) -> None:
    # The server takes any number, and its stamp goes round.
    patient = pod("a")
    patient["metadata"] |= {"deletionTimestamp": ends, "deletionGracePeriodSeconds": grace}
    for said in (told("Deployment", deployment("web"), [patient]), told("Pod", patient, [])):
        if "a is being deleted" in said:
            assert "may take forever to end" in said
            assert "Way out: ctrl-x force deletes it" in said
    assert "▲ a is being deleted" in told("Pod", patient, [])


def test_what_holds_an_object_is_said_of_each_finalizer() -> None:
    known = {
        "service.kubernetes.io/load-balancer-cleanup": "If you remove it: the load balancer may",
        "external-attacher/csi.example.org": "If you remove it: the volume may stay attached",
        "foregroundDeletion": "If you remove it: it is the garbage collector's",
        "kubernetes.io/pvc-protection": "That stays here: it keeps a claim that a pod still uses",
        "example.org/\x1b[31mred": "If you remove it: the controller that set it",
    }
    app = deployment("web")
    app["metadata"] |= {"deletionTimestamp": stamp(NOW), "finalizers": list(known)}
    said = told("Deployment", app, [])
    assert all(words in said for words in known.values())
    assert "\x1b" not in said
    assert said.count("Way out: ctrl-x removes one finalizer") == 1
    app["metadata"]["finalizers"] = ["kubernetes.io/pvc-protection", "orphan"]
    assert "Way out" not in told("Deployment", app, [])


def test_a_lost_node_is_not_well() -> None:
    lost = {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
    full = {"type": "DiskPressure", "status": "True", "message": "The disk is full."}
    fine = {"type": "MemoryPressure", "status": "False", "message": "All is well."}
    document = {
        "metadata": {**metadata("n1"), "namespace": ""},
        "status": {"conditions": [lost, full, fine]},
    }
    said = told("Node", document, [])
    assert NOTHING not in said
    assert "✗ Kubelet stopped posting node status." in said
    assert "✗ The disk is full." in said
    assert "▲ Ready=Unknown" in said
    assert "● MemoryPressure=False" in said


def test_a_cron_job_that_is_overdue_is_not_well() -> None:
    said = told("CronJob", cron_job("late", last=NOW - 86_400), [])
    assert NOTHING not in said
    assert "missed since the last one" in said


@pytest.mark.parametrize("active", [0, 1])
def test_a_run_that_a_running_one_keeps_waiting_is_told_with_when_it_starts(active: int) -> None:
    waiting = cron_job("late", concurrencyPolicy="Forbid", last=NOW - 3_600)
    waiting["status"]["active"] = [{}] * active
    said = told("CronJob", waiting, [])
    assert "missed since the last one" in said
    told_when = "Forbid lets the newest of them start when the running job has ended" in said
    assert told_when == bool(active)


def test_a_namespace_that_does_not_end_says_what_is_left_in_it() -> None:
    left = {
        "type": "NamespaceFinalizersRemaining",
        "status": "True",
        "reason": "SomeFinalizersRemain",
        "message": "Some content has finalizers remaining: example.org/keep in 2 resource instances",
    }
    clean = {
        "type": "NamespaceDeletionDiscoveryFailure",
        "status": "False",
        "message": "All is well",
    }
    meta = {**metadata("old", deletionTimestamp=stamp(NOW)), "namespace": ""}
    said = told(
        "Namespace",
        {"metadata": meta, "status": {"phase": "Terminating", "conditions": [left, clean]}},
        [],
    )
    assert NOTHING not in said
    assert "✗ Some content has finalizers remaining: example.org/keep" in said
    assert "▲ NamespaceDeletionDiscoveryFailure" not in said
