"""Opening the full screen on a cluster, and ending with the terminal."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from leviathan_tui import gc_tuning
from leviathan_tui.backend.config import ConfigError, Loaded
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube import kubeconfig as kubeconfigs
from leviathan_tui.backend.kube import plugins
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.console.privacy import keep_to_itself
from leviathan_tui.startup import (
    fail,
    find_target,
    load_config,
    load_keymap,
    make_session,
    start_log,
    trusting,
)

if TYPE_CHECKING:
    from leviathan_tui.backend.session import Session

DEFECT: Final = (
    "The console has a defect and had to stop; nothing in the cluster was changed by that."
)

END_TIMEOUT: Final = 3.0
"""Seconds after a hang-up in which the console may end by itself."""


NO_TERMINAL: Final = "The full screen needs a terminal, as ssh -t and kubectl exec -it give one."


def has_terminal() -> bool:
    """Whether keys can come, and whether there is something to draw on, which is the standard error."""
    return os.isatty(0) and os.isatty(2)


@gc_tuning.looking_later()
def run_console(
    view: str,
    kubeconfig: Path | None,
    context: str,
    namespace: str | None,
    log: Path | None,
    auth: str = "",
) -> int:
    """Open the console on the cluster that the kubeconfig names. Returns the exit code."""
    try:
        loaded = load_config(auth)
        keymap = load_keymap(loaded)
        target, merged = find_target(kubeconfig, context)
    except KubeconfigError as error:
        return fail(f"{error.message}\nWithout a cluster of your own, try: leviathan demo")
    except ConfigError as error:
        return fail(str(error))
    if auth:
        loaded.config = trusting(loaded.config, target.context)
    if not has_terminal():
        return fail(NO_TERMINAL)
    if loaded.config.served:
        if log is not None:
            return fail(
                "--log is refused: a console that is served to several people writes no files."
            )
        keep_to_itself()
    if not start_log(log):
        return fail(f"Cannot write the log {log}.")
    try:
        session = make_session(
            target, merged, loaded, target.namespace if namespace is None else namespace, view
        )
    except (AuthRefused, KubeconfigError) as error:
        return fail(error.message)
    return show(session, view, keymap, loaded)


def show(session: "Session", view: str, keymap: dict[str, str], loaded: Loaded) -> int:
    """Show a session until the user leaves, and end it. Returns the exit code."""
    # Read by Textual when it is imported. Nothing moves that carries no meaning; and a key must be on
    # the screen at once, while Textual lets a change that just misses a frame wait for two of them.
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    os.environ.setdefault("TEXTUAL_FPS", "240")
    os.environ.setdefault("ESCDELAY", "25")
    # A key goes through three threads to the screen, and must not wait five milliseconds at each for
    # the ones that watch and follow logs.
    sys.setswitchinterval(0.001)
    from leviathan_tui.actions.places import Place
    from leviathan_tui.console.app import LeviathanApp

    def switch(context: str, as_kubeconfig: bool) -> "Session":
        known = app.session.kubeconfig
        if known is None:
            raise KubeconfigError("There is only this one cluster.")
        target = kubeconfigs.resolve(known, context)
        plugins.retry()
        return make_session(
            target,
            known,
            loaded,
            target.namespace,
            "apps",
            as_kubeconfig=as_kubeconfig,
            before=app.session,
        )

    app = LeviathanApp(session, Place(view), keymap, switch)
    _end_with_terminal(app.exit, lambda: app.session.leave_at_once())
    try:
        app.run(mouse=loaded.config.mouse)
    finally:
        app.session.stop()
        app.session.leave()
    if app.crash_text:
        return fail(f"{DEFECT}\nReport it with this:\n\n{app.crash_text}")
    if app.crash_report is not None:
        return fail(f"{DEFECT}\nReport it with the file {app.crash_report}")
    return app.return_code or 0


def _end_with_terminal(leave: Callable[[], object], last: Callable[[], object]) -> None:
    """End when the terminal is gone, even where nobody reads what is written any more.

    `last` is what is done where `leave` does not end it in time.

    Textual has no handler of its own: without one a dropped connection leaves a process behind
    that spins for ever.
    """

    def end_at_once(code: int) -> None:
        try:
            last()
        finally:
            os._exit(code)

    def ended(number: int, frame: FrameType | None) -> None:
        watchdog = threading.Timer(END_TIMEOUT, end_at_once, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        leave()

    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, ended)
