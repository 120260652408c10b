"""A console that is served: a home, a configuration and a kubeconfig as a pod has them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from leviathan_sandbox import Issuer
from leviathan_tui.actions.places import Place
from leviathan_tui.backend import config as configuration
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.session import Session
from leviathan_tui.console.app import LeviathanApp
from leviathan_tui.startup import make_session
from tests.backend.identity.conftest import PASSWORD, AuthServer
from tests.console.conftest import Console
from tests.console.terminal import Terminal

SIZE = (120, 40)


class Pod:
    """What the machine has that several people come to, one after another."""

    def __init__(
        self,
        folder: Path,
        document: dict[str, Any],
        auth: str,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """`document` is a kubeconfig, whose users are left out; `auth` the auth server's address."""
        self.home, self.state, self.tmp = (folder / name for name in ("home", "state", "tmp"))
        for made in (self.home, self.state, self.tmp):
            made.mkdir()
        document["users"] = []
        del document["contexts"][0]["context"]["user"]
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(document))
        self.config = folder / "config" / "leviathan" / "config.yaml"
        self.config.parent.mkdir(parents=True)
        named = {"served": True, "auth": auth, "contexts": {"sandbox": {"identity": "oidc"}}}
        self.config.write_text(yaml.safe_dump(named | (settings or {})))

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which people's consoles start here."""
        return {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.config.parents[1]),
            "XDG_STATE_HOME": str(self.state),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TMPDIR": str(self.tmp),
            "KUBECONFIG": str(self.kubeconfig),
        }

    def terminal(self, *words: str, size: tuple[int, int] = SIZE, **more: str) -> Terminal:
        """Open a console in a terminal, as `kubectl exec` does."""
        return Terminal(*words, size=size, environment=self.environment | more)

    def written(self) -> dict[str, bytes]:
        """Return all files that people's consoles may have left, by path."""
        return {
            os.path.join(place, name): Path(place, name).read_bytes()
            for folder in (self.home, self.state, self.tmp)
            for place, _, names in os.walk(folder)
            for name in names
        }

    @asynccontextmanager
    async def console(self, size: tuple[int, int] = SIZE) -> AsyncIterator[Console]:
        """Run a console in this process; what it begins with is what `run_console` does."""
        loaded = configuration.load(path=self.config)
        merged = kubeconfig.load([self.kubeconfig])

        def open_session(context: str, as_kubeconfig: bool) -> Session:
            target = kubeconfig.resolve(merged, context)
            return make_session(
                target, merged, loaded, "", "apps", as_kubeconfig=as_kubeconfig, before=app.session
            )

        first = make_session(kubeconfig.resolve(merged), merged, loaded, "", "apps")
        app = LeviathanApp(first, Place("apps"), switch=open_session)
        try:
            async with app.run_test(size=size) as pilot:
                yield Console(app, pilot)
        finally:
            app.session.stop()
            app.session.leave()


def log_in(terminal: Terminal, name: str) -> None:
    """Answer the dialog."""
    terminal.sees("Log in at")
    terminal.press(f"{name}\r{PASSWORD}\r")
    terminal.sees(f"{name}@oidc", "● live")


def issuer(auth: AuthServer) -> Issuer:
    """Return the auth server as a cluster trusts it."""
    return Issuer(auth.url, "leviathan")
