"""Lists: pages, selectors, versions."""

import base64
import json

import pytest

from tests.conformance.api import APPS, CORE, Api, config_map, deployment, pod


def names(page: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


@pytest.fixture
def many(api: Api) -> Api:
    for number in range(7):
        group = "even" if number % 2 == 0 else "odd"
        labels = {"group": group, "number": str(number)}
        api.create(CORE, "configmaps", config_map(f"cm-{number}", labels, value=str(number)))
    return api


def test_pages_add_up_to_the_whole_list(many: Api) -> None:
    path = many.path(CORE, "configmaps")
    whole = many.read(path)
    page = many.read(path, limit=3)
    found, versions = names(page), {page["metadata"]["resourceVersion"]}
    assert page["metadata"]["remainingItemCount"] == len(whole["items"]) - 3
    while page["metadata"].get("continue"):
        page = many.read(path, limit=3, **{"continue": page["metadata"]["continue"]})
        found += names(page)
        versions.add(page["metadata"]["resourceVersion"])
    assert found == names(whole) == sorted(names(whole))
    assert len(versions) == 1
    assert "remainingItemCount" not in page["metadata"]


def test_later_pages_show_the_state_of_the_first(many: Api) -> None:
    path = many.path(CORE, "configmaps")
    page = many.read(path, limit=3)
    many.create(CORE, "configmaps", config_map("cm-9"))
    assert many.delete(f"{path}/cm-5").status_code == 200
    rest = many.read(path, limit=50, **{"continue": page["metadata"]["continue"]})
    together = names(page) + names(rest)
    assert "cm-5" in together
    assert "cm-9" not in together
    assert rest["metadata"]["resourceVersion"] == page["metadata"]["resourceVersion"]


def test_items_of_a_list_do_not_repeat_their_kind(many: Api) -> None:
    body = many.read(many.path(CORE, "configmaps"))
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in body["items"])


def test_a_list_that_may_be_stale_ignores_its_limit(many: Api) -> None:
    body = many.read(many.path(CORE, "configmaps"), limit=2, resourceVersion="0")
    assert len(body["items"]) > 2
    assert "continue" not in body["metadata"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("group=even", ["cm-0", "cm-2", "cm-4", "cm-6"]),
        ("group==odd", ["cm-1", "cm-3", "cm-5"]),
        ("group!=even,number", ["cm-1", "cm-3", "cm-5"]),
        ("number in (1, 2,6)", ["cm-1", "cm-2", "cm-6"]),
        ("number notin (1,2),group", ["cm-0", "cm-3", "cm-4", "cm-5", "cm-6"]),
        ("group in (even),number notin (0,2)", ["cm-4", "cm-6"]),
        ("!group", ["kube-root-ca.crt"]),
        ("number>4", ["cm-5", "cm-6"]),
        ("number<1", ["cm-0"]),
    ],
)
def test_label_selectors(many: Api, selector: str, expected: list[str]) -> None:
    page = many.read(many.path(CORE, "configmaps"), labelSelector=selector)
    assert names(page) == expected


def test_a_selector_hides_how_many_are_left(many: Api) -> None:
    page = many.read(many.path(CORE, "configmaps"), limit=2, labelSelector="group")
    assert page["metadata"]["continue"]
    assert "remainingItemCount" not in page["metadata"]


def test_field_selectors(many: Api) -> None:
    path = many.path(CORE, "configmaps")
    assert names(many.read(path, fieldSelector="metadata.name=cm-3")) == ["cm-3"]
    everywhere = many.read(
        f"{CORE}/configmaps",
        fieldSelector=f"metadata.namespace={many.namespace},metadata.name!=cm-1",
    )
    assert "cm-1" not in names(everywhere)
    assert "cm-2" in names(everywhere)


def test_pods_are_selected_by_phase_and_node(api: Api) -> None:
    api.create(CORE, "pods", pod("done", "exit 0"))
    api.create(CORE, "pods", pod("stays", "sleep 600"))
    ended = api.wait(CORE, "pods", "done", lambda it: it["status"]["phase"] == "Succeeded")
    api.wait(CORE, "pods", "stays", lambda it: it["status"]["phase"] == "Running")
    path = api.path(CORE, "pods")
    assert names(api.read(path, fieldSelector="status.phase=Succeeded")) == ["done"]
    assert names(api.read(path, fieldSelector="status.phase!=Succeeded")) == ["stays"]
    node = ended["spec"]["nodeName"]
    assert "done" in names(api.read(path, fieldSelector=f"spec.nodeName={node}"))
    assert names(api.read(path, fieldSelector="spec.nodeName=no-such-node")) == []


