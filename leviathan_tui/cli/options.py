"""The part of the command line that changes things, for scripts."""

import argparse
from typing import Any, Final

_ACTIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "apps": (
        ("boot", "bring paused apps back to the size they had"),
        ("pause", "scale apps to zero and remember their size"),
        ("restart", "replace all pods of apps"),
        ("pause-rollout", "hold back changes of apps"),
        ("resume-rollout", "roll out what was held back"),
    ),
    "crons": (
        ("pause", "start no more runs"),
        ("resume", "start runs by the schedule again"),
        ("run", "start a run by hand"),
        ("delete", "delete cron jobs"),
    ),
    "runs": (("retry", "run jobs again"), ("delete", "delete jobs")),
    "pods": (("delete", "delete pods"),),
}
"""Actions that take nothing but names."""


FAIL_ON: Final = ("missed", "failed", "late")
"""What `crons list --fail-on` looks for."""


def add_actions(view: str, parser: argparse.ArgumentParser) -> None:
    """Add what can be done to a view's objects without a screen."""
    if view not in _ACTIONS:
        return
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help=f"print the {view}")
    listing.add_argument("--json", action="store_true", help="one JSON object for each")
    if view == "crons":
        listing.add_argument(
            "--fail-on",
            type=_conditions,
            default=(),
            metavar="WHAT,…",
            help="exit with 1 where a cron job is one of missed, failed, late; for monitoring",
        )
    _add_place(listing, everywhere=True)
    for name, words in _ACTIONS[view]:
        child = actions.add_parser(name, help=words)
        child.add_argument("names", metavar="NAME", nargs="+")
        _add_change_options(child)
        if name == "restart":
            _add_delete_pods(child)
        if (view, name) == ("pods", "delete"):
            child.add_argument(
                "--force",
                dest="force_delete",
                action="store_true",
                help="one that is being deleted and does not end, whether or not it has ended",
            )
            _add_confirmation(child)
    release = actions.add_parser("remove-finalizer", help=_REMOVE)
    release.add_argument("names", metavar="NAME", nargs=1)
    _add_finalizer(release)
    if view == "apps":
        _add_app_actions(actions)
    elif view == "crons":
        schedule = actions.add_parser("schedule", help="change when a cron job runs")
        schedule.add_argument("names", metavar="NAME", nargs=1)
        schedule.add_argument("value", metavar="SCHEDULE", help="in cron's words or plain ones")
        _add_change_options(schedule)
    if view in ("apps", "crons"):
        from leviathan_tui.backend.changes.deploy_line import deploy_parser

        deploy = actions.add_parser("deploy", help="deploy something new")
        deploy_parser(deploy)
        _add_change_options(deploy)


_REMOVE: Final = "let go of what is being deleted and does not go"


def _add_finalizer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "argument", metavar="FINALIZER", type=_named, help="one of those that hold it"
    )
    _add_change_options(parser)
    _add_confirmation(parser)


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("takes a name")
    return text


def _add_confirmation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--confirm",
        metavar="NAME",
        help="agree by the object's name: -y is not enough for what cannot be undone",
    )


def _conditions(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, text.split(",")))
    if not found or not set(found) <= set(FAIL_ON):
        raise argparse.ArgumentTypeError(f"takes some of {', '.join(FAIL_ON)}, with commas between")
    return found


def _add_app_actions(actions: Any) -> None:
    scale = actions.add_parser("scale", help="change the number of replicas")
    scale.add_argument("names", metavar="NAME", nargs=1)
    scale.add_argument("value", metavar="REPLICAS")
    image = actions.add_parser("image", help="change a container's image")
    image.add_argument("names", metavar="NAME", nargs=1)
    image.add_argument("value", metavar="IMAGE")
    image.add_argument("--container", dest="choice", metavar="NAME", help="where it has several")
    rollback = actions.add_parser("rollback", help="go back to an earlier release")
    rollback.add_argument("names", metavar="NAME", nargs=1)
    rollback.add_argument("--to", dest="choice", metavar="RELEASE", help="default: the one before")
    for child in (image, rollback):
        _add_delete_pods(child)
    delete = actions.add_parser("delete", help="delete apps, and what serves them alone")
    delete.add_argument("names", metavar="NAME", nargs="+")
    delete.add_argument("--keep", action="store_true", help="leave what belongs to them")
    delete.add_argument(
        "--with",
        dest="related",
        metavar="KIND/NAME",
        action="append",
        default=[],
        help="delete this too, which belongs to them: configuration, a volume; may be repeated",
    )
    for child in (scale, image, rollback, delete):
        _add_change_options(child)


def add_other_commands(commands: Any) -> None:
    """Add the commands that are about no view."""
    apply = commands.add_parser("apply", help="apply a file or a folder of manifests")
    apply.add_argument("argument", metavar="FILE|DIR")
    apply.add_argument("--force", action="store_true", help="take fields over that others own")
    _add_change_options(apply)
    _add_delete_pods(apply)
    release = commands.add_parser("remove-finalizer", help=_REMOVE)
    release.add_argument("target", metavar="KIND/NAME", help="of any kind: svc/web, pvc/data")
    _add_finalizer(release)
    undo = commands.add_parser("undo", help="take back what you did last, or an entry")
    undo.add_argument("entry", metavar="ID", nargs="?", help="of the journal")
    _add_change_options(undo)
    _add_delete_pods(undo)
    journal = commands.add_parser("journal", help="who did what, when, with what outcome")
    journal.add_argument("--json", action="store_true", help="JSON lines")
    journal.add_argument("--limit", type=int, default=100, help="entries (default 100)")
    journal.add_argument(
        "--applied", action="store_true", help="the manifests that were last applied, as YAML"
    )
    _add_place(journal)
    completion = commands.add_parser("completion", help="print the completion for a shell")
    completion.add_argument("shell", choices=["bash", "zsh", "tcsh"])


def _add_delete_pods(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--delete-pods",
        action="store_true",
        help="delete the pods, too, that would keep their release",
    )


def _add_change_options(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would change, no more")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of sentences")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the effect")
    parser.add_argument(
        "--keep-going", action="store_true", help="go on with the others after a failure"
    )
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="of waiting (default 600)"
    )


def _add_place(parser: argparse.ArgumentParser, *, everywhere: bool = False) -> None:
    from pathlib import Path

    parser.add_argument("--kubeconfig", metavar="FILE", type=Path, default=argparse.SUPPRESS)
    parser.add_argument("--context", metavar="NAME", default=argparse.SUPPRESS)
    parser.add_argument("--auth", metavar="URL", default=argparse.SUPPRESS)
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("-n", "--namespace", metavar="NAME", default=argparse.SUPPRESS)
    if everywhere:
        scope.add_argument(
            "-A",
            "--all-namespaces",
            action="store_true",
            default=argparse.SUPPRESS,
            help="of all namespaces",
        )
