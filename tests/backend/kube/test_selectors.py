"""Label selectors match as Kubernetes documents them."""

import pytest

from leviathan_tui.backend.kube.selectors import SelectorError, parse_selector

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
