"""What becomes of a change when things go wrong: on a sandbox, which can be made to go wrong."""

import asyncio
from pathlib import Path

import pytest

from leviathan_sandbox import Refused, Reset
from leviathan_sandbox import status as errors
from leviathan_sandbox.server.faults import forbidden_to_list
from leviathan_tui.backend.changes import apps, crons
from leviathan_tui.backend.changes.activity import Activity
from leviathan_tui.backend.changes.guards import Guard
from leviathan_tui.backend.changes.intents import Change
from leviathan_tui.backend.changes.jobs import Delete
from leviathan_tui.backend.changes.journal import Journal
from leviathan_tui.backend.changes.preview import Actor
from leviathan_tui.backend.changes.records import Records
from leviathan_tui.backend.changes.refusals import (
    Changed,
    Denied,
    Guarded,
    NotPossible,
    NotWritten,
    Rejected,
)
from leviathan_tui.backend.changes.sending import submit
from leviathan_tui.backend.config import GuardConfig
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.objects import Document
from tests.backend.changes.conftest import Bench, Changer, cron

KIND = kinds.DEPLOYMENT


def _patches(bench: Bench, name: str = "web") -> int:
    """Return how many patches of an app the server was sent, dry runs aside."""
    assert bench.sandbox is not None
    return sum(
        method == "PATCH"
        and f"/{name}" in path
        and "dryRun" not in path
        and bench.namespace in path
        for method, path in bench.sandbox.requests
    )


