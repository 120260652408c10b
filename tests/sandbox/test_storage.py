"""Storage and registry below the API: indexes, history, what is shared and what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.kinds import CONFIG_MAP, NAMESPACE, POD
from leviathan_sandbox.objects import Object, copy, without_nulls
from leviathan_sandbox.patches import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, apply_patch
from leviathan_sandbox.quantities import milli, parse, whole
from leviathan_sandbox.server.durations import human_duration
from leviathan_sandbox.server.serving import settle
from leviathan_sandbox.storage import Change

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), JSON, max_size=4)


def add(cluster: Cluster, name: str, owner: Object | None = None) -> Object:
    metadata: Object = {"name": name}
    if owner is not None:
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": owner["metadata"]["uid"]}
        ]
    return cluster.registry.create(CONFIG_MAP, "default", {"metadata": metadata}).object


def test_namespaces_are_listed_in_the_order_of_keys(cluster: Cluster) -> None:
    for name in ("a", "a-b", "a.b", "ab"):
        if name != "a.b":
            cluster.registry.create(NAMESPACE, "", {"metadata": {"name": name}})
            cluster.registry.create(CONFIG_MAP, name, {"metadata": {"name": "x"}})
    keys = [entry.key for entry in cluster.storage.all(CONFIG_MAP)]
    assert keys == sorted(keys)
    settle(cluster)
    assert [entry.key for entry in cluster.storage.all(CONFIG_MAP, "a")] == [
        "a/kube-root-ca.crt",
        "a/x",
    ]


def test_every_change_is_told_once_with_what_was_before(cluster: Cluster) -> None:
    told: list[Change] = []
    cluster.storage.listeners.append(told.append)
    add(cluster, "x")
    cluster.registry.update(
        CONFIG_MAP, "default", "x", {"metadata": {"name": "x"}, "data": {"a": "b"}}
    )
    cluster.registry.delete(CONFIG_MAP, "default", "x")
    assert [change.type for change in told] == ["ADDED", "MODIFIED", "DELETED"]
    assert told[0].previous is None
    assert told[1].previous is told[0].entry
    assert told[2].previous is told[1].entry
    last = told[2].entry.object
    assert last["data"] == {"a": "b"}
    assert last["metadata"]["resourceVersion"] == str(told[2].revision)


def test_json_is_made_once(cluster: Cluster) -> None:
    add(cluster, "x")
    entry = cluster.storage.all(CONFIG_MAP, "default")[-1]
    assert entry.encoded is entry.encoded
    assert json.loads(entry.encoded) == entry.object


def test_dependents_are_found_and_forgotten(cluster: Cluster) -> None:
    owner = add(cluster, "owner")
    uid = owner["metadata"]["uid"]
    add(cluster, "one", owner)
    add(cluster, "two", owner)
    assert [entry.key for entry in cluster.storage.dependents(uid)] == [
        "default/one",
        "default/two",
    ]
    cluster.registry.delete(CONFIG_MAP, "default", "one")

    def let_go(body: Object) -> None:
        body["metadata"]["ownerReferences"] = []

    cluster.registry.edit(CONFIG_MAP, "default/two", let_go)
    assert list(cluster.storage.dependents(uid)) == []


def test_a_body_is_not_shared_with_what_is_stored(cluster: Cluster) -> None:
    body: Object = {
        "metadata": {"name": "it", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    }
    before = copy(body)
    cluster.registry.create(POD, "default", body)
    assert body == before
    body["metadata"]["labels"]["a"] = "changed"
    assert cluster.registry.find(POD, "default", "it").object["metadata"]["labels"] == {"a": "b"}


@given(OBJECTS)
def test_copies_are_equal_and_apart(value: Object) -> None:
    copied = copy(value)
    assert copied == value
    for key, item in copied.items():
        if isinstance(item, dict | list):
            assert item is not value[key]


def _depth_of_nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is None or _depth_of_nulls(item) for item in value.values())
    return isinstance(value, list) and any(map(_depth_of_nulls, value))


@given(OBJECTS)
def test_nulls_are_unset_fields(value: Object) -> None:
    assert not _depth_of_nulls(without_nulls(value))


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_leads_where_it_says(old: Object, new: Object) -> None:
    old, new = without_nulls(old), without_nulls(new)
    # The patch that turns one object into another: what is new, and null for what goes.
    patch = {**dict.fromkeys(old), **new}
    once = apply_patch(old, MERGE_PATCH, patch)
    assert set(once) == set(new)
    assert apply_patch(once, MERGE_PATCH, patch) == once


@given(OBJECTS, OBJECTS)
def test_patches_leave_their_object_alone(obj: Object, patch: Object) -> None:
    before = copy(obj)
    apply_patch(obj, MERGE_PATCH, patch)
    apply_patch(obj, STRATEGIC_PATCH, patch)
    apply_patch(obj, JSON_PATCH, [{"op": "add", "path": "/new", "value": patch}])
    assert obj == before


@given(st.text("ab/~ ", min_size=1, max_size=4), JSON)
def test_json_pointers_reach_every_key(key: str, value: object) -> None:
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    added = apply_patch({}, JSON_PATCH, [{"op": "add", "path": pointer, "value": value}])
    assert added == {key: value}
    removed = apply_patch(added, JSON_PATCH, [{"op": "remove", "path": pointer}])
    assert removed == {}


@pytest.mark.parametrize(
    ("text", "thousandths", "pieces"),
    [
        ("250m", 250, 1),
        ("2", 2000, 2),
        ("0.1", 100, 1),
        ("1Ki", 1_024_000, 1024),
        ("1k", 1_000_000, 1000),
        ("1e3", 1_000_000, 1000),
        ("100n", 1, 1),
        ("1.5Gi", 1610612736000, 1610612736),
    ],
)
def test_quantities(text: str, thousandths: int, pieces: int) -> None:
    assert (milli(text), whole(text)) == (thousandths, pieces)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1GiB", "0x10", "--1", "1e", "१"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "<invalid>"), (-0.5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"),
     (599, "9m59s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"), (11_100, "3h5m"),
     (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"), (691_200, "8d"),
     (63_071_999, "729d"), (63_072_000, "2y"), (64_000_000, "2y10d"), (252_288_000, "8y")],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown
