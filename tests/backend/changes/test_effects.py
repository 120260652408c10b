"""What is said of a change while its pods come up, and after: a count of one moment is not enough."""

import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from leviathan_tui.backend.changes.apps import Restart, Scale, SetImage
from leviathan_tui.backend.changes.editing import Edit, editable
from leviathan_tui.backend.changes.new_pods import NewPods
from leviathan_tui.backend.changes.preview import Progress
from leviathan_tui.backend.changes.rollout import Rollout
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench, deployment
from tests.backend.fleet.objects import metadata, pod

KIND = kinds.DEPLOYMENT


async def run_instead(bench: Bench, ref: Ref, script: str, steady: float) -> Progress:
    """Have an app run a shell script, and watch what comes of it."""
    document = await bench.get(KIND, ref)
    (indent,) = re.findall(r"^( *)- sleep$", editable(document), re.MULTILINE)
    command = "".join(f"{indent}- {part}\n" for part in ("sh", "-c", f"'{script}'"))
    text = re.sub(r" *- sleep\n *- '100000'\n", command, editable(document))
    return await bench.follow(await bench.do(Edit(KIND, ref, document, text)), steady)


async def test_what_crashes_after_it_was_ready_is_not_up(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    end = await run_instead(bench, ref, "sleep 3; echo KeyError: STRIPE_KEY; exit 1", 30)
    assert end.failed, end.words
    assert re.fullmatch(
        r"web came up and crashed after [2-5] s \(exit 1\): KeyError: STRIPE_KEY\. "
        r"u takes the change back\.",
        end.words,
    )
    assert any("has to stay so for" in step.words for step in bench.steps)


async def test_what_ends_by_itself_after_it_was_ready_is_not_up_either(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    end = await run_instead(bench, ref, "sleep 3", 30)
    assert end.failed, end.words
    assert re.match(r"web came up and ended after [2-5] s \(exit 0\)\.", end.words)


async def test_what_cannot_be_taken_back_is_not_said_to_be(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    await run_instead(bench, ref, "sleep 3; exit 1", 0)
    outcome = await bench.do(Restart(KIND, ref))
    end = await bench.follow(outcome, 30)
    assert end.failed, end.words
    assert re.fullmatch(r"web came up and crashed after [2-5] s \(exit 1\)\.", end.words)


async def test_new_pods_are_waited_for_and_old_ones_are_not(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    outcome = await bench.do(Scale(KIND, ref, 2))
    assert (await bench.follow(outcome, 3)).done
    waits = [step.words for step in bench.steps if "has to stay so for" in step.words]
    assert waits[0] == "web is ready, and has to stay so for 3 s."
    outcome = await bench.do(Scale(KIND, ref, 1))
    assert (await bench.follow(outcome, 600)).done


async def test_why_a_rollout_gets_nowhere_is_said_while_it_is_watched(bench: Bench) -> None:
    ref = await bench.app(replicas=1)
    outcome = await bench.do(SetImage(KIND, ref, "registry.invalid/none:1"))
    end = await bench.follow(outcome, at_most=8)
    assert not end.done
    told = [step.words for step in bench.steps if re.search("ErrImage|ImagePull", step.words)]
    assert re.match(
        r"web: 1/1 updated, 1/1 ready\. web-\S+: (ErrImagePull|ImagePullBackOff)", told[0]
    )


QUOTA = Kind("ResourceQuota", "resourcequotas")
TOLD = 'pods "web-1" is forbidden: exceeded quota: one'


@pytest.mark.parametrize("kind", kinds.SCALABLE, ids=lambda one: one.name)
async def test_why_pods_are_not_even_made_is_said_while_it_is_watched(
    bench: Bench, kind: Kind
) -> None:
    if bench.sandbox is not None:
        pytest.skip("the sandbox has no quotas")
    await bench.create(QUOTA, {"metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}}})
    ref = await bench.create(kind, deployment("web", serviceName="web"))
    await bench.until(kind, ref, lambda one: (one.get("status") or {}).get("availableReplicas"))
    end = await bench.follow(await bench.do(Scale(kind, ref, 2)), at_most=8)
    assert not end.done
    assert "exceeded quota: one" in end.words


async def test_why_pods_are_not_made_is_read_from_the_app_or_its_events(bench: Bench) -> None:
    for kind in kinds.SCALABLE:
        document = deployment(f"web-{kind.plural}", replicas=0, serviceName="web")
        ref = await bench.create(kind, document)
        await bench.create(
            kinds.EVENT,
            {
                "metadata": {"name": f"web.{kind.plural}", "namespace": bench.namespace},
                "involvedObject": {
                    "kind": kind.name,
                    "namespace": bench.namespace,
                    "name": ref.name,
                    "uid": ref.uid,
                },
                "type": "Warning",
                "reason": "FailedCreate",
                "message": f"{TOLD}\x1b[31m",
                "lastTimestamp": "2040-01-01T00:00:00Z",
            },
        )
        outcome = await bench.do(Restart(kind, ref))
        app = await bench.get(kind, ref)
        app["spec"]["replicas"] = 2
        failure = {"type": "ReplicaFailure", "status": "True", "message": f"{TOLD}\x1b[31m"}
        if kind == kinds.DEPLOYMENT:
            app["status"] = {"conditions": [failure]}
        rollout = Rollout(bench.client, kind, outcome.entry, 0.0)
        words = (await rollout.look(app, 1.0, 1.0)).words
        assert f"0/2 ready. {TOLD}" in words
        assert "\x1b" not in words


async def test_up_is_not_before_what_min_ready_seconds_says(bench: Bench) -> None:
    ref = await bench.app(replicas=1, minReadySeconds=3)
    end = await bench.follow(await bench.do(Scale(KIND, ref, 2)))
    assert end.words.startswith("web is up: 2/2 ready in ")
    assert any("1/2 ready" in step.words for step in bench.steps)
    assert (await bench.get(KIND, ref))["status"]["availableReplicas"] == 2


async def test_a_new_pod_that_was_not_ready_meanwhile_begins_anew() -> None:
    found = pod("web-x", ("StatefulSet", "web"))
    app = {"metadata": metadata("web"), "spec": {"selector": {"matchLabels": {"app": "web"}}}}
    pods = NewPods(cast(KubeClient, Pods(found)), Ref("StatefulSet", "shop", "web"))
    (ready,) = found["status"]["conditions"]
    for now, status, remaining in (
        (0.0, "True", 10.0),
        (4.0, "True", 6.0),
        (5.0, "False", 10.0),
        (8.0, "False", 10.0),
        (9.0, "True", 9.0),
        (18.0, "True", 0.0),
    ):
        ready["status"] = status
        await pods.look(app, now)
        assert pods.remaining(now, 10.0) == remaining, now


class Pods:
    """Lists one pod, as it is at the moment."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    async def pages(self, *_kind: Any, **_options: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(items=[msgspec.json.encode(self._found)])
