"""The cluster of a command, and what its user has to hear on the way to it."""

import sys
from argparse import Namespace

from leviathan_tui.backend.kube import plugin_run
from leviathan_tui.backend.kube.kubeconfig import Kubeconfig, Target
from leviathan_tui.startup import find_target


def find(options: Namespace) -> tuple[Target, Kubeconfig | None]:
    """Return the cluster that the options name; what is doubtful, and what plugins say, is printed.

    Raises `KubeconfigError`.
    """
    target, merged = find_target(options.kubeconfig, options.context or "")
    for doubt in target.doubts:
        _print(f"leviathan: {doubt}\n")
    plugin_run.listen(_print)
    return target, merged


def _print(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        # Nobody reads it any more, which is no reason to end what was asked for.
        plugin_run.listen(None)
