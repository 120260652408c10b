"""How a pod behaves: the one place that says what makes a sandbox pod crash, hang or finish.

A pod runs for ever unless something says otherwise. In order of precedence:

1. The annotation `sandbox.leviathan.dev/behaviour` on the pod (so, on its template), one of the
   words of `Behaviour`, optionally with a number of seconds: `crash`, `complete=12`.
2. A container's `command` and `args`, when they are a simple shell script or `sleep`
   (see `leviathan_sandbox.pods.shell`).
3. Its image: nothing is found at a registry whose host ends in `.invalid` or under a tag that
   begins with `missing` or `does-not-exist`; `busybox` without a command ends at once.

What the log of a container looks like is chosen by the annotation `sandbox.leviathan.dev/log`
(a name of `leviathan_sandbox.pods.chatter.STYLES`), or else by its image.
"""

from enum import StrEnum
from typing import Final

import msgspec

from leviathan_sandbox.objects import Object, annotations_of

BEHAVIOUR: Final = "sandbox.leviathan.dev/behaviour"
LOG: Final = "sandbox.leviathan.dev/log"


class Behaviour(StrEnum):
    """What a pod does. The number of seconds in brackets is used when none is given."""

    RUN = "run"
    """Starts, becomes ready, stays."""
    SLOW_START = "slow-start"
    """Is ready only after a while [45]."""
    UNREADY = "unready"
    """Runs and never becomes ready: its readiness probe fails."""
    FLAPPING = "flapping"
    """Is ready and not ready by turns [40 each]."""
    CRASH = "crash"
    """Ends with exit code 1 after a few seconds [4]: CrashLoopBackOff."""
    FAIL = "fail"
    """Ends with exit code 1 [6], as a job that fails."""
    OOM = "oom"
    """Is killed for its memory [25]: OOMKilled, exit code 137."""
    COMPLETE = "complete"
    """Ends with exit code 0 [6]."""
    INIT_CRASH = "init-crash"
    """Its first init container ends with exit code 1 [3]."""
    IMAGE_PULL = "image-pull"
    """Its image cannot be pulled: ErrImagePull, ImagePullBackOff."""
    CONFIG_ERROR = "config-error"
    """A ConfigMap that it needs is missing: CreateContainerConfigError."""
    PENDING = "pending"
    """No node takes it."""
    EVICTED = "evicted"
    """Is evicted for the node's memory [60]."""
    STUBBORN = "stubborn"
    """Ignores SIGTERM: it takes its whole grace period to end."""


_SECONDS: Final = {
    Behaviour.SLOW_START: 45.0,
    Behaviour.FLAPPING: 40.0,
    Behaviour.CRASH: 4.0,
    Behaviour.FAIL: 6.0,
    Behaviour.OOM: 25.0,
    Behaviour.COMPLETE: 6.0,
    Behaviour.INIT_CRASH: 3.0,
    Behaviour.EVICTED: 60.0,
}


class Choice(msgspec.Struct, frozen=True):
    """A behaviour and its number of seconds."""

    behaviour: Behaviour
    seconds: float


def behaviour_of(pod: Object) -> Choice:
    """Return what the pod's annotation asks for; an unknown word asks for nothing."""
    word, _, number = annotations_of(pod).get(BEHAVIOUR, "").partition("=")
    try:
        behaviour = Behaviour(word)
    except ValueError:
        behaviour = Behaviour.RUN
    try:
        seconds = float(number)
    except ValueError:
        seconds = _SECONDS.get(behaviour, 0.0)
    return Choice(behaviour, seconds)


def can_be_pulled(image: str) -> bool:
    """Whether an image is found at its registry."""
    host, slash, rest = image.partition("/")
    tag = (rest or host).rpartition(":")[2] if ":" in (rest or host) else ""
    if slash and host.split(":")[0].endswith(".invalid"):
        return False
    return not tag.startswith(("missing", "does-not-exist"))
