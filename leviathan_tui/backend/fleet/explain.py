"""Why an app, a cron job or a pod is not well: findings in the order of likely cause."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet import finalizers, inspect, pausing
from leviathan_tui.backend.fleet.prose import Prose, heading, line
from leviathan_tui.backend.fleet.records import Event, Pod, Ref
from leviathan_tui.backend.fleet.status import PodStatus, pod_status
from leviathan_tui.backend.kube import kinds, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError, KubeError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.untrusted import clean

MOST_PODS: Final = 3
"""Pods of one app that are looked into; more would say the same again."""

RECENT: Final = timedelta(minutes=10)
"""How long a container's bad end counts that runs again; the longest pause between two tries is five
minutes."""

_HINTS: Final[dict[str, str]] = {
    "CrashLoopBackOff": "It starts and ends again and again; Kubernetes waits longer each time.",
    "ImagePullBackOff": "The image cannot be pulled: check its name, its tag and the registry's login.",
    "ErrImagePull": "The image cannot be pulled: check its name, its tag and the registry's login.",
    "InvalidImageName": "The image's name cannot be read.",
    "CreateContainerConfigError": "A ConfigMap or Secret that it needs is missing.",
    "OOMKilled": "It used more memory than its limit allows.",
    "Error": "Its process ended with an error.",
    "Evicted": "The node ran out of something and put it out.",
    "Pending": "No node can take it yet.",
    "ContainerCreating": "Its volumes, network or image are being prepared.",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, or may be."""

    rank: int
    """The lower, the likelier the cause."""
    lines: tuple[tuple[tuple[str, str], ...], ...]


async def explain(
    client: KubeClient,
    ref: Ref,
    pods: list[Pod],
    verdict: str = "",
    made: Sequence[Ref] = (),
    kind: Kind | None = None,
) -> Prose:
    """Explain an object by its conditions, its pods' containers and its warning events.

    `pods` are the pods that belong to it, `verdict` is why its row is not well, and `made` what it made
    for its pods (a cron job its newest jobs); without `kind`, it has to be one of `kinds.BY_NAME`.
    Raises `KubeError` when the object cannot be read; what else cannot be read is said in the text.
    """
    kind = kind or kinds.BY_NAME[ref.kind]
    document = await inspect.manifest(client, kind, ref)
    findings: list[Finding] = _leaving(kind.name, document)
    unwell = [pod for pod in pods if not _is_well_off(pod)]
    unwell.sort(key=lambda pod: (not pod.failing, -pod.restarts, -pod.created))
    if ref.kind == kinds.POD.name:
        findings += await _pod_findings(client, ref, document)
    for pod in unwell[:MOST_PODS]:
        pod_ref = Ref("Pod", pod.namespace, pod.name, pod.uid)
        try:
            pod_document = await inspect.manifest(client, kinds.POD, pod_ref)
        except ApiError:
            continue
        findings += _leaving(kinds.POD.name, pod_document)
        findings += await _pod_findings(client, pod_ref, pod_document)
    if verdict and not (verdict.startswith("Terminating") and findings):
        findings.append(Finding(3, ((("▲ ", "warn"), (verdict, "warn")),)))
    findings += _condition_findings(ref.kind, document)
    findings += await _event_findings(client, [ref, *made, *_refs(unwell[:MOST_PODS])])
    findings.sort(key=lambda finding: finding.rank)

    prose: Prose = [line(str(ref), "strong")]
    if not findings:
        prose += [(), line("Nothing is wrong that Kubernetes knows of.", "good")]
    if paused := pausing.story(document):
        prose += [(), line(f"It is {paused}.", "warn")]
    for finding in findings:
        prose.append(())
        prose += list(finding.lines)
    if len(unwell) > MOST_PODS:
        prose += [(), line(f"{len(unwell) - MOST_PODS} more pods are not well.", "dim")]
    prose += all_conditions(document)
    return prose


def _is_well_off(pod: Pod) -> bool:
    """Whether there is nothing to say of a pod: it does its work, or has done it."""
    # The stamp of a deletion is when its grace is over: until then it may end.
    if pod.deleting and pod.deleting + finalizers.END_PATIENCE < time.time():
        return False
    return not pod.failing and (pod.is_ready or pod.phase == "Succeeded")


