"""What the rows of the lists hold: records as they are, or made from several of them."""

import msgspec

from leviathan_tui.backend.fleet.health import AppState
from leviathan_tui.backend.fleet.records import Event, Job, Namespace, Node, Pod, Ref


class AppRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An app: a Deployment, StatefulSet or DaemonSet with what its pods say."""

    uid: str
    kind: str
    namespace: str
    name: str
    state: AppState
    status: str
    """What is the matter, in a few words."""
    reason: str
    """The same with the count of ready pods."""
    ready: int
    desired: int
    updated: int
    image: str
    created: int
    labels: dict[str, str]
    pods: int
    restarts: int
    rollout_paused: bool
    cpu: int = -1
    """Millicores of all its pods; -1 where nothing is measured."""
    memory: int = -1
    """Bytes of all its pods; -1 where nothing is measured."""
    search: str = ""

    @property
    def ref(self) -> Ref:
        """Which object the row stands for."""
        return Ref(self.kind, self.namespace, self.name, self.uid)

    @property
    def failing(self) -> bool:
        """Whether somebody should look."""
        return self.state is AppState.FAILING


class CronRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cron job with its runs."""

    uid: str
    namespace: str
    name: str
    schedule: str
    time_zone: str
    words: str
    problem: str
    """Why the schedule cannot be read; empty where it can."""
    suspended: bool
    deleting: bool
    active: int
    next_run: int
    """Seconds since the epoch; 0 for never."""
    why_never: str
    """Why its schedule never comes to a run, in words; empty where it does."""
    last_schedule: int
    last_outcome: str
    """Of the newest run that ended: succeeded, failed, or empty where none was seen."""
    history: str
    """The newest ten runs, oldest first, a letter each: s, f, r (running), p (pending or suspended)."""
    missed: int
    trouble: str
    """What keeps a running job's pods from getting on; empty where nothing does."""
    concurrency: str
    image: str
    created: int
    labels: dict[str, str]
    search: str = ""

    kind: str = "CronJob"

    @property
    def ref(self) -> Ref:
        """Which object the row stands for."""
        return Ref("CronJob", self.namespace, self.name, self.uid)

    @property
    def why_no_next(self) -> str:
        """Why no run is due, in a word; empty where one is."""
        if self.suspended:
            return "suspended"
        if self.problem:
            return "unreadable"
        return "" if self.next_run else "never"

    @property
    def broken(self) -> bool:
        """Whether its runs fail, or none can be started."""
        return bool(self.problem or self.trouble or self.last_outcome == "failed")

    @property
    def failing(self) -> bool:
        """Whether somebody should look."""
        return bool(self.missed or self.broken)


class PodRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pod and what it uses."""

    pod: Pod
    cpu: int = -1
    memory: int = -1

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return self.pod.uid

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return self.pod.namespace

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.pod.name

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return self.pod.labels

    @property
    def search(self) -> str:
        """What a filter looks in."""
        return self.pod.search

    @property
    def failing(self) -> bool:
        """Whether somebody should look."""
        return self.pod.failing

    @property
    def ref(self) -> Ref:
        """Which object the row stands for."""
        return Ref("Pod", self.pod.namespace, self.pod.name, self.pod.uid)


Row = AppRow | CronRow | PodRow | Job | Namespace | Node | Event


class Tally(msgspec.Struct):
    """How many rows a view has, and how many of them want a look."""

    rows: int = 0
    failing: int = 0
    """Of cron jobs: those whose runs fail, or cannot be started."""
    missed: int = 0
    """Cron jobs with missed runs."""


class Diff(msgspec.Struct):
    """What changed in one view since the last tick."""

    upserted: list[Row]
    removed: list[str]
    """Uids."""
