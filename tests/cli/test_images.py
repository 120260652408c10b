"""Images from the command line: of containers, init containers and sidecars."""

from typing import Any

from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from tests.backend.changes.conftest import IMAGE, Bench, deployment
from tests.cli.conftest import Script

KIND = kinds.DEPLOYMENT


async def make(bench: Bench, *more: str) -> Ref:
    """Make an app with an init container and a sidecar, and more containers where any are named."""
    body = deployment("web", replicas=0)
    pod = body["spec"]["template"]["spec"]
    wait = {"image": IMAGE, "command": ["sleep", "100000"]}
    pod["initContainers"] = [
        {"name": "migrate", "image": IMAGE, "command": ["true"]},
        {"name": "proxy", **wait, "restartPolicy": "Always"},
    ]
    pod["containers"] += [{"name": name, **wait} for name in more]
    return await bench.create(KIND, body)


def images(document: dict[str, Any]) -> dict[str, str]:
    pod = document["spec"]["template"]["spec"]
    return {one["name"]: one["image"] for one in (*pod["initContainers"], *pod["containers"])}


async def test_every_container_can_have_another_image(bench: Bench, script: Script) -> None:
    ref = await make(bench)
    for name, role in (("migrate", "init container"), ("proxy", "sidecar"), ("main", "container")):
        words = ("apps", "image", "web", "busybox:2", "--container", name, "-y", "--no-wait")
        code, out, err = await script(*words)
        assert code == 0, err
        assert f"Change the image of {role} {name} of web from {IMAGE} to busybox:2." in out
        assert images(await bench.get(KIND, ref))[name] == "busybox:2"
        code, _, err = await script("undo", "-y", "--no-wait")
        assert code == 0, err
        assert set(images(await bench.get(KIND, ref)).values()) == {IMAGE}


async def test_without_a_name_it_is_the_only_one_that_is_no_init_container(
    bench: Bench, script: Script
) -> None:
    ref = await make(bench)
    code, _, err = await script("apps", "image", "web", "busybox:2", "-y", "--no-wait")
    assert code == 0, err
    assert images(await bench.get(KIND, ref)) == {
        "migrate": IMAGE,
        "proxy": IMAGE,
        "main": "busybox:2",
    }


async def test_a_container_that_is_not_there_is_refused(bench: Bench, script: Script) -> None:
    ref = await make(bench, "other")
    code, _, err = await script("apps", "image", "web", "busybox:2", "-y")
    assert code == 1
    assert "name one of main, other, migrate, proxy with --container" in err
    words = ("apps", "image", "web", "busybox:2", "-y", "--container", "nope")
    code, _, err = await script(*words)
    assert code == 1
    assert "nope is none of main, other, migrate, proxy" in err
    # Where there is only one, too.
    await bench.create(KIND, deployment("plain", replicas=0))
    code, _, err = await script("apps", "image", "plain", *words[3:])
    assert code == 1
    assert "nope is none of main" in err
    assert set(images(await bench.get(KIND, ref)).values()) == {IMAGE}
