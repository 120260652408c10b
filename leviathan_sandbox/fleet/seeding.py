"""Fills a cluster with what has been there for a while."""

import random
from typing import Final

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.fleet.apps import build_app
from leviathan_sandbox.fleet.company import APPS, CRONS
from leviathan_sandbox.fleet.crons import CronBuilder
from leviathan_sandbox.fleet.generated import generated_apps, generated_crons
from leviathan_sandbox.fleet.nodes import node_count
from leviathan_sandbox.fleet.roles import load_roles
from leviathan_sandbox.fleet.workbench import Workbench
from leviathan_sandbox.kinds import AUTOSCALER, CRON_JOB

_APPS_PER_CRON: Final = 10


def populate(cluster: Cluster, apps: int) -> None:
    """Fill a cluster with nodes, roles, `apps` apps and the cron jobs that go with them.

    The same seed and number make the same fleet.
    """
    rng = random.Random(f"fleet/{apps}")  # noqa: S311 (nothing secret)
    chosen = list(APPS[:apps])
    crons = list(CRONS) if apps else []
    if apps > len(APPS):
        chosen += generated_apps(apps - len(APPS), rng)
        crons += generated_crons((apps - len(APPS)) // _APPS_PER_CRON, rng)
    pods = sum(app.replicas for app in chosen) + 4 * len(crons)
    bench = Workbench(cluster, node_count(pods))
    cron_builder = CronBuilder(bench)
    for app in chosen:
        build_app(bench, app)
    for cron in crons:
        cron_builder.build(cron)
    load_roles(cluster)
    if cluster.live:
        for pod in bench.moving:
            cluster.kubelet.resume(pod)
        for entry in cluster.storage.all(CRON_JOB):
            cluster.cron_jobs.enqueue(entry.key)
        for entry in cluster.storage.all(AUTOSCALER):
            cluster.autoscalers.enqueue(entry.key)
        cluster.manager.recorder.start_sweeping()
