"""A deployment in one line: `IMAGE NAME [-n NAMESPACE] [--port N] [--replicas N] …`."""

import argparse
import shlex
from typing import NoReturn

from leviathan_tui.backend.changes.deploying import Answers, problems
from leviathan_tui.backend.schedules.entry import understand


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def deploy_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what a deployment in one line takes to a parser; return it."""
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--port", default="", help="the container's port; makes a Service")
    parser.add_argument("--replicas", default="1", help="how many pods (default 1)")
    parser.add_argument("--env", action="append", default=[], help="KEY=value, secret:, config:")
    parser.add_argument("--cpu", default="", help="request/limit, as in 100m/500m")
    parser.add_argument("--memory", default="", help="request/limit, as in 128Mi/256Mi")
    parser.add_argument("--health", default="", help="a path that answers, or tcp")
    parser.add_argument("--host", default="", help="host name of an Ingress")
    parser.add_argument("--command", default="", help="instead of the image's own")
    parser.add_argument(
        "--pull-secret",
        metavar="NAME",
        action="append",
        default=[],
        help="with which the image is pulled; may be repeated",
    )
    parser.add_argument(
        "--service-account",
        metavar="NAME",
        default="",
        help="as whom the pods speak to the cluster",
    )
    parser.add_argument("--schedule", default="", help="makes a cron job")
    parser.add_argument("--time-zone", default="", help="of the schedule")
    return parser


def deploy_answers(text: str, namespace: str) -> Answers:
    """Return the answers of a line. Raises ValueError with what is wrong."""
    parser = deploy_parser(_Parser(prog="deploy", add_help=False, exit_on_error=False))
    parser.add_argument("-n", "--namespace", default=namespace)
    return answers_from(parser.parse_args(shlex.split(text)))


def answers_from(options: argparse.Namespace) -> Answers:
    """Return the answers that parsed options give. Raises ValueError with what is wrong."""
    answers = Answers(
        name=options.name,
        namespace=options.namespace,
        image=options.image,
        port=options.port,
        replicas=options.replicas,
        env=" ".join(shlex.quote(part) for part in options.env),
        cpu=options.cpu,
        memory=options.memory,
        health=options.health,
        host=options.host,
        command=options.command,
        pull_secret=" ".join(options.pull_secret),
        service_account=options.service_account,
        schedule=understand(options.schedule).expression if options.schedule else "",
        time_zone=options.time_zone,
    )
    wrong = problems(answers, cron=bool(answers.schedule))
    if wrong:
        name, words = next(iter(wrong.items()))
        raise ValueError(f"{name.replace('_', ' ')}: {words}")
    return answers
