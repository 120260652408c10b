"""Taking back the deletion of an app whose volume went with it."""

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import Bench, deployment
from tests.cli.conftest import Script

CLAIM = kinds.VOLUME_CLAIM


async def test_undo_says_before_and_after_that_the_volume_is_empty(
    bench: Bench, script: Script
) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    claim = await bench.create(CLAIM, {"metadata": {"name": "data"}, "spec": spec})
    volume = (await bench.until(CLAIM, claim, lambda it: it["spec"].get("volumeName")))["spec"]
    body = deployment("web", replicas=0)
    body["spec"]["template"]["spec"]["volumes"] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    ]
    app = await bench.create(kinds.DEPLOYMENT, body)
    code, _, err = await script("apps", "delete", "web", "--with", "pvc/data", "-y")
    assert code == 0, err
    await bench.gone(CLAIM, claim)
    await bench.gone(kinds.DEPLOYMENT, app)
    said = f"its volume {volume['volumeName']} is "
    code, out, err = await script("undo", "--dry-run")
    assert code == 0, err
    assert f"warning: IT COMES BACK EMPTY, for {said}" in out
    code, out, err = await script("undo", "-y")
    assert code == 0, err
    assert f"Undone: data. It is empty, for {said}" in out
    assert "Undone: web." in out.splitlines()
    again = await bench.get(CLAIM, Ref(CLAIM.name, bench.namespace, "data"))
    assert again["metadata"]["uid"] != claim.uid
