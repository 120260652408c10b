"""The last lines of the container that fails, for the pane beside a list."""

from typing import Final

from leviathan_tui.backend.fleet.prose import Prose, heading, line
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.kube.objects import decoded_as
from leviathan_tui.backend.logs import text
from leviathan_tui.backend.logs.levels import Level, level_of
from leviathan_tui.backend.untrusted import clean

LINES: Final = 10
"""How many lines are shown."""

LIMIT: Final = 64 * 1024
"""Bytes that are read for them."""

_SHOWN: Final = 300


async def preview(client: KubeClient, ref: Ref) -> Prose:
    """Return the last lines of a pod's failing container under a heading; nothing where it said none.

    Raises `KubeError` where the pod or its logs cannot be read.
    """
    pod = decoded_as(await client.read(kinds.POD.path(ref.namespace, ref.name)), wire.Pod)
    container = failing_container(pod)
    if container is None:
        return []
    for previous in (False, True):
        lines = await _last_lines(client, ref, container.name, previous=previous)
        if lines:
            whose = clean(container.name)
            run = " before it was restarted" if previous else ""
            title = "Last log lines" if len(lines) > 1 else "Last log line"
            return [*heading(f"{title} of {whose}{run}"), *(_toned(one) for one in lines)]
    return []


def failing_container(pod: wire.Pod) -> wire.ContainerStatus | None:
    """Return the container that most likely keeps a pod from being well; None where none has run."""
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    return min(statuses, key=_rank, default=None)


def _rank(status: wire.ContainerStatus) -> int:
    """Return how likely a container is the one that fails, 0 most."""
    state, last = status.state or wire.ContainerState(), status.last_state or wire.ContainerState()
    if state.terminated is not None:
        return 0 if state.terminated.exit_code else 5
    if last.terminated is not None and last.terminated.exit_code:
        return 1 if state.waiting is not None else 2
    if state.waiting is not None:
        return 4
    return 3 if not status.ready else 4


async def _last_lines(
    client: KubeClient, ref: Ref, container: str, *, previous: bool
) -> list[bytes]:
    params = {"container": container, "tailLines": str(LINES), "limitBytes": str(LIMIT)}
    if previous:
        params["previous"] = "true"
    path = kinds.POD.path(ref.namespace, ref.name, "log")
    try:
        body = await client.read(path, params=params, accept="*/*")
    except ApiError as error:
        # Normal for a container that waits, or has no previous run.
        if error.code in (400, 404):
            return []
        raise
    return [one for one in body.split(b"\n") if one.strip()][-LINES:]


def _toned(one: bytes) -> tuple[tuple[str, str], ...]:
    level = level_of(one)
    tone = "bad" if level >= Level.ERROR else "warn" if level == Level.WARN else "plain"
    return line(clean(text.plain(one), _SHOWN), tone)
