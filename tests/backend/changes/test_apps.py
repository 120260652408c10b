"""What the app manager does, on the sandbox and the real cluster."""

from typing import Any

import pytest

from leviathan_tui.backend.changes import apps
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.refusals import Changed, Gone, NotPossible
from leviathan_tui.backend.changes.rollback import RollBack
from leviathan_tui.backend.changes.undo import latest, undo
from leviathan_tui.backend.fleet.records import PAUSED_BY, PAUSED_REPLICAS, Ref
from leviathan_tui.backend.fleet.releases import RESTARTED_AT, releases
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import IMAGE, Bench, deployment

KIND = kinds.DEPLOYMENT


async def test_pause_remembers_and_boot_brings_back(bench: Bench) -> None:
    ref = await bench.app(replicas=2)
    preview = await bench.try_(apps.Pause(KIND, ref))
    changed = {item.label: (item.before, item.after) for item in preview.differences}
    assert changed["spec.replicas"] == (2, 0)
    assert len(changed) <= 4
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2  # a dry run changes nothing
    assert bench.entries == []

    paused = await bench.changes.send(bench.client, preview)
    assert paused.done
    document = await bench.get(KIND, ref)
    assert document["spec"]["replicas"] == 0
    assert document["metadata"]["annotations"][PAUSED_REPLICAS] == "2"
    assert document["metadata"]["annotations"][PAUSED_BY] == "alice"
    assert (await bench.follow(paused)).words.startswith("web is down")

    booted = await bench.do(apps.Boot(KIND, ref))
    document = await bench.get(KIND, ref)
    assert document["spec"]["replicas"] == 2
    assert PAUSED_REPLICAS not in document["metadata"].get("annotations", {})
    end = await bench.follow(booted)
    assert end.done
    assert "2/2 ready" in end.words
    assert [(entry.verb, entry.outcome) for entry in bench.entries] == [
        ("boot", "done"),
        ("pause", "done"),
    ]


async def test_what_is_not_possible_says_so(bench: Bench) -> None:
    ref = await bench.app(replicas=0)
    with pytest.raises(NotPossible, match="Not paused: web has no replicas already"):
        await bench.try_(apps.Pause(KIND, ref))
    assert (await bench.do(apps.Boot(KIND, ref, 2))).done
    with pytest.raises(NotPossible, match="is running"):
        await bench.try_(apps.Boot(KIND, ref))
    with pytest.raises(NotPossible, match="has 2 replicas already"):
        await bench.try_(apps.Scale(KIND, ref, 2))
    with pytest.raises(NotPossible, match="no earlier release"):
        await bench.try_(RollBack(KIND, ref))


async def test_a_daemon_set_is_not_paused(bench: Bench) -> None:
    document = {
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "main", "image": IMAGE}]},
            },
        },
    }
    ref = await bench.create(kinds.DAEMON_SET, document)
    with pytest.raises(NotPossible, match="runs one pod on each node"):
        await bench.try_(apps.Pause(kinds.DAEMON_SET, ref))


