"""Watches: events, selectors, bookmarks, and the ways they end."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.conformance.api import CORE, TABLE, Api, config_map


def brief(events: Iterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [(it["type"], it["object"]["metadata"]["name"]) for it in islice(events, count)]


def test_every_change_after_the_list_comes_once_and_in_order(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    with api.watch(path, resourceVersion=version) as events:
        api.create(CORE, "configmaps", config_map("one"))
        api.create(CORE, "configmaps", config_map("two"))
        api.patched(f"{path}/one", {"data": {"a": "b"}})
        api.delete(f"{path}/two")
        seen = list(islice(events, 4))
    assert [(it["type"], it["object"]["metadata"]["name"]) for it in seen] == [
        ("ADDED", "one"),
        ("ADDED", "two"),
        ("MODIFIED", "one"),
        ("DELETED", "two"),
    ]
    assert all(it["object"]["kind"] == "ConfigMap" for it in seen)
    versions = [int(it["object"]["metadata"]["resourceVersion"]) for it in seen]
    assert versions == sorted(set(versions))
    with api.watch(path, resourceVersion=str(versions[1])) as events:
        assert brief(events, 2) == [("MODIFIED", "one"), ("DELETED", "two")]


def test_without_a_version_it_begins_with_what_is_there(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("there"))
    path = api.path(CORE, "configmaps")
    for version in ({}, {"resourceVersion": "0"}):
        with api.watch(path, fieldSelector="metadata.name=there", **version) as events:
            assert brief(events, 1) == [("ADDED", "there")]


def test_objects_enter_and_leave_a_selection(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    with api.watch(path, labelSelector="colour=red", resourceVersion=version) as events:
        api.create(CORE, "configmaps", config_map("plain"))
        api.patched(f"{path}/plain", {"metadata": {"labels": {"colour": "red"}}})
        api.patched(f"{path}/plain", {"data": {"a": "b"}})
        api.patched(f"{path}/plain", {"metadata": {"labels": {"colour": "blue"}}})
        api.delete(f"{path}/plain")
        api.create(CORE, "configmaps", config_map("next", {"colour": "red"}))
        assert brief(events, 4) == [
            ("ADDED", "plain"),
            ("MODIFIED", "plain"),
            ("DELETED", "plain"),
            ("ADDED", "next"),
        ]


def test_one_object_is_watched_by_its_name(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("mine"))
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    with api.watch(path, fieldSelector="metadata.name=mine", resourceVersion=version) as events:
        api.create(CORE, "configmaps", config_map("other"))
        api.delete(f"{path}/mine")
        assert brief(events, 1) == [("DELETED", "mine")]


def test_it_ends_cleanly_after_its_timeout(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    with api.watch(path, resourceVersion=version, timeoutSeconds=1) as events:
        assert list(events) == []


def test_bookmarks_come_before_the_end(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    with api.watch(
        path, resourceVersion=version, timeoutSeconds=4, allowWatchBookmarks="true"
    ) as events:
        api.create(CORE, "configmaps", config_map("before"))
        seen = list(events)
    first, *marks = [it["type"] for it in seen]
    assert first == "ADDED"
    assert set(marks) == {"BOOKMARK"}
    mark = seen[-1]["object"]
    assert (mark["kind"], mark["apiVersion"]) == ("ConfigMap", "v1")
    assert int(mark["metadata"]["resourceVersion"]) >= int(
        seen[0]["object"]["metadata"]["resourceVersion"]
    )
    assert "name" not in mark["metadata"]
    with api.watch(
        path, resourceVersion=mark["metadata"]["resourceVersion"], timeoutSeconds=1
    ) as events:
        assert list(events) == []


def test_a_streaming_list_marks_the_end_of_what_was_there(api: Api) -> None:
    api.create(CORE, "configmaps", config_map("there", {"streamed": "yes"}))
    path = api.path(CORE, "configmaps")
    with api.watch(
        path,
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
        labelSelector="streamed=yes",
    ) as events:
        first, mark = islice(events, 2)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "there")
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_an_expired_version_is_an_error_event(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    with api.watch(path, resourceVersion=1) as events:
        event = next(events)
    assert event["type"] == "ERROR"
    status = event["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


@pytest.mark.parametrize(("watch", "code"), [("true", 500), ("", 500), ("false", 400)])
def test_a_version_that_is_none(api: Api, watch: str, code: int) -> None:
    response = api.get(api.path(CORE, "configmaps"), watch=watch, resourceVersion="abc")
    assert response.status_code == code
    assert 'resourceVersion: Invalid value: "abc"' in response.json()["message"]


def test_rows_instead_of_objects(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    version = api.read(path)["metadata"]["resourceVersion"]
    params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "20"}
    with api.client.stream("GET", path, params=params, headers={"Accept": TABLE}) as response:
        api.create(CORE, "configmaps", config_map("row-1", a="b"))
        api.create(CORE, "configmaps", config_map("row-2"))
        lines = response.iter_lines()
        first, second = (json.loads(next(lines)) for _ in range(2))
    assert [it["name"] for it in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert not second["object"].get("columnDefinitions")
    assert first["object"]["rows"][0]["cells"][:2] == ["row-1", 1]
    assert second["object"]["rows"][0]["object"]["metadata"]["name"] == "row-2"


@pytest.mark.parametrize("flag", ["1", "true"])
def test_a_watch_of_all_namespaces_sees_this_one(api: Api, flag: str) -> None:
    version = api.read(f"{CORE}/configmaps", limit=1)["metadata"]["resourceVersion"]
    with api.watch(
        f"{CORE}/configmaps",
        watch=flag,
        resourceVersion=version,
        fieldSelector="metadata.name=seen-from-above",
    ) as events:
        api.create(CORE, "configmaps", config_map("seen-from-above"))
        event = next(events)
    assert event["object"]["metadata"]["namespace"] == api.namespace
