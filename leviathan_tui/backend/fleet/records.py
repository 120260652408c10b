"""What the console remembers of each object: flat, slim and already cleaned of control bytes.

A record is made once, where an object is decoded, and never changed: a newer object makes a new one.
Times are whole seconds since the epoch, 0 where there is none.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from leviathan_tui.backend.untrusted import clean

PAUSED_REPLICAS: Final = "leviathan.dev/paused-replicas"
"""The annotation that holds a paused app's replica count."""
PAUSED_BY: Final = "leviathan.dev/paused-by"
"""The annotation that says who paused an app."""
PAUSED_AT: Final = "leviathan.dev/paused-at"
"""The annotation that says when, as in `2026-11-28T09:10:00Z`."""
REVISION: Final = "deployment.kubernetes.io/revision"
CHANGE_CAUSE: Final = "kubernetes.io/change-cause"
"""The annotation in which people say why they made a release."""
SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
INSTANTIATE: Final = "cronjob.kubernetes.io/instantiate"


class Ref(msgspec.Struct, frozen=True):
    """Which object: enough to find it again, and to notice that it is another of the same name."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    group: str = ""
    """The API group of a kind that the console does not know by heart: others may have its name."""

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.namespace}/{self.name}"
            if self.namespace
            else f"{self.kind} {self.name}"
        )


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What all records have."""

    uid: str
    namespace: str
    name: str
    created: int
    deleting: int = 0
    labels: dict[str, str] = {}
    finalizer: str = ""
    """The first finalizer of an object that is being deleted."""


class Pod(Record, frozen=True, kw_only=True, gc=False):
    """A pod, with the words of its row."""

    owner_uid: str = ""
    owner_kind: str = ""
    owner_name: str = ""
    status: str = ""
    failing: bool = False
    reason: str = ""
    phase: str = ""
    is_ready: bool = False
    """Whether the pod's condition Ready is true, which takes more than ready containers."""
    readied: int = 0
    """When that last changed."""
    ready: int = 0
    total: int = 0
    restarts: int = 0
    restarted_at: int = 0
    node: str = ""
    ip: str = ""
    image: str = ""
    containers: tuple[str, ...] = ()
    search: str = ""
    """Lower-case text that a filter looks in."""


class Workload(Record, frozen=True, kw_only=True, gc=False):
    """A Deployment, StatefulSet or DaemonSet."""

    kind: str
    desired: int = 0
    ready: int = 0
    updated: int = 0
    available: int = 0
    total: int = 0
    """Pods that exist, of the old and the new release."""
    image: str = ""
    generation: int = 0
    observed: bool = True
    """Whether the controller has seen the latest spec."""
    rollout_paused: bool = False
    paused_replicas: str = ""
    """What it had before it was paused here; empty where it was not."""
    paused_by: str = ""
    paused_at: int = 0
    on_delete: bool = False
    """Whether pods keep the old release until somebody deletes them."""
    partition: int = 0
    """Pods with a lower number than this keep the old release; a StatefulSet's."""
    min_ready_seconds: int = 0
    """Seconds for which a pod has to be ready before it counts as available."""
    stalled: str = ""
    """The message of a rollout that exceeded its deadline, or of a failed pod creation."""
    revision: str = ""
    selector: dict[str, str] = {}


class ReplicaSet(Record, frozen=True, kw_only=True, gc=False):
    """One release of a Deployment."""

    owner_uid: str = ""
    revision: int = 0
    image: str = ""
    cause: str = ""
    desired: int = 0
    ready: int = 0
    total: int = 0


class CronJob(Record, frozen=True, kw_only=True, gc=False):
    """A cron job."""

    schedule: str = ""
    time_zone: str = ""
    suspended: bool = False
    active: int = 0
    last_schedule: int = 0
    last_success: int = 0
    deadline: int | None = None
    """`startingDeadlineSeconds`."""
    concurrency: str = "Allow"
    image: str = ""


class Job(Record, frozen=True, kw_only=True, gc=False):
    """A job: where a cron job made it, one of its runs."""

    @property
    def ref(self) -> Ref:
        """Which object the record stands for."""
        return Ref("Job", self.namespace, self.name, self.uid)

    @property
    def failing(self) -> bool:
        """Whether somebody should look."""
        return self.outcome == "failed"

    owner_uid: str = ""
    owner_name: str = ""
    scheduled: int = 0
    manual: bool = False
    outcome: str = "pending"
    """One of pending, running, suspended, succeeded, failed."""
    reason: str = ""
    started: int = 0
    finished: int = 0
    succeeded: int = 0
    failed: int = 0
    active: int = 0
    completions: int = 1
    image: str = ""

    @property
    def search(self) -> str:
        """What a filter looks in."""
        return f"{self.namespace}\n{self.name}\n{self.owner_name}\n{self.outcome}\n{self.reason}".lower()


