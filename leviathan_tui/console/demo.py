"""`leviathan demo`: the full screen on a cluster of its own."""

from pathlib import Path

import msgspec

from leviathan_sandbox import Sandbox
from leviathan_tui import gc_tuning
from leviathan_tui.backend import config as configuration
from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.kube import kubeconfig as kubeconfigs
from leviathan_tui.console.run import NO_TERMINAL, has_terminal, show
from leviathan_tui.startup import fail, load_keymap, make_session, start_log


@gc_tuning.looking_later()
def run_demo(apps: int, log: Path | None) -> int:
    """Open the console on a sandbox of its own. Returns the exit code."""
    try:
        loaded = configuration.load()
        keymap = load_keymap(loaded)
    except ConfigError as error:
        return fail(str(error))
    if not has_terminal():
        return fail(NO_TERMINAL)
    if not start_log(log):
        return fail(f"Cannot write the log {log}.")
    with Sandbox(apps=apps) as sandbox:
        merged = kubeconfigs.from_document(sandbox.kubeconfig())
        target = kubeconfigs.resolve(merged)
        # A sandbox is another cluster each time: there is nothing to remember.
        loaded.config = msgspec.structs.replace(loaded.config, snapshots="off")
        session = make_session(target, merged, loaded, "", "apps")
        return show(session, "apps", keymap, loaded)
