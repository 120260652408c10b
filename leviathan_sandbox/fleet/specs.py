"""What an app or a cron job of the fleet is to look like."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """How an app of the fleet is doing when the sandbox starts."""

    HEALTHY = "healthy"
    CRASHING = "crashing"
    """Every pod is in CrashLoopBackOff."""
    PENDING = "pending"
    """No node takes its pods."""
    STUCK = "stuck"
    """Its newest release has an image that cannot be pulled: the rollout does not go on."""
    ROLLING = "rolling"
    """A rollout is under way."""
    PAUSED = "paused"
    """Scaled to zero, with the annotation that remembers its size."""
    FROZEN = "frozen"
    """Its rollout is paused (`spec.paused`)."""
    OOM = "oom"
    """Is killed for its memory now and then."""
    UNREADY = "unready"
    """Its pods run and are not ready."""
    FLAPPING = "flapping"
    """Its pods are ready and not ready by turns."""
    INIT_CRASH = "init-crash"
    """Its init container fails."""
    MISCONFIGURED = "misconfigured"
    """A ConfigMap that it needs is missing."""
    EVICTED = "evicted"
    """Healthy, but a pod that was evicted is still listed."""


class Release(msgspec.Struct, frozen=True):
    """One template that an app has had."""

    image: str
    age: float
    """Hours since it was rolled out."""


class App(msgspec.Struct, frozen=True):
    """One app of the fleet."""

    namespace: str
    name: str
    releases: tuple[Release, ...]
    """Oldest first; the last one is what runs now."""
    replicas: int = 1
    kind: str = "Deployment"
    state: State = State.HEALTHY
    log: str = ""
    """The look of its log; by its image if empty."""
    cpu: str = "50m"
    memory: str = "64Mi"
    port: int = 0
    """The port of its Service; none if 0."""
    host: str = ""
    """The host of its Ingress; none if empty."""
    max_replicas: int = 0
    """The upper bound of its autoscaler; none if 0."""
    storage: str = ""
    """The size of each pod's volume; none if empty."""
    sidecar: str = ""
    """The image of a second container; none if empty."""
    config: bool = False
    """Whether it has a ConfigMap and a Secret."""


class Cron(msgspec.Struct, frozen=True):
    """One cron job of the fleet."""

    namespace: str
    name: str
    schedule: str
    image: str
    seconds: float = 8.0
    """How long a run takes."""
    zone: str = ""
    suspended: bool = False
    fails: tuple[bool, ...] = (False,)
    """Which of its runs fail: of the last one backwards, over and over."""
    concurrency: str = "Allow"
    deadline: int | None = None
    """`startingDeadlineSeconds`."""
    running: bool = False
    """Whether a run is under way at the start."""
    age: float = 24.0 * 40
    """Hours since it was created."""
