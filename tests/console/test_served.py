"""A console that several people use one after another, under one account of the machine."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import ManualClock, Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.identity.auth_client import AuthClient
from leviathan_tui.screens.editor import EditorScreen
from leviathan_tui.screens.login import LoginScreen
from tests.backend.identity.conftest import PASSWORD, AuthServer
from tests.backend.snapshots.guarded import GuardedRedis
from tests.console import test_login
from tests.console.served import Pod, issuer, log_in

NAMESPACE = "default"


@pytest.fixture(scope="module")
def auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthServer]:
    """An auth server with bob and carol in operators, and dana in shop.

    Others' entries in the journal are for admins only.
    """
    server = AuthServer(tmp_path_factory.mktemp("served"))
    with (server.folder / "config.yaml").open("a") as config:
        config.write("journal:\n  members: [admins]\n")
    for name, group in (("bob", "operators"), ("carol", "operators"), ("dana", "shop")):
        server.command("user", "add", name, "--groups", group, typed=f"{PASSWORD}\n{PASSWORD}\n")
    server.stop()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(auth: AuthServer) -> Iterator[Sandbox]:
    """The demo's fleet, which trusts that server and stands still at the present time.

    The group shop may read the namespace shop, and what namespaces and nodes there are.
    """
    with Sandbox(live=False, clock=ManualClock(time.time()), issuer=issuer(auth)) as sandbox:
        group = [{"kind": "Group", "name": "leviathan:shop"}]
        rule = {"apiGroups": [""], "resources": ["namespaces", "nodes"], "verbs": ["list", "watch"]}
        sandbox.create({"kind": "ClusterRole", "metadata": {"name": "looker"}, "rules": [rule]})
        for kind, place, role in (
            ("RoleBinding", {"namespace": "shop"}, "view"),
            ("ClusterRoleBinding", {}, "looker"),
        ):
            sandbox.create(
                {
                    "kind": kind,
                    "metadata": {"name": "shop", **place},
                    "roleRef": {"kind": "ClusterRole", "name": role},
                    "subjects": group,
                }
            )
        yield sandbox


@pytest.fixture
def pod(tmp_path: Path, cluster: Sandbox, auth: AuthServer) -> Pod:
    return Pod(tmp_path, cluster.kubeconfig(), auth.url)


@pytest.fixture
def app(cluster: Sandbox) -> str:
    """An app with one replica that nobody else changes."""
    name = f"mine-{secrets.token_hex(3)}"
    cluster.create(
        {
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]},
                },
            },
        },
        NAMESPACE,
    )
    return name


def replicas(cluster: Sandbox, name: str) -> int:
    count: int = cluster.get("Deployment", NAMESPACE, name)["spec"]["replicas"]
    return count


def test_two_people_one_after_the_other_share_nothing(
    pod: Pod, cluster: Sandbox, auth: AuthServer, app: str
) -> None:
    logouts = auth.audited("logout")
    with pod.terminal("-A") as terminal:
        log_in(terminal, "bob")
        terminal.press(f"/{app}\r")
        terminal.sees("Apps (1 of ")
        terminal.press("s")
        terminal.sees("How many replicas")
        terminal.press("3\r")
        terminal.sees(f"Scale {app}?")
        terminal.press("y")
        terminal.until(lambda: replicas(cluster, app) == 3, "three replicas")
        terminal.press("a")
        terminal.sees("Activity (1)", "bob", "scale", "done")
        terminal.press(f":apps /{app}\r")
        terminal.sees("Apps (1 of ")
        terminal.press("l")
        terminal.sees("Logs")
        terminal.press("\x13")
        terminal.sees("Not saved: this console is served to several people and writes no files.")
        terminal.press("\x03")
        assert terminal.ended() == 0
    assert auth.audited("logout") == logouts + 1
    with pod.terminal("-A") as terminal:
        terminal.sees("Log in at", "nobody@oidc")
        assert "bob" not in terminal.text
        log_in(terminal, "carol")
        terminal.press("u")
        terminal.sees("There is nothing of yours to take back.")
        terminal.press("a")
        terminal.sees("Activity (0)", "Nothing was changed here yet.")
        terminal.press("\x03")
        assert terminal.ended() == 0
    assert replicas(cluster, app) == 3
    # The first comes again, and takes it back from what the team's journal has.
    with pod.terminal("-A") as terminal:
        log_in(terminal, "bob")
        terminal.press("a")
        terminal.sees("Activity (1)", "scale", "done")
        terminal.press("u")
        terminal.sees(f"Undo {app}?", "spec.replicas: 3 → 1")
        terminal.press("y")
        terminal.until(lambda: replicas(cluster, app) == 1, "one replica")
        terminal.press("\x03")
        assert terminal.ended() == 0
    assert pod.written() == {}


@pytest.mark.parametrize("drawn", [True, False])
def test_a_terminal_that_goes_away_ends_the_session(
    pod: Pod, auth: AuthServer, drawn: bool
) -> None:
    logouts = auth.audited("logout")
    with pod.terminal("-A", size=(200, 60)) as terminal:
        log_in(terminal, "bob")
        if not drawn:
            # Each of these draws the whole screen, and nobody reads it.
            for _ in range(60):
                terminal.press("\t")
        os.kill(terminal.pid, signal.SIGHUP)
        terminal.wait_gone(reading=drawn)
    assert auth.audited("logout") == logouts + 1
    assert pod.written() == {}


async def test_nothing_is_changed_that_the_team_is_not_told_of_first(
    pod: Pod, cluster: Sandbox, auth: AuthServer, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.changes.team_first.RETRY_DELAY", 0.05)
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        await console.press("slash", *app, "enter", "p")
        await console.sees(f"Pause {app}?")
        auth.stop()
        try:
            await console.press("y")
            await console.sees("nothing was sent, for the team's journal is away", "journal lags")
            assert replicas(cluster, app) == 1
        finally:
            auth.start()
        await console.until(lambda: "journal lags" not in console.text(), "no lag")
        await console.press("escape", "a")
        await console.sees("Activity (", app, "refused")
        assert replicas(cluster, app) == 1
    assert pod.written() == {}


async def test_an_outcome_that_the_team_misses_is_marked_and_follows(
    pod: Pod, cluster: Sandbox, auth: AuthServer, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.changes.team_first.RETRY_DELAY", 0.05)
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        records = console.app.session.records
        begin = records.begin

        async def begin_and_lose(entry: Any) -> None:
            await begin(entry)
            auth.stop()

        monkeypatch.setattr(records, "begin", begin_and_lose)
        await console.press("slash", *app, "enter", "p")
        await console.sees(f"Pause {app}?")
        try:
            await console.press("y")
            await console.sees("journal lags")
            assert replicas(cluster, app) == 0
            await console.press("a")
            await console.sees("Activity (", app, "done", "does not answer")
        finally:
            auth.start()
        await console.until(lambda: "journal lags" not in console.text(), "no lag")
        entry = (await console.app.session.read_activity())[0]
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        (shared,) = [one for one in await console.app.session.read_activity() if one.id == entry.id]
        assert (shared.shared, shared.outcome) == (True, "done")


async def test_a_console_is_one_persons_to_its_end(pod: Pod, auth: AuthServer) -> None:
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        keeper = console.app.session.keeper
        assert keeper is not None
        saved = keeper.saved()
        assert saved is not None
        await AuthClient(auth.url).logout(saved.refresh_token)
        await keeper.logout()
        console.app.ask_login()
        await console.sees("Log in at", "bob")
        field = console.app.screen.query_one("#user")
        field.value = ""  # type: ignore[attr-defined]
        field.focus()
        await console.press(*"carol", "tab", *PASSWORD, "enter")
        await console.sees("This console was opened by bob")
        assert keeper.saved() is None


async def test_logging_out_leaves_the_console(pod: Pod, auth: AuthServer) -> None:
    logouts = auth.audited("logout")
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        await console.press("colon", *"logout", "enter")
        await console.until(lambda: not console.app.is_running, "the end")
    assert auth.audited("logout") == logouts + 1


async def test_there_is_no_other_identity_than_the_login(pod: Pod) -> None:
    async with pod.console() as console:
        await console.sees("Log in at")
        assert "f2" not in console.text()
        await console.press("f2")
        assert isinstance(console.app.screen, LoginScreen)
        await console.press("escape")
        console.app.use_context("sandbox", as_kubeconfig=True)
        await console.sees("everybody who uses this console would share its credential.")


async def test_another_context_goes_on_with_the_same_login(pod: Pod) -> None:
    async with pod.console() as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        first = console.app.session
        console.app.use_context("sandbox")
        await console.until(lambda: console.app.session is not first)
        await console.sees("bob@oidc", "● live")
        assert not isinstance(console.app.screen, LoginScreen)


async def test_what_would_write_a_file_is_refused_and_not_offered(
    pod: Pod, cluster: Sandbox, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", f"touch {pod.tmp}/edited")
    async with pod.console((160, 40)) as console:
        await test_login.log_in(console, "bob")
        await console.sees("bob@oidc", "● live")
        await console.press("slash", *app, "enter", "e")
        # It is edited all the same, in a dialog of the console.
        await console.until(lambda: isinstance(console.app.screen, EditorScreen), "the editor")
        await console.press("escape")
        await console.press("a")
        await console.sees("Activity")
        await console.press("colon", *"expor")
        await console.until(lambda: ":expor" in console.text() or "expor" in console.text())
        assert "Write the journal to a file" not in console.text()
        await console.press("t", "enter")
        await console.sees("Not exported: this console is served to several people")
        uid = cluster.get("Deployment", NAMESPACE, app)["metadata"]["uid"]
        console.app.open(Place("logs", about=Ref("Deployment", NAMESPACE, app, uid)))
        await console.sees("f filter")
        assert "ctrl-s save" not in console.text()
        await console.press("S")
        await console.sees("Not saved: this console is served to several people")
    assert pod.written() == {}


CRASHES = """
import sys, leviathan_tui.screens.base as base
real = base.BaseScreen.update_header
def broken(self):
    if self.session.actor:
        raise RuntimeError("Bearer abcdefghijklmnop")
    real(self)
