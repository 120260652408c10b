"""The resource kinds that the console knows by heart, and the paths under which a server keeps them."""

from typing import Final

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """A resource type of the Kubernetes API.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
    """

    name: str
    """The kind as manifests spell it, as in `Deployment`."""
    plural: str
    """The resource's name in paths, as in `deployments`."""
    group: str = ""
    """The API group; empty for the core group."""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apiVersion` as manifests spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, or of one object in it.

        An empty `namespace` of a namespaced kind means the collection over all namespaces.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


DEPLOYMENT: Final = Kind("Deployment", "deployments", "apps")
STATEFUL_SET: Final = Kind("StatefulSet", "statefulsets", "apps")
DAEMON_SET: Final = Kind("DaemonSet", "daemonsets", "apps")
REPLICA_SET: Final = Kind("ReplicaSet", "replicasets", "apps")
CONTROLLER_REVISION: Final = Kind("ControllerRevision", "controllerrevisions", "apps")
CRON_JOB: Final = Kind("CronJob", "cronjobs", "batch")
JOB: Final = Kind("Job", "jobs", "batch")
POD: Final = Kind("Pod", "pods")
NAMESPACE: Final = Kind("Namespace", "namespaces", namespaced=False)
NODE: Final = Kind("Node", "nodes", namespaced=False)
EVENT: Final = Kind("Event", "events")
SERVICE: Final = Kind("Service", "services")
INGRESS: Final = Kind("Ingress", "ingresses", "networking.k8s.io")
DISRUPTION_BUDGET: Final = Kind("PodDisruptionBudget", "poddisruptionbudgets", "policy")
CONFIG_MAP: Final = Kind("ConfigMap", "configmaps")
SECRET: Final = Kind("Secret", "secrets")
VOLUME_CLAIM: Final = Kind("PersistentVolumeClaim", "persistentvolumeclaims")
AUTOSCALER: Final = Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2")

WORKLOADS: Final = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
"""The kinds that the console calls apps."""

SCALABLE: Final = (DEPLOYMENT, STATEFUL_SET)
"""Those of them that have a replica count."""

BY_NAME: Final = {
    kind.name: kind
    for kind in (
        *WORKLOADS,
        REPLICA_SET,
        CONTROLLER_REVISION,
        CRON_JOB,
        JOB,
        POD,
        NAMESPACE,
        NODE,
        EVENT,
        SERVICE,
        AUTOSCALER,
    )
}
