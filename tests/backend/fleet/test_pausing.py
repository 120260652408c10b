"""Who set an app's size, read from managedFields in every shape that they may have."""

from typing import Any

import msgspec
import pytest

from leviathan_tui.backend.fleet.pausing import MOST_REPLICAS, set_by_us, written_size


def claim(manager: str, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}, **more}


@pytest.mark.parametrize(
    ("managed", "ours"),
    [
        ([claim("leviathan")], True),
        ([claim("leviathan", operation="Apply"), claim("argocd")], True),
        ([claim("argocd"), claim("leviathan", fieldsV1={"f:spec": {"f:template": {}}})], False),
        ([claim("leviathan", subresource="scale")], False),
        ([claim("leviathan2")], False),
        ([{"manager": "leviathan"}], False),
        ([{"manager": "leviathan", "fieldsV1": None}], False),
        ([claim("leviathan", fieldsV1={"f:spec": {}})], False),
        ([{}], False),
        # On what it keeps no books, the server says nothing against it.
        ([], True),
        (None, True),
        ("what", False),
        ([claim("leviathan", fieldsV1="what")], False),
        ([1, 2], False),
    ],
)
def test_who_set_the_size(managed: Any, ours: bool) -> None:
    assert set_by_us(managed) is ours
    assert set_by_us(msgspec.Raw(msgspec.json.encode(managed))) is ours


def test_what_was_never_sent_says_nothing_against_it() -> None:
    assert set_by_us(msgspec.Raw())


def test_the_limit_is_the_consoles_own() -> None:
    assert written_size(str(MOST_REPLICAS)) == MOST_REPLICAS
    assert written_size(str(MOST_REPLICAS + 1)) == 0
    assert written_size("007") == 7
