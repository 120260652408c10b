"""`leviathan`, and `python -m leviathan_tui`: reads the words, and opens one of the two doors."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from leviathan_tui.cli.main import build_parser, obey, opens_console

HARMLESS: Final = frozenset({"version", "config", "completion", "standby"})
"""Commands that need no login and write nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    options = build_parser(words).parse_args(words)
    code = 0
    try:
        code = _open(options)
        if sys.stdout is not None:
            # What is still in the buffer may find that nobody reads any more.
            sys.stdout.flush()
    except BrokenPipeError:
        from leviathan_tui.cli.tables import mute

        mute()
    except KeyboardInterrupt:
        return 130
    return code


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
