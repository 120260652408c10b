"""The resource types that the sandbox serves.

Names, short names, categories and verbs are those that a Kubernetes 1.37 API server lists in its
discovery documents.
"""

from typing import Final

import msgspec

from leviathan_sandbox.objects import Object

_ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


class Kind(msgspec.Struct, frozen=True):
    """A resource type of the Kubernetes API."""

    name: str
    """The kind as manifests spell it, as in `Deployment`."""
    plural: str
    """The resource's name in paths, as in `deployments`."""
    group: str = ""
    """The API group; empty for the core group."""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = _ALL_VERBS
    has_status: bool = True
    """Whether it has a status subresource, so that spec and status are written separately."""
    has_scale: bool = False
    has_generation: bool = False
    """Whether `metadata.generation` counts the changes of its spec."""
    returns_deleted: bool = False
    """Whether a delete answers with the object instead of a Status."""

    @property
    def api_version(self) -> str:
        """`apiVersion` as manifests spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The resource as error messages name it, as in `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """The kind as validation messages name it, as in `Deployment.apps`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def key(self, namespace: str, name: str) -> str:
        """Return the key of one object among those of its kind."""
        return f"{namespace}/{name}" if self.namespaced else name

    def stamp(self, obj: Object) -> Object:
        """Return `obj` with this kind and version in front."""
        return {"kind": self.name, "apiVersion": self.api_version} | {
            key: value for key, value in obj.items() if key not in ("kind", "apiVersion")
        }


NAMESPACE: Final = Kind(
    "Namespace",
    "namespaces",
    namespaced=False,
    short_names=("ns",),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
)
NODE: Final = Kind("Node", "nodes", namespaced=False, short_names=("no",))
POD: Final = Kind(
    "Pod",
    "pods",
    short_names=("po",),
    categories=("all",),
    has_generation=True,
    returns_deleted=True,
)
EVENT: Final = Kind("Event", "events", short_names=("ev",), has_status=False)
SERVICE: Final = Kind(
    "Service", "services", short_names=("svc",), categories=("all",), returns_deleted=True
)
CONFIG_MAP: Final = Kind("ConfigMap", "configmaps", short_names=("cm",), has_status=False)
SECRET: Final = Kind("Secret", "secrets", has_status=False)
SERVICE_ACCOUNT: Final = Kind(
    "ServiceAccount",
    "serviceaccounts",
    short_names=("sa",),
    has_status=False,
    returns_deleted=True,
)
VOLUME_CLAIM: Final = Kind(
    "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",), returns_deleted=True
)
DEPLOYMENT: Final = Kind(
    "Deployment",
    "deployments",
    "apps",
    short_names=("deploy",),
    categories=("all",),
    has_scale=True,
    has_generation=True,
)
REPLICA_SET: Final = Kind(
    "ReplicaSet",
    "replicasets",
    "apps",
    short_names=("rs",),
    categories=("all",),
    has_scale=True,
    has_generation=True,
)
STATEFUL_SET: Final = Kind(
    "StatefulSet",
    "statefulsets",
    "apps",
    short_names=("sts",),
    categories=("all",),
    has_scale=True,
    has_generation=True,
)
DAEMON_SET: Final = Kind(
    "DaemonSet",
    "daemonsets",
    "apps",
    short_names=("ds",),
    categories=("all",),
    has_generation=True,
)
CONTROLLER_REVISION: Final = Kind(
    "ControllerRevision", "controllerrevisions", "apps", has_status=False
)
JOB: Final = Kind("Job", "jobs", "batch", categories=("all",), has_generation=True)
CRON_JOB: Final = Kind(
    "CronJob",
    "cronjobs",
    "batch",
    short_names=("cj",),
    categories=("all",),
    has_generation=True,
)
AUTOSCALER: Final = Kind(
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    "autoscaling",
    "v2",
    short_names=("hpa",),
    categories=("all",),
    has_generation=True,
)
INGRESS: Final = Kind(
    "Ingress",
    "ingresses",
    "networking.k8s.io",
    short_names=("ing",),
    has_generation=True,
)

RBAC_GROUP: Final = "rbac.authorization.k8s.io"
ROLE: Final = Kind("Role", "roles", RBAC_GROUP, has_status=False)
CLUSTER_ROLE: Final = Kind(
    "ClusterRole", "clusterroles", RBAC_GROUP, namespaced=False, has_status=False
)
ROLE_BINDING: Final = Kind("RoleBinding", "rolebindings", RBAC_GROUP, has_status=False)
CLUSTER_ROLE_BINDING: Final = Kind(
    "ClusterRoleBinding", "clusterrolebindings", RBAC_GROUP, namespaced=False, has_status=False
)

KINDS: Final = (
    NAMESPACE,
    NODE,
    POD,
    EVENT,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    VOLUME_CLAIM,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    CONTROLLER_REVISION,
    JOB,
    CRON_JOB,
    AUTOSCALER,
    INGRESS,
    ROLE,
    CLUSTER_ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE_BINDING,
)
"""Every kind that is stored."""

ROLES: Final = (ROLE, CLUSTER_ROLE)
BINDINGS: Final = (ROLE_BINDING, CLUSTER_ROLE_BINDING)

WORKLOADS: Final = (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB)
"""The kinds whose spec has a selector and a pod template."""

EVENT_NEW: Final = Kind("Event", "events", "events.k8s.io", short_names=("ev",), has_status=False)
"""The stored events in their newer form; not a kind of its own in storage."""

POD_METRICS: Final = Kind(
    "PodMetrics", "pods", "metrics.k8s.io", "v1beta1", verbs=("get", "list"), has_status=False
)
NODE_METRICS: Final = Kind(
    "NodeMetrics",
    "nodes",
    "metrics.k8s.io",
    "v1beta1",
    namespaced=False,
    verbs=("get", "list"),
    has_status=False,
)


def _review(name: str, group: str) -> Kind:
    return Kind(
        name,
        f"{name.lower()}s",
        group,
        namespaced=False,
        verbs=("create",),
        has_status=False,
    )


SELF_REVIEW: Final = _review("SelfSubjectReview", "authentication.k8s.io")
ACCESS_REVIEW: Final = _review("SelfSubjectAccessReview", "authorization.k8s.io")
RULES_REVIEW: Final = _review("SelfSubjectRulesReview", "authorization.k8s.io")
REVIEWS: Final = (SELF_REVIEW, ACCESS_REVIEW, RULES_REVIEW)
"""Questions that are answered at once and kept nowhere."""

SERVED: Final = (*KINDS, EVENT_NEW, POD_METRICS, NODE_METRICS, *REVIEWS)
"""Every kind that has a path."""

BY_PATH: Final = {(kind.group, kind.version, kind.plural): kind for kind in SERVED}
BY_TYPE: Final = {(kind.api_version, kind.name): kind for kind in KINDS}