def _leaving(kind: str, document: dict[str, Any]) -> list[Finding]:
    """Return what an object that is being deleted waits for, and the way out."""
    lines = finalizers.way_out(kind, document)
    return [Finding(0, tuple(lines))] if lines else []


def _refs(pods: Iterable[Pod]) -> list[Ref]:
    return [Ref("Pod", pod.namespace, pod.name, pod.uid) for pod in pods]


async def _pod_findings(client: KubeClient, ref: Ref, document: dict[str, Any]) -> list[Finding]:
    try:
        pod = msgspec.convert(document, wire.Pod)
    except msgspec.MsgspecError:
        return []
    findings: list[Finding] = []
    status = pod_status(pod)
    if status.word in ("Pending", "SchedulingGated") and status.reason:
        findings.append(
            Finding(
                1,
                (
                    (("✗ ", "bad"), (f"{ref.name} is {status.word}", "bad")),
                    line(f"  {_HINTS.get('Pending', '')}", "dim"),
                    line(f"  {clean(status.reason)}"),
                ),
            )
        )
    elif pod.status.reason:
        findings.append(
            Finding(
                1,
                (
                    (("✗ ", "bad"), (f"{ref.name}: {clean(pod.status.reason)}", "bad")),
                    line(f"  {clean(pod.status.message or _HINTS.get(pod.status.reason, ''))}"),
                ),
            )
        )
    containers = [
        *(pod.status.init_container_statuses or ()),
        *(pod.status.container_statuses or ()),
    ]
    for container in containers:
        finding = await _container_finding(client, ref, container)
        if finding is not None:
            findings.append(finding)
    whole = None if findings else _pod_as_a_whole(ref.name, status, pod)
    return findings if whole is None else [whole]


def _pod_as_a_whole(name: str, status: PodStatus, pod: wire.Pod) -> Finding | None:
    """Return what keeps a pod from being ready whose containers say nothing of it."""
    conditions = {condition.type: condition.status for condition in pod.status.conditions or ()}
    if conditions.get("Ready") == "True" or pod.status.phase == "Succeeded":
        return None
    words = f"{name}: {status.word}, {status.ready}/{status.total} ready"
    if status.reason:
        words += f", {clean(status.reason, 600)}"
    return Finding(2, ((("▲ ", "warn"), (words, "warn")),))


async def _container_finding(
    client: KubeClient, ref: Ref, container: wire.ContainerStatus
) -> Finding | None:
    state = container.state or wire.ContainerState()
    last = container.last_state or wire.ContainerState()
    ended = state.terminated or last.terminated
    waiting = state.waiting
    name = f"{ref.name}/{clean(container.name)}"
    if waiting is not None and waiting.reason not in (
        None,
        "",
        "PodInitializing",
        "ContainerCreating",
    ):
        word, tone, rank = clean(waiting.reason or ""), "bad", 0
    elif state.terminated is not None and state.terminated.exit_code != 0:
        word, tone, rank = clean(state.terminated.reason or "Error"), "bad", 0
    elif container.restart_count and ended is not None and not container.ready:
        word, tone, rank = clean(ended.reason or "Error"), "warn", 2
    elif container.restart_count and last.terminated is not None and _just_failed(last.terminated):
        # Between two crashes it runs, and without a probe is even ready.
        word, tone, rank = f"{clean(last.terminated.reason or 'Error')}, running again", "warn", 2
    elif state.running is not None and not container.ready:
        word, tone, rank = "running, but not ready: its readiness probe fails", "warn", 2
    else:
        return None
    lines: list[tuple[tuple[str, str], ...]] = [
        (("✗ " if tone == "bad" else "▲ ", tone), (f"{name}: {word}", tone))
    ]
    hint = _HINTS.get(word)
    if hint:
        lines.append(line(f"  {hint}", "dim"))
    if ended is not None:
        how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.exit_code}"
        reason = f" ({clean(ended.reason)})" if ended.reason else ""
        times = f", {container.restart_count} restarts" if container.restart_count else ""
        lines.append(line(f"  It last ended with {how}{reason}{times}."))
        if ended.message:
            lines.append(line(f"  It said: {clean(ended.message, 300)}"))
    if waiting is not None and waiting.message:
        lines.append(line(f"  {clean(waiting.message, 600)}", "dim"))
    if ended is not None:
        lines += await _log_lines(client, ref, container)
    return Finding(rank, tuple(lines))


