"""When the screen shows what a credential plugin says."""

import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from leviathan_tui.backend.kube import plugins
from leviathan_tui.backend.kube.plugin_run import Run
from leviathan_tui.screens.base import BaseScreen

if TYPE_CHECKING:
    from leviathan_tui.screens.plugin import PluginScreen

AT_ONCE: Final = 1.0
"""Seconds after which a plugin's words are shown; one that is done by then needs nobody."""

SILENT: Final = 5.0
"""Seconds after which a plugin is shown that says nothing: its user may want to end it."""


class Host(Protocol):
    """What the boxes need of the app."""

    @property
    def screen(self) -> Any:
        """The screen on top."""

    def push_screen(self, screen: "PluginScreen", callback: Any) -> Any:
        """Show a screen on top of the others."""

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a line for a moment."""

    def refresh_now(self) -> None:
        """Ask the cluster again."""


class PluginBoxes:
    """Shows each run once that waits for somebody, or that fails for the first time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._shown: WeakSet[Run] = WeakSet()

    def look(self) -> None:
        """Show a run where there is one to be shown; another dialog comes first."""
        if not isinstance(self._host.screen, BaseScreen):
            return
        for run in plugins.runs():
            if run not in self._shown and _concerns_the_user(run):
                self._shown.add(run)
                self._show(run)
                return

    def _show(self, run: Run) -> None:
        from leviathan_tui.screens.plugin import AGAIN, ENDED, PluginScreen

        def closed(result: str | None) -> None:
            if result == ENDED:
                self._host.say(f"Ended; ctrl+r runs it again: {run.path}")
            elif result == AGAIN:
                self._host.refresh_now()

        self._host.push_screen(PluginScreen(run), closed)


def _concerns_the_user(run: Run) -> bool:
    if run.done:
        return run.failures == 1 and bool(run.words)
    return time.monotonic() - run.began > (AT_ONCE if run.words else SILENT)
