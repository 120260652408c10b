"""Apps that are not well, as a cluster shows them: what the row and `explain` say of each."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from leviathan_sandbox.pods.behaviours import BEHAVIOUR
from leviathan_tui.backend.fleet import app_book, explain, health, judge
from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import AppRow, CronRow
from leviathan_tui.backend.fleet.summary import verdict
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.errors import NotFound
from leviathan_tui.backend.kube.kinds import Kind
from tests.mirror.mirror import Mirror, cron_job, deployment

WAITS = "sleep 100000"
QUOTA = Kind("ResourceQuota", "resourcequotas")
POLICY = Kind(
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    "admissionregistration.k8s.io",
    namespaced=False,
)
BINDING = Kind(
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    "admissionregistration.k8s.io",
    namespaced=False,
)
ON_THE_CLUSTER = pytest.mark.parametrize(
    "target", [pytest.param("cluster", marks=pytest.mark.cluster)], indirect=True
)
"""For what the sandbox does not have."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits two minutes here: a second without progress is too long."""
    for module in (app_book, health, judge):
        monkeypatch.setattr(module, "PATIENCE", 1.0)


def make(mirror: Mirror, namespace: str, document: dict[str, Any], kind: Kind) -> None:
    """Make an app named web."""
    if kind == kinds.STATEFUL_SET:
        document["spec"]["serviceName"] = "web"
    mirror.create(kind, document, namespace)


def row_when(
    mirror: Mirror, namespace: str, holds: Callable[[AppRow], bool], what: str = ""
) -> AppRow:
    """Return the app's row once something holds of it."""

    def look() -> AppRow | None:
        rows = (row for row in mirror.store.rows("apps").values() if isinstance(row, AppRow))
        return next((row for row in rows if row.namespace == namespace and holds(row)), None)

    found = mirror.until(look, what)
    assert isinstance(found, AppRow)
    return found


def failing(mirror: Mirror, namespace: str, words: str) -> AppRow:
    """Return the app's row once it is failing for this reason."""
    return row_when(
        mirror, namespace, lambda row: row.state is AppState.FAILING and words in row.reason, words
    )


def explained(mirror: Mirror, row: AppRow) -> str:
    """What `x` says of the app."""
    pods = mirror.store.pods_of(row.uid)
    return plain_text(
        mirror.ask(lambda client: explain.explain(client, row.ref, pods, verdict(row)))
    )


def test_a_readiness_gate_that_nobody_meets(mirror: Mirror, namespace: str) -> None:
    document = deployment("web", WAITS)
    gates = [{"conditionType": "example.com/registered"}]
    document["spec"]["template"]["spec"]["readinessGates"] = gates
    make(mirror, namespace, document, kinds.DEPLOYMENT)
    words = "readiness gate example.com/registered is not met"
    row = failing(mirror, namespace, words)
    assert words in explained(mirror, row)


@pytest.mark.parametrize("deadline", [None, 2_147_483_647])
def test_a_pod_that_is_never_ready(mirror: Mirror, namespace: str, deadline: int | None) -> None:
    document = deployment("web", WAITS)
    document["spec"]["progressDeadlineSeconds"] = deadline
    document["spec"]["template"]["metadata"]["annotations"] = {BEHAVIOUR: "unready"}
    document["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {
        "exec": {"command": ["false"]},
        "periodSeconds": 1,
    }
    make(mirror, namespace, document, kinds.DEPLOYMENT)
    row = failing(mirror, namespace, "running, but not ready")
    assert "nothing is wrong" not in explained(mirror, row).lower()


