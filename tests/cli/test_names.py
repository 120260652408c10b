"""What a name on the command line means, and what is said of that to which an action does not fit."""

from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Html, Refused, Sandbox
from leviathan_sandbox.status import StatusError
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench, deployment
from tests.cli.command_line import runner
from tests.cli.conftest import Script

LABELS = {"app": "agent"}


def body(kind: Kind, name: str, **spec: Any) -> dict[str, Any]:
    """Return an app of a kind, whose pods only wait."""
    made = deployment(name, **spec)
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["sleep", "100000"]
    if kind == kinds.STATEFUL_SET:
        made["spec"]["serviceName"] = name
    if kind == kinds.DAEMON_SET:
        del made["spec"]["replicas"]
        # On no node: what it does to nodes is not what is looked at.
        made["spec"]["template"]["spec"]["nodeSelector"] = {"nobody.has/this": "label"}
    return made


async def make(bench: Bench, **names: Kind) -> None:
    for name, kind in names.items():
        await bench.create(kind, body(kind, name.split("_", maxsplit=1)[0], replicas=0))


ONE_KIND = [
    (("scale", "agent", "3"), "agent is a DaemonSet, which runs one pod on each node"),
    (("pause", "agent"), "agent is a DaemonSet, which runs one pod on each node"),
    (("boot", "agent"), "agent is a DaemonSet, which runs one pod on each node"),
    (("pause-rollout", "db"), "db is a StatefulSet, and only the rollout of a Deployment"),
    (("resume-rollout", "db"), "db is a StatefulSet, and only the rollout of a Deployment"),
    (("pause-rollout", "agent"), "agent is a DaemonSet, and only the rollout of a Deployment"),
]


async def test_what_an_action_does_not_fit_is_refused_with_the_reason(
    bench: Bench, script: Script
) -> None:
    await make(bench, agent=kinds.DAEMON_SET, db=kinds.STATEFUL_SET)
    for words, said in ONE_KIND:
        for flags in (("-y", "--no-wait"), ("--dry-run",)):
            code, out, err = await script("apps", *words, *flags)
            assert (code, out) == (1, ""), words
            assert said in err


async def test_of_mixed_kinds_the_others_are_done_and_the_rest_is_said(
    bench: Bench, script: Script
) -> None:
    await make(bench, web=kinds.DEPLOYMENT, db=kinds.STATEFUL_SET, agent=kinds.DAEMON_SET)
    names = ("db", "web", "agent")
    code, out, err = await script("apps", "pause-rollout", *names, "--dry-run")
    assert code == 3
    assert "spec.paused" in out
    code, out, err = await script("apps", "pause-rollout", *names, "-y", "--no-wait")
    assert (code, out.splitlines()[-1]) == (3, "Rollout paused: web.")
    assert "db is a StatefulSet" in err
    assert "agent is a DaemonSet" in err
    code, out, err = await script("apps", "boot", *names, "-y", "--no-wait")
    assert code == 3
    assert out.splitlines()[-2:] == ["Booted: db.", "Booted: web."]
    assert "agent is a DaemonSet" in err


VERBS = [
    ("pause", "web"),
    ("boot", "web"),
    ("restart", "web"),
    ("scale", "web", "2"),
    ("image", "web", "busybox:2"),
    ("rollback", "web"),
    ("pause-rollout", "web"),
    ("delete", "web"),
]


async def test_a_name_that_two_kinds_have_is_refused_by_every_verb(
    bench: Bench, script: Script
) -> None:
    await make(bench, web=kinds.DEPLOYMENT, web_=kinds.STATEFUL_SET)
    refusal = (
        f"In {bench.namespace}, web is a Deployment and a StatefulSet: "
        "say deployment/web or statefulset/web."
    )
    for words in VERBS:
        code, out, err = await script("apps", *words, "-y")
        assert (code, out) == (1, ""), words
        assert refusal in err
    for target in ("web", "app/web", "apps/web"):
        code, out, err = await script("logs", target)
        assert (code, out) == (1, "")
        assert refusal in err
    for name, kind in (
        ("deployment/web", "Deployment"),
        ("statefulsets/web", "StatefulSet"),
        ("sts/web", "StatefulSet"),
        ("deployment.apps/web", "Deployment"),
    ):
        code, out, _ = await script("apps", "restart", name, "--dry-run")
        assert code == 0
        assert f"{kind} {bench.namespace}/web" in out


async def test_nothing_is_done_where_one_of_the_names_means_nothing(
    bench: Bench, script: Script
) -> None:
    await make(bench, web=kinds.DEPLOYMENT, two=kinds.DEPLOYMENT, two_=kinds.DAEMON_SET)
    code, out, err = await script("apps", "boot", "web", "nobody", "two", "pod/web", "-y")
    assert (code, out) == (1, "")
    assert "there is no nobody among the apps" in err
    assert "there is no pod/web among the apps" in err
    assert "say deployment/two or daemonset/two" in err
    for name in ("", "deployment/", "..", "web/scale", "deployment/web/scale", "web?x=1"):
        code, out, err = await script("apps", "boot", name, "-y")
        assert (code, out) == (1, ""), name
        assert f"there is no {name} among the apps" in err
    # Named twice, it is still one.
    code, out, _ = await script("apps", "boot", "web", "deploy/web", "--dry-run")
    assert code == 0
    assert out.count("Start web") == 1


def test_who_may_not_read_one_of_the_kinds_is_told_of_the_other(
    busy_sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(busy_sandbox, tmp_path, capsys, "default")
    web = body(kinds.DEPLOYMENT, "web", replicas=0)
    busy_sandbox.create({"kind": "Deployment", **web}, "default")
    denied = StatusError(403, "Forbidden", "you may not")
    busy_sandbox.inject(Refused(error=denied, verb="get", resource="statefulsets"))
    try:
        code, out, _ = run("apps", "boot", "web", "--dry-run")
        assert (code, "Start web" in out) == (0, True)
        code, _, err = run("apps", "boot", "nobody", "--dry-run")
        assert (code, "you may not" in err) == (1, True)
    finally:
        busy_sandbox.clear_faults()


def test_an_entry_is_named_by_a_beginning_that_no_other_has(
    still_sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(still_sandbox, tmp_path, capsys)
    code, _, err = run("undo", "zzzz", "-y")
    assert code == 1
    assert "no entry of the journal begins with zzzz" in err


@pytest.mark.parametrize("body", ["[]", "7", '"text"', '{"metadata": []}', "{", "<html></html>"])
def test_an_answer_that_is_no_object_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    with Sandbox(apps=0) as sandbox:
        sandbox.inject(Html(code=200, body=body))
        run = runner(sandbox, tmp_path, capsys, "default")
        for words in (("apps", "pause", "deployment/web"), ("pods", "delete", "web-0")):
            code, out, err = run(*words, "--dry-run")
            assert (code, out) == (1, "")
            assert "did not answer as Kubernetes does" in err or "a web page came" in err
