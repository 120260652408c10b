"""The journal's mask is no value: neither in what is exported nor in what is sent."""

from typing import Any

import pytest

from leviathan_tui.backend.changes.apply import Deploy
from leviathan_tui.backend.changes.apps import SetImage
from leviathan_tui.backend.changes.diff import MASK
from leviathan_tui.backend.changes.editing import Edit, editable
from leviathan_tui.backend.changes.entry import DONE, FAILED, Entry
from leviathan_tui.backend.changes.masks import applied
from leviathan_tui.backend.changes.refusals import NotPossible
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import IMAGE, Bench, deployment

KIND = kinds.DEPLOYMENT


def _entry(document: dict[str, Any], outcome: str = DONE, **fields: Any) -> Entry:
    return Entry(
        id="1",
        at=0.0,
        actor="alice",
        cluster="c",
        context="c",
        kind=document["kind"],
        namespace="shop",
        name=document["metadata"]["name"],
        verb="apply",
        summary="",
        plan={"applied": document},
        outcome=outcome,
        **fields,
    )


def _with(name: str, value: str) -> dict[str, Any]:
    made = deployment("web")
    container = {"name": "main", "image": IMAGE, "env": [{"name": name, "value": value}]}
    made["spec"]["template"]["spec"]["containers"] = [container]
    return made


def test_an_export_says_what_it_lacks() -> None:
    (one,) = applied([_entry({"kind": "Deployment", **_with("TOKEN", MASK)})])
    path = "spec.template.spec.containers[main].env[TOKEN]"
    assert one.not_kept == [path]
    assert one.document is not None
    # A variable without a value would be set to an empty one.
    (container,) = one.document["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "main", "image": IMAGE}
    assert one.as_yaml().startswith(f"---\n# not kept: {path}\n")


def test_an_exported_secret_is_a_comment() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    (one,) = applied([_entry({**secret, "data": {"a.b": MASK}})])
    assert one.as_yaml() == "---\n# not kept: Secret shop/s: data[a.b]\n"
    # As an entry of the team's journal comes: applied, it would take the values away.
    (one,) = applied([_entry(secret)])
    assert one.as_yaml() == "---\n# not kept: Secret shop/s: its values\n"


def test_a_comment_is_one_line() -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a\nkind: Pod": MASK}}
    (one,) = applied([_entry(config)])
    assert len([text for text in one.as_yaml().splitlines() if "Pod" in text]) == 1
    assert "# not kept: data.a kind: Pod\n" in one.as_yaml()


def test_the_newest_of_each_object_is_exported() -> None:
    old, new = ({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"n": n}} for n in "12")
    failed = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"n": "3"}}
    found = applied([_entry(failed, FAILED), _entry(new), _entry(old), _entry(old, group="x.io")])
    assert [one.document for one in found] == [new, old]


async def test_nobody_edits_a_mask_into_an_object(bench: Bench) -> None:
    ref = await bench.create(KIND, _with("MODE", "fast"))
    document = await bench.get(KIND, ref)
    edit = Edit(KIND, ref, document, editable(document).replace("value: fast", f"value: {MASK}"))
    with pytest.raises(NotPossible, match=r"Not edited: web has •+ at .*env.MODE.: that stands"):
        await bench.try_(edit)
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **_with("MODE", MASK)}
    deploy = Deploy(KIND, Ref("Deployment", bench.namespace, "new"), body)
    with pytest.raises(NotPossible, match="Not deployed: new has"):
        await bench.try_(deploy)


async def test_what_has_a_mask_already_can_be_changed(bench: Bench) -> None:
    ref = await bench.create(KIND, _with("MODE", MASK))
    await bench.try_(SetImage(KIND, ref, "busybox:2", "main"))
    document = await bench.get(KIND, ref)
    text = editable(document).replace("replicas: 1", "replicas: 2")
    assert (await bench.try_(Edit(KIND, ref, document, text))).differences
