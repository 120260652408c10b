"""Stateful sets and daemon sets with a past: their revisions and their pods."""

from leviathan_sandbox.controllers.daemonsets import daemon_pod
from leviathan_sandbox.controllers.revisions import HASH_LABEL, revision_data, template_hash
from leviathan_sandbox.controllers.statefulsets import stateful_pod
from leviathan_sandbox.controllers.templates import REVISION_HASH, is_ready
from leviathan_sandbox.defaults import name_suffix
from leviathan_sandbox.fleet.specs import App
from leviathan_sandbox.fleet.templates import labels_of, template_of
from leviathan_sandbox.fleet.workloads import WorkloadBuilder
from leviathan_sandbox.kinds import (
    CONTROLLER_REVISION,
    DAEMON_SET,
    STATEFUL_SET,
    VOLUME_CLAIM,
)
from leviathan_sandbox.objects import Object, owner_reference


class SetBuilder(WorkloadBuilder):
    """Builds stateful sets and daemon sets."""

    def stateful_set(self, app: App) -> Object:
        """Keep a stateful set, its revisions, claims and pods; return it."""
        bench = self._bench
        stateful_set = self.workload(STATEFUL_SET, app, app.releases[-1])
        metadata, spec = stateful_set["metadata"], stateful_set["spec"]
        metadata["generation"] = len(app.releases)
        spec["serviceName"] = app.name
        if app.storage:
            claim: Object = {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": app.storage}},
                },
            }
            spec["volumeClaimTemplates"] = [claim]
            bench.complete(STATEFUL_SET, stateful_set)
        revision = self._revisions(app, stateful_set, HASH_LABEL)
        template = spec["template"]
        shape = stateful_pod(stateful_set, 0, revision, template)
        model = bench.pod_template(app.namespace, shape)
        pods = []
        for number in range(spec["replicas"]):
            own = stateful_pod(stateful_set, number, revision, template)
            same = {
                "metadata": {**model["metadata"], "labels": own["metadata"]["labels"]},
                "spec": {
                    **model["spec"],
                    "hostname": own["spec"]["hostname"],
                    "volumes": [
                        *(own["spec"].get("volumes") or ()),
                        *(
                            item
                            for item in model["spec"]["volumes"]
                            if item["name"].startswith("kube-api-access-")
                        ),
                    ],
                },
                "status": model["status"],
            }
            pods.append(
                self.pod(app, stateful_set, same, app.releases[-1], number, own["metadata"]["name"])
            )
            if app.storage:
                self._claim(app, stateful_set, own["metadata"]["name"])
        ready = sum(map(is_ready, pods))
        numbers = {
            "observedGeneration": metadata["generation"],
            "replicas": len(pods),
            "readyReplicas": ready,
            "currentReplicas": len(pods),
            "updatedReplicas": len(pods),
            "currentRevision": revision,
            "updateRevision": revision,
            "collisionCount": 0,
            "availableReplicas": ready,
        }
        kept = ("replicas", "collisionCount", "availableReplicas")
        stateful_set["status"] = {
            key: value for key, value in numbers.items() if value or key in kept
        }
        return bench.load(STATEFUL_SET, stateful_set)

    def _claim(self, app: App, stateful_set: Object, pod_name: str) -> None:
        bench = self._bench
        metadata = bench.metadata(
            VOLUME_CLAIM,
            app.namespace,
            f"data-{pod_name}",
            bench.ago(app.releases[0].age),
            labels=labels_of(app),
        )
        spec = dict(stateful_set["spec"]["volumeClaimTemplates"][0]["spec"])
        spec |= {"storageClassName": "standard", "volumeName": f"pvc-{metadata['uid']}"}
        status = {
            "phase": "Bound",
            "accessModes": spec["accessModes"],
            "capacity": spec["resources"]["requests"],
        }
        bench.load(VOLUME_CLAIM, {"metadata": metadata, "spec": spec, "status": status})

    def _revisions(self, app: App, owner: Object, label: str) -> str:
        """Keep the revisions of a stateful or daemon set; return the newest one's name."""
        bench, name = self._bench, ""
        kind = STATEFUL_SET if owner["kind"] == "StatefulSet" else DAEMON_SET
        for number, release in enumerate(app.releases, start=1):
            as_then: Object = {"spec": {"template": template_of(app, release)}}
            bench.complete(kind, as_then)
            template = as_then["spec"]["template"]
            name = template_hash(template)
            metadata = bench.metadata(
                CONTROLLER_REVISION,
                app.namespace,
                f"{app.name}-{name}",
                bench.ago(release.age),
                labels={**template["metadata"]["labels"], label: name},
                ownerReferences=[owner_reference(owner)],
            )
            data = revision_data({"spec": {"template": template}})
            bench.load(
                CONTROLLER_REVISION, {"metadata": metadata, "data": data, "revision": number}
            )
        return f"{app.name}-{name}" if kind is STATEFUL_SET else name

    def daemon_set(self, app: App) -> Object:
        """Keep a daemon set, its revisions and a pod on every node; return it."""
        bench = self._bench
        daemon_set = self.workload(DAEMON_SET, app, app.releases[-1])
        metadata = daemon_set["metadata"]
        metadata["generation"] = len(app.releases)
        metadata["annotations"] = {
            "deprecated.daemonset.template.generation": str(len(app.releases))
        }
        revision = self._revisions(app, daemon_set, REVISION_HASH)
        count = 0
        for node_name in bench.node_names:
            shape = daemon_pod(daemon_set, node_name, revision)
            model = bench.pod_template(app.namespace, shape)
            pod = bench.pod(
                model,
                f"{app.name}-{name_suffix(bench.rng)}",
                bench.ago(app.releases[-1].age),
                ownerReferences=[owner_reference(daemon_set)],
            )
            address = bench.place(pod, node_name)
            created = bench.ago(app.releases[-1].age)
            bench.settle(pod, bench.states.running(pod, address, created))
            count += 1
        daemon_set["status"] = {
            "currentNumberScheduled": count,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": count,
            "numberReady": count,
            "observedGeneration": metadata["generation"],
            "updatedNumberScheduled": count,
            "numberAvailable": count,
        }
        return bench.load(DAEMON_SET, daemon_set)