@ON_THE_CLUSTER
@pytest.mark.parametrize("kind", [kinds.DEPLOYMENT, kinds.STATEFUL_SET], ids=lambda one: one.name)
def test_a_quota_that_lets_only_one_pod_be_made(mirror: Mirror, namespace: str, kind: Kind) -> None:
    quota = {"metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}}}
    mirror.create(QUOTA, quota, namespace)
    make(mirror, namespace, deployment("web", WAITS, 2), kind)
    # A Deployment says why itself; of a StatefulSet only its events do.
    said = kind == kinds.DEPLOYMENT
    row = failing(mirror, namespace, "exceeded quota: one" if said else "1 pod is not created")
    # The event may come a little later than the row.
    mirror.until(lambda: "exceeded quota: one" in explained(mirror, row), "the quota is named")


@ON_THE_CLUSTER
def test_admission_that_lets_no_pod_be_made(mirror: Mirror, namespace: str) -> None:
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    pods = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {"resourceRules": [pods]},
            "validations": [{"expression": "false", "message": "no pods today"}],
        },
    }
    binding = {
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": here},
        },
    }
    mirror.create(POLICY, policy, "")
    mirror.create(BINDING, binding, "")
    try:
        make(mirror, namespace, deployment("web", WAITS), kinds.DEPLOYMENT)
        # The policy takes its time to come into force: the pods made till then go again.
        row = row_when(mirror, namespace, lambda row: True, "the app")

        def refused() -> AppRow | None:
            for pod in mirror.store.pods_of(row.uid):
                with suppress(NotFound):
                    mirror.delete(Ref("Pod", pod.namespace, pod.name, pod.uid))
            now = mirror.store.rows("apps").get(row.uid)
            assert isinstance(now, AppRow)
            return now if now.state is AppState.FAILING and "no pods today" in now.reason else None

        now = mirror.until(refused, "no pods today")
        assert "no pods today" in explained(mirror, now)
    finally:
        for kind in (BINDING, POLICY):
            path = kind.path("", namespace)
            mirror.ask(lambda client, path=path: client.send("DELETE", path))  # type: ignore[misc]


@ON_THE_CLUSTER
def test_a_run_whose_pods_cannot_be_made_is_explained_at_its_cron_job(
    mirror: Mirror, namespace: str
) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    mirror.create(QUOTA, quota, namespace)
    mirror.create(kinds.CRON_JOB, cron_job("report", "true"), namespace)

    def cron() -> CronRow | None:
        rows = (row for row in mirror.store.rows("crons").values() if isinstance(row, CronRow))
        return next((row for row in rows if row.namespace == namespace), None)

    row = mirror.until(cron, "the cron job")
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": row.name, "uid": row.uid}
    metadata = {"name": "report-now", "ownerReferences": [{**owner, "controller": True}]}
    template = cron_job("report", "true")["spec"]["jobTemplate"]
    mirror.create(kinds.JOB, {"metadata": metadata, **template}, namespace)
    (job,) = mirror.until(lambda: mirror.store.runs_of(row.uid), "its run")

    def said() -> bool:
        text = mirror.ask(
            lambda client: explain.explain(client, row.ref, [], verdict(row), [job.ref])
        )
        return "exceeded quota: none" in plain_text(text)

    mirror.until(said, "the quota is named")


def test_ready_and_not_yet_available(mirror: Mirror, namespace: str) -> None:
    document = deployment("web", WAITS, 2)
    document["spec"]["minReadySeconds"] = 300
    make(mirror, namespace, document, kinds.DEPLOYMENT)
    row = row_when(mirror, namespace, lambda row: row.ready == 2)
    assert (row.state, row.reason) == (
        AppState.PROGRESSING,
        "2/2 ready: ready, available after 300 s",
    )


@pytest.mark.parametrize(
    ("strategy", "updated", "words"),
    [
        ({"type": "OnDelete"}, 0, "2/2 ready: 2 pods keep the old release until deleted"),
        (
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            1,
            "2/2 ready: 1/2 updated, as the partition has it",
        ),
    ],
    ids=["OnDelete", "partition"],
)
def test_what_a_strategy_leaves_as_it_is(
    mirror: Mirror, namespace: str, strategy: dict[str, Any], updated: int, words: str
) -> None:
    document = deployment("web", WAITS, 2)
    document["spec"]["updateStrategy"] = strategy
    make(mirror, namespace, document, kinds.STATEFUL_SET)
    row = row_when(mirror, namespace, lambda row: row.ready == row.updated == 2)
    template = {"metadata": {"annotations": {"release": "2"}}}
    mirror.patch(row.ref, {"spec": {"template": template}})
    row = row_when(
        mirror,
        namespace,
        lambda row: row.updated == updated and row.ready == 2 and "rolling" not in row.reason,
        words,
    )
    assert (row.state, row.reason) == (AppState.HEALTHY, words)


@pytest.mark.parametrize("policy", [None, "Always"], ids=["init", "sidecar"])
def test_an_init_container_or_a_sidecar_that_crashes(
    mirror: Mirror, namespace: str, policy: str | None
) -> None:
    document = deployment("web", WAITS)
    first = {"name": "first", "image": "busybox:1.36", "command": ["sh", "-c", "exit 3"]}
    if policy:
        first["restartPolicy"] = policy
    document["spec"]["template"]["spec"]["initContainers"] = [first]
    make(mirror, namespace, document, kinds.DEPLOYMENT)
    row = failing(mirror, namespace, "CrashLoopBackOff, exit")
    assert "first" in explained(mirror, row)
