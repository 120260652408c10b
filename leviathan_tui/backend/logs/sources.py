"""What logs come from: pods, their containers, and the part of their logs that is wanted."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from leviathan_tui.backend.kube import wire
from leviathan_tui.backend.kube.wire import Metadata, Wire
from leviathan_tui.backend.logs.stamps import SECOND
from leviathan_tui.backend.untrusted import clean

TAIL: Final = 1_000
"""Lines of each container's past with which a view opens."""

TAIL_TOTAL: Final = 20_000
"""Lines of all containers' past together, where there are many."""

SMALLEST_TAIL: Final = 20

ContainerKind = Literal["main", "init", "ephemeral"]


class PodKey(msgspec.Struct, frozen=True):
    """A pod whose logs are wanted."""

    namespace: str
    name: str
    uid: str
    version: str = ""
    """Differs whenever the pod's state does: a reason to look at it again."""
    failing: bool = False
    created: int = 0
    """Seconds since the epoch."""
    label: str = ""
    """What it belongs to, where pods of several apps are shown together."""


class LogRange(msgspec.Struct, frozen=True):
    """Which part of the logs is wanted. At most one of the first four is set; none means all."""

    tail: int = 0
    """The last so many lines of each container."""
    head: int = 0
    """The first so many lines of each container; nothing is followed then."""
    seconds: int = 0
    """What was written in the last so many seconds."""
    since: int = 0
    """What was written since a moment, in nanoseconds since the epoch."""
    previous: bool = False
    """Of the run before the present one; nothing is followed then."""
    follow: bool = True
    container: str = ""
    """Only this container, in every pod; empty for all."""

    @property
    def follows(self) -> bool:
        """Whether what is written later is wanted too."""
        return self.follow and not self.previous and not self.head

    @property
    def words(self) -> str:
        """The range in two or three words."""
        if self.tail:
            text = f"last {self.tail:,}"
        elif self.head:
            text = f"first {self.head:,}"
        elif self.seconds:
            text = f"last {_words(self.seconds)}"
        elif self.since:
            text = f"since {_clock(self.since)}"
        else:
            text = "all"
        return f"previous run, {text}" if self.previous else text


