"""Objects of custom types: their fields may be called as those of apps are, and be anything."""

from typing import Any

import pytest

from leviathan_tui.backend.changes.apply import Apply
from leviathan_tui.backend.changes.entry import DONE, Entry
from leviathan_tui.backend.changes.intents import Change, Request
from leviathan_tui.backend.changes.preview import Preview
from leviathan_tui.backend.changes.references import missing
from leviathan_tui.backend.changes.undo import Remake
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube.kinds import Kind
from tests.backend.changes.conftest import Bench

NOTICE = Kind("Notice", "notices", "example.com")

SPECS = [
    "text",
    ["a"],
    {"template": "Hello {{ .name }}"},
    {"jobTemplate": "nightly"},
    {"template": {"spec": {"imagePullSecrets": ["registry"], "serviceAccountName": "nobody"}}},
    {"volumeClaimTemplates": [1], "persistentVolumeClaimRetentionPolicy": "Delete"},
]


def _notice(spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Notice",
        "metadata": {"name": "one", "namespace": "shop"},
        "spec": spec,
    }


@pytest.mark.parametrize("spec", SPECS)
async def test_nothing_is_read_into_their_fields(bench: Bench, spec: Any) -> None:
    notice = _notice(spec)
    intent = Apply(NOTICE, Ref("Notice", "shop", "one", "", "example.com"), notice)
    change = Change(Request("PATCH", intent.path, notice), "", notice)
    assert await missing(bench.client, Preview(intent, change, None, notice, ())) == []


@pytest.mark.parametrize("spec", SPECS)
async def test_they_come_back_as_they_were(bench: Bench, spec: Any) -> None:
    entry = Entry(
        id="1",
        at=0.0,
        actor="alice",
        cluster="c",
        context="c",
        group="example.com",
        kind="Notice",
        namespace="shop",
        name="one",
        verb="delete",
        summary="",
        before=_notice(spec),
        outcome=DONE,
    )
    change = await Remake(NOTICE, entry).plan(bench.client, None, "alice")
    assert change.target is not None
    assert change.target["spec"] == spec
    assert not change.warnings
