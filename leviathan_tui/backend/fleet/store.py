"""All that is known of a cluster: fed by messages, joined, and handed on as diffs.

The store lives in one thread (the screen's), holds records by uid, and keeps the joins
pod → ReplicaSet → app and pod → job → cron job up to date as they arrive, in any order. The cost of a
message depends on what it changes, not on what there is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from leviathan_tui.backend.fleet import relations
from leviathan_tui.backend.fleet.app_book import AppBook
from leviathan_tui.backend.fleet.connection import Connection
from leviathan_tui.backend.fleet.cron_book import CronBook
from leviathan_tui.backend.fleet.health import PATIENCE, in_trouble
from leviathan_tui.backend.fleet.messages import (
    Delete,
    Malformed,
    Message,
    Phase,
    Proof,
    Reset,
    Restored,
    Scope,
    State,
    Upsert,
    Usage,
)
from leviathan_tui.backend.fleet.records import CronJob, Job, Node, Pod, ReplicaSet, Workload
from leviathan_tui.backend.fleet.releases import Release, releases_known
from leviathan_tui.backend.fleet.rows import AppRow, CronRow, Diff, PodRow, Row, Tally
from leviathan_tui.backend.fleet.usage import PodUsage
from leviathan_tui.backend.kube import kinds

Listener = Callable[[Diff], None]

VIEWS: Final = ("apps", "crons", "runs", "pods", "namespaces", "nodes", "events")
"""The lists that the store keeps rows for."""

_VIEW_OF: Final = {
    kinds.DEPLOYMENT.name: "apps",
    kinds.STATEFUL_SET.name: "apps",
    kinds.DAEMON_SET.name: "apps",
    kinds.CRON_JOB.name: "crons",
    kinds.JOB.name: "runs",
    kinds.POD.name: "pods",
    kinds.NAMESPACE.name: "namespaces",
    kinds.NODE.name: "nodes",
    kinds.EVENT.name: "events",
}

_JUDGED_BY: Final = {
    "apps": (*(kind.name for kind in kinds.WORKLOADS), kinds.REPLICA_SET.name, kinds.POD.name),
    "crons": (kinds.CRON_JOB.name,),
}
"""The kinds that have to be followed for the rows of these views to be judged."""

_KIND_OF: Final = {view: kind for kind, view in _VIEW_OF.items()}
"""The kind of the views whose rows are records as they are."""


class Store:
    """See the module's docstring. Not thread-safe: it belongs to the thread that applies."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.connection = Connection()
        self._records: dict[str, dict[str, Any]] = {kind: {} for kind in kinds.BY_NAME}
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        """Owner uid to the uids of what it controls: pods, ReplicaSets and jobs."""
        self._rows: dict[str, dict[str, Row]] = {view: {} for view in VIEWS}
        self._dirty: dict[str, set[str]] = {view: set() for view in VIEWS}
        self._gone: dict[str, list[str]] = {view: [] for view in VIEWS}
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._usage: PodUsage = {}
        self.measured = False
        """Whether the cluster measures what pods use."""
        self.apps = AppBook()
        self.crons = CronBook()
        self._anew: set[str] = set()
        """Pods whose rows are to be told though they look the same."""
        self._tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        self.malformed = 0
        """Objects that could not be read."""

    # Reading

    def rows(self, view: str) -> dict[str, Row]:
        """Return the present rows of a view by uid; not to be changed by the caller."""
        return self._rows[view]

    def subscribe(self, view: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with each tick's diff of a view; returns how to end that."""
        self._listeners[view].append(listener)
        return lambda: self._listeners[view].remove(listener)

    def tally(self, view: str, namespace: str = "") -> Tally:
        """Return how many rows a view has in a namespace ("" is all), and how many want a look."""
        return self._tallies.get((view, namespace), Tally())

    def row(self, uid: str) -> Row | None:
        """Return the row of an object, or None where no list has one."""
        found = (rows[uid] for rows in self._rows.values() if uid in rows)
        return next(found, None)

    def record(self, kind: str, uid: str) -> Any | None:
        """Return one record, or None where it is not (or no longer) known."""
        return self._records[kind].get(uid)

    def records(self, kind: str, namespace: str = "") -> list[Any]:
        """Return the records of a kind in a namespace ("" is all)."""
        found = self._records[kind].values()
        return [item for item in found if not namespace or item.namespace == namespace]

    def lacks_namespace(self, name: str) -> bool:
        """Whether there certainly is no namespace `name`: all are known, and it is none of them."""
        all_of_them = Scope(kinds.NAMESPACE.name)
        return bool(name) and (
            all_of_them in self.connection.followed()
            and all(one.name != name for one in self._records[kinds.NAMESPACE.name].values())
        )

    def pods_of(self, uid: str) -> list[Pod]:
        """Return the pods of an app, ReplicaSet, job or cron job, newest first."""
        pods = self._records[kinds.POD.name]
        middle = [self._records[kind.name] for kind in relations.BETWEEN.values()]
        found: list[Pod] = []
        for child in self._children.get(uid, ()):
            if child in pods:
                found.append(pods[child])
            elif any(child in group for group in middle):
                found += [pods[one] for one in self._children.get(child, ()) if one in pods]
        found.sort(key=lambda pod: (-pod.created, pod.name))
        return found

    def releases_of(self, uid: str) -> list[Release]:
        """Return a Deployment's releases, the newest first."""
        sets = self._records[kinds.REPLICA_SET.name]
        app: Workload | None = self._records[kinds.DEPLOYMENT.name].get(uid)
        return releases_known(
            (sets[child] for child in self._children.get(uid, ()) if child in sets),
            "" if app is None else app.revision,
        )

    def runs_of(self, uid: str) -> list[Job]:
        """Return a cron job's jobs that still exist, the newest first."""
        jobs = self._records[kinds.JOB.name]
        found = [jobs[child] for child in self._children.get(uid, ()) if child in jobs]
        return sorted(found, key=lambda job: -(job.scheduled or job.created))

    def app_of(self, pod: Pod) -> Workload | None:
        """Return the app that a pod belongs to, through its ReplicaSet where there is one."""
        uid = self._app_uid(pod)
        for kind in kinds.WORKLOADS:
            found: Workload | None = self._records[kind.name].get(uid)
            if found is not None:
                return found
        return None

    def ancestors(self, pod: Pod) -> tuple[str, ...]:
        """Return the uids of what controls a pod, directly and through a ReplicaSet or a job."""
        middle: ReplicaSet | Job | None = self._records[kinds.REPLICA_SET.name].get(
            pod.owner_uid
        ) or self._records[kinds.JOB.name].get(pod.owner_uid)
        return (pod.owner_uid,) if middle is None else (pod.owner_uid, middle.owner_uid)

    # Feeding

    def apply(self, messages: Iterable[Message]) -> None:
        """Take in messages; listeners hear of them at the next `flush`."""
        for message in messages:
            match message:
                case Upsert():
                    self._upsert(message.scope.kind, message.records)
                case Delete():
                    for uid in message.uids:
                        self._delete(message.scope.kind, uid)
                case Reset():
                    self.connection.forget(message.scope, keep=message.keep)
                    if not message.keep:
                        self._reset(message.scope)
                case State():
                    self._update(message)
                case Proof():
                    self.connection.prove(message)
                case Restored():
                    self.connection.restore(message)
                case Usage():
                    self._measure(message.pods)
                case Malformed():
                    self.malformed += message.count

    def _update(self, state: State) -> None:
        """Take in a scope's phase, and look again at the rows that were judged without its kind."""
        kind, namespace = state.scope.kind, state.scope.namespace
        before = self._sight(kind, namespace)
        self.connection.update(state)
        if state.phase is Phase.BROKEN or before == self._sight(kind, namespace):
            return
        for view in [view for view, judges in _JUDGED_BY.items() if kind in judges]:
            for judged in (name for name in _JUDGED_BY[view] if _VIEW_OF.get(name) == view):
                self._dirty[view].update(
                    uid
                    for uid, record in self._records[judged].items()
                    if not namespace or record.namespace == namespace
                )

    def _sight(self, kind: str, namespace: str) -> tuple[bool, bool]:
        """Return whether a kind has been listed, and whether it is followed to this moment."""
        now = self._clock()
        seen = self.connection.seen(kind, namespace, now)
        return self.connection.known(kind, namespace), seen == now

    def _upsert(self, kind: str, records: list[Any]) -> None:
        known = self._records[kind]
        view = _VIEW_OF.get(kind)
        dirty = self._dirty[view] if view else None
        for record in records:
            uid = record.uid
            before = known.get(uid)
            if before is not None:
                self._release(before, record)
            known[uid] = record
            if dirty is not None:
                dirty.add(uid)
            if isinstance(record, Pod):
                if record.owner_uid:
                    self._children[record.owner_uid].add(uid)
                    self._touch_app(record)
            elif isinstance(record, ReplicaSet):
                if record.owner_uid:
                    self._children[record.owner_uid].add(uid)
                    self._dirty["apps"].add(record.owner_uid)
                    if before is None:
                        self._offer_again(uid)
            elif isinstance(record, Node):
                self.apps.observe(record)
            elif isinstance(record, CronJob):
                if before is not None:
                    self.crons.changed(before, record, self._clock())
            elif isinstance(record, Job) and record.owner_uid:
                self._children[record.owner_uid].add(uid)
                self.crons.observe(record)
                self._dirty["crons"].add(record.owner_uid)
                if before is None:
                    self._offer_again(uid)

    def _offer_again(self, owner: str) -> None:
        """Have pods told again that came before what ties them to their app or cron job."""
        for uid in self._children.get(owner, ()):
            if uid in self._rows["pods"]:
                self._anew.add(uid)
                self._dirty["pods"].add(uid)

    def _release(self, before: Any, record: Any) -> None:
        """Take an object out of its owner's children where it has another owner now, or none."""
        owner = getattr(before, "owner_uid", "")
        if not owner or owner == record.owner_uid:
            return
        if isinstance(before, Pod):
            self._touch_app(before)
        self._children[owner].discard(before.uid)
        if not self._children[owner]:
            del self._children[owner]
            self._let_go(owner)

    def _delete(self, kind: str, uid: str) -> None:
        record = self._records[kind].pop(uid, None)
        if record is None:
            return
        view = _VIEW_OF.get(kind)
        if view:
            self._dirty[view].discard(uid)
            row = self._rows[view].pop(uid, None)
            if row is not None:
                self._count(view, [row], -1)
                self._gone[view].append(uid)
        owner = getattr(record, "owner_uid", "")
        if owner:
            if isinstance(record, Pod):
                self._touch_app(record)
            elif isinstance(record, ReplicaSet):
                self._dirty["apps"].add(owner)
            elif isinstance(record, Job):
                self.crons.vanished(owner, uid)
                self._dirty["crons"].add(owner)
            siblings = self._children.get(owner)
            if siblings is not None:
                siblings.discard(uid)
                if not siblings:
                    del self._children[owner]
                    self._let_go(owner)
        if isinstance(record, Node):
            self.apps.vanished(record)
        if isinstance(record, Workload):
            self.apps.forget(uid)
        if isinstance(record, CronJob):
            self.crons.forget(uid)

    def _let_go(self, owner: str) -> None:
        """Give back the history of what has no jobs any more and is no cron job, or gone."""
        if owner not in self._records[kinds.CRON_JOB.name]:
            self.crons.forget_runs(owner)

    def _reset(self, scope: Scope) -> None:
        namespace = scope.namespace
        for uid, record in list(self._records[scope.kind].items()):
            if not namespace or record.namespace == namespace:
                self._delete(scope.kind, uid)

    def _app_uid(self, pod: Pod) -> str:
        if pod.owner_kind == kinds.REPLICA_SET.name:
            owner: ReplicaSet | None = self._records[kinds.REPLICA_SET.name].get(pod.owner_uid)
            return owner.owner_uid if owner is not None else ""
        return pod.owner_uid

    def _touch_app(self, pod: Pod) -> None:
        """Look again at the app, or the cron job, that a pod belongs to."""
        if pod.owner_kind == kinds.JOB.name:
            job: Job | None = self._records[kinds.JOB.name].get(pod.owner_uid)
            if job is not None and job.owner_uid:
                self._dirty["crons"].add(job.owner_uid)
        elif uid := self._app_uid(pod):
            self._dirty["apps"].add(uid)

    def _measure(self, usage: PodUsage | None) -> None:
        before, self._usage = self._usage, usage or {}
        self.measured = usage is not None
        pods = self._records[kinds.POD.name]
        changed = {
            key
            for key in before.keys() | self._usage.keys()
            if before.get(key) != self._usage.get(key)
        }
        if not changed:
            return
        for uid, pod in pods.items():
            if (pod.namespace, pod.name) in changed:
                self._dirty["pods"].add(uid)
                self._touch_app(pod)

    # Handing on

    def flush(self, *, heard_only: bool = False) -> bool:
        """Work out what changed and tell the listeners, one diff a view; True if there was any.

        With `heard_only`, what changed in views without a listener waits for another flush.
        """
        self._wake()
        any_change = False
        for view in VIEWS:
            dirty, gone = self._dirty[view], self._gone[view]
            if (not dirty and not gone) or (heard_only and not self._listeners[view]):
                continue
            self._dirty[view], self._gone[view] = set(), []
            told = self._anew if view == "pods" else set()
            rows = self._rows[view]
            upserted: list[Row] = []
            replaced: list[Row] = []
            for uid in dirty:
                row = self._make(view, uid)
                before = rows.get(uid)
                if row is not None and (before != row or uid in self._anew):
                    if before is not None:
                        replaced.append(before)
                    rows[uid] = row
                    upserted.append(row)
            self._count(view, replaced, -1)
            self._count(view, upserted, 1)
            if upserted or gone:
                any_change = True
                diff = Diff(upserted, gone)
                for listener in tuple(self._listeners[view]):
                    listener(diff)
            told.clear()
        return any_change

    def _count(self, view: str, rows: list[Row], step: int) -> None:
        by_namespace: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_namespace[row.namespace].append(row)
        for namespace, group in by_namespace.items():
            failing = sum(map(_wants_a_look, group))
            missed = sum(bool(row.missed) for row in group if isinstance(row, CronRow))
            for name in {"", namespace}:
                tally = self._tallies[view, name]
                tally.rows += step * len(group)
                tally.failing += step * failing
                tally.missed += step * missed
                if not tally.rows:
                    # Namespaces come and go.
                    del self._tallies[view, name]

    def _wake(self) -> None:
        """Look again at the rows that the clock alone changes, and at those that nodes do."""
        now = self._clock()
        self._dirty["crons"].update(self.crons.due(now))
        self._dirty["apps"].update(self.apps.due(now))
        if changed := self.apps.take_changed_nodes():
            for pod in self._records[kinds.POD.name].values():
                if pod.node in changed:
                    self._touch_app(pod)

    def _make(self, view: str, uid: str) -> Row | None:
        if view == "apps":
            for kind in kinds.WORKLOADS:
                app = self._records[kind.name].get(uid)
                if app is not None:
                    return self._app_row(app)
            return None
        if view == "crons":
            cron = self._records[kinds.CRON_JOB.name].get(uid)
            if cron is None:
                return None
            now = self._clock()
            seen = self.connection.seen(kinds.CRON_JOB.name, cron.namespace, now)
            return self.crons.row(cron, seen, now, self._trouble_of_runs(uid))
        if view == "pods":
            pod = self._records[kinds.POD.name].get(uid)
            if pod is None:
                return None
            cpu, memory = self._usage.get((pod.namespace, pod.name), (-1, -1))
            return PodRow(pod=pod, cpu=cpu, memory=memory)
        row: Row | None = self._records[_KIND_OF[view]].get(uid)
        return row

    def _trouble_of_runs(self, uid: str) -> str:
        """Return what keeps the pods of a cron job's running jobs from getting on."""
        jobs = self._records[kinds.JOB.name]
        now = self._clock()
        for child in self._children.get(uid, ()):
            job: Job | None = jobs.get(child)
            if job is None or job.outcome != "running":
                continue
            for pod in self.pods_of(child):
                if in_trouble(pod, now):
                    return f"{pod.status}, {pod.reason}" if pod.reason else pod.status
                if not pod.deleting and pod.phase == "Pending" and now <= pod.created + PATIENCE:
                    self.crons.look_again(uid, pod.created + PATIENCE + 1)
        return ""

    def _app_row(self, app: Workload) -> AppRow:
        now = self._clock()
        # It is judged as of when it and its pods were last heard of.
        heard = min(
            self.connection.seen(kind, app.namespace, now) for kind in (app.kind, kinds.POD.name)
        )
        between = relations.BETWEEN.get(app.kind)
        needed = (kinds.POD,) if between is None else (kinds.POD, between)
        known = all(self.connection.known(kind.name, app.namespace) for kind in needed)
        pods = self.pods_of(app.uid)
        return self.apps.row(app, pods, self._usage, now, heard, pods_known=known)


def _wants_a_look(row: Row) -> bool:
    if isinstance(row, CronRow):
        return row.broken
    return bool(getattr(row, "failing", False))
