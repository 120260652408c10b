"""Going back where what the cluster remembers is not what it should be: anybody may write it."""

from typing import Any

import pytest

from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.changes.rollback import RollBack
from leviathan_tui.backend.fleet.records import REVISION, Ref
from leviathan_tui.backend.fleet.releases import UNREADABLE_IMAGE, Release, releases
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench, deployment


async def _releases(bench: Bench, kind: Kind, ref: Ref) -> list[Release]:
    return await releases(bench.client, kind, await bench.get(kind, ref))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"spec": ["a"]},
        {"spec": {"template": "text"}},
        {"spec": {"template": {"spec": {"containers": "text"}}}},
        {"spec": {"template": {"metadata": 3, "spec": {"containers": ["text"]}}}},
        {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": "text"}]}}}},
    ],
)
async def test_a_release_that_is_no_template_is_listed_and_never_gone_back_to(
    bench: Bench, data: Any
) -> None:
    app = deployment("web", replicas=0, serviceName="web")
    ref = await bench.create(kinds.STATEFUL_SET, app)
    await bench.until(
        kinds.STATEFUL_SET, ref, lambda one: (one.get("status") or {}).get("updateRevision")
    )
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": ref.name, "uid": ref.uid}
    # Not its controller's, which would clear it away.
    odd = {"name": "odd", "labels": app["metadata"]["labels"], "ownerReferences": [owner]}
    body = {"metadata": odd, "revision": 0, "data": data}
    await bench.create(kinds.CONTROLLER_REVISION, body)
    present, other = await _releases(bench, kinds.STATEFUL_SET, ref)
    assert present.current
    assert (other.image, other.template) == (UNREADABLE_IMAGE, {})
    with pytest.raises(NotPossible, match=r"release 0 is not readable; name another\."):
        await bench.try_(RollBack(kinds.STATEFUL_SET, ref))


@pytest.mark.parametrize("number", ["²", "9" * 5000, "٣", "-1", ""])
async def test_a_release_has_a_number_or_none(bench: Bench, number: str) -> None:
    if bench.sandbox is None:
        pytest.skip("a real controller puts the numbers right at once")
    ref = await bench.create(kinds.DEPLOYMENT, deployment("web", replicas=0))
    await bench.until(
        kinds.DEPLOYMENT, ref, lambda one: (one.get("status") or {}).get("observedGeneration")
    )
    app = await bench.get(kinds.DEPLOYMENT, ref)
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": ref.name, "uid": ref.uid}
    odd = {
        "name": "odd",
        "labels": app["spec"]["template"]["metadata"]["labels"],
        "annotations": {REVISION: number},
        "ownerReferences": [owner],
    }
    spec = {**app["spec"], "replicas": 0}
    body = {
        "metadata": odd,
        "spec": {name: spec[name] for name in ("replicas", "selector", "template")},
    }
    await bench.create(kinds.REPLICA_SET, body)
    assert 0 in [one.revision for one in await _releases(bench, kinds.DEPLOYMENT, ref)]
