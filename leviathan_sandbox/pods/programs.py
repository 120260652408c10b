"""What a container's process does: how long it runs, how it ends, what it writes."""

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

import msgspec

from leviathan_sandbox.objects import Object, annotations_of
from leviathan_sandbox.pods.behaviours import LOG, Behaviour, behaviour_of
from leviathan_sandbox.pods.chatter import STYLES, numbered_line, style_name
from leviathan_sandbox.pods.lines import Chatter, Line, LineSource, Script
from leviathan_sandbox.pods.shell import NotUnderstoodError, Shell
from leviathan_sandbox.pods.traces import TRACES

_MAX_STEPS: Final = 5_000
"""Lines and turns of loops after which a script is taken to run for ever."""
_SHELLS: Final = ("sh", "/bin/sh", "bash", "/bin/bash", "ash", "/bin/ash")


class Program(msgspec.Struct):
    """One run of a container's process."""

    lines: LineSource
    runs_for: float | None = None
    """Seconds until it ends by itself; None when it never does."""
    exit_code: int = 0
    reason: str = "Completed"
    """The reason in the container's terminated state: Completed, Error or OOMKilled."""
    heeds_term: bool = True
    """Whether SIGTERM ends it; otherwise it takes the whole grace period."""


def program_of(pod: Object, container: Object, attempt: int, started: float) -> Program:
    """Return what a container does when it is started.

    Parameters:
        attempt: how often it has been restarted.
        started: when, in seconds since 1970.
    """
    choice = behaviour_of(pod)
    is_init = container["name"] in {
        item["name"] for item in pod["spec"].get("initContainers") or ()
    }
    seed = f"{pod['metadata']['uid']}/{container['name']}/{attempt}"
    if is_init and container.get("restartPolicy") != "Always":
        if choice.behaviour is Behaviour.INIT_CRASH:
            return _failing(pod, container, choice.seconds, seed, started)
        return _scripted(container) or Program(
            Script(iter([Line(0.2, "waiting for database"), Line(1.4, "database is up")])), 1.5
        )
    match choice.behaviour:
        case Behaviour.CRASH | Behaviour.FAIL:
            return _failing(pod, container, choice.seconds, seed, started)
        case Behaviour.OOM:
            return Program(
                _chatter(pod, container, seed, started), choice.seconds, 137, "OOMKilled"
            )
        case Behaviour.COMPLETE:
            return Program(_chatter(pod, container, seed, started), choice.seconds)
    program = _scripted(container) or Program(_chatter(pod, container, seed, started))
    if choice.behaviour is Behaviour.STUBBORN:
        program.heeds_term = False
    return program


def _chatter(pod: Object, container: Object, seed: str, started: float) -> Chatter:
    style = annotations_of(pod).get(LOG, "")
    if style not in STYLES:
        style = style_name(container.get("image", ""))
    return Chatter(STYLES[style][1], numbered_line(style, seed, started))


def _failing(pod: Object, container: Object, seconds: float, seed: str, started: float) -> Program:
    """Return a program that says how it starts, and dies with a stack trace."""
    style = annotations_of(pod).get(LOG, "") or style_name(container.get("image", ""))
    rng = random.Random(seed)  # noqa: S311 (nothing secret)
    trace = TRACES[style if style in TRACES else "python"](random.Random(style))  # noqa: S311

    def lines() -> Iterator[Line]:
        yield Line(0.1, f"starting {container['name']} (pid 1, {rng.randrange(2, 9)} workers)")
        yield Line(seconds * 0.5, "loading configuration from the environment")
        for text in trace.split("\n"):
            yield Line(seconds * 0.98, text)

    return Program(Script(lines()), seconds, 1, "Error")


def _scripted(container: Object) -> Program | None:
    """Return what a container's command does, None when it is none that is understood."""
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    image = container.get("image", "").rpartition("/")[2].partition(":")[0]
    if not command:
        # Without a terminal the shell that busybox starts reads the end of its input at once.
        return Program(Script(iter(())), 0.0) if image == "busybox" else None
    if command[0] in _SHELLS and len(command) >= 3 and command[1] in ("-c", "-ec", "-euc", "-xc"):
        script = command[2]
    elif command[0] in ("sleep", "/bin/sleep", "echo", "/bin/echo", "true", "false", "/bin/true"):
        script = " ".join(_quoted(part) for part in [command[0].rpartition("/")[2], *command[1:]])
    else:
        return None
    environment = tuple(
        (item["name"], item.get("value") or "") for item in container.get("env") or ()
    )
    ending = _ending(script, environment)
    if ending is None:
        return None
    replay = Shell(script, dict(environment))
    lines = Script(line for line in replay.run() if line is not None)
    if ending.exit_code is None:
        return Program(lines, heeds_term=ending.handles_term)
    reason = "Completed" if ending.exit_code == 0 else "Error"
    return Program(lines, ending.ended_at, ending.exit_code, reason, heeds_term=ending.handles_term)


@lru_cache(256)
def _ending(script: str, environment: tuple[tuple[str, str], ...]) -> Shell | None:
    """Return a script's shell after its end, or well into it; None when it is not understood."""
    try:
        shell = Shell(script, dict(environment))
        for _ in islice(shell.run(), _MAX_STEPS):
            pass
    except NotUnderstoodError:
        return None
    return shell


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
