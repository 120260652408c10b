"""The tools with which the fleet is built: names, ages, nodes, events, straight into the storage."""

import random
from datetime import datetime, timedelta

from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.controllers.events import reference_to
from leviathan_sandbox.defaults import fill_admission, fill_defaults, fill_initial_status
from leviathan_sandbox.fleet.nodes import SYSTEM_NAMESPACES, node
from leviathan_sandbox.fleet.pods import PodStates
from leviathan_sandbox.kinds import EVENT, NAMESPACE, NODE, POD, Kind
from leviathan_sandbox.objects import Object, copy, timestamp


class Workbench:
    """Builds objects that have a past.

    Parameters:
        cluster: where they go.
        nodes: how many nodes there are.
    """

    def __init__(self, cluster: Cluster, nodes: int) -> None:
        self.cluster = cluster
        self.rng: random.Random = cluster.rng
        self.now: datetime = cluster.agenda.now().replace(microsecond=0)
        self.states = PodStates(self.now, self.rng)
        self.node_names: list[str] = []
        self._addresses: dict[str, str] = {}
        self._next_node = 0
        self._next_address = 0
        self._namespaces: set[str] = set()
        self.moving: list[Object] = []
        """Pods that are in the middle of something and go on by themselves."""
        created = timestamp(self.now - timedelta(days=240))
        for number in range(nodes):
            obj = node(number, created, self.rng)
            obj["metadata"]["uid"] = cluster.registry.new_uid()
            cluster.storage.load(NODE, obj)
            name = obj["metadata"]["name"]
            self._addresses[name] = obj["status"]["addresses"][0]["address"]
            self.node_names.append(name)
        for name in SYSTEM_NAMESPACES:
            self.namespace(name)

    def ago(self, hours: float) -> datetime:
        """Return the moment `hours` ago."""
        return self.now - timedelta(hours=hours)

    def metadata(
        self, kind: Kind, namespace: str, name: str, created: datetime, **fields: object
    ) -> Object:
        """Return the metadata of an object that was created at `created`."""
        metadata: Object = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        metadata |= {
            "uid": self.cluster.registry.new_uid(),
            "creationTimestamp": timestamp(created),
        }
        if kind.has_generation:
            metadata["generation"] = 1
        return metadata | fields

    def load(self, kind: Kind, obj: Object) -> Object:
        """Keep an object as if it had always been there."""
        stamped = kind.stamp(obj)
        self.cluster.storage.load(kind, stamped)
        return stamped

    def complete(self, kind: Kind, obj: Object) -> Object:
        """Fill in an object's defaults and first status, in place; return it."""
        fill_defaults(kind, obj)
        fill_initial_status(kind, obj)
        return obj

    def namespace(self, name: str) -> None:
        """Make a namespace, unless it is there."""
        if name in self._namespaces:
            return
        self._namespaces.add(name)
        metadata = self.metadata(NAMESPACE, "", name, self.ago(24 * 200))
        obj = self.complete(NAMESPACE, {"metadata": metadata})
        self.load(NAMESPACE, obj)
        for kind, body in self.cluster.namespaces.contents():
            made = self.metadata(kind, name, body["metadata"]["name"], self.ago(24 * 200))
            self.load(kind, {**body, "metadata": made})

    def pod_template(self, namespace: str, template: Object) -> Object:
        """Return a pod of a template, complete but for its name, node and status."""
        pod: Object = {
            "metadata": {**template["metadata"], "namespace": namespace},
            "spec": copy(template["spec"]),
        }
        self.complete(POD, pod)
        fill_admission(pod, self.rng)
        return pod

    def pod(self, model: Object, name: str, created: datetime, **fields: object) -> Object:
        """Return a new pod that is like `model`."""
        metadata = self.metadata(POD, model["metadata"]["namespace"], name, created)
        for field in ("labels", "annotations"):
            if model["metadata"].get(field):
                metadata[field] = model["metadata"][field]
        return POD.stamp(
            {
                "metadata": metadata | fields,
                "spec": dict(model["spec"]),
                "status": dict(model["status"]),
            }
        )

    def place(self, pod: Object, node_name: str = "") -> str:
        """Give a pod a node, the next one in turn; return the node's address."""
        if not node_name:
            # The first node is the control plane's and takes no apps.
            self._next_node = self._next_node % (len(self.node_names) - 1) + 1
            node_name = self.node_names[self._next_node]
        pod["spec"]["nodeName"] = node_name
        for container in pod["spec"]["containers"]:
            self.cluster.kubelet.know_image(node_name, container["image"])
        return self._addresses[node_name]

    def settle(self, pod: Object, status: Object) -> Object:
        """Keep a pod with its status."""
        pod["status"] = status
        kept = self.load(POD, pod)
        self.cluster.scheduler.load(kept)
        return kept

    def service_address(self) -> str:
        """Return the next cluster IP."""
        self._next_address += 1
        number = self._next_address
        return f"10.96.{number // 250}.{number % 250 + 2}"

    def event(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        component: str,
        *,
        count: int = 1,
        last: float = 0.05,
        first: float | None = None,
        container: str = "",
    ) -> None:
        """Keep an event about an object.

        Parameters:
            last: hours since it happened last; `first`: since it happened first.
            container: the container that it is about, if it is about one.
        """
        since = self.ago(last if first is None else first)
        metadata = about["metadata"]
        nanoseconds = int(since.timestamp() * 1e9) + self.rng.randrange(10**9)
        namespace = metadata.get("namespace") or "default"
        host = about.get("spec", {}).get("nodeName", "") if component == "kubelet" else ""
        path = f"spec.containers{{{container}}}" if container else ""
        self.load(
            EVENT,
            {
                "metadata": self.metadata(
                    EVENT, namespace, f"{metadata['name']}.{nanoseconds:x}", since
                ),
                "involvedObject": reference_to(about, path),
                "reason": reason,
                "message": message,
                "source": {"component": component} | ({"host": host} if host else {}),
                "firstTimestamp": timestamp(since),
                "lastTimestamp": timestamp(self.ago(last)),
                "count": count,
                "type": kind,
                "eventTime": None,
                "reportingComponent": component,
                "reportingInstance": host,
            },
        )