def _clock(stamp: int) -> str:
    when = datetime.fromtimestamp(stamp // SECOND).astimezone()
    today = when.date() == datetime.now().astimezone().date()
    return f"{when:%H:%M:%S}" if today else f"{when:%d %b %H:%M:%S}"


def _words(seconds: int) -> str:
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


class Source(msgspec.Struct):
    """One container of one pod: what a line came from."""

    index: int
    namespace: str
    pod: str
    container: str
    kind: ContainerKind
    label: str = ""
    lines: int = 0
    """Lines received."""
    dropped: int = 0
    """Lines that came faster than they could be taken."""


class _EphemeralStatus(Wire):
    ephemeral_container_statuses: list[wire.ContainerStatus] | None = None


class _PodStatus(wire.PodStatus):
    ephemeral_container_statuses: list[wire.ContainerStatus] | None = None


class _PodSpec(wire.PodSpec):
    ephemeral_containers: list[wire.Container] | None = None


class LogPod(Wire):
    """What following needs to know of a pod."""

    metadata: Metadata
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


class ContainerState(msgspec.Struct, frozen=True):
    """How one container stands."""

    name: str
    kind: ContainerKind
    run: int = -1
    """Which run the log is of, counted from 0; -1 where it has not started once."""
    ended: bool = False
    """Whether that run is over."""
    how: str = ""
    """How that run ended, or why there is none."""
    last_how: str = ""
    """How the run before it ended."""
    waiting: str = ""
    """Why it does not run now."""


def containers_of(pod: LogPod) -> list[ContainerState]:
    """Return the states of all containers of a pod: init, main and ephemeral ones."""
    found: list[ContainerState] = []
    groups: tuple[
        tuple[ContainerKind, list[wire.Container] | None, list[wire.ContainerStatus] | None],
        ...,
    ] = (
        ("init", pod.spec.init_containers, pod.status.init_container_statuses),
        ("main", pod.spec.containers, pod.status.container_statuses),
        ("ephemeral", pod.spec.ephemeral_containers, pod.status.ephemeral_container_statuses),
    )
    for kind, containers, statuses in groups:
        by_name = {status.name: status for status in statuses or ()}
        found += [
            _state(container.name, kind, by_name.get(container.name), pod)
            for container in containers or ()
        ]
    return found


def is_over(pod: LogPod) -> bool:
    """Whether nothing of a pod will run again."""
    return pod.status.phase in ("Succeeded", "Failed")


def _state(
    name: str,
    kind: ContainerKind,
    status: wire.ContainerStatus | None,
    pod: LogPod,
) -> ContainerState:
    if status is None or status.state is None:
        return ContainerState(name, kind, waiting=_why_pending(pod))
    state, last = status.state, status.last_state or wire.ContainerState()
    before = _ending(last.terminated) if last.terminated is not None else ""
    if state.running is not None:
        return ContainerState(name, kind, status.restart_count, last_how=before)
    if state.terminated is not None:
        return ContainerState(
            name, kind, status.restart_count, True, _ending(state.terminated), before
        )
    waiting = "waiting to start"
    if state.waiting is not None and state.waiting.reason:
        waiting = clean(state.waiting.reason, 100)
        if state.waiting.message:
            waiting += f": {clean(state.waiting.message, 200)}"
    if last.terminated is not None:
        # It waits to be started again; the log that can be read is the ended run's.
        return ContainerState(name, kind, status.restart_count, True, before, waiting=waiting)
    return ContainerState(name, kind, waiting=waiting)


def _why_pending(pod: LogPod) -> str:
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"no node yet: {clean(condition.message or condition.reason or '', 200)}"
    return clean(pod.status.reason or "") or "waiting to start"


def _ending(ended: wire.ContainerTerminated) -> str:
    words = f"exit code {ended.exit_code}"
    if ended.signal:
        words = f"signal {ended.signal}"
    reason = clean(ended.reason or "", 100)
    if reason and reason not in ("Completed", "Error"):
        words += f", {reason}"
    if ended.message and ended.exit_code:
        words += f": {clean(ended.message.strip(), 200)}"
    return words


def choose(pods: Iterable[PodKey], most: int) -> tuple[list[PodKey], int]:
    """Return at most `most` pods, failing ones first, then the newest; and how many are left out."""
    ordered = sorted(pods, key=lambda pod: (not pod.failing, -pod.created, pod.name))
    return ordered[:most], max(0, len(ordered) - most)


def tail_for(containers: int) -> int:
    """Return how many lines of each container's past a view of so many containers opens with."""
    return max(SMALLEST_TAIL, min(TAIL, TAIL_TOTAL // max(1, containers)))


def short_names(sources: Sequence[Source]) -> dict[int, str]:
    """Return a name for each source that is as short as can be without being another's too.

    Pods of one app share the app's name and their ReplicaSet's hash: only the last part differs.
    """
    if not sources:
        return {}
    labels = {source.label for source in sources}
    pods = {(source.namespace, source.pod): source.label for source in sources}
    names: dict[tuple[str, str], str] = {}
    parts = {key: key[1].split("-") for key in pods}
    for key, own in parts.items():
        size = 1
        while size < len(own) and any(
            other[-size:] == own[-size:] and pods[rival] == pods[key]
            for rival, other in parts.items()
            if rival != key
        ):
            size += 1
        names[key] = "-".join(own[-size:])
    if len(pods) == 1:
        names = dict.fromkeys(names, "")
    containers: dict[tuple[str, str], set[str]] = {}
    for source in sources:
        containers.setdefault((source.namespace, source.pod), set()).add(source.container)
    several = any(len(found) > 1 for found in containers.values())
    short: dict[int, str] = {}
    for source in sources:
        key = (source.namespace, source.pod)
        pieces = [source.label] if len(labels) > 1 and source.label else []
        if names[key]:
            pieces.append(names[key])
        if several:
            pieces.append(source.container)
        short[source.index] = "/".join(pieces)
    return short
