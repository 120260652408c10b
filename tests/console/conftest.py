"""Consoles for tests: the real app on a sandbox whose clock stands still."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from leviathan_sandbox import ManualClock, Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.session import Session
from leviathan_tui.console.app import LeviathanApp

CLOCK = ManualClock()

KEY_NAMES = {" ": "space", ":": "colon", "/": "slash"}
"""What Textual calls the keys of these characters."""


@pytest.fixture(autouse=True)
def _same_time_zone_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def still_sandbox() -> Iterator[Sandbox]:
    """The demo's fleet, in which nothing changes."""
    with Sandbox(live=False, clock=CLOCK) as sandbox:
        yield sandbox


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    """The demo's fleet for a test that changes it."""
    with Sandbox(live=False, clock=CLOCK) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def living_sandbox() -> Iterator[Sandbox]:
    """A sandbox with nothing in it, whose pods start at once."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        yield sandbox
        assert sandbox.failures == []


class Console:
    """A running console and what a test does with it."""

    def __init__(self, app: LeviathanApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Let the console go on until a condition is true; return its value."""
        end = time.monotonic() + 60.0
        while not (value := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"{what or 'the condition'} was never met:\n{self.text()}")
            await self.pilot.pause(0.02)
        return value

    async def press(self, *keys: str) -> None:
        """Press keys and let them take effect."""
        await self.pilot.press(*keys)
        await self.until(lambda: not self.app._waiting, "the keys are taken")
        await self.pilot.pause()

    async def burst(self, *keys: str, turns: int = 0) -> None:
        """Let keys arrive together, as from a slow link, each so many turns of the loop behind the last."""
        for key in keys:
            named = KEY_NAMES.get(key, key)
            self.app.post_message(events.Key(named, key if len(key) == 1 else None))
            for _ in range(turns):
                await asyncio.sleep(0)

    def text(self) -> str:
        """Return what is on the screen."""
        width, height = self.app.size
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip()[:width] for strip in lines[:height])

    async def sees(self, *texts: str) -> str:
        """Wait until all the texts are on the screen; return the screen."""
        await self.until(lambda: all(text in self.text() for text in texts), f"{texts} on screen")
        return self.text()


@asynccontextmanager
async def console_on(
    sandbox: Sandbox,
    size: tuple[int, int] = (120, 40),
    place: Place | None = None,
    config: Config | None = None,
    namespace: str = "",
    keymap: dict[str, str] | None = None,
    clock: Callable[[], float] = CLOCK.time,
) -> AsyncIterator[Console]:
    """Run the console on a sandbox."""
    merged = kubeconfig.from_document(sandbox.kubeconfig())
    target = kubeconfig.resolve(merged)
    cluster = Cluster(target, clock=clock)
    cluster.start((place or Place("apps")).view, namespace)
    session = Session(
        target, merged, cluster, namespace, config or Config(steady_seconds=0.2), clock
    )
    app = LeviathanApp(session, place or Place("apps"), keymap)
    try:
        async with app.run_test(size=size) as pilot:
            console = Console(app, pilot)
            await console.until(
                lambda: (
                    app.store.connection.status(clock()).freshness is Freshness.LIVE
                    and app.store.measured
                ),
                "live",
            )
            await pilot.pause()
            yield console
    finally:
        app.session.stop()
