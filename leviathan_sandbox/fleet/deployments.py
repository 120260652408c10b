"""Deployments with a past: every release that they have had, and the pods of the last ones."""

from datetime import timedelta

from leviathan_sandbox.controllers.deployment_status import status_of
from leviathan_sandbox.controllers.deployments import REVISION, new_replica_set
from leviathan_sandbox.controllers.templates import is_active, is_ready
from leviathan_sandbox.fleet.specs import App, Release, State
from leviathan_sandbox.fleet.templates import template_of
from leviathan_sandbox.fleet.workloads import SETTLED, WorkloadBuilder
from leviathan_sandbox.kinds import DEPLOYMENT, REPLICA_SET
from leviathan_sandbox.objects import Object, timestamp


class DeploymentBuilder(WorkloadBuilder):
    """Builds deployments."""

    def build(self, app: App) -> Object:
        """Keep a deployment, its replica sets and their pods; return it."""
        bench = self._bench
        deployment = self.workload(DEPLOYMENT, app, app.releases[-1])
        metadata = deployment["metadata"]
        metadata["generation"] = len(app.releases)
        number = len(app.releases)
        shown = number - 1 if app.state is State.FROZEN else number
        metadata["annotations"] = {**metadata.get("annotations", {}), REVISION: str(shown)}
        old, new = self._sizes(app)
        replica_sets = []
        for index, release in enumerate(app.releases[:shown], start=1):
            size = new if index == number else old if index == number - 1 else 0
            as_then = deployment | {
                "spec": deployment["spec"]
                | {
                    "template": bench.complete(
                        DEPLOYMENT, {"spec": {"template": template_of(app, release)}}
                    )["spec"]["template"]
                }
            }
            replica_sets.append(self._replica_set(app, as_then, release, size, index))
        newest = replica_sets[-1] if shown == number else None
        status, _ = status_of(deployment, replica_sets, newest, bench.now)
        status["conditions"] = self._conditions(app, status, replica_sets[-1])
        deployment["status"] = status
        return bench.load(DEPLOYMENT, deployment)

    @staticmethod
    def _sizes(app: App) -> tuple[int, int]:
        """Return how many pods the last two releases have."""
        if app.state is State.PAUSED:
            return 0, 0
        surge = -(-app.replicas // 4)
        if app.state is State.STUCK:
            return app.replicas, surge
        if app.state is State.ROLLING:
            unavailable = app.replicas // 4
            return app.replicas - unavailable - 1, surge + unavailable + 1
        if app.state is State.FROZEN:
            return app.replicas, 0
        return 0, app.replicas

    def _replica_set(
        self, app: App, deployment: Object, release: Release, size: int, revision: int
    ) -> Object:
        bench = self._bench
        replica_set = new_replica_set(deployment, size, revision)
        created = bench.ago(release.age)
        made = replica_set["metadata"]
        replica_set["metadata"] = bench.metadata(
            REPLICA_SET,
            app.namespace,
            made["name"],
            created,
            labels=made["labels"],
            annotations=made["annotations"],
            ownerReferences=made["ownerReferences"],
        )
        # It has been scaled down again since: at least one change of its spec.
        replica_set["metadata"]["generation"] = 2 if revision < len(app.releases) else 1
        replica_set = REPLICA_SET.stamp(bench.complete(REPLICA_SET, replica_set))
        template = replica_set["spec"]["template"]
        model = bench.pod_template(app.namespace, template) if size else {}
        pods = [self.pod(app, replica_set, model, release, index) for index in range(size)]
        if size and app.state is State.EVICTED:
            self.evicted(replica_set, model)
        active = [pod for pod in pods if is_active(pod)]
        ready = sum(map(is_ready, active))
        numbers = {
            "replicas": len(active),
            "fullyLabeledReplicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "terminatingReplicas": 0,
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        kept = ("replicas", "terminatingReplicas")
        replica_set["status"] = {
            key: value for key, value in numbers.items() if value or key in kept
        }
        return bench.load(REPLICA_SET, replica_set)

    def _conditions(self, app: App, status: Object, newest: Object) -> list[Object]:
        rolled_out = self._bench.ago(app.releases[-1].age)
        name = newest["metadata"]["name"]
        progress = (
            "True",
            "NewReplicaSetAvailable",
            f'ReplicaSet "{name}" has successfully progressed.',
        )
        moved = rolled_out + timedelta(seconds=20)
        if app.state is State.ROLLING:
            progress = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
            moved = self._bench.now - timedelta(seconds=8)
        elif app.state is State.FROZEN:
            progress = ("Unknown", "DeploymentPaused", "Deployment is paused")
        elif app.state not in (*SETTLED, State.OOM, State.FLAPPING):
            progress = (
                "False",
                "ProgressDeadlineExceeded",
                f'ReplicaSet "{name}" has timed out progressing.',
            )
            moved = rolled_out + timedelta(seconds=600)
        available = next(item for item in status["conditions"] if item["type"] == "Available")
        times = {
            "lastUpdateTime": timestamp(moved),
            "lastTransitionTime": timestamp(moved),
        }
        return [
            available | times,
            {
                "type": "Progressing",
                "status": progress[0],
                **times,
                "reason": progress[1],
                "message": progress[2],
            },
        ]
