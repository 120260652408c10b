"""Namespaces: what a new one holds from the start, and how one is emptied before it goes.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""

from leviathan_sandbox.controllers.base import Controller
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.kinds import CONFIG_MAP, KINDS, NAMESPACE, SERVICE_ACCOUNT, Kind
from leviathan_sandbox.objects import Object, is_terminating
from leviathan_sandbox.storage import Change


class Namespaces(Controller):
    """Fills and empties namespaces.

    Attributes:
        ca_pem: the API server's certificate authority, which each namespace is told.
    """

    ca_pem = ""

    def observe(self, change: Change) -> None:
        """Look at namespaces that changed, or out of which something has gone."""
        if change.kind is NAMESPACE and change.type != "DELETED":
            self.enqueue(change.entry.key)
        elif change.type == "DELETED" and change.kind.namespaced:
            namespace = change.entry.object["metadata"]["namespace"]
            entry = self.storage.get(NAMESPACE, namespace)
            if entry is not None and is_terminating(entry.object):
                self.enqueue(namespace)

    def sync(self, key: str) -> None:
        """Give a namespace what it starts with, or take away what is left in it."""
        entry = self.storage.get(NAMESPACE, key)
        if entry is None:
            return
        if not is_terminating(entry.object):
            self._fill(key)
            return
        empty = True
        for kind in KINDS:
            if kind.namespaced:
                empty = self._clear(kind, key) and empty
        if empty:
            self.registry.edit(NAMESPACE, key, _finalize)

    def contents(self) -> list[tuple[Kind, Object]]:
        """Return what every namespace holds."""
        data = {"ca.crt": self.ca_pem}
        return [
            (SERVICE_ACCOUNT, {"metadata": {"name": "default"}}),
            (CONFIG_MAP, {"metadata": {"name": "kube-root-ca.crt"}, "data": data}),
        ]

    def _fill(self, namespace: str) -> None:
        for kind, body in self.contents():
            if self.storage.get(kind, kind.key(namespace, body["metadata"]["name"])) is None:
                self.registry.create(kind, namespace, body)

    def _clear(self, kind: Kind, namespace: str) -> bool:
        """Delete the objects of one kind; return whether there are none left."""
        options = DeleteOptions(propagation="Background")
        for entry in self.storage.all(kind, namespace):
            if not is_terminating(entry.object):
                self.registry.delete(kind, namespace, entry.object["metadata"]["name"], options)
        return not self.storage.all(kind, namespace)


def _finalize(namespace: Object) -> None:
    namespace["spec"] = {**namespace["spec"], "finalizers": []}
