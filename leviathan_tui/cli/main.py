"""The command line's words: what they are, and who does what they mean."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from leviathan_tui import __version__
from leviathan_tui.cli.options import add_actions, add_other_commands

VIEWS = ("apps", "crons", "schedule", "runs", "pods", "events", "nodes", "namespaces", "activity")


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, or of as much as these words can be about.

    Describing every action takes longer than much else at a start.
    """
    parser = argparse.ArgumentParser(
        prog="leviathan",
        description="A full-screen console for the apps and cron jobs you run on Kubernetes.",
        epilog="Without a cluster: leviathan demo.",
    )
    parser.add_argument("--version", action="version", version=f"leviathan {__version__}")
    _add_console_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for view in VIEWS:
        child = commands.add_parser(view, help=f"open the console at {view}")
        _add_console_options(child, default=argparse.SUPPRESS)
        if words is None or view in words:
            add_actions(view, child)
    add_other_commands(commands)
    demo = commands.add_parser(
        "demo", help="the console on a cluster of its own; needs nothing else"
    )
    demo.add_argument("--apps", type=int, default=24, help="how many apps it has (default 24)")
    demo.add_argument("--log", metavar="FILE", type=Path, help="write a log, without secrets")
    sandbox = commands.add_parser("sandbox", help="run the demo's cluster alone, for kubectl")
    sandbox.add_argument("--apps", type=int, default=24, help="how many apps it has (default 24)")
    sandbox.add_argument(
        "--port", type=int, default=0, help="port on loopback (default: a free one)"
    )
    sandbox.add_argument(
        "--write-kubeconfig",
        metavar="FILE",
        type=Path,
        default=Path("leviathan-sandbox.kubeconfig"),
        help="where its kubeconfig goes, 0600 (default ./leviathan-sandbox.kubeconfig)",
    )
    sandbox.add_argument(
        "--issuer", metavar="URL", default="", help="an auth server whose tokens it trusts"
    )
    sandbox.add_argument(
        "--audience", default="leviathan", help="which cluster it is for that auth server"
    )
    sandbox.add_argument(
        "--issuer-ca", metavar="FILE", type=Path, help="the authority behind that server, PEM"
    )
    login = commands.add_parser("login", help="begin a session at the auth server and save it")
    login.add_argument("--auth", metavar="URL", default="", help="the auth server's address")
    login.add_argument("--user", metavar="NAME", default="", help="who logs in; else it is asked")
    login.add_argument("--audience", default="leviathan", help="which cluster the token is for")
    for name, purpose in (
        ("logout", "end the saved session"),
        ("whoami", "who is logged in at the auth server"),
    ):
        child = commands.add_parser(name, help=purpose)
        child.add_argument("--auth", metavar="URL", default="", help="the auth server's address")
    credential = commands.add_parser(
        "credential", help="print the session's token for kubectl: an exec credential plugin"
    )
    credential.add_argument("--auth", metavar="URL", default="", help="the auth server's address")
    credential.add_argument("--audience", default="leviathan", help="which cluster it is for")
    _add_logs(commands.add_parser("logs", help="print or follow logs, for scripts"))
    config = commands.add_parser("config", help="the configuration")
    config.add_argument(
        "what", choices=["show", "keys"], help="show: values and where they come from"
    )
    commands.add_parser("version", help="print the version")
    commands.add_parser(
        "standby", help="process 1 of a container: waits, and ends the consoles in it in good order"
    )
    return parser


def _add_logs(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print the logs of an app, a cron job, a run or a pod, merged by time."
    parser.add_argument(
        "target",
        metavar="KIND/NAME",
        nargs="?",
        help="app/web, pod/web-1, cron/backup, run/backup-1",
    )
    _add_console_options(parser, default=argparse.SUPPRESS)
    parser.add_argument("-l", "--selector", metavar="LABELS", help="pods with these labels instead")
    parser.add_argument("-c", "--container", metavar="NAME", help="only this container of each pod")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--since", metavar="TIME", help="10m, 1h30m, 14:05 or 2026-11-24T09:41:07Z")
    part.add_argument("--tail", metavar="N", type=int, help="the last N lines of each container")
    part.add_argument("--head", metavar="N", type=int, help="the first N lines of each container")
    parser.add_argument("-p", "--previous", action="store_true", help="of the run before")
    parser.add_argument(
        "--grep", metavar="RE", action="append", help="only lines that match; may be repeated"
    )
    parser.add_argument("--without", metavar="RE", action="append", help="only lines that do not")
    parser.add_argument(
        "--level",
        choices=["trace", "debug", "info", "warn", "error", "fatal"],
        help="only lines that are at least so grave",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each line")
    parser.add_argument("--timestamps", action="store_true", help="with each line's time")
    parser.add_argument(
        "--raw", action="store_true", help="every byte as it was written, on a terminal too"
    )
    parser.add_argument("--most", metavar="N", type=int, default=100, help="most pods (100)")


def _add_console_options(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "--kubeconfig", metavar="FILE", type=Path, default=default, help="kubeconfig to use"
    )
    parser.add_argument(
        "--context", metavar="NAME", default=default, help="context of the kubeconfig"
    )
    parser.add_argument("--auth", metavar="URL", default=default, help="auth server to log in at")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "-n", "--namespace", metavar="NAME", default=default, help="namespace to show"
    )
    scope.add_argument(
        "-A",
        "--all-namespaces",
        action="store_true",
        default=False if default is None else default,
        help="show all namespaces",
    )
    parser.add_argument(
        "--log", metavar="FILE", type=Path, default=default, help="write a log, without secrets"
    )


def opens_console(options: argparse.Namespace) -> bool:
    """Whether the words mean the full screen rather than a command."""
    return options.command is None or (
        options.command in VIEWS and getattr(options, "action", None) is None
    )


def obey(options: argparse.Namespace) -> int:
    """Do what the words mean, other than opening the full screen. Returns the exit code."""
    match options.command:
        case "version":
            print(f"leviathan {__version__}")  # noqa: T201 - the command's output
        case "config":
            from leviathan_tui.cli.config import show_config

            return show_config(options.what)
        case "login":
            from leviathan_tui.cli.auth import login

            return login(options.auth, options.user, options.audience)
        case "logout":
            from leviathan_tui.cli.auth import logout

            return logout(options.auth)
        case "whoami":
            from leviathan_tui.cli.auth import whoami

            return whoami(options.auth)
        case "credential":
            from leviathan_tui.cli.auth import credential

            return credential(options.auth, options.audience)
        case "logs":
            from leviathan_tui.cli.logs import run

            return run(options)
        case "standby":
            from leviathan_tui.cli.standby import standby

            return standby()
        case "sandbox":
            from leviathan_tui.cli.sandbox import run_sandbox

            return run_sandbox(options)
        case "completion":
            import shtab

            print(shtab.complete(build_parser(), shell=options.shell))  # noqa: T201 - the command's output
        case _:
            from leviathan_tui.cli.changes import run as run_change

            return run_change(options)
    return 0
