"""Manifests and what is done with them: read safely, applied with owners, deployed, cloned, edited."""

from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.changes import apps
from leviathan_tui.backend.changes.apply import Apply, Deploy
from leviathan_tui.backend.changes.cloning import clone_of
from leviathan_tui.backend.changes.deploy_line import deploy_answers
from leviathan_tui.backend.changes.deploying import (
    Answers,
    app_manifests,
    cron_manifests,
    environment,
    problems,
)
from leviathan_tui.backend.changes.editing import Edit, editable
from leviathan_tui.backend.changes.manifests import ManifestError, load, read
from leviathan_tui.backend.changes.refusals import Changed, NotPossible, Owned
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.fleet import pausing
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import IMAGE, Bench

KIND = kinds.DEPLOYMENT
CONFIG_MAP = Kind("ConfigMap", "configmaps")


def _manifest(bench: Bench, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": bench.namespace},
        "data": data,
    }


async def test_apply_makes_changes_and_undoes(bench: Bench) -> None:
    ref = Ref("ConfigMap", bench.namespace, "settings")
    made = await bench.do(Apply(CONFIG_MAP, ref, _manifest(bench, a="1", b="2")))
    assert made.done
    assert (await bench.do(Apply(CONFIG_MAP, ref, _manifest(bench, a="9")))).done
    # What was applied before and is not any more is taken away.
    assert (await bench.get(CONFIG_MAP, ref))["data"] == {"a": "9"}
    server = bench.client.target.cluster.server
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, CONFIG_MAP, server))).done
    assert (await bench.get(CONFIG_MAP, ref))["data"] == {"a": "1", "b": "2"}
    (entry,) = latest(bench.entries, "alice")
    assert (await bench.do(undo(entry, CONFIG_MAP, server))).done
    await bench.gone(CONFIG_MAP, ref)


async def test_fields_of_others_are_never_taken_silently(bench: Bench) -> None:
    ref = await bench.create(CONFIG_MAP, {"metadata": {"name": "settings"}, "data": {"a": "0"}})
    await bench.patch(CONFIG_MAP, ref, {"data": {"a": "1"}})
    intent = Apply(CONFIG_MAP, ref, _manifest(bench, a="2"))
    with pytest.raises(Owned) as refused:
        await bench.try_(intent)
    ((field, owner),) = refused.value.fields
    assert field == ".data.a"
    assert "somebody" in owner
    assert refused.value.ours == ()
    intent.force = True
    assert (await bench.do(intent)).done
    assert (await bench.get(CONFIG_MAP, ref))["data"] == {"a": "2"}


async def test_our_own_earlier_change_is_named_as_ours(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    assert (await bench.do(apps.Scale(KIND, ref, 2))).done
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": bench.namespace},
        "spec": {"replicas": 3},
    }
    with pytest.raises(Owned) as refused:
        await bench.try_(Apply(KIND, ref, manifest))
    assert refused.value.ours == (".spec.replicas",)


async def test_a_paused_app_stays_paused(bench: Bench) -> None:
    (document, *_) = app_manifests(
        Answers(
            name="web", namespace=bench.namespace, image=IMAGE, command="sleep 100000", replicas="2"
        )
    )
    ref = Ref("Deployment", bench.namespace, "web")
    assert (await bench.do(Deploy(KIND, ref, document))).done
    assert (await bench.do(apps.Pause(KIND, ref))).done
    document["metadata"]["labels"]["tier"] = "front"
    preview = await bench.try_(Apply(KIND, ref, document))
    assert any("stays paused" in note for note in preview.change.notes)
    assert (await bench.changes.send(bench.client, preview)).done
    now = await bench.get(KIND, ref)
    assert now["spec"]["replicas"] == 0
    assert now["metadata"]["labels"]["tier"] == "front"
    assert pausing.remembered_replicas(now) == 2
    assert (await bench.do(apps.Boot(KIND, ref))).done
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2


async def test_deploying_something_that_exists_is_refused(bench: Bench) -> None:
    answers = Answers(
        name="web",
        namespace=bench.namespace,
        image=IMAGE,
        port="8080",
        host="web.example.com",
        env="A=1 'B=two words' S=secret:creds/key C=config:settings/key",
        cpu="10m/100m",
        memory="16Mi/32Mi",
        health="tcp",
        command="sleep 100000",
    )
    assert problems(answers, cron=False) == {}
    places = {"Deployment": KIND, "Service": kinds.SERVICE}
    ingress = Kind("Ingress", "ingresses", "networking.k8s.io")
    for manifest in app_manifests(answers):
        kind = places.get(manifest["kind"], ingress)
        ref = Ref(kind.name, bench.namespace, "web")
        assert (await bench.do(Deploy(kind, ref, manifest))).done
    ref = Ref("Deployment", bench.namespace, "web")
    container = (await bench.get(KIND, ref))["spec"]["template"]["spec"]["containers"][0]
    assert [one["name"] for one in container["env"]] == ["A", "B", "S", "C"]
    with pytest.raises(NotPossible, match="there is a Deployment web"):
        await bench.try_(Deploy(KIND, ref, app_manifests(answers)[0]))


