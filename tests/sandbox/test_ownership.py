"""Sets of fields and the merging of values, apart from any server."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leviathan_sandbox.kinds import DEPLOYMENT, POD
from leviathan_sandbox.ownership.fieldsets import from_fields_v1, shown, to_fields_v1
from leviathan_sandbox.ownership.merging import merge, remove
from leviathan_sandbox.ownership.schema import type_of
from leviathan_sandbox.ownership.structure import compare, fields_of

Object = dict[str, Any]

_NAMES: st.SearchStrategy[Any] = st.sampled_from(["a", "b", "c", "d"])
_NAMED: Object = {"name": _NAMES}
_CONTAINERS: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries(
        _NAMED,
        optional={
            "image": st.sampled_from(["x:1", "x:2"]),
            "args": st.lists(_NAMES, max_size=2),
            "ports": st.lists(
                st.fixed_dictionaries({"containerPort": st.integers(1, 3)}),
                unique_by=lambda port: port["containerPort"],
                max_size=2,
            ),
        },
    ),
    unique_by=lambda container: container["name"],
    max_size=4,
)
_PODS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(_NAMES, _NAMES, min_size=1, max_size=3),
                "finalizers": st.lists(_NAMES, unique=True, max_size=3),
            },
        ).filter(bool),
        "spec": st.fixed_dictionaries({"containers": _CONTAINERS}),
    },
)


@given(_PODS)
def test_fields_are_read_as_they_were_written(pod: Object) -> None:
    fields = fields_of(type_of(POD), pod)
    assert from_fields_v1(to_fields_v1(fields)) == fields


@given(_PODS)
def test_nothing_differs_from_itself(pod: Object) -> None:
    assert not any(compare(type_of(POD), pod, pod))


@given(_PODS, _PODS)
def test_what_is_applied_is_there_and_applying_it_again_changes_nothing(
    live: Object, config: Object
) -> None:
    kind = type_of(POD)
    merged = merge(kind, live, config)
    assert merge(kind, merged, config) == merged
    assert fields_of(kind, config) <= fields_of(kind, merged)
    assert not compare(kind, live, merged).removed


@given(_PODS, _PODS)
def test_what_was_added_can_be_taken_out_again(live: Object, config: Object) -> None:
    kind = type_of(POD)
    merged = merge(kind, live, config)
    added = compare(kind, live, merged).added
    left = remove(kind, merged, added) or {}
    assert not compare(kind, live, left).added


def test_paths_are_shown_as_in_conflicts() -> None:
    body: Object = {
        "metadata": {"finalizers": ["a/b"]},
        "spec": {
            "template": {
                "spec": {
                    "containers": [{"name": "web", "ports": [{"containerPort": 80}]}],
                }
            }
        },
    }
    paths = {shown(path) for path in fields_of(type_of(DEPLOYMENT), body)}
    web = '.spec.template.spec.containers[name="web"]'
    assert paths == {
        '.metadata.finalizers[="a/b"]',
        web,
        f"{web}.name",
        f'{web}.ports[containerPort=80,protocol="TCP"]',
        f'{web}.ports[containerPort=80,protocol="TCP"].containerPort',
    }
