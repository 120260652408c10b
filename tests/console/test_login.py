"""The console's login on a sandbox that trusts the auth server, with keys only."""

import base64
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from textual import events

from authserver import totp
from leviathan_sandbox import Issuer, ManualClock, Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config, ContextConfig, Loaded
from leviathan_tui.backend.identity.auth_client import AuthClient
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.session import Session
from leviathan_tui.console.app import LeviathanApp
from leviathan_tui.screens.login import LoginScreen
from leviathan_tui.startup import make_session
from tests.backend.identity.conftest import PASSWORD, AuthServer
from tests.console.conftest import Console

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthServer]:
    """An auth server with alice and dave in viewers, bob in operators and carol in shop."""
    server = AuthServer(tmp_path_factory.mktemp("login"))
    for name, group in (("bob", "operators"), ("carol", "shop"), ("dave", "viewers")):
        server.command("user", "add", name, "--groups", group, typed=f"{PASSWORD}\n{PASSWORD}\n")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def trusting(auth: AuthServer) -> Iterator[Sandbox]:
    """A sandbox that trusts it, in which the group shop may read one namespace."""
    # It stands still, but at the present time: tokens tell the real one.
    clock = ManualClock(time.time())
    with Sandbox(live=False, clock=clock, issuer=Issuer(auth.url, "leviathan")) as sandbox:
        sandbox.create(
            {
                "kind": "RoleBinding",
                "metadata": {"name": "shop", "namespace": "shop"},
                "roleRef": {"kind": "ClusterRole", "name": "view"},
                "subjects": [{"kind": "Group", "name": "leviathan:shop"}],
            }
        )
        yield sandbox


@asynccontextmanager
async def console_at_login(
    sandbox: Sandbox,
    auth: AuthServer,
    namespace: str = "",
    namespaces: tuple[str, ...] = (),
    kubeconfig_user: dict[str, Any] | None = None,
) -> AsyncIterator[Console]:
    """Run the console as it is run where the kubeconfig has no credential of its own."""
    document = sandbox.kubeconfig()
    document["users"][0]["user"] = kubeconfig_user or {}
    merged = kubeconfig.from_document(document)
    own = ContextConfig(namespaces=namespaces, audience="leviathan")
    config = Config(auth=auth.url, contexts={"sandbox": own})
    loaded = Loaded(config, Path("config.yaml"), {})

    def open_session(context: str, as_kubeconfig: bool) -> Session:
        target = kubeconfig.resolve(merged, context)
        return make_session(target, merged, loaded, namespace, "apps", as_kubeconfig=as_kubeconfig)

    session = open_session("", False)
    app = LeviathanApp(session, Place("apps"), switch=open_session)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            yield Console(app, pilot)
    finally:
        app.session.cluster.stop()


async def log_in(console: Console, name: str, password: str = PASSWORD) -> None:
    """Answer the dialog."""
    await console.until(lambda: isinstance(console.app.screen, LoginScreen), "the login dialog")
    await console.sees("Log in at")
    await console.press(*name, "enter", *password, "enter")


async def test_the_box_opens_by_itself_and_names_what_is_wrong(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth) as console:
        await console.sees("Log in at", "You are not logged in.", "nobody@oidc")
        await console.press(*"alice", "enter", *"not the password", "enter")
        screen = await console.sees("is wrong")
        assert "not the password" not in screen
        await console.press(*PASSWORD, "enter")
        await console.sees("Apps (24)", "alice@oidc", "● live", "Logged in as alice.")
        assert not isinstance(console.app.screen, LoginScreen)


async def test_who_am_i_shows_groups_and_rules(trusting: Sandbox, auth: AuthServer) -> None:
    async with console_at_login(trusting, auth) as console:
        await log_in(console, "alice")
        await console.sees("alice@oidc", "● live")
        await console.press("colon", *"whoami", "enter")
        screen = await console.sees(
            "leviathan:alice", "leviathan:viewers", "system:authenticated", "What you may do"
        )
        assert "get, list, watch" in screen
        assert "deployments, statefulsets" in screen
        assert "delete" not in screen
        await console.press("escape")
        await console.sees("Apps (24)")


async def test_logging_out_asks_again_and_keeps_no_rows(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth) as console:
        await log_in(console, "alice")
        await console.sees("Apps (24)", "alice@oidc")
        await console.press("colon", *"logout", "enter")
        await console.sees("Log in at", "You are not logged in.", "nobody@oidc")
        assert not console.app.store.rows("apps")
        # Somebody else, in the same console.
        await log_in(console, "bob")
        await console.sees("Apps (24)", "bob@oidc", "● live")


