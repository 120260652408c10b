"""What the detail pane says of a row at once, from what is known without asking."""

from collections.abc import Callable, Sequence
from typing import Final

from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.prose import Prose, clock, field, heading, line
from leviathan_tui.backend.fleet.records import Event, Job, Namespace, Node, Pod
from leviathan_tui.backend.fleet.releases import Release
from leviathan_tui.backend.fleet.rows import AppRow, CronRow, PodRow, Row
from leviathan_tui.backend.fleet.store import Store

MOST: Final = 8
"""Pods, releases or runs that a summary lists."""

Ago = Callable[[float], str]
"""Seconds since the epoch to words such as `3d`."""

_STATE_TONE: Final = {
    AppState.FAILING: "bad",
    AppState.PROGRESSING: "warn",
    AppState.HEALTHY: "good",
    AppState.PAUSED: "dim",
    AppState.IDLE: "dim",
    AppState.DELETING: "warn",
}

OUTCOME_TONE: Final = {
    "succeeded": "good",
    "failed": "bad",
    "running": "accent",
    "suspended": "dim",
    "pending": "dim",
}


def title_of(row: Row) -> str:
    """Return what stands over the summary: name, kind and namespace."""
    if isinstance(row, Namespace | Node):
        return row.name
    if isinstance(row, Event):
        return f"{row.about.name} ─ {row.about.kind} ─ {row.about.namespace}"
    if isinstance(row, PodRow):
        return f"{row.pod.name} ─ Pod ─ {row.pod.namespace}"
    kind = "Job" if isinstance(row, Job) else row.kind
    return f"{row.name} ─ {kind} ─ {row.namespace}"


def verdict(row: Row | None) -> str:
    """Return why a row is not well, in its own words; nothing where it is."""
    if isinstance(row, AppRow):
        well = row.state in (AppState.HEALTHY, AppState.PAUSED, AppState.IDLE)
        return "" if well else row.reason
    if isinstance(row, CronRow):
        missed = _missed(row) if row.missed else ""
        failed = "the last run failed" if row.last_outcome == "failed" else ""
        return "; ".join(filter(None, (row.problem, row.why_never, row.trouble, missed, failed)))
    if isinstance(row, PodRow):
        pod = row.pod
        if pod.deleting:
            return "Terminating" + (
                f", waits for the finalizer {pod.finalizer}" if pod.finalizer else ""
            )
        well = not pod.failing and (pod.is_ready or pod.phase == "Succeeded")
        return "" if well else f"{pod.status}, {pod.ready}/{pod.total} ready"
    if isinstance(row, Namespace):
        return "" if row.phase == "Active" else row.phase
    if isinstance(row, Node | Job) and row.failing:
        said = row.status if isinstance(row, Node) else row.outcome
        return f"{said}: {row.reason}" if row.reason else said
    return ""


def summarize(
    row: Row, store: Store, ago: Ago, *, pods: bool = True, releases: bool = True
) -> Prose:
    """Return the lines about a row; an app's pods and releases can be left out."""
    if isinstance(row, AppRow):
        known = release_lines(store.releases_of(row.uid), ago) if releases else []
        return _app(row) + known + (_pods(store.pods_of(row.uid), ago) if pods else [])
    if isinstance(row, CronRow):
        return _cron(row, store, ago)
    if isinstance(row, PodRow):
        return _pod(row, store, ago)
    if isinstance(row, Job):
        return _job(row, store, ago)
    if isinstance(row, Node):
        return _node(row, ago)
    if isinstance(row, Event):
        return _event(row, ago)
    return [field("Phase", row.phase), field("Age", ago(row.created))]


def _app(row: AppRow) -> Prose:
    return [line(row.reason, _STATE_TONE[row.state]), field("Image", row.image)]


def release_lines(releases: Sequence[Release], ago: Ago) -> Prose:
    """Return an app's releases under a heading; nothing where none are known."""
    prose = heading("Releases") if releases else []
    for release in releases[:MOST]:
        state = f"{release.ready}/{release.desired} ready, " if release.desired else "off, "
        if release.desired is None:
            state = ""
        when = "now" if release.current else f"{ago(release.created)} ago"
        prose.append(
            (
                (f"{release.revision:>3} ", "strong" if release.current else "dim"),
                (f"{release.image}  ", "plain"),
                (f"{release.told_by}  " if release.told_by else "", "plain"),
                (f"{state}{when}", "dim"),
            )
        )
    return prose


