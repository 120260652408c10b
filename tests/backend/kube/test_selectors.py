"""Label selectors match as Kubernetes documents them."""

import pytest

from leviathan_tui.backend.kube.selectors import (
    SelectorError,
    parse_selector,
    selector_query,
    selects,
)

LABELS = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=api", True),
        ("missing!=x", True),
        ("tier in (front, back)", True),
        ("tier notin (front)", False),
        ("missing notin (a)", True),
        ("app", True),
        ("!app", False),
        ("!missing, app in (web)", True),
    ],
)
def test_matching(text: str, matches: bool) -> None:
    assert parse_selector(text)(LABELS) is matches


@pytest.mark.parametrize("text", ["", "a in b", "a=b=c", "a (b)"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(SelectorError):
        parse_selector(text)


def test_an_objects_selector_is_asked_for_as_it_picks() -> None:
    rules = [
        {"key": "app", "operator": "In", "values": ["web", "api"]},
        {"key": "app", "operator": "NotIn", "values": ["db"]},
        {"key": "tier", "operator": "Exists"},
        {"key": "gone", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"tier": "front"}, "matchExpressions": rules}
    query = selector_query(selector)
    assert query == "tier=front,app in (web,api),app notin (db),tier,!gone"
    for labels in (LABELS, {"tier": "front"}, {**LABELS, "gone": "1"}):
        assert parse_selector(query)(labels) is selects(selector, labels)
    with pytest.raises(SelectorError, match="'Sounds' is not known"):
        selector_query({"matchExpressions": [{"key": "app", "operator": "Sounds"}]})