def _just_failed(ended: wire.ContainerTerminated) -> bool:
    """Whether a container ended badly, and not so long ago that it may have recovered since."""
    if ended.exit_code == 0 or ended.finished_at is None:
        return False
    return datetime.now(UTC) - ended.finished_at < RECENT


async def _log_lines(
    client: KubeClient, ref: Ref, container: wire.ContainerStatus
) -> list[tuple[tuple[str, str], ...]]:
    """Return the last log lines of the run that ended, which is the previous one after a restart."""
    state = container.state or wire.ContainerState()
    try:
        said: list[str] = []
        if state.terminated is None:
            said = await inspect.last_lines(client, ref, container.name, 3, previous=True)
        if not said:
            said = await inspect.last_lines(client, ref, container.name, 3)
    except KubeError as error:
        return [line(f"  Its log cannot be read: {error.message}", "dim")]
    if not said:
        return [line("  It logged nothing.", "dim")]
    return [line("  Its last log lines:", "dim"), *(line(f"    {text}", "accent") for text in said)]


def _conditions(document: dict[str, Any]) -> list[wire.Condition]:
    try:
        return msgspec.convert(
            (document.get("status") or {}).get("conditions") or [], list[wire.Condition]
        )
    except (msgspec.MsgspecError, AttributeError):
        return []


_STUCK_NAMESPACE: Final = frozenset(
    {"NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure"}
    | {"NamespaceDeletionGroupVersionParsingFailure"}
    | {"NamespaceContentRemaining", "NamespaceFinalizersRemaining"}
)
"""What keeps a namespace in Terminating.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/
"""

_BAD_WHEN_TRUE: Final = _STUCK_NAMESPACE | {"ReplicaFailure", "Failed", "FailureTarget"}

_GOOD_WHEN_FALSE: Final = _BAD_WHEN_TRUE | (
    {"Suspended", "DisruptionTarget"}
    | {"MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"}
)


def _is_well(condition: wire.Condition) -> bool:
    return condition.status == ("False" if condition.type in _GOOD_WHEN_FALSE else "True")


def _condition_findings(kind: str, document: dict[str, Any]) -> list[Finding]:
    findings = []
    for condition in _conditions(document):
        stuck = condition.reason == "ProgressDeadlineExceeded"
        failed = condition.type in _BAD_WHEN_TRUE and condition.status == "True"
        unwell = kind == kinds.NODE.name and not _is_well(condition)
        if stuck or failed or unwell:
            words = clean(condition.message or condition.reason or condition.type, 600)
            findings.append(Finding(1, ((("✗ ", "bad"), (words, "bad")),)))
    return findings


def all_conditions(document: dict[str, Any]) -> Prose:
    """Return an object's conditions under a heading; nothing where it has none."""
    conditions = _conditions(document)
    if not conditions:
        return []
    prose = heading("Conditions")
    for condition in conditions:
        well = _is_well(condition)
        prose.append(
            (
                ("● " if well else "▲ ", "good" if well else "warn"),
                (f"{clean(condition.type)}={clean(condition.status)} ", "plain"),
                (f"{clean(condition.reason or '')} ", "dim"),
                (clean(condition.message or "", 300), "dim"),
            )
        )
    return prose


async def _event_findings(client: KubeClient, refs: list[Ref]) -> list[Finding]:
    seen: dict[tuple[str, str], Event] = {}
    try:
        for ref in refs:
            for event in await inspect.events_about(client, ref):
                if event.type == "Warning":
                    seen.setdefault((event.reason, event.message), event)
    except KubeError as error:
        return [Finding(9, (line(f"Events cannot be read: {error.message}", "dim"),))]
    newest = sorted(seen.values(), key=lambda event: -event.last)[:8]
    return [
        Finding(
            5,
            (
                (
                    ("▲ ", "warn"),
                    (f"{event.reason} ×{event.count}: ", "warn"),
                    (event.message, "plain"),
                ),
            ),
        )
        for event in newest
    ]