def _pods(pods: list[Pod], ago: Ago) -> Prose:
    if not pods:
        return []
    prose = heading(f"Pods ({len(pods)})")
    ordered = sorted(pods, key=lambda pod: (not pod.failing, -pod.created))
    for pod in ordered[:MOST]:
        tone = "bad" if pod.failing else "plain" if pod.status == "Running" else "warn"
        if pod.status in ("Completed", "Succeeded"):
            tone = "dim"
        restarts = f"  restarts {pod.restarts}" if pod.restarts else ""
        prose.append(
            (
                (f"{pod.name}  ", "plain"),
                (f"{pod.ready}/{pod.total} {pod.status}", tone),
                (f"{restarts}  {ago(pod.created)}", "dim"),
            )
        )
        if pod.failing and pod.reason:
            prose.append(line(f"  {pod.reason}", "bad"))
    if len(pods) > MOST:
        prose.append(line(f"… and {len(pods) - MOST} more", "dim"))
    return prose


def _cron(row: CronRow, store: Store, ago: Ago) -> Prose:
    prose: Prose = []
    if row.problem:
        prose.append(line(row.problem, "bad"))
    if row.why_never:
        prose.append(line(row.why_never, "warn"))
    if row.trouble:
        prose.append(line(row.trouble, "bad"))
    if row.missed:
        prose.append(line(_missed(row), "bad"))
    if row.suspended:
        prose.append(line("suspended: no run is started", "warn"))
    prose += [
        field("Schedule", row.schedule, "strong"),
        field("", row.words),
        field("Time zone", row.time_zone or "the controller's, usually UTC"),
        field("Next run", clock(row.next_run)),
        field("Last run", clock(row.last_schedule)),
        field("Concurrency", row.concurrency),
        field("Image", row.image),
    ]
    jobs = store.runs_of(row.uid)
    if jobs:
        prose += heading("Runs")
        for job in jobs[:MOST]:
            trigger = "by hand" if job.manual else "schedule"
            prose.append(
                (
                    (f"{clock(job.scheduled or job.created)}  ", "plain"),
                    (f"{job.outcome:<10}", OUTCOME_TONE[job.outcome]),
                    (f"{trigger}  {job.reason}", "dim"),
                )
            )
    return prose


def _missed(row: CronRow) -> str:
    count = f"{row.missed} run" + ("s" if row.missed > 1 else "")
    missed = f"{count} missed since the last one"
    if row.concurrency == "Forbid" and row.active:
        # Of those that it skips, the controller starts the newest as soon as nothing is in its way.
        newest = "the newest of them" if row.missed > 1 else "it"
        missed += f": Forbid lets {newest} start when the running job has ended"
    return missed


def _job(row: Job, store: Store, ago: Ago) -> Prose:
    prose: Prose = [
        line(f"{row.outcome} {row.reason}".strip(), OUTCOME_TONE[row.outcome]),
        field("Trigger", "by hand" if row.manual else "schedule" if row.scheduled else "–"),
        field("Scheduled", clock(row.scheduled)),
        field("Started", clock(row.started)),
        field("Finished", clock(row.finished)),
        field("Pods", f"{row.succeeded} succeeded, {row.failed} failed, {row.active} active"),
        field("Image", row.image),
    ]
    return prose + _pods(store.pods_of(row.uid), ago)


def _pod(row: PodRow, store: Store, ago: Ago) -> Prose:
    pod = row.pod
    tone = "bad" if pod.failing else "good" if pod.ready == pod.total else "warn"
    words = f"{pod.status}: {pod.reason}" if pod.reason else pod.status
    prose: Prose = [line(words, tone)]
    if pod.finalizer:
        prose.append(line(f"waits for the finalizer {pod.finalizer}", "warn"))
    app = store.app_of(pod)
    owner = f"{app.kind} {app.name}" if app is not None else f"{pod.owner_kind} {pod.owner_name}"
    restarts = str(pod.restarts)
    if pod.restarted_at:
        restarts += f", last {ago(pod.restarted_at)} ago"
    return [
        *prose,
        field("Belongs to", owner.strip() or "nobody"),
        field("Image", pod.image),
        field("Containers", ", ".join(pod.containers)),
        field("Ready", f"{pod.ready}/{pod.total}"),
        field("Restarts", restarts),
        field("Node", pod.node or "–"),
        field("Address", pod.ip or "–"),
    ]


def _node(row: Node, ago: Ago) -> Prose:
    return [
        line(f"{row.status} {row.reason}".strip(), "bad" if row.failing else "good"),
        field("Roles", row.roles or "–"),
        field("Version", row.version),
        field("Allocatable", f"cpu {row.cpu}, memory {row.memory}, pods {row.pods}"),
        field("Age", ago(row.created)),
    ]


def _event(row: Event, ago: Ago) -> Prose:
    times = f" ×{row.count}" if row.count > 1 else ""
    return [
        line(f"{row.reason}{times}", "warn" if row.type == "Warning" else "plain"),
        (),
        line(row.message),
        (),
        field("Last seen", f"{ago(row.last)} ago"),
        field("Reported by", row.component or "–"),
    ]
