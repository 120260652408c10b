"""The workloads of the fleet and their pods."""

from datetime import datetime, timedelta
from typing import Final

from leviathan_sandbox.defaults import name_suffix
from leviathan_sandbox.fleet.specs import App, Release, State
from leviathan_sandbox.fleet.templates import labels_of, template_of
from leviathan_sandbox.fleet.trouble import tell, unschedulable_problem
from leviathan_sandbox.fleet.workbench import Workbench
from leviathan_sandbox.kinds import DAEMON_SET, POD, Kind
from leviathan_sandbox.objects import Object, owner_reference

PAUSED_REPLICAS: Final = "leviathan.dev/paused-replicas"
PAUSED_BY: Final = "leviathan.dev/paused-by"
SETTLED: Final = (State.HEALTHY, State.EVICTED, State.FROZEN, State.PAUSED)
"""The states in which nothing goes on by itself."""


class WorkloadBuilder:
    """Builds workloads and pods; what is between them is up to the subclasses.

    Parameters:
        bench: the tools.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def workload(self, kind: Kind, app: App, release: Release) -> Object:
        """Return an app's workload as one of its releases had it."""
        bench = self._bench
        annotations: dict[str, str] = {}
        replicas = app.replicas
        if app.state is State.PAUSED:
            annotations = {PAUSED_REPLICAS: str(replicas), PAUSED_BY: "alice"}
            replicas = 0
        metadata = bench.metadata(
            kind, app.namespace, app.name, bench.ago(app.releases[0].age), labels=labels_of(app)
        )
        if annotations:
            metadata["annotations"] = annotations
        spec: Object = {
            "selector": {"matchLabels": labels_of(app)},
            "template": template_of(app, release),
        }
        if kind is not DAEMON_SET:
            spec = {"replicas": replicas, **spec}
        if app.state is State.FROZEN:
            spec["paused"] = True
        workload = {
            "kind": kind.name,
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "spec": spec,
        }
        return bench.complete(kind, workload)

    def pod(
        self,
        app: App,
        owner: Object,
        model: Object,
        release: Release,
        index: int,
        name: str = "",
    ) -> Object:
        """Keep one pod of an app, in the state that fits the app's."""
        bench = self._bench
        name = name or f"{owner['metadata']['name']}-{name_suffix(bench.rng)}"
        created = bench.ago(release.age) + timedelta(seconds=index)
        pod = bench.pod(model, name, created, ownerReferences=[owner_reference(owner)])
        troubled = release is app.releases[-1]
        if troubled and app.state is State.PENDING:
            problem = unschedulable_problem(len(bench.node_names))
            kept = bench.settle(pod, bench.states.unschedulable(pod, created, problem))
            bench.cluster.scheduler.wait(POD.key(app.namespace, name))
        else:
            address = bench.place(pod)
            kept = bench.settle(
                pod, self._status(app, pod, address, created, index, troubled=troubled)
            )
            if troubled and app.state not in SETTLED:
                bench.moving.append(kept)
        if troubled:
            tell(bench, app, kept)
        return kept

    def _status(
        self, app: App, pod: Object, address: str, created: datetime, index: int, *, troubled: bool
    ) -> Object:
        states = self._bench.states
        started = created + timedelta(seconds=2)
        if not troubled:
            return states.running(pod, address, started)
        match app.state:
            case State.CRASHING:
                return states.crashing(pod, address, started, 4)
            case State.INIT_CRASH:
                return states.crashing(pod, address, started, 3, init=True)
            case State.OOM:
                return states.restarted(pod, address, started, "OOMKilled", 137)
            case State.UNREADY:
                return states.unready(pod, address, started)
            case State.STUCK:
                image = pod["spec"]["containers"][0]["image"]
                message = (
                    f'Back-off pulling image "{image}": ErrImagePull: rpc error: code = NotFound'
                    f' desc = failed to pull and unpack image "{image}": failed to resolve'
                    f' reference "{image}": {image}: not found'
                )
                return states.waiting(pod, address, started, "ImagePullBackOff", message)
            case State.MISCONFIGURED:
                name = pod["spec"]["containers"][0]["name"]
                message = f'configmap "{name}-config" not found'
                return states.waiting(pod, address, started, "CreateContainerConfigError", message)
            case State.ROLLING:
                if index == 0:
                    return states.running(pod, address, self._bench.now - timedelta(seconds=40))
                if index == 1:
                    return states.starting(pod, address)
                return states.creating(pod, address)
            case _:
                return states.running(pod, address, started)

    def evicted(self, replica_set: Object, model: Object) -> None:
        """Keep a pod that has been evicted some hours ago."""
        bench = self._bench
        name = f"{replica_set['metadata']['name']}-{name_suffix(bench.rng)}"
        created = bench.ago(9)
        pod = bench.pod(model, name, created, ownerReferences=[owner_reference(replica_set)])
        address = bench.place(pod)
        bench.settle(pod, bench.states.evicted(pod, address, created))
