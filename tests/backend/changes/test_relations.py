"""What belongs to an app: the same answer on its screen and for its deletion."""

from typing import Any

import pytest

from leviathan_sandbox import Refused
from leviathan_sandbox.status import StatusError
from leviathan_tui.backend.fleet.app_story import app_story
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.relations import Relations, related_objects
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.selectors import selects
from tests.backend.changes.conftest import IMAGE, Bench

KIND = kinds.DEPLOYMENT
PORT = {"port": 80, "protocol": "TCP"}


async def _app(bench: Bench, name: str, labels: dict[str, str]) -> Ref:
    """Make an app whose pods have more labels than its selector asks for."""
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}
    template = {
        "metadata": {"labels": {"app": name, **labels}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    return await bench.app(name, template=template, selector={"matchLabels": {"app": name}})


async def _service(bench: Bench, name: str, selector: dict[str, str] | None) -> Ref:
    spec: dict[str, Any] = {"ports": [PORT]}
    if selector is not None:
        spec["selector"] = selector
    return await bench.create(kinds.SERVICE, {"metadata": {"name": name}, "spec": spec})


async def _related(bench: Bench, ref: Ref, *going: Ref) -> Relations:
    apps = [(KIND, await bench.get(KIND, one)) for one in (ref, *going)]
    return (await related_objects(bench.client, apps))[0]


async def _told(bench: Bench, ref: Ref) -> str:
    return plain_text(await app_story(bench.client, KIND, ref, lambda when: "1m"))


async def test_a_service_is_an_apps_by_the_labels_of_its_pods(bench: Bench) -> None:
    ref = await _app(bench, "web", {"tier": "front"})
    await _service(bench, "front", {"tier": "front"})
    await _service(bench, "elsewhere", {"tier": "back"})
    await _service(bench, "outside", None)
    related = await _related(bench, ref)
    assert [(one.ref.name, one.ticked) for one in related.objects] == [("front", True)]
    told = await _told(bench, ref)
    assert "front  ClusterIP" in told
    assert "elsewhere" not in told
    assert "outside" not in told


async def test_a_budget_guards_the_pods_that_its_expressions_pick(bench: Bench) -> None:
    ref = await _app(bench, "web", {"tier": "front"})
    rules = [{"key": "tier", "operator": "In", "values": ["front", "edge"]}]
    if bench.sandbox is not None:
        assert (await _related(bench, ref)).unreadable == {}
        pytest.skip("the sandbox has no disruption budgets")
    for name, selector in (("fronts", {"matchExpressions": rules}), ("everything", {})):
        await bench.create(
            kinds.DISRUPTION_BUDGET,
            {"metadata": {"name": name}, "spec": {"selector": selector, "minAvailable": 1}},
        )
    related = await _related(bench, ref)
    assert {one.ref.name for one in related.objects} == {"fronts", "everything"}
    assert "at least 1 stay" in await _told(bench, ref)


async def test_what_two_apps_share_is_theirs_alone_once_both_go(bench: Bench) -> None:
    first, second = [await _app(bench, name, {"tier": "front"}) for name in ("aa", "bb")]
    await _service(bench, "front", {"tier": "front"})
    (shared,) = (await _related(bench, first)).objects
    assert (shared.ticked, shared.why) == (False, "sends to its pods and may to others")
    (shared,) = (await _related(bench, first, second)).objects
    assert (shared.ticked, shared.why) == (True, "sends to its pods")


async def test_an_ingress_to_the_services_of_two_apps_goes_with_both(bench: Bench) -> None:
    first, second = [await _app(bench, name, {}) for name in ("aa", "bb")]
    for name in ("aa", "bb"):
        await _service(bench, name, {"app": name})
    paths = [
        {
            "path": f"/{name}",
            "pathType": "Prefix",
            "backend": {"service": {"name": name, "port": {"number": 80}}},
        }
        for name in ("aa", "bb")
    ]
    spec = {"rules": [{"http": {"paths": paths}}]}
    await bench.create(kinds.INGRESS, {"metadata": {"name": "both"}, "spec": spec})
    alone = {one.ref.name: one.ticked for one in (await _related(bench, first)).objects}
    assert alone == {"aa": True}
    alone = {one.ref.name: one.ticked for one in (await _related(bench, first, second)).objects}
    assert alone == {"aa": True, "both": True}


async def test_whose_a_service_is_is_not_said_for_sure_where_others_may_not_be_read(
    faulty: Bench,
) -> None:
    ref = await _app(faulty, "web", {})
    await _service(faulty, "web", {"app": "web"})
    no = StatusError(403, "Forbidden", "daemonsets may not be listed by you")
    assert faulty.sandbox is not None
    faulty.sandbox.inject(Refused(error=no, verb="list", resource="daemonsets", times=1))
    related = await _related(faulty, ref)
    (service,) = related.objects
    assert (service.ticked, service.why) == (False, "sends to its pods and may to others")
    # Nothing that may belong to it is missing.
    assert related.unreadable == {}


async def test_what_sends_to_a_pod_of_its_own_too_is_no_apps_alone(bench: Bench) -> None:
    ref = await _app(bench, "web", {"tier": "front"})
    await _service(bench, "front", {"tier": "front"})
    await _service(bench, "web", {"app": "web"})
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}
    bare = {
        "metadata": {"name": "bare", "labels": {"tier": "front"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    await bench.create(kinds.POD, bare)
    related = await _related(bench, ref)
    assert {one.ref.name: one.ticked for one in related.objects} == {"front": False, "web": True}


async def test_what_may_not_be_read_is_told_and_not_taken_for_absent(faulty: Bench) -> None:
    ref = await _app(faulty, "web", {})
    await _service(faulty, "web", {"app": "web"})
    no = StatusError(403, "Forbidden", "services may not be listed by you")
    assert faulty.sandbox is not None
    faulty.sandbox.inject(Refused(error=no, verb="list", resource="services", times=2))
    related = await _related(faulty, ref)
    assert related.objects == []
    assert "may not be listed by you" in related.unreadable["Service"]
    assert "may not be listed by you" in await _told(faulty, ref)


@pytest.mark.parametrize(
    ("rule", "picks"),
    [
        ({"operator": "In", "values": ["web"]}, True),
        ({"operator": "In", "values": ["api"]}, False),
        ({"operator": "NotIn", "values": ["web"]}, False),
        ({"operator": "NotIn", "values": ["api"]}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
        ({"operator": "Sounds"}, False),
    ],
)
def test_an_objects_selector_picks_as_kubernetes_says(rule: dict[str, Any], picks: bool) -> None:
    selector = {"matchLabels": {"tier": "front"}, "matchExpressions": [{"key": "app", **rule}]}
    assert selects(selector, {"app": "web", "tier": "front"}) is picks
    assert not selects(selector, {"app": "web"})
    absent = {"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["a"]}]}
    assert selects(absent, {"app": "web"})
    assert selects({}, {})