async def test_an_answer_that_is_lost_is_looked_up_and_nothing_sent_twice(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await faulty.app(replicas=2)
    for applied in (True, False):
        preview = await faulty.try_(apps.Scale(KIND, ref, 3 if applied else 5))
        before = _patches(faulty)
        faulty.sandbox.inject(
            Reset(
                verb="patch",
                resource="deployments",
                namespace=ref.namespace,
                applied=applied,
                times=1,
            )
        )
        outcome = await faulty.changes.send(faulty.client, preview)
        assert _patches(faulty) == before + 1
        assert outcome.entry.outcome == ("done" if applied else "failed")
        assert (await faulty.get(KIND, ref))["spec"]["replicas"] == 3
        assert "the answer was lost" in outcome.entry.message
        await faulty.settled(ref)


async def test_a_job_whose_answer_is_lost_is_started_once(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await faulty.create(kinds.CRON_JOB, cron("nightly"))
    preview = await faulty.try_(crons.RunNow(kinds.CRON_JOB, ref))
    faulty.sandbox.inject(
        Reset(verb="create", resource="jobs", namespace=ref.namespace, applied=True, times=1)
    )
    outcome = await faulty.changes.send(faulty.client, preview)
    assert outcome.done
    assert outcome.entry.ref.uid
    preview = await faulty.try_(crons.RunNow(kinds.CRON_JOB, ref))
    faulty.sandbox.inject(Reset(verb="create", resource="jobs", namespace=ref.namespace, times=1))
    assert (await faulty.changes.send(faulty.client, preview)).entry.outcome == "failed"


async def test_a_deletion_whose_answer_is_lost_is_looked_up(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await faulty.app()
    preview = await faulty.try_(Delete(KIND, ref))
    faulty.sandbox.inject(
        Reset(verb="delete", resource="deployments", namespace=ref.namespace, applied=True, times=1)
    )
    assert (await faulty.changes.send(faulty.client, preview)).done


async def test_refusals_are_typed(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await faulty.app()
    webhook = errors.denied("policy.example", "no changes on Fridays", 403)
    faulty.sandbox.inject(
        Refused(
            verb="patch", resource="deployments", namespace=ref.namespace, error=webhook, times=1
        )
    )
    with pytest.raises(Rejected, match=r"Not paused: .*no changes on Fridays"):
        await faulty.try_(apps.Pause(KIND, ref))
    forbidden = forbidden_to_list("deployments", ref.namespace, "apps")
    faulty.sandbox.inject(
        Refused(verb="patch", resource="deployments", namespace=ref.namespace, error=forbidden)
    )
    with pytest.raises(Denied, match="Not paused: you may not"):
        await faulty.try_(apps.Pause(KIND, ref))


def _scales_only(bench: Bench, namespace: str, *, subresource: bool = True) -> None:
    """Let the app be changed by its subresource alone, or by nothing."""
    assert bench.sandbox is not None
    bench.sandbox.inject(
        Refused(
            verb="patch",
            resource="deployments",
            namespace=namespace,
            error=forbidden_to_list("deployments", namespace, "apps"),
            dry_run=True,
            times=1 if subresource else None,
        )
    )


class _Overtaken(apps.Scale):
    """A controller writes the object's status after it was read, once."""

    seen = False

    async def plan(self, client: KubeClient, before: Document | None, actor: str) -> Change:
        if not self.seen:
            self.seen = True
            status = {"status": {"conditions": [{"type": "Seen", "status": "True"}]}}
            await client.send(
                "PATCH", f"{self.path}/status", status, content_type="application/merge-patch+json"
            )
        return await super().plan(client, before, actor)


async def test_scaling_by_the_subresource_survives_a_status_write_in_between(faulty: Bench) -> None:
    ref = await faulty.app(replicas=1)
    _scales_only(faulty, ref.namespace)
    preview = await faulty.try_(_Overtaken(KIND, ref, 4))
    assert preview.change.request.path.endswith("/scale")
    assert [(one.label, one.before, one.after) for one in preview.differences] == [
        ("spec.replicas", 1, 4)
    ]
    assert (await faulty.changes.send(faulty.client, preview)).done
    assert (await faulty.get(KIND, ref))["spec"]["replicas"] == 4


class _AlwaysOvertaken(_Overtaken):
    """A controller writes each time."""

    async def plan(self, client: KubeClient, before: Document | None, actor: str) -> Change:
        self.seen = False
        return await super().plan(client, before, actor)


async def test_an_object_that_changes_all_the_time_is_not_scaled(faulty: Bench) -> None:
    ref = await faulty.app(replicas=1)
    _scales_only(faulty, ref.namespace)
    with pytest.raises(Changed, match="Not scaled: web changes all the time"):
        await faulty.try_(_AlwaysOvertaken(KIND, ref, 4))
    assert (await faulty.get(KIND, ref))["spec"]["replicas"] == 1


async def test_who_may_not_scale_either_is_told_so(faulty: Bench) -> None:
    ref = await faulty.app(replicas=1)
    _scales_only(faulty, ref.namespace, subresource=False)
    with pytest.raises(Denied, match="Not scaled: you may not"):
        await faulty.try_(apps.Scale(KIND, ref, 4))
    assert (await faulty.get(KIND, ref))["spec"]["replicas"] == 1


async def test_a_webhook_that_refuses_dry_runs_gets_a_local_diff(faulty: Bench) -> None:
    assert faulty.sandbox is not None
    ref = await faulty.app(replicas=2)
    faulty.sandbox.inject(
        Refused(
            verb="patch",
            resource="deployments",
            namespace=ref.namespace,
            error=errors.dry_run_unsupported("old.example"),
            dry_run=True,
        )
    )
    preview = await faulty.try_(apps.Scale(KIND, ref, 4))
    assert "does not support dry run" in preview.local
    assert [(one.label, one.before, one.after) for one in preview.differences] == [
        ("spec.replicas", 2, 4)
    ]
    assert (await faulty.changes.send(faulty.client, preview)).done


async def test_a_key_pressed_twice_sends_once(faulty: Bench) -> None:
    ref = await faulty.app(replicas=2)
    preview = await faulty.try_(apps.Pause(KIND, ref))
    before = _patches(faulty)
    both = await asyncio.gather(
        faulty.changes.send(faulty.client, preview), faulty.changes.send(faulty.client, preview)
    )
    assert sorted(one.done for one in both) == [False, True]
    assert _patches(faulty) == before + 1
    assert len(faulty.entries) == 1


async def test_without_a_journal_nothing_is_sent(faulty: Bench, tmp_path: Path) -> None:
    ref = await faulty.app(replicas=2)
    folder = tmp_path / "not a folder"
    folder.write_text("")
    who = Actor("alice", faulty.client.target.cluster.server, "test")
    records = Records(Journal(folder / "journal.sqlite3"))
    changes = Changer(records, who, Guard(GuardConfig(), "test"))
    preview = await changes.prepare(faulty.client, apps.Pause(KIND, ref))
    before = _patches(faulty)
    with pytest.raises(NotWritten, match="cannot be used"):
        await changes.send(faulty.client, preview)
    assert _patches(faulty) == before


async def test_guards(faulty: Bench) -> None:
    ref = await faulty.app(replicas=2)
    for guard, match in (
        (GuardConfig(read_only=True), "read-only"),
        (GuardConfig(deny=("pause",)), "denies “pause”"),
        (GuardConfig(deny=(f"*:{ref.namespace}",)), "denies"),
    ):
        faulty.guard = guard
        with pytest.raises(Guarded, match=match):
            await faulty.changer().prepare(faulty.client, apps.Pause(KIND, ref))
    faulty.guard = GuardConfig(deny=("pause:elsewhere", "delete"), max_bulk=2)
    changer = faulty.changer()
    assert (await changer.prepare(faulty.client, apps.Pause(KIND, ref))).differences
    with pytest.raises(Guarded, match="3 objects are marked"):
        changer.guard.check_count(3)


async def test_what_a_dead_console_left_open_is_settled_later(faulty: Bench) -> None:
    ref = await faulty.app(replicas=2)
    preview = await faulty.try_(apps.Scale(KIND, ref, 3))
    entry = faulty.changes.sender._entry(preview, "")
    faulty.journal.begin(entry)
    await submit(faulty.client, preview.change.request)
    # A process that is gone began it.
    with faulty.journal._open() as database:
        database.execute("UPDATE entries SET writer = ?", (f"{_host()}:999999999",))
    (open_,) = faulty.entries
    assert open_.outcome == "unknown"
    activity = Activity(Records(faulty.journal), entry.cluster)
    assert await activity.settle(faulty.client, kinds.BY_NAME) == 1
    assert faulty.entries[0].outcome == "done"


def _all_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("journal.sqlite3*"))


def _host() -> str:
    import socket

    return socket.gethostname()


async def test_secrets_are_not_in_the_journal(faulty: Bench, tmp_path: Path) -> None:
    from leviathan_tui.backend.kube.kinds import Kind

    kind = Kind("Secret", "secrets")
    ref = await faulty.create(
        kind, {"metadata": {"name": "s"}, "stringData": {"password": "hunter2-very-secret"}}
    )
    assert (await faulty.do(Delete(kind, ref))).done
    await faulty.app(
        "api",
        settles=False,
        template={
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "busybox:1.36",
                        "env": [
                            {"name": "DB_PASSWORD", "value": "hunter2-in-env"},
                            {"name": "PLAIN", "value": "visible"},
                        ],
                    }
                ]
            },
        },
    )
    app = Ref("Deployment", faulty.namespace, "api")
    assert (await faulty.do(Delete(KIND, app))).done
    faulty.journal.close()
    everything = _all_of(tmp_path)
    assert b"hunter2" not in everything
    assert b"aHVudGVyMi" not in everything
    assert b"visible" in everything


