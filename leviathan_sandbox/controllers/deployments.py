"""Deployments: one replica set for each template, and the way from one to the next.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from typing import Final

from leviathan_sandbox.controllers.base import Controller, owned, owner_key
from leviathan_sandbox.controllers.deployment_status import (
    is_complete,
    put_condition,
    status_of,
    wanted_replicas,
)
from leviathan_sandbox.controllers.revisions import template_hash
from leviathan_sandbox.controllers.rollouts import clear, roll, scale_proportionally
from leviathan_sandbox.controllers.templates import HASH, adopt
from leviathan_sandbox.kinds import DEPLOYMENT, POD, REPLICA_SET
from leviathan_sandbox.objects import (
    Object,
    annotations_of,
    copy,
    is_terminating,
    owner_reference,
    without,
)
from leviathan_sandbox.storage import Change, Entry

COMPONENT: Final = "deployment-controller"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
)


def bare_template(replica_set: Object) -> Object:
    """Return a replica set's template without the label that its deployment has added."""
    template: Object = copy(replica_set["spec"]["template"])
    template["metadata"]["labels"] = without(template["metadata"].get("labels") or {}, HASH)
    return template


def revision_of(obj: Object) -> int:
    """Return the revision number in an object's annotations, 0 when it has none."""
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def new_replica_set(deployment: Object, replicas: int, revision: int) -> Object:
    """Return the replica set for a deployment's present template."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    name = template_hash(
        spec["template"], (deployment.get("status") or {}).get("collisionCount", 0)
    )
    template = copy(spec["template"])
    template["metadata"]["labels"] = {**template["metadata"].get("labels", {}), HASH: name}
    selector = copy(spec["selector"])
    selector["matchLabels"] = {**selector.get("matchLabels", {}), HASH: name}
    annotations = without(annotations_of(deployment), *_NOT_COPIED)
    annotations |= {
        REVISION: str(revision),
        DESIRED: str(spec["replicas"]),
        MAXIMUM: str(wanted_replicas(deployment).maximum),
    }
    body: Object = {
        "metadata": {
            "name": f"{metadata['name']}-{name}",
            "labels": dict(template["metadata"]["labels"]),
            "annotations": annotations,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }
    if spec.get("minReadySeconds"):
        body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    return body


class Deployments(Controller):
    """Rolls deployments out."""

    def observe(self, change: Change) -> None:
        """Look at deployments that changed, or whose replica sets did."""
        if change.kind is DEPLOYMENT and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.kind is REPLICA_SET:
            for key in owner_key(change, DEPLOYMENT):
                self.enqueue(key)
        elif change.kind is POD and change.type == "DELETED":
            # A deployment that recreates its pods waits for the last old one to be gone.
            for key in owner_key(change, REPLICA_SET):
                replica_set = self.storage.get(REPLICA_SET, key)
                if replica_set is not None:
                    for owner in replica_set.object["metadata"].get("ownerReferences") or ():
                        namespace = replica_set.object["metadata"]["namespace"]
                        self.enqueue(f"{namespace}/{owner['name']}")

    def sync(self, key: str) -> None:
        """Take the next step of a deployment's rollout, and report where it is."""
        entry = self.storage.get(DEPLOYMENT, key)
        if entry is None:
            return
        if is_terminating(entry.object):
            self._report(entry)
            return
        adopt(self, entry.object, REPLICA_SET)
        paused = bool(entry.object["spec"].get("paused"))
        rolling = entry.object["spec"]["strategy"]["type"] == "RollingUpdate"
        newest = self._newest(entry.object, create=rolling and not paused)
        entry = self.storage.collections[DEPLOYMENT].entries[key]
        deployment = entry.object
        others = [item for item in self.replica_sets(deployment) if item is not newest]
        if paused or self._was_scaled(deployment):
            scale_proportionally(self, deployment, newest, others)
        elif not rolling:
            if clear(self, deployment, others):
                newest = self._newest(deployment, create=True)
                if newest is not None:
                    self.scale(deployment, newest, deployment["spec"]["replicas"])
        elif newest is not None:
            roll(self, deployment, newest, others)
        self._report(entry)

    def replica_sets(self, deployment: Object) -> list[Object]:
        """Return the deployment's replica sets, oldest first."""
        found = [entry.object for entry in owned(self.storage, deployment, REPLICA_SET)]
        return sorted(
            found,
            key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]),
        )

    def _find_newest(self, deployment: Object) -> Object | None:
        template: Object = copy(deployment["spec"]["template"])
        template["metadata"].setdefault("labels", {})
        for replica_set in self.replica_sets(deployment):
            if bare_template(replica_set) == template:
                return replica_set
        return None

    def _newest(self, deployment: Object, *, create: bool) -> Object | None:
        """Return the replica set of the present template, with the right revision number."""
        newest = self._find_newest(deployment)
        others = [item for item in self.replica_sets(deployment) if item is not newest]
        revision = max((revision_of(item) for item in others), default=0) + 1
        if newest is not None:
            newest = self._renumber(deployment, newest, revision)
        elif create:
            newest = self._create(deployment, others, revision)
        if newest is not None:
            self._number_deployment(deployment, revision_of(newest))
        return newest

    def _create(self, deployment: Object, others: list[Object], revision: int) -> Object:
        numbers = wanted_replicas(deployment)
        present = sum(item["spec"]["replicas"] for item in others)
        replicas = numbers.replicas
        if deployment["spec"]["strategy"]["type"] == "RollingUpdate":
            replicas = min(replicas, max(0, numbers.maximum - present))
        body = new_replica_set(deployment, replicas, revision)
        namespace = deployment["metadata"]["namespace"]
        created = self.registry.create(REPLICA_SET, namespace, body).object
        if replicas:
            self.say_scaled(deployment, created, 0, replicas)
        self._note_created(deployment, created)
        return created

    def _note_created(self, deployment: Object, replica_set: Object) -> None:
        """Begin the time that the rollout may take."""
        metadata = deployment["metadata"]
        entry = self.registry.find(DEPLOYMENT, metadata["namespace"], metadata["name"])
        status = entry.object.get("status") or {}
        message = f'Created new replica set "{replica_set["metadata"]["name"]}"'
        conditions = put_condition(
            list(status.get("conditions") or []),
            "Progressing",
            "True",
            "NewReplicaSetCreated",
            message,
            self.now(),
            again=True,
        )
        self.registry.set_status(DEPLOYMENT, entry, {**status, "conditions": conditions})

    def _renumber(self, deployment: Object, replica_set: Object, revision: int) -> Object:
        """Give a replica set that has become the newest again the next number."""
        annotations = dict(annotations_of(replica_set))
        before = revision_of(replica_set)
        if before < revision:
            if before:
                past = annotations.get(HISTORY, "")
                annotations[HISTORY] = f"{past},{before}" if past else str(before)
            annotations[REVISION] = str(revision)
        annotations |= without(annotations_of(deployment), *_NOT_COPIED)
        return self.annotate(replica_set, annotations)

    def annotate(
        self, replica_set: Object, annotations: dict[str, str], replicas: int | None = None
    ) -> Object:
        """Change a replica set's annotations, and its size; return its new state."""

        def change(body: Object) -> None:
            body["metadata"]["annotations"] = annotations
            if replicas is not None:
                body["spec"]["replicas"] = replicas

        metadata = replica_set["metadata"]
        entry = self.registry.edit(
            REPLICA_SET, REPLICA_SET.key(metadata["namespace"], metadata["name"]), change
        )
        return replica_set if entry is None else entry.object

    def _number_deployment(self, deployment: Object, revision: int) -> None:
        metadata = deployment["metadata"]
        current = self.registry.find(DEPLOYMENT, metadata["namespace"], metadata["name"]).object
        if revision_of(current) == revision:
            return
        annotations = {**annotations_of(current), REVISION: str(revision)}
        # Written along with the status, which does not count as a change of the deployment.
        self.storage.write(
            DEPLOYMENT,
            {**current, "metadata": {**current["metadata"], "annotations": annotations}},
        )

    def scale(self, deployment: Object, replica_set: Object, replicas: int) -> Object:
        """Change the size of a replica set, and note for which size of the deployment."""
        annotations = annotations_of(replica_set) | {
            DESIRED: str(deployment["spec"]["replicas"]),
            MAXIMUM: str(wanted_replicas(deployment).maximum),
        }
        before = replica_set["spec"]["replicas"]
        scaled = self.annotate(replica_set, annotations, replicas)
        if before != replicas:
            self.say_scaled(deployment, scaled, before, replicas)
        return scaled

    def say_scaled(self, deployment: Object, replica_set: Object, before: int, after: int) -> None:
        """Record that a replica set has been scaled."""
        direction = "up" if after > before else "down"
        name = replica_set["metadata"]["name"]
        message = f"Scaled {direction} replica set {name} from {before} to {after}"
        self.recorder.record(deployment, "Normal", "ScalingReplicaSet", message, COMPONENT)

    def _was_scaled(self, deployment: Object) -> bool:
        """Whether the deployment's size is another than its active replica sets were made for."""
        wanted = str(deployment["spec"]["replicas"])
        return any(
            item["spec"]["replicas"] and annotations_of(item).get(DESIRED, wanted) != wanted
            for item in self.replica_sets(deployment)
        )

    def _report(self, entry: Entry) -> None:
        deployment = entry.object
        newest = self._find_newest(deployment)
        replica_sets = self.replica_sets(deployment)
        status, look_again = status_of(deployment, replica_sets, newest, self.now())
        self.registry.set_status(DEPLOYMENT, entry, status)
        if look_again is not None:
            self.enqueue_at(entry.key, look_again)
        if newest is not None and is_complete(deployment, status):
            self._prune([item for item in replica_sets if item is not newest], deployment)

    def _prune(self, old: list[Object], deployment: Object) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        unused = [
            item
            for item in old
            if item["spec"]["replicas"] == 0
            and (item.get("status") or {}).get("replicas", 0) == 0
            and not is_terminating(item)
        ]
        unused.sort(key=revision_of)
        for item in unused[: max(0, len(old) - limit)]:
            metadata = item["metadata"]
            self.registry.delete(REPLICA_SET, metadata["namespace"], metadata["name"])