async def test_image_and_rollback(bench: Bench) -> None:
    ref = await bench.app()
    assert (await bench.do(apps.SetImage(KIND, ref, "busybox:missing"))).done
    await bench.until(
        KIND,
        ref,
        lambda now: (
            now["status"].get("observedGeneration") == now["metadata"]["generation"]
            and now["status"].get("unavailableReplicas")
        ),
    )
    # The rollout is stuck: an image that nobody has. Going back must work just then.
    rolled = await bench.do(RollBack(KIND, ref))
    assert rolled.done
    document = await bench.get(KIND, ref)
    assert document["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    end = await bench.follow(rolled)
    assert end.done
    assert "1/1 ready" in end.words


async def test_releases_of_one_image_are_told_by_cause_and_environment(bench: Bench) -> None:
    for kind in (KIND, kinds.STATEFUL_SET):
        document = deployment("told", replicas=0)
        document["spec"] |= {"serviceName": "told"} if kind == kinds.STATEFUL_SET else {}
        ref = await bench.create(kind, document)
        for cause in ("quieter logs", "louder logs"):
            await bench.until(kind, ref, has_been_seen)
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["env"] = [{"name": "LOG_LEVEL", "value": cause}]
            await bench.patch(
                kind,
                ref,
                {
                    "metadata": {"annotations": {"kubernetes.io/change-cause": cause}},
                    "spec": {"template": document["spec"]["template"]},
                },
            )
        await bench.until(kind, ref, has_been_seen)
        found = await releases(bench.client, kind, await bench.get(kind, ref))
        assert [(one.cause, one.changed) for one in found] == [
            ("louder logs", "env LOG_LEVEL"),
            ("quieter logs", "env LOG_LEVEL"),
            ("", ""),
        ]
        assert found[0].told_by == "louder logs; env LOG_LEVEL"


def has_been_seen(document: dict[str, Any]) -> bool:
    """Whether the controller has seen an app as it is, its release too."""
    status = document.get("status") or {}
    return bool(status.get("observedGeneration") == document["metadata"]["generation"])


async def test_restart_and_paused_rollouts(bench: Bench) -> None:
    ref = await bench.app()
    assert (await bench.do(apps.Restart(KIND, ref))).done
    template = (await bench.get(KIND, ref))["spec"]["template"]
    assert RESTARTED_AT in template["metadata"]["annotations"]
    assert (await bench.do(apps.PauseRollout(KIND, ref))).done
    with pytest.raises(NotPossible, match="rollout of web is paused"):
        await bench.try_(apps.Restart(KIND, ref))
    assert (await bench.do(apps.ResumeRollout(KIND, ref))).done
    assert not (await bench.get(KIND, ref))["spec"].get("paused")


async def test_a_change_in_between_is_refused_with_the_difference(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    preview = await bench.try_(apps.Pause(KIND, ref))
    await bench.patch(KIND, ref, {"spec": {"replicas": 3}})
    outcome = await bench.changes.send(bench.client, preview)
    assert not outcome.done
    assert isinstance(outcome.refusal, Changed)
    assert "replicas 1 → 3" in outcome.words
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 3
    assert bench.entries[0].outcome == "refused"


async def test_a_status_write_in_between_is_no_conflict(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    preview = await bench.try_(apps.Scale(KIND, ref, 2))
    before = preview.before
    assert before is not None
    status = {"status": {"conditions": [{"type": "Seen", "status": "True"}]}}
    await bench.client.send(
        "PATCH",
        KIND.path(ref.namespace, ref.name, "status"),
        status,
        content_type="application/merge-patch+json",
    )
    now = await bench.get(KIND, ref)
    assert now["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert (await bench.changes.send(bench.client, preview)).done
    assert (await bench.get(KIND, ref))["spec"]["replicas"] == 2


async def test_an_object_made_anew_is_not_touched(bench: Bench) -> None:
    ref = await bench.app()
    await bench.do(Delete(KIND, ref))
    await bench.gone(KIND, ref)
    again = await bench.app()
    with pytest.raises(Gone, match="was deleted and made anew"):
        await bench.try_(apps.Pause(KIND, ref))
    preview = await bench.try_(apps.Pause(KIND, again))
    await bench.do(Delete(KIND, again))
    await bench.gone(KIND, again)
    await bench.app()
    outcome = await bench.changes.send(bench.client, preview)
    assert not outcome.done
    third = Ref("Deployment", bench.namespace, "web")
    assert (await bench.get(KIND, third))["spec"]["replicas"] == 1


async def test_each_change_is_taken_back(bench: Bench) -> None:
    ref = await bench.app(replicas=2)
    server = bench.client.target.cluster.server
    for intent in (
        apps.Pause(KIND, ref),
        apps.Scale(KIND, ref, 3),
        apps.SetImage(KIND, ref, "busybox:0.0"),
        apps.PauseRollout(KIND, ref),
    ):
        before = (await bench.get(KIND, ref))["spec"]
        assert (await bench.do(intent)).done
        (entry,) = latest(bench.entries, "alice")
        assert (await bench.do(undo(entry, KIND, server))).done
        assert (await bench.get(KIND, ref))["spec"] == before
        assert entry.id not in [one.id for one in latest(bench.entries, "alice")]


async def test_undo_is_refused_where_somebody_changed_it_since(bench: Bench) -> None:
    ref = await bench.app(replicas=2)
    await bench.do(apps.Scale(KIND, ref, 3))
    (entry,) = latest(bench.entries, "alice")
    await bench.patch(KIND, ref, {"spec": {"replicas": 5}})
    with pytest.raises(Changed, match="replicas 3 → 5"):
        await bench.try_(undo(entry, KIND, bench.client.target.cluster.server))


async def test_a_deleted_app_comes_back_with_its_service(bench: Bench) -> None:
    from leviathan_tui.backend.fleet.relations import related_objects

    ref = await bench.app(replicas=1)
    port = {"port": 80, "protocol": "TCP"}
    service = await bench.create(
        kinds.SERVICE,
        {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [port]}},
    )
    app = await bench.get(KIND, ref)
    related = (await related_objects(bench.client, [(KIND, app)]))[0].objects
    assert [(one.kind.name, one.ref.name, one.ticked) for one in related] == [
        ("Service", "web", True)
    ]
    its_service = Delete(related[0].kind, related[0].ref)
    previews = [await bench.try_(intent) for intent in (Delete(KIND, ref), its_service)]
    for preview in previews:
        assert (await bench.changes.send(bench.client, preview, "batch-1")).done
    await bench.gone(KIND, ref)
    await bench.gone(kinds.SERVICE, service)
    entries = latest(bench.entries, "alice")
    assert [entry.kind for entry in entries] == ["Service", "Deployment"]
    for entry in entries:
        kind = kinds.BY_NAME[entry.kind]
        outcome = await bench.do(undo(entry, kind, bench.client.target.cluster.server))
        assert outcome.done, outcome.words
    again = Ref("Deployment", bench.namespace, "web")
    assert (await bench.get(KIND, again))["spec"]["replicas"] == 1
    assert (await bench.get(kinds.SERVICE, again))["spec"]["selector"] == {"app": "web"}


async def test_a_deletion_is_watched_until_the_object_is_gone(bench: Bench) -> None:
    ref = await bench.app()
    end = await bench.follow(await bench.do(Delete(KIND, ref)))
    assert end.done
    assert end.words.startswith("web is gone")