async def test_a_saved_session_needs_no_login(trusting: Sandbox, auth: AuthServer) -> None:
    async with console_at_login(trusting, auth) as console:
        await log_in(console, "alice")
        await console.sees("alice@oidc", "● live")
    async with console_at_login(trusting, auth) as console:
        await console.sees("Apps (24)", "alice@oidc", "● live")
        assert not isinstance(console.app.screen, LoginScreen)


async def test_only_what_may_be_read_is_shown(trusting: Sandbox, auth: AuthServer) -> None:
    async with console_at_login(trusting, auth, namespaces=("shop",)) as console:
        await log_in(console, "carol")
        await console.sees("carol@oidc", "billing")
        shown = {row.namespace for row in console.app.store.rows("apps").values()}
        assert shown == {"shop"}
        await console.press("colon", *"nodes", "enter")
        await console.sees("Nodes (0)", 'You may not read these: nodes is forbidden: User "levia')
        await console.press("colon", *"whoami", "enter")
        await console.sees("leviathan:shop", "What you may do")


async def test_who_may_read_nothing_is_told_so_and_not_asked_to_log_in_again(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth, namespace="data") as console:
        await log_in(console, "carol")
        await console.sees(
            "refused", "Apps (0)", "You may not read these: deployments.apps is forb"
        )
        assert console.app.session.identity == "carol@oidc"
        assert not isinstance(console.app.screen, LoginScreen)


async def test_turning_away_leaves_the_screen_and_the_command_asks_anew(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth) as console:
        await console.sees("Log in at")
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, LoginScreen))
        await console.sees("nobody@oidc", "You are not logged in.")
        await console.press("colon", *"login", "enter")
        await log_in(console, "alice")
        await console.sees("Apps (24)", "alice@oidc")


async def test_the_kubeconfigs_own_user_can_be_used_instead(
    trusting: Sandbox, auth: AuthServer
) -> None:
    own = {"token": trusting.token}
    async with console_at_login(trusting, auth, kubeconfig_user=own) as console:
        await console.sees("Log in at")
        await console.press("f2")
        await console.sees("Apps (24)", "sandbox@kubeconfig", "● live")


async def test_a_server_that_is_away_is_named(trusting: Sandbox, auth: AuthServer) -> None:
    auth.stop()
    try:
        async with console_at_login(trusting, auth) as console:
            await log_in(console, "alice")
            await console.sees(f"The auth server {auth.url} does not answer")
            auth.start()
            # Nothing was wrong with what was typed, so it is there still.
            await console.press("enter")
            await console.sees("Apps (24)", "alice@oidc")
    finally:
        auth.stop()
        auth.start()


async def test_keys_typed_before_the_box_is_there_are_taken(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth) as console:
        await console.sees("Log in at")
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, LoginScreen))

        async def open_and_type() -> None:
            # All of it is on its way while the dialog opens, as on a slow link.
            console.app.ask_login()
            await console.burst(*"alicf", "backspace", "e", "enter", *PASSWORD, "enter")

        console.app.call_next(open_and_type)
        await console.sees("Apps (24)", "alice@oidc", "● live")


async def test_a_pasted_password_may_end_with_a_line_feed(
    trusting: Sandbox, auth: AuthServer
) -> None:
    async with console_at_login(trusting, auth) as console:
        await console.sees("Log in at")
        await console.press(*"alice", "enter")
        console.app.post_message(events.Paste(PASSWORD + "\n"))
        await console.press("enter")
        await console.sees("Apps (24)", "alice@oidc")


async def enrol(auth: AuthServer, name: str) -> str:
    """Set up a second factor; return the code that is good next."""
    grant = await AuthClient(auth.url).login(name, PASSWORD, "leviathan-auth")
    headers = {"Authorization": f"Bearer {grant.access_token}"}
    async with httpx.AsyncClient(base_url=auth.url, headers=headers) as client:
        answer = await client.post("/totp/enrol", json={"password": PASSWORD})
        text = answer.json()["secret"]
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
        step = int(time.time()) // totp.PERIOD
        body = {"code": totp.code(secret, step)}
        assert (await client.post("/totp/confirm", json=body)).status_code == 204
    return totp.code(secret, step + 1)


async def test_a_second_factor_is_asked_for(trusting: Sandbox, auth: AuthServer) -> None:
    code = await enrol(auth, "dave")
    async with console_at_login(trusting, auth) as console:
        await console.sees("Log in at")
        assert "Code" not in console.text()
        await console.press(*"dave", "enter", *PASSWORD, "enter")
        await console.sees("Code")
        await console.press(*code, "enter")
        await console.sees("Apps (24)", "dave@oidc", "● live")
