"""Apps with a past: the workload and what belongs to it."""

from leviathan_sandbox.fleet.deployments import DeploymentBuilder
from leviathan_sandbox.fleet.related import add_related
from leviathan_sandbox.fleet.sets import SetBuilder
from leviathan_sandbox.fleet.specs import App
from leviathan_sandbox.fleet.workbench import Workbench


def build_app(bench: Workbench, app: App) -> None:
    """Keep an app and everything that belongs to it."""
    bench.namespace(app.namespace)
    match app.kind:
        case "Deployment":
            workload = DeploymentBuilder(bench).build(app)
        case "StatefulSet":
            workload = SetBuilder(bench).stateful_set(app)
        case _:
            workload = SetBuilder(bench).daemon_set(app)
    add_related(bench, app, workload)
