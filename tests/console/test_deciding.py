"""While a change is tried, asked about and sent: what keys do then, and what is said of the rest."""

from leviathan_sandbox import Sandbox, Slow
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.session import Session
from leviathan_tui.screens.confirm import ConfirmScreen
from tests.console.conftest import console_on

IMAGE = "busybox:1.36"


async def test_a_key_pressed_twice_asks_once_and_no_answer_comes_before_its_question(
    own_sandbox: Sandbox,
) -> None:
    place = Place("crons", filter="gdpr-purge")
    async with console_on(own_sandbox, place=place) as console:
        await console.sees("Cron jobs (1 of 13)")
        runs = len(own_sandbox.objects("Job", "data"))
        await console.burst("t", "t", "y", "y", "enter")
        await console.sees("Run gdpr-purge?", "y do it")
        await console.press("enter")
        dialogs = [one for one in console.app.screen_stack if isinstance(one, ConfirmScreen)]
        assert len(dialogs) == 1
        assert len(own_sandbox.objects("Job", "data")) == runs
        await console.press("escape")
        await console.sees("Nothing was changed.")
        assert console.app.place.view == "crons"
        await console.burst("t")
        await console.sees("Run gdpr-purge?")
        await console.press("y")
        await console.until(lambda: len(own_sandbox.objects("Job", "data")) == runs + 1)


async def test_escape_gives_up_what_the_cluster_is_still_trying(
    own_sandbox: Sandbox,
) -> None:
    slow = own_sandbox.inject(Slow(verb="patch", seconds=60.0))
    async with console_on(own_sandbox) as console:
        await console.sees("Apps (24)")
        await console.press("G", "p")
        await console.sees("Asking the cluster to try it")
        await console.press("r", "j")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        own_sandbox.remove(slow)
        await console.press("p")
        await console.sees("Pause ")


async def test_escape_gives_up_an_action_whose_object_does_not_come(own_sandbox: Sandbox) -> None:
    slow = own_sandbox.inject(Slow(verb="get", resource="deployments", seconds=3600.0))
    async with console_on(own_sandbox) as console:
        await console.sees("Apps (24)")
        await console.press("G", "i")
        await console.until(lambda: console.app.plans.undecided is not None, "the action")
        await console.press("escape")
        await console.sees("Nothing was changed.")
        own_sandbox.remove(slow)
        await console.press("i")
        await console.sees("Image of web")


async def test_the_context_stays_while_something_is_sent(own_sandbox: Sandbox) -> None:
    def switch(name: str, as_kubeconfig: bool) -> Session:
        raise AssertionError("the context was changed")

    async with console_on(own_sandbox) as console:
        console.app._switch = switch
        await console.sees("Apps (24)")
        await console.press("G", "p")
        await console.sees("y do it")
        slow = own_sandbox.inject(Slow(verb="patch", dry_run=False, seconds=3600.0))
        await console.press("y")
        await console.until(lambda: console.app.plans.sending is not None, "the request")
        console.app.use_context("other")
        await console.sees("Not yet: web is being changed here.")
        own_sandbox.remove(slow)


async def test_what_was_left_out_is_still_said_when_the_rest_is_true(
    living_sandbox: Sandbox,
) -> None:
    pod = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "100000"]}]}
    for kind in ("Deployment", "DaemonSet"):
        living_sandbox.create(
            {
                "kind": kind,
                "metadata": {"name": f"a-{kind.lower()}"},
                "spec": {
                    "selector": {"matchLabels": {"app": kind}},
                    "template": {"metadata": {"labels": {"app": kind}}, "spec": pod},
                },
            },
            "kube-node-lease",
        )
    async with console_on(living_sandbox, (160, 40), namespace="kube-node-lease") as console:
        await console.sees("Apps (2)")
        await console.press("space", "space", "p")
        await console.sees("Pause 1 of 2 objects?", "1 left out:")
        await console.press("y")
        await console.sees("1 of 2 are as they should be", "1 left out.")
        await console.press("escape", "g", "s")
        await console.sees("Not scaled: a-daemonset is a DaemonSet")
        await console.press("g", "space", "space", "s")
        await console.sees("How many replicas for a-deployment?")
        await console.press("backspace", "2", "enter")
        await console.sees("Scale 1 of 2 objects?", "1 left out:", "a-daemonset is a DaemonSet")