class Namespace(Record, frozen=True, kw_only=True, gc=False):
    """A namespace."""

    @property
    def ref(self) -> Ref:
        """Which object the record stands for."""
        return Ref("Namespace", "", self.name, self.uid)

    phase: str = ""

    @property
    def search(self) -> str:
        """What a filter looks in."""
        return f"{self.name}\n{self.phase}".lower()


class Node(Record, frozen=True, kw_only=True, gc=False):
    """A node."""

    @property
    def ref(self) -> Ref:
        """Which object the record stands for."""
        return Ref("Node", "", self.name, self.uid)

    status: str = ""
    failing: bool = False
    reason: str = ""
    roles: str = ""
    version: str = ""
    cpu: str = ""
    memory: str = ""
    pods: str = ""

    @property
    def search(self) -> str:
        """What a filter looks in."""
        return f"{self.name}\n{self.status}\n{self.roles}\n{self.version}".lower()


class Event(Record, frozen=True, kw_only=True, gc=False):
    """An event, its count and times brought into one form."""

    about: Ref
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 1
    last: int = 0
    component: str = ""

    @property
    def ref(self) -> Ref:
        """What the event is about: that is what one wants to open."""
        return self.about

    @property
    def search(self) -> str:
        """What a filter looks in."""
        about = self.about
        return "\n".join(
            (self.namespace, self.type, self.reason, about.kind, about.name, self.message)
        ).lower()


LATEST: Final = 4_102_444_800
"""2100-01-01."""


def seconds(moment: datetime | None) -> int:
    """Return a time of Kubernetes as seconds since the epoch; 0 for none.

    A time outside 1970 to 2100 counts as none: anybody may write any into an annotation, and the
    calendar's ends cannot be shown in every zone.
    """
    if moment is None:
        return 0
    found = int(moment.timestamp())
    return found if 0 < found < LATEST else 0


def seconds_at(stamp: object) -> int:
    """Return a time as an object spells it (RFC 3339) as `seconds` does; 0 for anything else."""
    if not isinstance(stamp, str):
        return 0
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return 0
    return seconds(moment) if moment.tzinfo is not None else 0


def release_number(text: object) -> int:
    """Return the number of a release as an annotation spells it; 0 for anything else."""
    spelled = isinstance(text, str) and len(text) < 10 and text.isascii() and text.isdigit()
    return int(str(text)) if spelled else 0


class _Generations(dict[Any, Any]):
    """A dictionary that forgets what was not asked for lately, a few hundred entries at a time.

    What is asked for again and again stays. Dropping thousands at once would leave holes between what
    the living records hold, which the memory never fills again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._older: dict[Any, Any] = {}

    def __missing__(self, key: Any) -> Any:
        known = self._older.get(key)
        if known is not None:
            self.keep(key, known)
        return known

    def keep(self, key: Any, value: Any) -> None:
        """Remember one more."""
        if len(self) >= _GENERATION:
            self._older = dict(self)
            self.clear()
        self[key] = value

    @property
    def size(self) -> int:
        """How many are remembered."""
        return len(self.keys() | self._older.keys())


class Interner:
    """Keeps one copy of texts and label sets that thousands of objects share.

    Ten thousand pods have a handful of namespaces, nodes and images between them. One interner
    belongs to one thread.
    """

    def __init__(self) -> None:
        self._texts = _Generations()
        self._labels = _Generations()

    @property
    def size(self) -> int:
        """How many texts and label sets it remembers."""
        return self._texts.size + self._labels.size

    def text(self, value: str | None) -> str:
        """Return the cleaned text, the same object for the same text."""
        if not value:
            return ""
        known: str | None = self._texts[value]
        if known is None:
            known = clean(value)
            self._texts.keep(value, known)
        return known

    def labels(self, value: dict[str, str] | None) -> dict[str, str]:
        """Return the cleaned labels, the same object for the same labels."""
        if not value:
            return _NO_LABELS
        key = tuple(value.items())
        known: dict[str, str] | None = self._labels[key]
        if known is None:
            known = {self.text(name): self.text(text) for name, text in value.items()}
            self._labels.keep(key, known)
        return known


_GENERATION: Final = 500
"""Entries after which an interner begins to forget those that came before them."""

_NO_LABELS: Final[dict[str, str]] = {}