def test_events_are_selected_by_their_object(api: Api) -> None:
    created = api.create(CORE, "pods", pod("talks", "exit 0"))
    api.wait(CORE, "pods", "talks", lambda it: it["status"]["phase"] == "Succeeded")
    uid = created["metadata"]["uid"]
    selector = f"involvedObject.kind=Pod,involvedObject.name=talks,involvedObject.uid={uid}"
    body = api.read(api.path(CORE, "events"), fieldSelector=selector)
    reasons = {item["reason"] for item in body["items"]}
    assert {"Scheduled", "Pulled", "Created", "Started"} <= reasons
    newer = api.read(f"/apis/events.k8s.io/v1/namespaces/{api.namespace}/events")
    notes = {item["reason"]: item for item in newer["items"]}
    assert notes["Scheduled"]["regarding"]["name"] == "talks"
    assert notes["Scheduled"]["note"].startswith("Successfully assigned")


@pytest.mark.parametrize(
    ("plural", "field"), [("pods", "spec.nonsense"), ("configmaps", "data.value")]
)
def test_other_fields_cannot_be_selected(api: Api, plural: str, field: str) -> None:
    response = api.get(api.path(CORE, plural), fieldSelector=f"{field}=1")
    assert response.status_code == 400
    assert response.json()["reason"] == "BadRequest"
    assert field in response.json()["message"]


def test_a_label_selector_that_is_none(api: Api) -> None:
    response = api.get(api.path(CORE, "pods"), labelSelector="a in (b")
    assert response.status_code == 400
    assert response.json()["message"].startswith("unable to parse requirement")


@pytest.mark.parametrize(
    "token", ["nonsense", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJ4In0"]
)
def test_a_continue_token_that_is_none(api: Api, token: str) -> None:
    response = api.get(api.path(CORE, "pods"), limit=1, **{"continue": token})
    assert response.status_code == 400
    assert response.json()["message"].startswith(
        "invalid continue token: continue key is not valid"
    )


def test_an_expired_continue_token_comes_with_another_one(many: Api) -> None:
    path = many.path(CORE, "configmaps")
    page = many.read(path, limit=3)
    token = page["metadata"]["continue"]
    fields = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    fields["rv"] = 2  # as if the list had begun in the first moments of the cluster
    old = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    response = many.get(path, limit=3, **{"continue": old})
    if many.is_cluster and response.status_code == 200:
        pytest.skip("the cluster is younger than the five minutes after which etcd is compacted")
    assert response.status_code == 410
    body = response.json()
    assert (body["kind"], body["reason"], body["code"]) == ("Status", "Expired", 410)
    assert body["message"].startswith("The provided continue parameter is too old")
    rest = many.read(path, limit=50, **{"continue": body["metadata"]["continue"]})
    assert names(page) + names(rest) == names(many.read(path))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"resourceVersionMatch": "Exact"}, "resourceVersionMatch"),
        ({"resourceVersionMatch": "Sideways", "resourceVersion": "5"}, "resourceVersionMatch"),
        ({"sendInitialEvents": "true"}, "sendInitialEvents"),
        ({"watch": "1", "sendInitialEvents": "true"}, "resourceVersionMatch"),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan"}, "resourceVersionMatch"),
    ],
)
def test_options_that_do_not_go_together(api: Api, params: dict[str, str], field: str) -> None:
    response = api.get(api.path(CORE, "pods"), **params)
    assert response.status_code == 422
    body = response.json()
    assert body["reason"] == "Invalid"
    assert body["details"]["causes"][0]["field"] == field


def test_an_exact_version_is_that_version(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("first"))
    path = api.path(CORE, "configmaps")
    page = api.read(path, limit=1)
    version = page["metadata"]["resourceVersion"]
    api.create(CORE, "configmaps", config_map("second"))
    then = api.read(path, limit=50, resourceVersion=version, resourceVersionMatch="Exact")
    assert "second" not in names(then)
    assert then["metadata"]["resourceVersion"] == version


def test_a_version_to_come_times_out(api: Api) -> None:
    response = api.get(api.path(CORE, "pods"), resourceVersion="99999999999")
    assert response.status_code == 504
    assert response.json()["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_large_answers_are_compressed(api: Api) -> None:
    for number in range(3):
        api.create(CORE, "configmaps", config_map(f"big-{number}", value="x" * 100_000))
    path = api.path(CORE, "configmaps")
    with api.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(raw) < 30_000
    small = api.client.get(f"{path}/kube-root-ca.crt", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


def test_all_namespaces_and_one(api: Api) -> None:
    api.create(APPS, "deployments", deployment("everywhere", 0))
    everywhere = api.read(f"{APPS}/deployments", labelSelector="app=everywhere")
    here = [it for it in everywhere["items"] if it["metadata"]["namespace"] == api.namespace]
    assert [it["metadata"]["name"] for it in here] == ["everywhere"]
    assert names(api.read(api.path(APPS, "deployments"))) == ["everywhere"]
