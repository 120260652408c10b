"""Deploying and applying from the command line: what is named and is not there, and where it goes."""

from pathlib import Path

import pytest

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import IMAGE, Bench
from tests.cli.conftest import Script

ACCOUNT = Kind("ServiceAccount", "serviceaccounts")
AS_ROBOT = ("--service-account", "robot", "--pull-secret", "regcred", "--pull-secret", "b.c")


@pytest.mark.parametrize(("kind", "more"), [(kinds.DEPLOYMENT, ()), (kinds.CRON_JOB, ("x",))])
async def test_pull_secrets_and_a_service_account_can_be_given(
    bench: Bench, script: Script, kind: Kind, more: tuple[str, ...]
) -> None:
    rest = ("--schedule", "0 3 1 1 *") if more else ("--replicas", "0")
    words = ("apps", "deploy", IMAGE, "web", *AS_ROBOT, *rest, "-y", "--no-wait")
    code, out, err = await script(*words)
    assert code == 0, err
    where = f"in {bench.namespace}"
    assert f"warning: There is no ServiceAccount robot {where}: no pod is made" in out
    assert f"warning: There is no Secret regcred {where}: images are pulled without it." in out
    assert f"warning: There is no Secret b.c {where}" in out
    made = await bench.get(kind, Ref(kind.name, bench.namespace, "web"))
    spec = made["spec"] if kind == kinds.DEPLOYMENT else made["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "robot"
    assert pod["imagePullSecrets"] == [{"name": "regcred"}, {"name": "b.c"}]


async def test_what_is_there_is_not_warned_of(bench: Bench, script: Script) -> None:
    await bench.create(ACCOUNT, {"metadata": {"name": "robot"}})
    for name in ("regcred", "b.c"):
        await bench.create(kinds.SECRET, {"metadata": {"name": name}})
    code, out, err = await script("apps", "deploy", IMAGE, "web", *AS_ROBOT, "--dry-run")
    assert code == 0, err
    assert "There is no" not in out
    code, _, err = await script("apps", "deploy", IMAGE, "web", "--pull-secret", "No_Name", "-y")
    assert (code, "pull secret: names of Secrets" in err) == (1, True)
    code, _, err = await script("apps", "deploy", IMAGE, "web", "--service-account", "a/b", "-y")
    assert (code, "service account: a ServiceAccount's name" in err) == (1, True)


async def test_what_comes_in_the_same_go_is_not_warned_of(
    bench: Bench, script: Script, tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"
    app = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
        "  replicas: 0\n  selector: {matchLabels: {app: web}}\n  template:\n"
        "    metadata: {labels: {app: web}}\n    spec:\n      serviceAccountName: robot\n"
        f"      containers: [{{name: main, image: '{IMAGE}'}}]\n"
    )
    file.write_text(app)
    code, out, err = await script("apply", str(file), "--dry-run")
    assert code == 0, err
    assert "There is no ServiceAccount robot" in out
    file.write_text(f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: robot}}\n---\n{app}")
    code, out, err = await script("apply", str(file), "-y", "--no-wait")
    assert code == 0, err
    assert "There is no" not in out
    # What it named before is not news.
    code, out, err = await script("apps", "scale", "web", "1", "--dry-run")
    assert "There is no" not in out


@pytest.mark.parametrize("schedule", [(), ("--schedule", "0 3 1 1 *")])
async def test_a_missing_namespace_is_said_and_nothing_is_sent(
    bench: Bench, script: Script, schedule: tuple[str, ...]
) -> None:
    missing = f"{bench.namespace}-none"
    for flags in (("--dry-run",), ("-y",)):
        words = ("apps", "deploy", IMAGE, "web", "--port", "80", *schedule, *flags)
        code, out, err = await script(*words, place=missing)
        assert (code, out) == (1, "")
        assert f"Not deployed: there is no namespace {missing}." in err


async def test_a_namespace_that_a_manifest_contradicts_is_refused(
    bench: Bench, script: Script, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n"
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: elsewhere}\n"
    file.write_text(f"{one}---\n{other}")
    code, out, err = await script("apply", str(file), "-y")
    assert (code, out) == (1, "")
    assert (
        'Not applied: the namespace from the provided object "elsewhere" does not match the '
        f'namespace "{bench.namespace}".'
    ) in err
    # The same name, none, and what is in no namespace contradict nothing.
    same = other.replace("elsewhere", bench.namespace)
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
        f"metadata: {{name: {bench.namespace}}}\nrules: []\n"
    )
    file.write_text(f"{one}---\n{same}---\n{role}")
    code, _, err = await script("apply", str(file), "--dry-run")
    assert code == 0, err


async def test_into_a_namespace_that_is_missing_and_does_not_come_along_nothing_is_applied(
    bench: Bench, script: Script, tmp_path: Path
) -> None:
    missing = f"{bench.namespace}-none"
    file = tmp_path / "c.yaml"
    inside = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: {missing}}}\n"
    file.write_text(inside)
    code, out, err = await script("apply", str(file), "-y", place="")
    assert (code, out) == (1, "")
    assert f"Not applied: there is no namespace {missing}." in err
    file.write_text(
        f"{inside}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {missing}}}\n"
    )
    code, out, err = await script("apply", str(file), "--dry-run", place="")
    assert code == 0, err
    assert f"there is no namespace {missing} yet" in out
