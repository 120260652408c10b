"""`leviathan`, and `python -m leviathan_tui`: reads the words, and opens one of the two doors."""

import os
import select
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from types import FrameType
from typing import Final, TextIO

from leviathan_tui.cli.main import build_parser, obey, opens_console

HARMLESS: Final = frozenset({"version", "config", "completion", "standby"})
"""Commands that need no login and write nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    options = build_parser(words).parse_args(words)
    _end_plugins_with_us()
    code = 0
    try:
        code = _open(options)
        if sys.stdout is not None:
            # What is still in the buffer may find that nobody reads any more.
            sys.stdout.flush()
    except BrokenPipeError:
        if not _unread(1):
            # Something else broke, of which nobody may have heard.
            return code or 1
        _mute(sys.stdout)
    except KeyboardInterrupt:
        return 130
    finally:
        _let_go_of_errors()
    return code


def _let_go_of_errors() -> None:
    """Drop what nobody reads of the standard error.

    The interpreter would find it in the buffer when it ends, and exit with 120 for it.
    """
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        _mute(sys.stderr)


def _mute(stream: TextIO) -> None:
    from leviathan_tui.cli.tables import mute

    mute(stream)


def _end_plugins_with_us() -> None:
    """End credential plugins on the signals that end this process, as the interpreter's own exit does.

    The full screen has its own way to end, but plugins run before it is there.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGHUP, signal.SIGTERM):
        # What was told to ignore a hang-up, as by nohup, goes on.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _ended)


def _ended(number: int, frame: FrameType | None) -> None:
    # Where it was never imported, or is just being, no plugin runs.
    kill_all = getattr(sys.modules.get("leviathan_tui.backend.kube.plugin_run"), "kill_all", None)
    if kill_all is not None:
        kill_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _unread(descriptor: int) -> bool:
    """Whether a descriptor is a pipe or a socket that nobody reads from any more."""
    look = select.poll()
    look.register(descriptor, 0)
    return any(happened & (select.POLLERR | select.POLLHUP) for _, happened in look.poll(0))


def _open(options: Namespace) -> int:
    if not opens_console(options) and options.command not in HARMLESS:
        from leviathan_tui.startup import fail, not_served

        why = not_served(options.command, getattr(options, "action", None))
        if why:
            return fail(why)
    if options.command == "demo":
        from leviathan_tui.console.demo import run_demo

        return run_demo(options.apps, options.log)
    if not opens_console(options):
        return obey(options)
    from leviathan_tui.console.run import run_console

    return run_console(
        view=options.command or "apps",
        kubeconfig=options.kubeconfig,
        context=options.context or "",
        namespace="" if options.all_namespaces else options.namespace,
        log=options.log,
        auth=options.auth or "",
    )


if __name__ == "__main__":
    sys.exit(main())
