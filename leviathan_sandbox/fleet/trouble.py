"""The events that tell what has been going wrong with a pod."""

from leviathan_sandbox.fleet.specs import App, State
from leviathan_sandbox.fleet.workbench import Workbench
from leviathan_sandbox.objects import Object


def unschedulable_problem(nodes: int) -> str:
    """Return why no node takes the pods of an app that asks for what none has."""
    workers = nodes - 1
    selector = f"{workers} node(s) didn't match Pod's node affinity/selector"
    taint = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"
    return (
        f"0/{nodes} nodes are available: {', '.join(sorted((selector, taint)))}. preemption:"
        f" 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
    )


def tell(bench: Workbench, app: App, pod: Object) -> None:
    """Keep the events of the last hour about a pod."""
    metadata = pod["metadata"]
    name, image = pod["spec"]["containers"][0]["name"], pod["spec"]["containers"][0]["image"]
    full = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
    match app.state:
        case State.CRASHING | State.INIT_CRASH:
            failing = "migrate" if app.state is State.INIT_CRASH else name
            message = f"Back-off restarting failed container {failing} in pod {full}"
            bench.event(
                pod, "Warning", "BackOff", message, "kubelet",
                count=bench.rng.randrange(30, 60), last=0.02, first=0.95, container=failing,
            )  # fmt: skip
            present = "already present on machine and can be accessed by the pod"
            message = f'Container image "{image}" {present}'
            bench.event(
                pod, "Normal", "Pulled", message, "kubelet",
                count=12, last=0.06, first=0.97, container=failing,
            )  # fmt: skip
        case State.PENDING:
            message = unschedulable_problem(len(bench.node_names))
            bench.event(
                pod, "Warning", "FailedScheduling", message, "default-scheduler",
                count=11, last=0.04, first=0.9,
            )  # fmt: skip
        case State.STUCK:
            message = f'Back-off pulling image "{image}"'
            bench.event(
                pod, "Normal", "BackOff", message, "kubelet",
                count=42, last=0.02, first=0.9, container=name,
            )  # fmt: skip
            bench.event(
                pod, "Warning", "Failed", "Error: ImagePullBackOff", "kubelet",
                count=42, last=0.02, first=0.9, container=name,
            )  # fmt: skip
        case State.UNREADY | State.FLAPPING:
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            bench.event(
                pod, "Warning", "Unhealthy", message, "kubelet",
                count=bench.rng.randrange(20, 200), last=0.01, first=0.98, container=name,
            )  # fmt: skip
        case State.MISCONFIGURED:
            message = f'Error: configmap "{name}-config" not found'
            bench.event(
                pod, "Warning", "Failed", message, "kubelet",
                count=55, last=0.01, first=0.98, container=name,
            )  # fmt: skip
        case _:
            pass
