"""What can be done to jobs and pods, and deleting anything."""

import copy
from typing import Final

from leviathan_tui.backend.changes.crons import job_name
from leviathan_tui.backend.changes.intents import Change, Intent, Request
from leviathan_tui.backend.changes.refusals import Gone
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.objects import Document, metadata_of, uid_of

_MADE_BY_THE_CONTROLLER: Final = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
"""Labels that the job controller gives a job's pods; a new job gets its own."""


class Delete(Intent):
    """Delete an object, in the background: what it owns goes with it."""

    verb, past = "delete", "Deleted"
    takes_related = True

    @property
    def guarded_verbs(self) -> tuple[str, ...]:
        """Deleting, whatever it is called."""
        return tuple(dict.fromkeys((self.verb, "delete")))

    def __init__(self, kind: Kind, ref: Ref, policy: str = "Background") -> None:
        super().__init__(kind, ref)
        self.policy = policy
        """`Background`, `Foreground` or `Orphan`, which leaves what it owns."""

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return the deletion of exactly the object that was read."""
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        metadata = metadata_of(document)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": self.policy,
            "preconditions": {
                "uid": uid_of(document),
                "resourceVersion": metadata.get("resourceVersion"),
            },
        }
        what = _OWNED.get(self.kind.name, "")
        effect = f"Delete {self.ref.name}{what if self.policy != 'Orphan' else ''}."
        notes = list(_NOT_BACK.get(self.kind.name, ()))
        warnings = []
        finalizers = metadata.get("finalizers") or []
        if finalizers:
            warnings.append(f"It goes only once {finalizers[0]} has finished its work.")
        if any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
            owner = next(one for one in metadata["ownerReferences"] if one.get("controller"))
            if self.kind == kinds.POD:
                notes.append(f"{owner.get('kind')} {owner.get('name')} makes another in its place.")
            elif owner.get("kind") != "CronJob":
                warnings.append(
                    f"{owner.get('kind')} {owner.get('name')} owns it and may make it again."
                )
        claims = (document.get("spec") or {}).get("volumeClaimTemplates") or []
        retention = (document.get("spec") or {}).get("persistentVolumeClaimRetentionPolicy") or {}
        if claims and retention.get("whenDeleted") == "Delete":
            warnings.append("Its volumes are deleted with it (whenDeleted: Delete).")
        elif claims:
            notes.append("Its volumes stay; delete them one by one where they are not wanted.")
        return Change(Request("DELETE", self.path, body), effect, None, notes, warnings)


_OWNED: Final = {
    "Deployment": " and its pods",
    "StatefulSet": " and its pods",
    "DaemonSet": " and its pods",
    "CronJob": " with its jobs and their pods",
    "Job": " and its pods",
    "Namespace": " with everything in it",
}

_NOT_BACK: Final = {
    "Deployment": (
        "Undo makes it again; its earlier releases and its pods' data do not come back.",
    ),
    "StatefulSet": ("Undo makes it again; its earlier releases do not come back.",),
    "DaemonSet": ("Undo makes it again; its earlier releases do not come back.",),
    "CronJob": ("Undo makes it again; its job history does not come back.",),
    "Job": ("Its logs go with its pods.",),
    "Pod": ("Its logs go with it, and what it wrote outside volumes.",),
    "Namespace": ("This cannot be undone.",),
    "PersistentVolumeClaim": (
        "Its data may be lost for good. Undo makes it again, and its volume anew: empty.",
    ),
}


class Retry(Intent):
    """Run a job again, as a new job of the same template."""

    verb, past = "retry", "Started"
    retries = False

    def __init__(self, kind: Kind, ref: Ref) -> None:
        super().__init__(kind, ref)
        self.job = job_name(ref.name, "retry")

    async def plan(self, client: KubeClient, document: Document | None, actor: str) -> Change:
        """Return a copy of the job without what its controller filled in."""
        if document is None:
            raise Gone(f"{self.not_done}: {self.ref.name} is gone.")
        spec = copy.deepcopy(document["spec"])
        for name in ("selector", "manualSelector"):
            spec.pop(name, None)
        template = metadata_of(spec["template"])
        labels = dict(metadata_of(document).get("labels") or {})
        owners = copy.deepcopy(metadata_of(document).get("ownerReferences") or [])
        for owner in owners:
            # Setting it takes a right on the owner that whoever starts jobs may not have.
            owner.pop("blockOwnerDeletion", None)
        for name in _MADE_BY_THE_CONTROLLER:
            labels.pop(name, None)
            (template.get("labels") or {}).pop(name, None)
        job = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "metadata": {
                "name": self.job,
                "namespace": self.ref.namespace,
                "labels": labels,
                "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
                "ownerReferences": owners,
            },
            "spec": spec,
        }
        return Change(
            Request("POST", self.kind.path(self.ref.namespace), job),
            f"Start {self.job}, a new job like {self.ref.name}.",
            job,
            [f"{self.ref.name} stays as it is, with its outcome and its logs."],
        )
