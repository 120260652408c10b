"""Rows follow the cluster: what is created, scaled, crashes, runs and is deleted."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from leviathan_sandbox import Sandbox
from leviathan_sandbox.objects import timestamp
from leviathan_tui.backend.fleet import explain, inspect
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import AppRow, CronRow, PodRow
from leviathan_tui.backend.kube import kinds, tables
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.schedules import ScheduleError, parse
from tests.mirror.conftest import sandbox_target
from tests.mirror.mirror import Mirror, cron_job, deployment


def app(mirror: Mirror, namespace: str, name: str) -> AppRow | None:
    for row in mirror.store.rows("apps").values():
        if isinstance(row, AppRow) and (row.namespace, row.name) == (namespace, name):
            return row
    return None


def cron(mirror: Mirror, namespace: str, name: str) -> CronRow | None:
    for row in mirror.store.rows("crons").values():
        if isinstance(row, CronRow) and (row.namespace, row.name) == (namespace, name):
            return row
    return None


def in_state(
    mirror: Mirror, namespace: str, name: str, state: AppState
) -> Callable[[], AppRow | None]:
    def check() -> AppRow | None:
        row = app(mirror, namespace, name)
        return row if row is not None and row.state is state else None

    return check


def test_an_app_from_creation_to_deletion(mirror: Mirror, namespace: str) -> None:
    mirror.create(kinds.DEPLOYMENT, deployment("web", "sleep 1000", 2), namespace)
    mirror.until(in_state(mirror, namespace, "web", AppState.HEALTHY), "web is healthy")
    row = mirror.until(
        lambda: (found := app(mirror, namespace, "web")) and found.pods == 2 and found, "its pods"
    )
    assert (row.ready, row.desired, row.image) == (2, 2, "busybox:1.36")
    pods = mirror.store.pods_of(row.uid)
    assert {pod.status for pod in pods} == {"Running"}
    assert all(mirror.store.app_of(pod).uid == row.uid for pod in pods)  # type: ignore[union-attr]
    assert [release.revision for release in mirror.store.releases_of(row.uid)] == [1]

    mirror.patch(row.ref, {"spec": {"replicas": 3}})
    mirror.until(lambda: (found := app(mirror, namespace, "web")) and found.ready == 3, "scaled")

    zero = {
        "metadata": {"annotations": {"leviathan.dev/paused-replicas": "3"}},
        "spec": {"replicas": 0},
    }
    mirror.patch(row.ref, zero)
    mirror.until(in_state(mirror, namespace, "web", AppState.PAUSED), "paused")
    mirror.until(lambda: not mirror.store.pods_of(row.uid), "its pods are gone")

    mirror.delete(row.ref)
    mirror.until(lambda: app(mirror, namespace, "web") is None, "deleted")
    mirror.until(lambda: not mirror.store.releases_of(row.uid), "its releases are gone")


def test_a_new_release_is_progress_and_then_the_first_of_two(
    mirror: Mirror, namespace: str
) -> None:
    mirror.create(kinds.DEPLOYMENT, deployment("web", "sleep 1000"), namespace)
    row = mirror.until(in_state(mirror, namespace, "web", AppState.HEALTHY))
    template = {"metadata": {"annotations": {"touched": "yes"}}}
    mirror.patch(row.ref, {"spec": {"template": template}})
    mirror.until(lambda: len(mirror.store.releases_of(row.uid)) == 2, "a second release")
    mirror.until(
        lambda: (
            in_state(mirror, namespace, "web", AppState.HEALTHY)()
            and [item.desired for item in mirror.store.releases_of(row.uid)] == [1, 0]
        ),
        "the second release serves",
    )


def test_a_crashing_app_says_why_and_explains_itself(mirror: Mirror, namespace: str) -> None:
    command = "echo starting; echo 'KeyError: STRIPE_KEY'; exit 3"
    mirror.create(kinds.DEPLOYMENT, deployment("billing", command), namespace)
    row = mirror.until(
        lambda: (
            (found := app(mirror, namespace, "billing"))
            and "CrashLoopBackOff" in found.reason
            and found
        ),
        "CrashLoopBackOff",
    )
    assert row.reason == "0/1 ready: CrashLoopBackOff, exit 3"
    assert row.failing
    pods = mirror.store.pods_of(row.uid)
    text = plain_text(mirror.ask(lambda client: explain.explain(client, row.ref, pods)))
    assert "exit code 3" in text
    assert "KeyError: STRIPE_KEY" in text
    assert text.index("exit code 3") < text.index("Conditions")
    pod = pods[0]
    ref = Ref("Pod", pod.namespace, pod.name, pod.uid)
    events = mirror.ask(lambda client: inspect.events_about(client, ref))
    assert "BackOff" in {event.reason for event in events}
    assert events == sorted(events, key=lambda event: -event.last)


def test_a_run_by_hand_belongs_to_its_cron_job(mirror: Mirror, namespace: str) -> None:
    mirror.create(kinds.CRON_JOB, cron_job("report", "echo done"), namespace)
    row = mirror.until(lambda: cron(mirror, namespace, "report"), "the cron job")
    assert (row.next_run > 0, row.history, row.suspended) == (True, "", False)
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": row.name,
        "uid": row.uid,
        "controller": True,
    }
    template = cron_job("report", "echo done")["spec"]["jobTemplate"]
    metadata = {
        "name": "report-now",
        "ownerReferences": [owner],
        "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
    }
    mirror.create(kinds.JOB, {"metadata": metadata, **template}, namespace)
    mirror.until(
        lambda: (found := cron(mirror, namespace, "report")) and found.history == "s", "its run"
    )
    run = mirror.store.runs_of(row.uid)[0]
    assert (run.outcome, run.manual) == ("succeeded", True)
    pod = mirror.until(lambda: mirror.store.pods_of(row.uid), "the run's pod")[0]
    assert mirror.store.ancestors(pod) == (run.uid, row.uid)
    mirror.patch(row.ref, {"spec": {"suspend": True}})
    mirror.until(
        lambda: (found := cron(mirror, namespace, "report")) and found.suspended, "suspended"
    )


def test_a_bad_schedule_is_refused_by_the_cluster_as_by_the_engine(
    mirror: Mirror, namespace: str
) -> None:
    for expression in ("* * * * 7", "@Daily", "0 0 L * *", "55-5 * * * *", "* * * * *  *"):
        with pytest.raises(ApiError) as refusal:
            mirror.create(kinds.CRON_JOB, cron_job("bad", "true", expression), namespace)
        assert refusal.value.code == 422
        with pytest.raises(ScheduleError):
            parse(expression)
    for number, expression in enumerate(
        ("1,,2 * * * *", "? * ? * ?", "@every 90m", "0 0 31 2 *", "+5 * * * *")
    ):
        mirror.create(kinds.CRON_JOB, cron_job(f"good-{number}", "true", expression), namespace)
        parse(expression)


def test_status_words_are_those_of_the_servers_own_table(mirror: Mirror, namespace: str) -> None:
    commands = {"ok": "sleep 1000", "crash": "exit 1", "done": "exit 0"}
    for name, command in commands.items():
        mirror.create(kinds.DEPLOYMENT, deployment(name, command), namespace)
    image = deployment("image", "true")
    image["spec"]["template"]["spec"]["containers"][0]["image"] = "nowhere.invalid/none:1"
    mirror.create(kinds.DEPLOYMENT, image, namespace)
    stuck = deployment("stuck", "true")
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such-node"}
    mirror.create(kinds.DEPLOYMENT, stuck, namespace)

    def agree() -> bool:
        server = mirror.ask(lambda client: tables.read_table(client, kinds.POD, namespace))
        names = [column.name for column in server.columns]
        ready, status = names.index("Ready"), names.index("Status")
        theirs = {row.name: (row.cells[ready], row.cells[status]) for row in server.rows}
        ours = {
            row.name: (f"{row.pod.ready}/{row.pod.total}", row.pod.status)
            for row in mirror.store.rows("pods").values()
            if isinstance(row, PodRow) and row.namespace == namespace
        }
        words = {word for _, word in ours.values()}
        wanted = {"Running", "CrashLoopBackOff", "Pending"}
        return (
            ours == theirs
            and wanted <= words
            and bool(words & {"ImagePullBackOff", "ErrImagePull"})
        )

    mirror.until(agree, "our words equal the server's")


def test_any_kind_is_found_by_its_names_and_printed_by_the_server(
    mirror: Mirror, namespace: str
) -> None:
    resources = mirror.ask(tables.discover)
    for word in ("svc", "services", "Service", "configmaps", "cm", "deployments.apps", "ing"):
        assert [item for item in resources if item.answers_to(word)], word
    mirror.create(
        kinds.SERVICE,
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
        namespace,
    )
    table = mirror.ask(lambda client: tables.read_table(client, kinds.SERVICE, namespace))
    assert [row.name for row in table.rows] == ["web"]
    assert "ClusterIP" in table.rows[0].cells


def test_a_secret_is_masked_before_it_reaches_anybody(mirror: Mirror, namespace: str) -> None:
    secret = kinds.Kind("Secret", "secrets")
    document = {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}
    mirror.create(secret, document, namespace)
    ref = Ref("Secret", namespace, "s")
    found = mirror.ask(lambda client: inspect.manifest(client, secret, ref))
    assert "hunter2" not in msgspec.json.encode(found).decode()
    assert "aHVudGVyMg==" not in msgspec.json.encode(found).decode()
    assert list(found["data"]) == ["password"]


def test_the_whole_is_live(mirror: Mirror) -> None:
    mirror.until(
        lambda: mirror.store.connection.status(time.time()).freshness is Freshness.LIVE, "live"
    )
    assert mirror.store.malformed == 0
    assert mirror.store.tally("nodes").rows >= 1
    assert {row.name for row in mirror.store.rows("namespaces").values()} >= {
        "default",
        "kube-system",
    }


@pytest.mark.parametrize(("minutes", "told"), [(1, True), (30, False)])
def test_between_two_crashes_the_last_one_is_told(
    mirror_of: Callable[..., Mirror], minutes: int, told: bool
) -> None:
    with Sandbox(live=False) as sandbox:
        pod = next(
            one
            for one in sandbox.objects("Pod", "shop")
            if one["metadata"]["name"].startswith("cart-")
        )
        [status] = pod["status"]["containerStatuses"]
        ended = datetime.now(UTC) - timedelta(minutes=minutes)
        end = {"exitCode": 3, "reason": "Error", "finishedAt": timestamp(ended)}
        status |= {"restartCount": 4, "lastState": {"terminated": end}}
        name = pod["metadata"]["name"]
        change = {"status": {"containerStatuses": [status]}}
        sandbox.patch("Pod", "shop", name, change, subresource="status")
        mirror = mirror_of(sandbox_target(sandbox))
        ref = Ref("Pod", "shop", name, pod["metadata"]["uid"])
        text = plain_text(mirror.ask(lambda client: explain.explain(client, ref, [])))
    assert ("Error, running again" in text) is told
    assert ("exit code 3" in text) is told
