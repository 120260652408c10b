"""The main screens as pictures, at 80×24 and 120×40. `pytest --snapshot-update` draws them anew."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from leviathan_sandbox import Sandbox
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config
from leviathan_tui.backend.fleet.cluster import Cluster
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.session import Session
from leviathan_tui.console.app import LeviathanApp
from tests.console.conftest import CLOCK

SHOTS: dict[str, tuple[Place, tuple[str, ...], Config]] = {
    "apps": (Place("apps"), (), Config()),
    "apps-light": (Place("apps"), (), Config(theme="light")),
    "crons": (Place("crons"), (), Config()),
    "schedule": (Place("schedule"), (), Config()),
    "pods": (Place("pods"), (), Config()),
    "app": (Place("apps"), ("enter",), Config()),
    "yaml": (Place("nodes"), ("y",), Config()),
    "explain": (Place("apps", filter="billing"), ("x",), Config()),
    "help": (Place("help"), (), Config()),
    "palette": (Place("apps"), ("colon", "n", "s"), Config()),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SHOTS)
def test_picture(
    still_sandbox: Sandbox, snap_compare: Callable[..., bool], name: str, size: tuple[int, int]
) -> None:
    place, keys, config = SHOTS[name]
    merged = kubeconfig.from_document(still_sandbox.kubeconfig())
    target = kubeconfig.resolve(merged)
    cluster = Cluster(target, clock=CLOCK.time)
    cluster.start(place.view, "")
    app = LeviathanApp(Session(target, merged, cluster, "", config, CLOCK.time), place)

    async def ready(pilot: Pilot[Any]) -> None:
        await _settled(app, pilot)
        if keys:
            await pilot.press(*keys)
            await _settled(app, pilot)
            for field in app.screen.query(Input):
                # A cursor that blinks is on every other picture only.
                field.cursor_blink = False
            await _settled(app, pilot)

    try:
        assert snap_compare(app, terminal_size=size, run_before=ready)
    finally:
        app.session.stop()


async def _settled(app: LeviathanApp, pilot: Pilot[Any]) -> None:
    """Wait until all is live, nothing is being asked, and the picture stays the same."""
    end = time.monotonic() + 60.0
    still = 0
    before = ""
    while still < 8:
        if time.monotonic() > end:
            raise AssertionError("the screen never came to rest")
        await pilot.pause(0.05)
        live = app.store.connection.status(CLOCK.time()).freshness is Freshness.LIVE
        now = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        busy = (
            bool(app._waiting)
            or any(worker.is_running for worker in app.workers)
            or "Reading …" in now
        )
        # What nobody looks at is worked out once a second, and counted in the header after that.
        owed = any(app.store._dirty.values()) or any(app.store._gone.values())
        at_rest = live and app.store.measured and not busy and not owed
        still = still + 1 if at_rest and now == before else 0
        before = now
        await asyncio.sleep(0)
