"""Changing things from the keyboard: the whole walk in a terminal, and the dialogs one by one."""

import os
import secrets
from pathlib import Path

import pytest

from leviathan_sandbox import BEHAVIOUR, Reset, Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config, ContextConfig, GuardConfig
from tests.console.conftest import console_on
from tests.console.terminal import Terminal

IMAGE = "busybox:1.36"


@pytest.fixture(params=["sandbox", pytest.param("cluster", marks=pytest.mark.cluster)])
def kubeconfig(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A kubeconfig of the sandbox, and of the real cluster where one is named."""
    if request.param == "sandbox":
        sandbox: Sandbox = request.getfixturevalue("living_sandbox")
        return sandbox.write_kubeconfig(tmp_path / "config")
    named = os.environ.get("LEVIATHAN_TEST_KUBECONFIG")
    if not named:
        pytest.skip("LEVIATHAN_TEST_KUBECONFIG names no cluster")
    return Path(named)


def test_the_whole_walk_with_keys_only(kubeconfig: Path, tmp_path: Path) -> None:
    name = f"walk-{secrets.token_hex(3)}"
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "none")}
    with Terminal(
        "--kubeconfig", str(kubeconfig), "-n", "default", size=(120, 40), environment=state
    ) as terminal:
        terminal.sees("● live")
        # Deploy
        terminal.press("n")
        terminal.sees("New app")
        terminal.press(f"{name}\t{IMAGE}")
        terminal.press("\t" * 9 + "sleep 100000")
        terminal.sees("kind: Deployment")
        terminal.press("\x13")
        terminal.sees(f"Deploy {name}?", "y do it")
        terminal.press("y")
        terminal.sees("1/1", f"{name} is up: 1/1 ready")
        terminal.press("/")
        terminal.sees("text, /re/, !not")
        terminal.press(f"{name}\r")
        # The line is closed: what is typed before that is still its own.
        terminal.sees(f"/{name} ")
        terminal.until(lambda: "│" in terminal.screen.display[-2], "the list down to the footer")

        # Pause and boot
        terminal.press("p")
        terminal.sees(f"Pause {name}?", "spec.replicas: 1 → 0")
        terminal.press("y")
        terminal.sees("paused", "b boot")
        terminal.press("b")
        terminal.sees(f"Boot {name}?")
        terminal.press("y")
        terminal.sees(f"{name} is up: 1/1 ready")
        # Scale
        terminal.press("s")
        terminal.sees("How many replicas")
        terminal.press("2\r")
        terminal.sees(f"Scale {name}?", "spec.replicas: 1 → 2")
        terminal.press("y")
        terminal.sees(f"{name} is up: 2/2 ready")
        # A bad image, and back
        terminal.press("i")
        terminal.sees(f"Image of {name}")
        terminal.press("busybox:0.0\r")
        terminal.sees(f"Image {name}?")
        terminal.press("y")
        # The release is there once the controller has made it: before, there is none to go back to.
        terminal.sees("2 busybox:0.0")
        terminal.press("z")
        terminal.sees("go back to", IMAGE)
        terminal.press("\r")
        terminal.sees(f"Rollback {name}?")
        terminal.press("y")
        terminal.sees(f"{name} is up: 2/2 ready")
        # Delete and undo
        terminal.press("\x04")
        terminal.sees(f"Delete {name}?", "Undo makes it again")
        terminal.press("y")
        terminal.sees("is gone after")
        terminal.press("u")
        terminal.sees(f"Undo {name}?", "again as it was")
        terminal.press("y")
        terminal.sees(f"{name} is up: 2/2 ready")
        # The journal
        terminal.press("a")
        terminal.sees("Activity (", "deploy", "pause", "boot", "scale", "image", "rollback", "undo")
        terminal.press("\x1b")
        terminal.sees("Apps (")
        # And away with it
        terminal.press("\x04")
        terminal.sees(f"Delete {name}?")
        terminal.press("y")
        terminal.sees("is gone after")
        terminal.press("\x03")
        assert terminal.ended() == 0


async def test_nothing_is_sent_before_it_is_confirmed(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.press("G", "p")
        await console.sees("y do it")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        sent = [path for method, path in still_sandbox.requests if method == "PATCH"]
        assert all("dryRun=All" in path for path in sent)


async def test_marked_rows_are_changed_with_one_confirmation(living_sandbox: Sandbox) -> None:
    for name in ("one", "two", "three"):
        living_sandbox.create(
            {
                "kind": "Deployment",
                "metadata": {"name": name},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": {"app": name}},
                    "template": {
                        "metadata": {"labels": {"app": name}},
                        "spec": {
                            "containers": [
                                {"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}
                            ]
                        },
                    },
                },
            },
            "default",
        )
    async with console_on(living_sandbox, namespace="default") as console:
        await console.sees("Apps (3)")
        await console.press("space", "space", "space")
        await console.sees("3 marked")
        await console.press("p")
        await console.sees("Pause 3 objects?", "s a failure stops the rest")
        await console.press("y")
        await console.sees("All 3 are as they should be", "u takes all of it back.")
        await console.until(
            lambda: all(
                living_sandbox.get("Deployment", "default", name)["spec"]["replicas"] == 0
                for name in ("one", "two", "three")
            )
        )
        await console.press("escape", "u")
        await console.sees("Undo 3 objects?")
        await console.press("y")
        await console.until(
            lambda: all(
                living_sandbox.get("Deployment", "default", name)["spec"]["replicas"] == 1
                for name in ("one", "two", "three")
            )
        )


async def test_a_form_says_what_is_wrong_while_it_is_filled_in(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, place=Place("crons")) as console:
        await console.press("n")
        await console.sees("New cron job")
        await console.press(*"Bad")
        await console.sees("lower-case letters, digits and -")
        await console.press("tab", "tab", "tab")
        for key in "every weekday at 9":
            await console.press("space" if key == " " else key)
        await console.sees("= 0 9 * * 1-5 (from plain words)")
        await console.press("ctrl+t")
        await console.sees("Africa/Abidjan")
        await console.press(*"Berlin", "enter")
        await console.sees("Europe/Berlin")
        await console.press("escape")
        await console.sees("Cron jobs")


async def test_where_the_name_has_to_be_typed_no_key_will_do(still_sandbox: Sandbox) -> None:
    guard = GuardConfig(confirm="type-the-name")
    config = Config(contexts={"sandbox": ContextConfig(guard=guard)})
    async with console_on(still_sandbox, config=config) as console:
        await console.press("G", "p")
        await console.sees("type web to confirm")
        await console.press("y", "enter")
        await console.sees("That is not web.")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        sent = [path for method, path in still_sandbox.requests if method == "PATCH"]
        assert all("dryRun=All" in path for path in sent)


async def test_what_was_done_and_what_not_is_said_when_one_of_several_fails(
    living_sandbox: Sandbox,
) -> None:
    names = ("aa", "bb", "cc")
    for name in names:
        pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
        living_sandbox.create(
            {
                "kind": "Deployment",
                "metadata": {"name": name},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": {"app": name}},
                    "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
                },
            },
            "kube-public",
        )
    async with console_on(living_sandbox, namespace="kube-public") as console:
        await console.sees("Apps (3)")
        await console.press("space", "space", "space")
        await console.sees("3 marked")
        await console.press("p")
        await console.sees("Pause 3 objects?")
        living_sandbox.inject(
            Reset(verb="patch", resource="deployments", namespace="kube-public", times=1)
        )
        await console.press("y")
        await console.sees(
            "0 of 3 are changed.", "the object shows no change", "Not tried any more"
        )
        assert living_sandbox.get("Deployment", "kube-public", "cc")["spec"]["replicas"] == 1


async def test_marked_apps_are_deleted_with_what_is_theirs(living_sandbox: Sandbox) -> None:
    namespace = "marked"
    living_sandbox.create({"kind": "Namespace", "metadata": {"name": namespace}}, "")
    for name in ("aa", "bb"):
        labels = {"app": name}
        pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        specs = {
            "Deployment": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": template,
            },
            "Service": {"selector": labels, "ports": [{"port": 80}]},
        }
        for kind, spec in specs.items():
            living_sandbox.create(
                {"kind": kind, "metadata": {"name": name}, "spec": spec}, namespace
            )
    async with console_on(living_sandbox, namespace=namespace) as console:
        await console.sees("Apps (2)")
        await console.press("space", "space", "ctrl+d")
        await console.sees("Delete 2 objects?", "[x] Service aa", "[x] Service bb", "aa: sends to")
        await console.press("j", "space")
        await console.sees("[x] Service aa", "[ ] Service bb")
        await console.press("y")
        await console.until(lambda: not living_sandbox.objects("Deployment", namespace))
        await console.until(
            lambda: (
                [one["metadata"]["name"] for one in living_sandbox.objects("Service", namespace)]
                == ["bb"]
            )
        )


async def test_pods_that_would_keep_their_release_are_offered(living_sandbox: Sandbox) -> None:
    namespace = "kept"
    living_sandbox.create({"kind": "Namespace", "metadata": {"name": namespace}}, "")
    make_on_delete(living_sandbox, namespace)
    async with console_on(living_sandbox, namespace=namespace) as console:
        await console.sees("2/2")
        await console.press("r")
        await console.sees(
            "Restart db?",
            "Kubernetes replaces no pod by itself (OnDelete)",
            "Pods that would stay as they are, deleted too where ticked",
            "[ ] Pod db-0",
            "[ ] Pod db-1",
            "j k space which pods go",
        )
        first, second = (one["metadata"]["uid"] for one in living_sandbox.objects("Pod", namespace))
        await console.press("a")
        await console.sees("[x] Pod db-0", "[x] Pod db-1")
        await console.press("a")
        await console.sees("[ ] Pod db-0", "[ ] Pod db-1")
        await console.press("j", "space", "y")
        await console.sees("db is up: 2/2 ready", "1 pod keeps the former release")
        now = [one["metadata"]["uid"] for one in living_sandbox.objects("Pod", namespace)]
        assert first in now
        assert second not in now


async def test_a_wait_that_is_given_up_leaves_it_unconfirmed(living_sandbox: Sandbox) -> None:
    namespace = "unconfirmed"
    living_sandbox.create({"kind": "Namespace", "metadata": {"name": namespace}}, "")
    labels = {"app": "late"}
    template = {
        "metadata": {"labels": labels, "annotations": {BEHAVIOUR: "unready"}},
        "spec": {"containers": [{"name": "main", "image": IMAGE}]},
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    living_sandbox.create(
        {"kind": "Deployment", "metadata": {"name": "late"}, "spec": spec}, namespace
    )
    async with console_on(living_sandbox, namespace=namespace) as console:
        await console.sees("Apps (1)")
        await console.press("b")
        await console.sees("How many replicas")
        await console.press("enter")
        await console.sees("Boot late?")
        await console.press("y")
        await console.sees("0/1 ready", "esc stops watching")
        await console.press("escape")
        await console.sees("Applied, not yet confirmed.")


def make_on_delete(sandbox: Sandbox, namespace: str) -> None:
    """Make a StatefulSet of two pods that are replaced only when they are deleted."""
    labels = {"app": "db"}
    pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
    spec = {
        "replicas": 2,
        "serviceName": "db",
        "selector": {"matchLabels": labels},
        "updateStrategy": {"type": "OnDelete"},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    sandbox.create({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec}, namespace)


async def test_the_image_of_an_init_container_can_be_chosen(living_sandbox: Sandbox) -> None:
    main = {"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}
    migrate = {"name": "migrate", "image": IMAGE, "command": ["true"]}
    living_sandbox.create(
        {
            "kind": "Deployment",
            "metadata": {"name": "with-init"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "with-init"}},
                "template": {
                    "metadata": {"labels": {"app": "with-init"}},
                    "spec": {"containers": [main], "initContainers": [migrate]},
                },
            },
        },
        "kube-system",
    )
    async with console_on(living_sandbox, (120, 40), namespace="kube-system") as console:
        await console.sees("Apps (1)")
        await console.press("i")
        await console.sees("migrate", f"init container  {IMAGE}")
        await console.press("down", "enter")
        await console.sees("Image of with-init, container migrate:")
        await console.press("end", "x", "enter")
        await console.sees("Change the image of init container migrate of with-init")


async def test_a_volume_that_comes_back_is_said_to_be_empty(living_sandbox: Sandbox) -> None:
    namespace = "volumes"
    living_sandbox.create({"kind": "Namespace", "metadata": {"name": namespace}}, "")
    pod = {
        "containers": [{"name": "main", "image": IMAGE}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    specs = {
        "PersistentVolumeClaim": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
        "Deployment": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod},
        },
    }
    for kind, spec in specs.items():
        living_sandbox.create({"kind": kind, "metadata": {"name": "data"}, "spec": spec}, namespace)
    async with console_on(living_sandbox, (180, 40), namespace=namespace) as console:
        await console.sees("Apps (1)")
        await console.press("ctrl+d")
        await console.sees("[ ] PersistentVolumeClaim data")
        await console.press("space", "y")
        await console.sees("u takes all of it back, but volumes come back empty.")
        await console.press("escape", "u")
        await console.sees("Undo 2 objects?", "IT COMES BACK EMPTY, for its volume")
        await console.press("y")
        await console.sees("data: It is empty, for its volume")