base.BaseScreen.update_header = broken
from leviathan_tui.__main__ import main
sys.exit(main())
"""


def test_a_crash_is_reported_on_the_terminal_alone(
    pod: Pod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "start.py"
    script.write_text(CRASHES)
    monkeypatch.setattr("tests.console.terminal.PROGRAM", sys.executable)
    with pod.terminal(str(script), "-A") as terminal:
        terminal.sees("Log in at")
        terminal.press(f"bob\r{PASSWORD}\r")
        assert terminal.ended() == 1
        assert "The console has a defect" in terminal.text
        assert "RuntimeError" in terminal.text
        assert "abcdefghijklmnop" not in terminal.text
    assert pod.written() == {}


async def test_nothing_is_asked_of_the_cluster_before_the_login(pod: Pod, cluster: Sandbox) -> None:
    before = len(cluster.requests)
    async with pod.console((80, 24)) as console:
        await console.sees("Log in at", "○ not logged in", "nobody@oidc")
        await console.press("escape")
        for title, key in (("Apps (0)", "tab"), ("Cron jobs (0)", "tab"), ("Pods (0)", "v")):
            await console.sees(title, "You are not logged in. :login asks for name and password.")
            await console.press(key)
        await console.sees("Schedule (0)", "You are not logged in. :login asks")
        await console.press("a")
        await console.sees("Activity (0)", "The journal cannot be read in full: You are not logged")
        assert "– apps · – crons" in console.text()
    assert cluster.requests[before:] == []


def test_the_last_known_state_is_there_after_the_login_of_its_own_person(
    tmp_path: Path, auth: AuthServer
) -> None:
    place = tmp_path / "redis"
    place.mkdir()
    with (
        GuardedRedis(place) as redis,
        Sandbox(live=False, clock=ManualClock(time.time()), issuer=issuer(auth)) as sandbox,
    ):
        pod = Pod(tmp_path, sandbox.kubeconfig(), auth.url, {"snapshots": redis.url})
        with pod.terminal("-A") as terminal:
            log_in(terminal, "bob")
            terminal.press("\x03")
            assert terminal.ended() == 0
        assert len(redis.lives()) == 9
        assert all(left > 0 for left in redis.lives().values())
        sandbox.stop_serving()
        with pod.terminal("-A") as terminal:
            terminal.sees("Log in at")
            terminal.press(f"carol\r{PASSWORD}\r")
            terminal.sees("offline since", "Apps (0)", "no connection")
            assert "24 apps" not in terminal.text
            terminal.press("\x03")
            terminal.ended()
        with pod.terminal("-A") as terminal:
            terminal.sees("Log in at")
            terminal.press(f"bob\r{PASSWORD}\r")
            terminal.sees("Apps (24)", "offline since")
            terminal.press("\x03")
            terminal.ended()
        assert pod.written() == {}


async def test_who_may_read_one_namespace_is_told_how_to_get_there(pod: Pod) -> None:
    async with pod.console((80, 24)) as console:
        await test_login.log_in(console, "dana")
        # What may not be read is not said to be none, and not said to be well.
        await console.sees(
            "dana@oidc",
            "ns: none allowed",
            "– apps · – crons",
            "You may not read these",
            ":ns NAME",
        )
        assert "failing" not in console.text()
        await console.press("colon", *"svc", "enter")
        await console.sees("Services (0)", "Cannot be read", ":ns NAME")
        await console.press("colon", *"ns", "enter")
        await console.sees("Namespaces (8)", "shop")
        await console.press("colon", *"apps", "space", *"shop", "enter")
        await console.sees("Apps (6)", "ns: shop", "billing")
        await console.press("0")
        # All that may be read, by its name.
        await console.sees("Apps (6)", "ns: shop", "shop ", "billing", "6 apps")
        await console.press("colon", *"nodes", "enter")
        await console.sees("Nodes (", "Ready")


async def test_with_the_namespaces_named_all_that_may_be_read_is_there_at_once(
    tmp_path: Path, cluster: Sandbox, auth: AuthServer
) -> None:
    pod = Pod(tmp_path, cluster.kubeconfig(), auth.url, {"namespaces": ["shop"]})
    async with pod.console() as console:
        await test_login.log_in(console, "dana")
        await console.sees("Apps (6)", "dana@oidc", "ns: shop", "billing")
        for keys, title in (("crons", "Cron jobs (3)"), ("runs", "Runs ("), ("pods", "Pods (")):
            await console.press("colon", *keys, "enter")
            await console.sees(title, "● live")
            assert "You may not" not in console.text()
        # The first number is the context's own namespace.
        await console.press("1")
        await console.sees("Pods (0)", "ns: default", "You may not read these", "– apps · – crons")
        await console.press("2")
        await console.sees("Namespace: shop", "web-")