async def test_clones_have_pods_of_their_own(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    clone = clone_of(await bench.get(KIND, ref), "web-2")
    other = Ref("Deployment", bench.namespace, "web-2")
    outcome = await bench.do(Deploy(KIND, other, clone))
    assert outcome.done, outcome.words
    assert (await bench.follow(outcome)).done
    assert (await bench.get(KIND, ref))["status"]["replicas"] == 1


async def test_an_edit_sends_what_was_edited(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    document = await bench.get(KIND, ref)
    text = editable(document)
    assert "uid" not in text
    assert "status:" not in text
    intent = Edit(KIND, ref, document, text.replace("replicas: 1", "replicas: 2"))
    assert (await bench.do(intent)).done
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2
    stale = Edit(KIND, ref, document, text.replace("replicas: 1", "replicas: 3"))
    with pytest.raises(Changed, match="changed while you edited it"):
        await bench.try_(stale)
    with pytest.raises(ManifestError, match="cannot be edited"):
        Edit(KIND, ref, document, text.replace("name: web\n", "name: other\n", 1))


async def test_a_cron_job_is_deployed(bench: Bench) -> None:
    answers = deploy_answers(
        f"{IMAGE} nightly -n {bench.namespace} --schedule 'every weekday at 9' --time-zone Europe/Berlin",
        "default",
    )
    (manifest,) = cron_manifests(answers)
    ref = Ref("CronJob", bench.namespace, "nightly")
    assert (await bench.do(Deploy(kinds.CRON_JOB, ref, manifest))).done
    spec = (await bench.get(kinds.CRON_JOB, ref))["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 9 * * 1-5", "Europe/Berlin")


# Reading


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [ls]", "1: the tag .* is not allowed"),
        ("[" * 5000, "nested deeper"),
        ("a: 1\nb: {x: 1, x: 2}", "2: the key x is there twice"),
        ("kind: A", "apiVersion is missing"),
        ("apiVersion: v1\nkind: A", "metadata.name is missing"),
        ("just a text", "an object has apiVersion"),
        ("a: [1", "2: did not find"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: n}", "is False and no text; quote it"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: x}\nn: .nan", "4: .nan is no number"),
        ("? [a]\n: b", "a key has to be a text"),
    ],
)
def test_what_is_no_manifest_says_where(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        read(text, "f.yaml")


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    for name, before in zip("bcdefgh", "abcdefg", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]")
    with pytest.raises(ManifestError, match="aliases make it too large"):
        read("\n".join(lines), "bomb.yaml")


def test_folders_and_lists_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n"
        "- {apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n"
    )
    (tmp_path / "notes.txt").write_text("not a manifest")
    found = load(str(tmp_path))
    assert [one.document["kind"] for one in found] == ["Namespace", "ConfigMap", "Deployment"]
    with pytest.raises(ManifestError, match="No such file"):
        load(str(tmp_path / "missing.yaml"))


def test_answers_are_checked_as_they_are_typed() -> None:
    wrong = problems(
        Answers(
            name="Web",
            image="two words",
            port="70000",
            replicas="many",
            cpu="much",
            env="NOVALUE",
            host="not a host",
            health="x",
        ),
        cron=False,
    )
    assert set(wrong) == {"name", "image", "port", "replicas", "cpu", "env", "host", "health"}
    cron = problems(
        Answers(name="a" * 53, image="x", schedule="0 0 L * *", time_zone="Mars/Base", keep="3"),
        cron=True,
    )
    assert set(cron) == {"name", "schedule", "time_zone", "keep"}
    with pytest.raises(ValueError, match="A=secret:NAME/KEY"):
        environment("A=secret:only-a-name x")


async def test_a_namespace_and_what_is_in_it_are_applied_in_one_go(bench: Bench) -> None:
    name = f"{bench.namespace}-new"
    text = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: {name}}}\ndata: {{a: b}}\n"
        f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
    )
    found = sorted(read(text), key=lambda one: one.rank)
    places = {"Namespace": kinds.NAMESPACE, "ConfigMap": CONFIG_MAP}
    previews = []
    for one in found:
        kind = places[one.document["kind"]]
        metadata = one.document["metadata"]
        ref = Ref(kind.name, metadata.get("namespace", ""), metadata["name"])
        intent = Apply(kind, ref, one.document)
        intent.beside = frozenset({("Namespace", "", name)})
        previews.append(await bench.try_(intent))
    assert "no namespace" in previews[1].local
    for preview in previews:
        outcome = await bench.changes.send(bench.client, preview, "one-go")
        assert outcome.done, outcome.words
    await bench.client.send("DELETE", kinds.NAMESPACE.path("", name))


async def test_changes_are_events_on_their_objects_by_choice(bench: Bench) -> None:
    from leviathan_tui.backend.fleet.inspect import events_about

    ref = await bench.app(replicas=1)
    bench.changes = bench.changer(events=True)
    assert (await bench.do(apps.Scale(KIND, ref, 2))).done
    events = await events_about(bench.client, ref)
    (event,) = [one for one in events if one.component == "leviathan"]
    assert (event.reason, event.message) == (
        "Scale",
        "alice: Change web from 1 to 2 replicas.",
    )
