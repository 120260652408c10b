"""Names, limits and states of sources."""

import msgspec

from leviathan_tui.backend.logs.sources import (
    LogPod,
    LogRange,
    PodKey,
    Source,
    choose,
    containers_of,
    short_names,
    tail_for,
)


def source(index: int, pod: str, container: str = "app", label: str = "") -> Source:
    return Source(index, "shop", pod, container, "main", label)


def test_names_are_as_short_as_they_can_be() -> None:
    pods = ["web-7c9f-abcde", "web-7c9f-xyz12", "web-55aa-abcde"]
    names = short_names([source(index, pod) for index, pod in enumerate(pods)])
    assert names == {0: "7c9f-abcde", 1: "xyz12", 2: "55aa-abcde"}


def test_one_pod_needs_no_name_and_its_containers_do() -> None:
    assert short_names([source(0, "web-1")]) == {0: ""}
    two = [source(0, "web-1", "app"), source(1, "web-1", "side")]
    assert short_names(two) == {0: "app", 1: "side"}


def test_pods_of_several_apps_have_the_apps_name() -> None:
    names = short_names([source(0, "web-1-a", label="web"), source(1, "api-1-a", label="api")])
    assert names == {0: "web/a", 1: "api/a"}


def test_no_two_names_are_the_same() -> None:
    pods = [f"web-{number % 7}-{number % 3}-x" for number in range(21)]
    names = short_names([source(index, pod) for index, pod in enumerate(pods)])
    assert len(set(names.values())) == len(set(pods))


def test_failing_pods_come_first_then_the_newest() -> None:
    keys = [
        PodKey("shop", "old", "1", created=1),
        PodKey("shop", "new", "2", created=9),
        PodKey("shop", "bad", "3", created=0, failing=True),
    ]
    chosen, left = choose(keys, 2)
    assert [key.name for key in chosen] == ["bad", "new"]
    assert left == 1


def test_many_containers_share_the_past() -> None:
    assert tail_for(1) == 1_000
    assert tail_for(100) == 200
    assert tail_for(100_000) == 20


def test_spans_in_words() -> None:
    assert LogRange(tail=1000).words == "last 1,000"
    assert LogRange(seconds=300).words == "last 5m"
    assert LogRange(head=10, previous=True).words == "previous run, first 10"
    assert LogRange().words == "all"
    assert not LogRange(head=5).follows
    assert not LogRange(previous=True).follows


def pod(status: dict[str, object], phase: str = "Running") -> LogPod:
    document = {
        "metadata": {"name": "web-1"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": phase, "containerStatuses": [{"name": "app", **status}]},
    }
    return msgspec.convert(document, LogPod)


def test_states() -> None:
    (state,) = containers_of(pod({"state": {"running": {}}, "restartCount": 2}))
    assert (state.run, state.ended) == (2, False)
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    (state,) = containers_of(pod({"state": ended, "restartCount": 1}))
    assert (state.run, state.ended, state.how) == (1, True, "exit code 137, OOMKilled")
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    (state,) = containers_of(pod({"state": waits, "lastState": ended, "restartCount": 3}))
    assert (state.run, state.ended, state.waiting) == (3, True, "CrashLoopBackOff")
    (state,) = containers_of(pod({"state": waits}))
    assert (state.run, state.waiting) == (-1, "CrashLoopBackOff")


def test_a_pod_without_a_node_says_why() -> None:
    document = {
        "metadata": {"name": "web-1"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
            ],
        },
    }
    (state,) = containers_of(msgspec.convert(document, LogPod))
    assert state.waiting == "no node yet: 0/3 nodes are available"
