"""Pods: their states, their conditions, their logs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.api import BATCH, CORE, IMAGE, Api, container, job, pod, ready

Object = dict[str, Any]


def state(obj: Object, index: int = 0) -> Object:
    """The state of one of a pod's containers, empty before there is one."""
    found = obj["status"].get("containerStatuses") or []
    return found[index]["state"] if len(found) > index else {}


def waiting(obj: Object) -> str:
    reason: str = state(obj).get("waiting", {}).get("reason", "")
    return reason


def word(api: Api, name: str) -> str:
    """What `kubectl get` would print under STATUS."""
    status: str = api.table(api.path(CORE, "pods", name))["rows"][0]["cells"][2]
    return status


def test_a_pod_becomes_ready(api: Api) -> None:
    api.create(CORE, "pods", pod("runs", "sleep 600", "Always"))
    running = api.wait(CORE, "pods", "runs", ready)
    status = running["status"]
    assert status["phase"] == "Running"
    assert [it["type"] for it in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    assert all(it["status"] == "True" for it in status["conditions"])
    assert all(it["observedGeneration"] == 1 for it in status["conditions"])
    (only,) = status["containerStatuses"]
    assert (only["name"], only["ready"], only["started"], only["restartCount"]) == (
        "main",
        True,
        True,
        0,
    )
    assert only["state"]["running"]["startedAt"]
    assert only["lastState"] == {}
    assert only["containerID"].startswith("containerd://")
    assert status["podIP"] == status["podIPs"][0]["ip"]
    assert status["hostIP"] == status["hostIPs"][0]["ip"]
    assert status["startTime"]
    assert status["observedGeneration"] == 1
    assert word(api, "runs") == "Running"


@pytest.mark.parametrize(
    ("code", "phase", "reason", "condition"),
    [(0, "Succeeded", "Completed", "PodCompleted"), (3, "Failed", "Error", "PodFailed")],
)
def test_a_pod_ends(api: Api, code: int, phase: str, reason: str, condition: str) -> None:
    api.create(CORE, "pods", pod("ends", f"echo ending; exit {code}"))
    ended = api.wait(CORE, "pods", "ends", lambda it: it["status"]["phase"] == phase)
    run = state(ended)["terminated"]
    assert (run["exitCode"], run["reason"]) == (code, reason)
    assert run["startedAt"] <= run["finishedAt"]
    assert run["containerID"].startswith("containerd://")
    conditions = {it["type"]: it for it in ended["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "False"
    assert conditions["Ready"]["reason"] == condition
    assert conditions["Initialized"]["status"] == "True"
    row = api.table(api.path(CORE, "pods", "ends"))["rows"][0]
    assert row["cells"][1:4] == ["0/1", reason, "0"]
    assert row["conditions"][0]["reason"] == phase
    api.wait_log("ends", "ending\n")


def test_a_pod_that_fails_is_started_again_later_and_later(api: Api) -> None:
    api.create(CORE, "pods", pod("loops", "echo once more; exit 7", "Always"))
    looping = api.wait(CORE, "pods", "loops", lambda it: waiting(it) == "CrashLoopBackOff")
    (only,) = looping["status"]["containerStatuses"]
    assert looping["status"]["phase"] == "Running"
    assert only["restartCount"] >= 1
    assert only["lastState"]["terminated"]["exitCode"] == 7
    assert only["lastState"]["terminated"]["reason"] == "Error"
    uid = looping["metadata"]["uid"]
    assert re.fullmatch(
        rf"back-off \d+s restarting failed container=main pod=loops_{api.namespace}\({uid}\)",
        only["state"]["waiting"]["message"],
    )
    conditions = {it["type"]: it for it in looping["status"]["conditions"]}
    assert conditions["Ready"]["reason"] == "ContainersNotReady"
    assert conditions["Ready"]["message"] == "containers with unready status: [main]"
    row = api.table(api.path(CORE, "pods", "loops"))["rows"][0]["cells"]
    assert row[2] in ("CrashLoopBackOff", "Error")
    assert re.fullmatch(r"\d+ \(\d+s ago\)", row[3])
    api.wait_log("loops", "once more\n")
    api.wait_log("loops", "once more\n", previous="true")


def test_an_image_that_is_not_there(api: Api) -> None:
    body = pod("imageless", "exit 0")
    body["spec"]["containers"][0]["image"] = "registry.invalid/none:missing"
    api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "imageless", lambda it: waiting(it) == "ErrImagePull")
    api.wait(CORE, "pods", "imageless", lambda it: waiting(it) == "ImagePullBackOff")
    assert word(api, "imageless") in ("ImagePullBackOff", "ErrImagePull")
    response = api.get(api.path(CORE, "pods", "imageless", "log"))
    assert response.status_code == 400
    assert response.json()["reason"] == "BadRequest"
    assert re.fullmatch(
        r'container "main" in pod "imageless" is waiting to start:'
        r" (trying and failing to pull image|image can't be pulled)",
        response.json()["message"],
    )


def test_a_pod_that_no_node_takes(api: Api) -> None:
    api.create(CORE, "pods", pod("homeless", "exit 0", nodeSelector={"no": "where"}))
    pending = api.wait(CORE, "pods", "homeless", lambda it: bool(it["status"].get("conditions")))
    (condition,) = pending["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
    assert condition["reason"] == "Unschedulable"
    assert re.match(r"0/\d+ nodes are available: ", condition["message"])
    assert "didn't match Pod's node affinity/selector" in condition["message"]
    assert word(api, "homeless") == "Pending"
    assert api.get(api.path(CORE, "pods", "homeless", "log")).status_code == 204


def test_init_containers_come_first(api: Api) -> None:
    body = pod("prepared", "echo main; sleep 600")
    body["spec"]["initContainers"] = [
        container("echo one", "one"),
        container("echo two; sleep 1", "two"),
    ]
    api.create(CORE, "pods", body)
    path = api.path(CORE, "pods", "prepared")
    started = api.wait(CORE, "pods", "prepared", ready)
    one, two = started["status"]["initContainerStatuses"]
    assert one["state"]["terminated"]["reason"] == "Completed"
    assert (one["ready"], two["ready"]) == (True, True)
    assert one["state"]["terminated"]["finishedAt"] <= two["state"]["terminated"]["startedAt"]
    api.wait_log("prepared", "one\n", container="one")
    api.wait_log("prepared", "main\n", container="main")
    api.wait_log("prepared", "main\n")
    assert api.table(path)["rows"][0]["cells"][1] == "1/1"


def test_an_init_container_that_fails(api: Api) -> None:
    body = pod("unprepared", "sleep 600")
    body["spec"]["initContainers"] = [container("echo no; exit 4", "one")]
    api.create(CORE, "pods", body)
    failed = api.wait(CORE, "pods", "unprepared", lambda it: it["status"]["phase"] == "Failed")
    (only,) = failed["status"]["initContainerStatuses"]
    assert only["state"]["terminated"]["exitCode"] == 4
    assert waiting(failed) == "PodInitializing"
    assert word(api, "unprepared") == "Init:Error"
    response = api.get(api.path(CORE, "pods", "unprepared", "log"))
    assert response.status_code == 400
    assert response.json()["message"] == (
        'container "main" in pod "unprepared" is waiting to start: PodInitializing'
    )


def test_several_containers(api: Api) -> None:
    body = pod("pair", "echo left; sleep 600")
    body["spec"]["containers"].append(container("echo right; exit 0", "right"))
    api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "pair", lambda it: "terminated" in state(it, 1) and bool(state(it)))
    path = api.path(CORE, "pods", "pair")
    assert api.table(path)["rows"][0]["cells"][1:3] == ["1/2", "NotReady"]
    response = api.get(f"{path}/log")
    assert response.status_code == 400
    assert response.json()["message"] == (
        "a container name must be specified for pod pair, choose one of: [main right]"
    )
    api.wait_log("pair", "right\n", container="right")
    response = api.get(f"{path}/log", container="middle")
    assert response.status_code == 400
    assert response.json()["message"] == "container middle is not valid for pod pair"


# Logs.


@pytest.fixture
def talker(api: Api) -> Api:
    script = "for i in 1 2 3 4 5; do echo line $i; done; sleep 2; echo line 6; sleep 600"
    api.create(CORE, "pods", pod("talker", script))
    api.wait(CORE, "pods", "talker", lambda it: it["status"]["phase"] == "Running")
    with follow(api, "talker") as lines:
        for line in lines:
            if line == "line 6":
                break
    return api


@contextmanager
def follow(api: Api, name: str, **params: str) -> Iterator[Iterator[str]]:
    """Follow a pod's log; it ends with the container."""
    path, query = api.path(CORE, "pods", name, "log"), {"follow": "true", **params}
    with api.client.stream("GET", path, params=query, timeout=60) as response:
        assert response.status_code == 200
        yield response.iter_lines()


def test_the_whole_log_and_its_end(talker: Api) -> None:
    assert talker.log("talker").splitlines() == [f"line {number}" for number in range(1, 7)]
    assert talker.log("talker", tailLines=2) == "line 5\nline 6\n"
    assert talker.log("talker", tailLines=0) == ""
    assert talker.log("talker", limitBytes=9) == "line 1\nli"


def test_timestamps_and_since(talker: Api) -> None:
    lines = talker.log("talker", timestamps="true").splitlines()
    stamps = [line.split(" ", 1)[0] for line in lines]
    assert [line.split(" ", 1)[1] for line in lines] == [f"line {n}" for n in range(1, 7)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", stamp) for stamp in stamps)
    assert stamps == sorted(stamps)
    last = datetime.fromisoformat(stamps[-1][:19]).replace(tzinfo=UTC)
    assert talker.log("talker", sinceTime=last.strftime("%Y-%m-%dT%H:%M:%SZ")) == "line 6\n"
    later = (last + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert talker.log("talker", sinceTime=later) == ""
    assert len(talker.log("talker", sinceSeconds=3600).splitlines()) == 6


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"tailLines": -1}, "tailLines"),
        ({"limitBytes": 0}, "limitBytes"),
        ({"sinceSeconds": 0}, "sinceSeconds"),
        ({"sinceSeconds": 5, "sinceTime": "2026-01-01T00:00:00Z"}, "[]"),
    ],
)
def test_log_options_that_make_no_sense(api: Api, params: Object, field: str) -> None:
    api.create(CORE, "pods", pod("quiet", "sleep 600"))
    response = api.get(api.path(CORE, "pods", "quiet", "log"), **params)
    assert response.status_code == 422, response.text
    status = response.json()
    assert status["reason"] == "Invalid"
    assert status["details"]["kind"] == "PodLogOptions"
    assert status["details"]["causes"][0]["field"] == field


