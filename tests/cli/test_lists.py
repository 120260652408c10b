"""The lists of the command line: complete, aligned, and quiet where nobody reads on."""

import json
import re
import time
from pathlib import Path

import pytest

from leviathan_sandbox import BEHAVIOUR, Busy, Html, Refused, Sandbox, forbidden_to_list
from leviathan_tui.cli.main import build_parser
from tests.cli.command_line import Run, runner, unread


@pytest.fixture
def run(still_sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(still_sandbox, tmp_path, capsys)


def _table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table by its titles: each cell is under its own."""
    head, *lines = text.splitlines()
    starts = [at for at in range(len(head)) if head[at] != " " and (not at or head[at - 1] == " ")]
    ends = [*starts[1:], None]
    cuts = list(zip(starts, ends, strict=True))
    return [{head[a:b].strip(): line[a:b].strip() for a, b in cuts} for line in lines]


def test_an_app_is_as_well_as_its_pods_are(run: Run) -> None:
    code, out, _ = run("-n", "shop", "apps", "list", "--json")
    apps = {app["name"]: app for app in map(json.loads, out.splitlines())}
    assert code == 0
    assert (apps["billing"]["state"], apps["billing"]["pods"]) == ("failing", 2)
    assert "CrashLoopBackOff" in apps["billing"]["status"]
    assert all(app["pods"] for app in apps.values())


def test_a_cron_job_is_listed_with_its_runs(run: Run) -> None:
    _, out, _ = run("crons", "list", "-A", "--json")
    crons = {cron["name"]: cron for cron in map(json.loads, out.splitlines())}
    assert crons["orders-export"]["last_outcome"] == "failed"
    assert crons["nightly-backup"]["last_outcome"] == "succeeded"


def test_a_pod_is_one_object_for_scripts(run: Run) -> None:
    _, out, _ = run("pods", "list", "-n", "shop", "--json")
    pods = [json.loads(text) for text in out.splitlines()]
    assert {pod["namespace"] for pod in pods} == {"shop"}
    assert all(pod["name"] and pod["status"] and "search" not in pod for pod in pods)


def test_apps_are_a_table(run: Run) -> None:
    _, out, _ = run("apps", "list", "-n", "shop")
    rows = {row["NAME"]: row for row in _table(out)}
    assert out.splitlines()[0].split() == [
        *("NAME", "KIND", "READY", "UP-TO-DATE", "STATUS", "RESTARTS", "AGE", "IMAGE")
    ]
    billing = rows["billing"]
    assert (billing["KIND"], billing["READY"]) == ("Deployment", "0/2")
    assert billing["STATUS"].startswith("CrashLoopBackOff")
    assert billing["IMAGE"].startswith("billing:")


def test_of_all_namespaces_each_row_names_its_own(run: Run) -> None:
    code, out, _ = run("apps", "list", "-A")
    assert code == 0
    assert {"shop", "data", "ops"} <= {row["NAMESPACE"] for row in _table(out)}
    assert run("apps", "-A", "list")[1] == out
    # A cause may be as long as a scheduler's reasons: it does not push the rest away.
    assert max(map(len, out.splitlines())) < 250


def test_cron_jobs_have_their_last_and_next_run(run: Run) -> None:
    _, out, _ = run("crons", "list", "-n", "data")
    rows = {row["NAME"]: row for row in _table(out)}
    backup, legacy = rows["nightly-backup"], rows["legacy-import"]
    assert backup["SCHEDULE"] == "30 1 * * *"
    assert (backup["TIMEZONE"], backup["SUSPEND"]) == ("Europe/Berlin", "False")
    assert backup["LAST"].endswith("ago")
    assert backup["OUTCOME"] == "succeeded"
    assert backup["NEXT"].startswith("in ")
    assert (legacy["SUSPEND"], legacy["NEXT"]) == ("True", "suspended")


def test_runs_and_pods_have_kubectls_columns(run: Run) -> None:
    _, out, _ = run("runs", "list", "-n", "data")
    failed = next(row for row in _table(out) if row["STATUS"] == "failed")
    assert (failed["CRONJOB"], failed["COMPLETIONS"]) == ("orders-export", "0/1")
    assert failed["REASON"] == "BackoffLimitExceeded"
    _, out, _ = run("pods", "list", "-n", "shop")
    crashing = next(row for row in _table(out) if row["NAME"].startswith("billing-"))
    assert (crashing["READY"], crashing["STATUS"]) == ("0/1", "CrashLoopBackOff")
    assert int(crashing["RESTARTS"].split()[0]) > 0
    assert crashing["NODE"].startswith("node-")
    starting = next(row for row in _table(out) if row["STATUS"] == "ContainerCreating")
    assert starting["IP"] == "<none>"


def test_an_empty_list_says_so_beside_the_output(run: Run) -> None:
    assert run("pods", "list", "-n", "default") == (0, "", "No pods in default.\n")
    assert run("pods", "list", "-n", "default", "--json")[:2] == (0, "")


@pytest.mark.parametrize("view", ["apps", "crons", "runs", "pods"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_namespace_that_does_not_exist_is_not_an_empty_one(
    run: Run, view: str, form: tuple[str, ...]
) -> None:
    code, out, err = run(view, "list", "-n", "nowhere", *form)
    assert (code, out) == (1, "")
    assert err == "leviathan: there is no namespace nowhere.\n"


def test_what_may_not_be_read_is_said(
    run: Run, still_sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(still_sandbox.clear_faults)
    still_sandbox.inject(Refused(error=forbidden_to_list("pods", "shop"), resource="pods"))
    code, out, err = run("apps", "list", "-n", "shop")
    assert code == 0
    assert "billing" in out
    assert "Pods may not be read" in err
    code, out, err = run("pods", "list", "-n", "shop")
    assert (code, out) == (1, "")
    assert "pods is forbidden" in err


def test_one_namespace_and_all_of_them_exclude_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["apps", "list", "-A", "-n", "shop"]
    with pytest.raises(SystemExit) as stopped:
        build_parser(words).parse_args(words)
    assert stopped.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("apps", "list", "--json", "-A"),
        ("pods", "list", "-A"),
        ("apps", "pause", "web", "-n", "shop", "--dry-run"),
    ],
)
def test_a_closed_pipe_is_no_failure(
    still_sandbox: Sandbox, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert unread(still_sandbox, tmp_path, *words) == (0, "")


VIEWS = ["apps", "crons", "runs", "pods"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_list_needs_no_right_to_watch_and_opens_none(
    run: Run, still_sandbox: Sandbox, request: pytest.FixtureRequest, view: str
) -> None:
    request.addfinalizer(still_sandbox.clear_faults)
    whole = run(view, "list", "-A", "--json")
    still_sandbox.inject(Refused(error=forbidden_to_list("pods"), verb="watch"))
    before = len(still_sandbox.requests)
    assert run(view, "list", "-A", "--json") == whole
    assert whole[0] == 0
    assert whole[1]
    assert not [path for _, path in still_sandbox.requests[before:] if "watch=" in path]


def test_where_all_namespaces_may_not_be_listed_the_known_one_is(
    run: Run, still_sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(still_sandbox.clear_faults)
    still_sandbox.inject(
        Refused(error=forbidden_to_list("pods"), verb="list", resource="pods", times=1)
    )
    # The kubeconfig's own namespace is asked for instead, and waited for.
    code, out, err = run("pods", "list", "-A", "--json")
    assert (code, out) == (1, "")
    assert "pods is forbidden" in err
    paths = [path for _, path in still_sandbox.requests]
    assert "/namespaces/default/pods" in paths[-1] or "/namespaces/default/pods" in paths[-2]


def test_a_busy_server_is_waited_for(
    run: Run, still_sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(still_sandbox.clear_faults)
    still_sandbox.inject(Busy(verb="list", resource="pods", times=1, seconds=1))
    code, out, err = run("pods", "list", "-n", "shop", "--json")
    assert code == 0
    assert out
    assert err == "the server is busy: too many requests\n"


@pytest.mark.parametrize("body", ["{}", '{"status":"ok"}', "<html>log in</html>", ""])
def test_what_is_no_list_is_a_failure_and_no_empty_answer(
    run: Run, still_sandbox: Sandbox, request: pytest.FixtureRequest, body: str
) -> None:
    request.addfinalizer(still_sandbox.clear_faults)
    still_sandbox.inject(Html(code=200, body=body))
    code, out, err = run("pods", "list", "-n", "shop", "--json")
    assert (code, out) == (1, "")
    assert "that was no PodList" in err or "a web page came" in err


def test_a_monitor_is_told_by_the_exit_code(run: Run) -> None:
    code, out, err = run("crons", "list", "-n", "data", "--fail-on", "failed")
    assert code == 1
    assert "failed: data/orders-export: " in err
    assert "nightly-backup" in out
    assert "nightly-backup" not in err
    # The sandbox's clock stands still, and ours does not: all of them are overdue.
    code, _, err = run("crons", "list", "-n", "data", "--fail-on", "missed,late")
    assert code == 1
    assert re.search(r"^missed: data/nightly-backup: \d+ runs? missed since", err, re.MULTILINE)
    assert "late: data/nightly-backup: a run is due, and has not been started\n" in err
    # What is late is told as that, whatever else is the matter.
    assert "late: data/orders-export: a run is due, and has not been started\n" in err


def test_a_monitor_is_content_where_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(apps=0, pace=0.05) as sandbox:
        pod = {"containers": [{"name": "main", "image": "busybox:1.36", "command": ["true"]}]}
        job = {"spec": {"template": {"spec": {**pod, "restartPolicy": "Never"}}}}
        spec = {"schedule": "0 3 1 1 *", "jobTemplate": job}
        sandbox.create({"kind": "CronJob", "metadata": {"name": "yearly"}, "spec": spec}, "default")
        run = runner(sandbox, tmp_path, capsys, "default")
        code, _, err = run("crons", "list", "--fail-on", "missed,failed,late")
        assert (code, err) == (0, "")


def test_a_monitor_hears_of_a_run_that_cannot_pull_its_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(apps=0, pace=0.05) as sandbox:
        metadata = {"annotations": {BEHAVIOUR: "image-pull"}}
        pod = {"containers": [{"name": "main", "image": "busybox:1.36"}], "restartPolicy": "Never"}
        job = {"spec": {"template": {"metadata": metadata, "spec": pod}}}
        spec = {"schedule": "0 3 1 1 *", "jobTemplate": job}
        made = sandbox.create(
            {"kind": "CronJob", "metadata": {"name": "yearly"}, "spec": spec}, "default"
        )
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "yearly", "controller": True}
        owner["uid"] = made["metadata"]["uid"]
        body = {"name": "yearly-1", "ownerReferences": [owner]}
        sandbox.create({"kind": "Job", "metadata": body, **job}, "default")
        end = time.monotonic() + 60
        while "ImagePullBackOff" not in str(sandbox.objects("Pod", "default")):
            assert time.monotonic() < end, "its image was never pulled in vain"
            time.sleep(0.02)
        run = runner(sandbox, tmp_path, capsys, "default")
        code, _, err = run("crons", "list", "--fail-on", "failed")
        assert code == 1
        assert "failed: default/yearly: ImagePullBackOff" in err


@pytest.mark.parametrize("condition", ["failed", "missed", "late"])
def test_a_monitor_is_not_content_with_what_may_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], condition: str
) -> None:
    with Sandbox(apps=0, pace=0.05) as sandbox:
        sandbox.inject(Refused(error=forbidden_to_list("jobs", "default"), resource="jobs"))
        run = runner(sandbox, tmp_path, capsys, "default")
        assert run("crons", "list")[0] == 0
        code, _, err = run("crons", "list", "--fail-on", condition)
        assert code == 1
        assert "Jobs may not be read" in err


@pytest.mark.parametrize("words", ["", "broken", "missed,broken"])
def test_a_monitor_cannot_ask_for_just_anything(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["crons", "list", "--fail-on", words])
    assert "takes some of missed, failed, late" in capsys.readouterr().err
