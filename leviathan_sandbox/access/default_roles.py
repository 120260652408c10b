"""The roles and bindings that a cluster has from the start, and those for the console's users.

`view` and `edit` have the rules about resources that are served here.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings and
the manifests in `k8s/base/rights`.
"""

from collections.abc import Iterator
from typing import Final

from leviathan_sandbox.access.users import AUTHENTICATED, MASTERS, UNAUTHENTICATED
from leviathan_sandbox.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, RBAC_GROUP, Kind
from leviathan_sandbox.objects import Object

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_CHANGE: Final = ("create", "update", "patch", "delete")


def _rule(group: str, resources: str, verbs: tuple[str, ...]) -> Object:
    """Return a rule about resources, which are named with spaces between them."""
    return {"verbs": list(verbs), "apiGroups": [group], "resources": resources.split()}


def _paths(*urls: str, verbs: tuple[str, ...] = ("get",)) -> Object:
    return {"verbs": list(verbs), "nonResourceURLs": list(urls)}


_PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")

_VIEW: Final = (
    _rule("", "configmaps persistentvolumeclaims persistentvolumeclaims/status pods", _READ),
    _rule("", "serviceaccounts services services/status", _READ),
    _rule("", "namespaces/status pods/log pods/status", _READ),
    _rule("", "namespaces", _READ),
    _rule("", "events", _READ),
    _rule("events.k8s.io", "events", _READ),
    _rule("apps", "controllerrevisions daemonsets daemonsets/status", _READ),
    _rule("apps", "deployments deployments/scale deployments/status", _READ),
    _rule("apps", "replicasets replicasets/scale replicasets/status", _READ),
    _rule("apps", "statefulsets statefulsets/scale statefulsets/status", _READ),
    _rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", _READ),
    _rule("batch", "cronjobs cronjobs/status jobs jobs/status", _READ),
    _rule("networking.k8s.io", "ingresses ingresses/status", _READ),
    _rule("metrics.k8s.io", "pods nodes", _READ),
)

_EDIT: Final = (
    *_VIEW,
    _rule("", "secrets", _READ),
    _rule("", "serviceaccounts", ("impersonate",)),
    _rule("", "pods configmaps persistentvolumeclaims secrets", _WRITE),
    _rule("", "serviceaccounts services events", _WRITE),
    _rule("events.k8s.io", "events", _WRITE),
    _rule("apps", "daemonsets deployments deployments/scale", _WRITE),
    _rule("apps", "replicasets replicasets/scale statefulsets statefulsets/scale", _WRITE),
    _rule("autoscaling", "horizontalpodautoscalers", _WRITE),
    _rule("batch", "cronjobs jobs", _WRITE),
    _rule("networking.k8s.io", "ingresses", _WRITE),
)

_SYSTEM_ROLES: Final[dict[str, tuple[Object, ...]]] = {
    "cluster-admin": (_rule("*", "*", ("*",)), _paths("*", verbs=("*",))),
    "edit": _EDIT,
    "view": _VIEW,
    "system:basic-user": (
        _rule(
            "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", ("create",)
        ),
        _rule("authentication.k8s.io", "selfsubjectreviews", ("create",)),
    ),
    "system:discovery": (
        _paths("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC),
    ),
    "system:public-info-viewer": (_paths(*_PUBLIC),),
}
_SYSTEM_BINDINGS: Final[dict[str, tuple[str, ...]]] = {
    "cluster-admin": (MASTERS,),
    "system:basic-user": (AUTHENTICATED,),
    "system:discovery": (AUTHENTICATED,),
    "system:public-info-viewer": (AUTHENTICATED, UNAUTHENTICATED),
}

_CONSOLE_ROLES: Final[dict[str, tuple[Object, ...]]] = {
    "leviathan-viewer": (
        _rule(
            "",
            "pods pods/log services events configmaps persistentvolumeclaims endpoints",
            _READ,
        ),
        _rule("apps", "deployments statefulsets daemonsets replicasets controllerrevisions", _READ),
        _rule("batch", "cronjobs jobs", _READ),
        _rule("autoscaling", "horizontalpodautoscalers", _READ),
        _rule("networking.k8s.io", "ingresses", _READ),
        _rule("metrics.k8s.io", "pods", ("get", "list")),
    ),
    "leviathan-cluster-reader": (
        _rule("", "namespaces nodes", _READ),
        _rule("metrics.k8s.io", "nodes", ("get", "list")),
    ),
    "leviathan-operator": (
        _rule("", "pods", ("delete",)),
        _rule("", "services configmaps", _CHANGE),
        _rule("apps", "deployments statefulsets daemonsets", _CHANGE),
        _rule("apps", "deployments/scale statefulsets/scale", ("get", "update", "patch")),
        _rule("batch", "cronjobs jobs", _CHANGE),
        _rule("autoscaling", "horizontalpodautoscalers", _CHANGE),
        _rule("networking.k8s.io", "ingresses", _CHANGE),
    ),
}
_CONSOLE_BINDINGS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "leviathan-cluster-reader": (
        "leviathan-cluster-reader",
        ("leviathan:viewers", "leviathan:operators", "leviathan:admins"),
    ),
    # Elsewhere people are bound in the namespaces of their apps; here all of them are.
    "leviathan-viewers": ("leviathan-viewer", ("leviathan:viewers", "leviathan:operators")),
    "leviathan-operators": ("leviathan-operator", ("leviathan:operators",)),
}

_BOOTSTRAP: Final[Object] = {
    "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
}


def default_roles() -> Iterator[tuple[Kind, Object]]:
    """Yield all of them, less what only the API server fills in."""
    for name, rules in _SYSTEM_ROLES.items():
        yield CLUSTER_ROLE, {"metadata": {"name": name, **_BOOTSTRAP}, "rules": list(rules)}
    for name, groups in _SYSTEM_BINDINGS.items():
        yield CLUSTER_ROLE_BINDING, _binding({"name": name, **_BOOTSTRAP}, name, groups)
    for name, rules in _CONSOLE_ROLES.items():
        yield CLUSTER_ROLE, {"metadata": {"name": name}, "rules": list(rules)}
    for name, (role, groups) in _CONSOLE_BINDINGS.items():
        yield CLUSTER_ROLE_BINDING, _binding({"name": name}, role, groups)


def _binding(metadata: Object, role: str, groups: tuple[str, ...]) -> Object:
    return {
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC_GROUP, "kind": "Group", "name": group} for group in groups],
    }