def test_following_ends_with_the_container(api: Api) -> None:
    api.create(CORE, "pods", pod("brief", "echo first; sleep 2; echo second"))
    api.wait(CORE, "pods", "brief", lambda it: bool(state(it)) and "waiting" not in state(it))
    with follow(api, "brief") as lines:
        assert list(lines) == ["first", "second"]
    with follow(api, "brief", tailLines="1") as lines:
        assert list(lines) == ["second"]


def test_there_is_no_previous_run(api: Api) -> None:
    api.create(CORE, "pods", pod("first", "echo hello"))
    api.wait(CORE, "pods", "first", lambda it: it["status"]["phase"] == "Succeeded")
    response = api.get(api.path(CORE, "pods", "first", "log"), previous="true")
    assert response.status_code == 400
    assert response.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'previous terminated container "main" in pod "first" not found',
        "reason": "BadRequest",
        "code": 400,
    }


def test_logs_of_no_pod(api: Api) -> None:
    response = api.get(api.path(CORE, "pods", "absent", "log"))
    assert response.status_code == 404
    assert response.json()["message"] == 'pods "absent" not found'


def test_a_readiness_probe_is_waited_for(api: Api) -> None:
    body = pod("probed", "sleep 600", "Always")
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 2, "periodSeconds": 1}
    body["spec"]["containers"][0]["readinessProbe"] = probe
    api.create(CORE, "pods", body)
    unready = api.wait(CORE, "pods", "probed", lambda it: "running" in state(it))
    assert unready["status"]["containerStatuses"][0]["ready"] is False
    assert unready["status"]["phase"] == "Running"
    api.wait(CORE, "pods", "probed", ready)


def test_a_pods_environment_reaches_its_command(api: Api) -> None:
    body = pod("fed", "echo $GREETING ${NAME}")
    body["spec"]["containers"][0]["env"] = [
        {"name": "GREETING", "value": "hello"},
        {"name": "NAME", "value": "world"},
    ]
    api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "fed", lambda it: it["status"]["phase"] == "Succeeded")
    api.wait_log("fed", "hello world\n")


def test_an_image_without_a_command_of_ours(api: Api) -> None:
    body = pod("bare", "")
    body["spec"]["containers"] = [{"name": "main", "image": IMAGE}]
    api.create(CORE, "pods", body)
    api.wait(CORE, "pods", "bare", lambda it: it["status"]["phase"] == "Succeeded")


def test_a_jobs_pod_is_restarted_in_place_if_it_says_so(api: Api) -> None:
    body = job("stubborn", "echo try; exit 1", backoffLimit=2)
    body["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    api.create(BATCH, "jobs", body)
    (only,) = api.wait_list(
        CORE,
        "pods",
        lambda items: any(
            status["restartCount"] >= 1
            for it in items
            for status in it["status"].get("containerStatuses") or ()
        ),
        "job-name=stubborn",
    )
    assert only["status"]["phase"] == "Running"
