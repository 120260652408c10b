"""What stateful and daemon sets remember of their releases, and how they go back to one."""

from typing import Any

import pytest

from tests.conformance.api import APPS, IMAGE, STRATEGIC, Api, deployment

Object = dict[str, Any]


def workload(kind: str, name: str) -> Object:
    """A workload that has no pods: no node has its label."""
    body = deployment(name, 0)
    body["kind"] = kind
    if kind == "DaemonSet":
        del body["spec"]["replicas"]
    else:
        body["spec"]["serviceName"] = name
    body["spec"]["template"]["spec"]["nodeSelector"] = {"test/nowhere": "yes"}
    return body


def revisions(api: Api, newest: int) -> list[Object]:
    """Wait for a revision; return all, oldest first."""
    found = api.wait_list(
        APPS,
        "controllerrevisions",
        lambda items: any(it["revision"] == newest for it in items),
    )
    return sorted(found, key=lambda it: it["revision"])


@pytest.mark.parametrize(
    ("kind", "plural"), [("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets")]
)
def test_a_revision_is_a_patch_that_goes_back_to_it(api: Api, kind: str, plural: str) -> None:
    created = api.create(APPS, plural, workload(kind, "back"))
    before = created["spec"]["template"]
    path = api.path(APPS, plural, "back")
    (first,) = revisions(api, 1)
    assert list(first["data"]) == ["spec"]
    assert list(first["data"]["spec"]) == ["template"]
    assert first["data"]["spec"]["template"]["$patch"] == "replace"
    more = [{"name": "main", "image": "other:2"}, {"name": "extra", "image": IMAGE}]
    patch = {"spec": {"template": {"spec": {"containers": more}}}}
    api.patched(path, patch, STRATEGIC)
    old, new = revisions(api, 2)
    assert old["metadata"]["name"] == first["metadata"]["name"]
    containers = new["data"]["spec"]["template"]["spec"]["containers"]
    assert {it["name"] for it in containers} == {"main", "extra"}
    back = api.patched(path, old["data"], STRATEGIC)
    assert back["spec"]["template"] == before
    # The old revision is the newest again, under its old name.
    _, newest = revisions(api, 3)
    assert newest["metadata"]["name"] == first["metadata"]["name"]


def test_applying_the_template_of_today_makes_no_revision(api: Api) -> None:
    api.create(APPS, "statefulsets", workload("StatefulSet", "same"))
    (first,) = revisions(api, 1)
    path = api.path(APPS, "statefulsets", "same")
    before = api.read(path)["metadata"]["generation"]
    changed = api.patched(path, first["data"], STRATEGIC)
    assert changed["metadata"]["generation"] == before
