"""The types that the sandbox knows are those of a real server; and what is made of unknown fields."""

import copy
from importlib.resources import files
from typing import Any

import pytest

from tests.conformance.api import (
    APPS,
    CORE,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Api,
    config_map,
    deployment,
)
from tests.conformance.openapi_types import as_file, types_of

Object = dict[str, Any]

UNSAID: dict[str, str] = {}
FOO = 'unknown field "spec.template.spec.containers[0].foo"'
REPLICA = 'unknown field "spec.replica"'


def test_the_types_are_those_of_the_cluster(api: Api) -> None:
    """What differs is written down by storing `as_file` of what the cluster says."""
    if not api.is_cluster:
        pytest.skip("it is the sandbox that keeps the types")
    kept = files("leviathan_sandbox.ownership").joinpath("types.json").read_text("utf-8")
    assert kept == as_file(types_of(api))


def misspelled(name: str) -> Object:
    body = copy.deepcopy(deployment(name, 0))
    body["spec"]["template"]["spec"]["containers"][0]["foo"] = 1
    body["spec"]["replica"] = 1
    return body


def warnings(response: Any) -> list[str]:
    return [text for key, text in response.headers.multi_items() if key == "warning"]


def quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'299 - "{escaped}"'


def test_unknown_fields_are_dropped_with_a_warning(api: Api) -> None:
    path = api.path(APPS, "deployments")
    for index, asked in enumerate((UNSAID, {"fieldValidation": "Warn"})):
        name = f"warned-{index}"
        response = api.post(path, misspelled(name), **asked)
        assert response.status_code == 201
        assert warnings(response) == [quoted(FOO), quoted(REPLICA)]
        created = response.json()
        assert "replica" not in created["spec"]
        assert "foo" not in created["spec"]["template"]["spec"]["containers"][0]
        for media_type in (MERGE, STRATEGIC):
            patched = api.patch(f"{path}/{name}", {"spec": {"replica": 1}}, media_type, **asked)
            assert patched.status_code == 200
            assert warnings(patched) == [quoted(REPLICA)]
        written = api.put(f"{path}/{name}", misspelled(name), **asked)
        assert written.status_code == 200
        assert len(warnings(written)) == 2


def test_unknown_fields_may_be_ignored(api: Api) -> None:
    path = api.path(APPS, "deployments")
    response = api.post(path, misspelled("ignored"), fieldValidation="Ignore")
    assert response.status_code == 201
    assert warnings(response) == []
    assert "replica" not in response.json()["spec"]


def test_unknown_fields_may_be_refused(api: Api) -> None:
    path = api.path(APPS, "deployments")
    response = api.post(path, misspelled("strict"), fieldValidation="Strict")
    assert response.status_code == 400
    assert response.json()["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error:'
        f" {FOO}, {REPLICA}"
    )
    api.create(APPS, "deployments", deployment("strict", 0), fieldValidation="Strict")
    path = f"{path}/strict"
    response = api.patch(path, {"spec": {"replica": 1}}, STRATEGIC, fieldValidation="Strict")
    assert response.status_code == 422
    assert response.json()["message"] == (
        ' "" is invalid: patch: Invalid value: "map[spec:map[replica:1]]": strict decoding error:'
        f" {REPLICA}"
    )
    add = [{"op": "add", "path": "/spec/replica", "value": 1}]
    for response in (
        api.patch(path, {"spec": {"replica": 1}}, MERGE, fieldValidation="Strict"),
        api.patch(path, add, JSON_PATCH, fieldValidation="Strict"),
    ):
        assert response.status_code == 422
        assert response.json()["details"]["causes"][0]["field"] == "patch"
        assert response.json()["message"].endswith(f"strict decoding error: {REPLICA}")
    changed = api.patch(path, {"spec": {"minReadySeconds": 1}}, MERGE, fieldValidation="Strict")
    assert changed.status_code == 200


def test_an_unknown_way_of_validating(api: Api) -> None:
    response = api.post(api.path(CORE, "configmaps"), config_map("x"), fieldValidation="Nope")
    assert response.status_code == 422
    assert response.json()["message"] == (
        'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Nope":'
        ' supported values: "", "Ignore", "Strict", "Warn"'
    )
