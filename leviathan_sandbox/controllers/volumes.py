"""Volumes: every claim gets one at once.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
"""

from leviathan_sandbox.controllers.base import Controller
from leviathan_sandbox.kinds import VOLUME_CLAIM
from leviathan_sandbox.objects import is_terminating, lookup
from leviathan_sandbox.storage import Change


class Volumes(Controller):
    """Binds claims."""

    def observe(self, change: Change) -> None:
        """Look at new claims."""
        if change.kind is VOLUME_CLAIM and change.type == "ADDED":
            self.enqueue(change.entry.key)

    def sync(self, key: str) -> None:
        """Bind a claim to a volume of the size that it asks for."""
        entry = self.storage.get(VOLUME_CLAIM, key)
        if entry is None or is_terminating(entry.object):
            return
        claim = entry.object
        if claim["status"].get("phase") == "Bound":
            return
        spec = {
            "storageClassName": "standard",
            **claim["spec"],
            "volumeName": f"pvc-{claim['metadata']['uid']}",
        }
        status = {
            "phase": "Bound",
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "capacity": {"storage": lookup(spec, "resources", "requests", "storage") or "1Gi"},
        }
        bound = {**claim, "metadata": dict(claim["metadata"]), "spec": spec, "status": status}
        self.storage.write(VOLUME_CLAIM, bound)