async def test_undo_of_another_cluster_or_of_nothing_is_refused(faulty: Bench) -> None:
    from leviathan_tui.backend.changes.undo import latest, undo

    ref = await faulty.app(replicas=2)
    await faulty.do(apps.Scale(KIND, ref, 3))
    await faulty.do(apps.Restart(KIND, ref))
    restart, scale = faulty.entries
    server = faulty.client.target.cluster.server
    with pytest.raises(NotPossible, match="on another cluster"):
        undo(scale, KIND, "https://other:6443")
    with pytest.raises(NotPossible, match="restart cannot be taken back"):
        undo(restart, KIND, server)
    assert latest(faulty.entries, "bob") == []


async def test_names_that_are_paths_are_no_names(faulty: Bench) -> None:
    ref = await faulty.app()
    for name in ("..", "web/../..", "web?x=1", ""):
        with pytest.raises(NotPossible, match="is no name"):
            await faulty.try_(Delete(KIND, Ref("Deployment", ref.namespace, name)))


async def test_a_denied_verb_is_denied_in_every_guise(faulty: Bench) -> None:
    faulty.guard = GuardConfig(deny=(f"*:{faulty.namespace}",))
    namespace = Ref("Namespace", "", faulty.namespace)
    with pytest.raises(Guarded):
        await faulty.changer().prepare(faulty.client, Delete(kinds.NAMESPACE, namespace))


async def test_a_service_that_others_use_too_is_not_ticked(faulty: Bench) -> None:
    from leviathan_tui.backend.fleet.relations import related_objects

    labels = {"app": "web"}
    for name in ("web-stable", "web-canary"):
        template = {
            "metadata": {"labels": {**labels, "track": name}},
            "spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]},
        }
        selector = {"matchLabels": {**labels, "track": name}}
        await faulty.app(name, settles=False, template=template, selector=selector)
    port = {"port": 80, "protocol": "TCP"}
    await faulty.create(
        kinds.SERVICE, {"metadata": {"name": "web"}, "spec": {"selector": labels, "ports": [port]}}
    )
    canary = Ref("Deployment", faulty.namespace, "web-canary")
    app = await faulty.get(KIND, canary)
    (related,) = await related_objects(faulty.client, [(KIND, app)])
    (found,) = related.objects
    assert (found.ref.name, found.ticked) == ("web", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASS", "hunter2"),
        ("MYSQL_PWD", "hunter2"),
        ("SIGNING_KEY", "hunter2"),
        ("DATABASE", "postgres://app:hunter2/x@db/shop"),
        ("JDBC", "jdbc:postgresql://db/shop?user=app&password=hunter2"),
    ],
)
def test_environment_variables_that_are_secrets_are_masked(name: str, value: str) -> None:
    from leviathan_tui.backend.changes.redact import masked_fields, redacted

    kept = redacted({"spec": {"containers": [{"env": [{"name": name, "value": value}]}]}})
    assert "hunter2" not in str(kept)
    assert masked_fields(kept) == [name]
