"""What an API server refuses about roles and bindings, with the causes it gives.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#api-overview
"""

from leviathan_sandbox.kinds import RBAC_GROUP, ROLE, ROLE_BINDING, Kind
from leviathan_sandbox.objects import Object
from leviathan_sandbox.status import Cause, invalid_value, required, unsupported_value
from leviathan_sandbox.validation import path_segment_problems


def check_rules(kind: Kind, role: Object) -> list[Cause]:
    """Return the causes for refusing the rules of a Role or ClusterRole."""
    causes = []
    for index, rule in enumerate(role.get("rules") or ()):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            causes.append(required(f"{path}.verbs", "verbs must contain at least one value"))
        urls = rule.get("nonResourceURLs")
        if urls:
            field = f"{path}.nonResourceURLs"
            if kind is ROLE:
                problem = "namespaced rules cannot apply to non-resource URLs"
                causes.append(invalid_value(field, urls, problem))
            if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
                problem = "rules cannot apply to both regular resources and non-resource URLs"
                causes.append(invalid_value(field, urls, problem))
            continue
        if not rule.get("apiGroups"):
            problem = "resource rules must supply at least one api group"
            causes.append(required(f"{path}.apiGroups", problem))
        if not rule.get("resources"):
            problem = "resource rules must supply at least one resource"
            causes.append(required(f"{path}.resources", problem))
    return causes


def check_binding(kind: Kind, binding: Object) -> list[Cause]:
    """Return the causes for refusing a RoleBinding or ClusterRoleBinding."""
    reference = binding.get("roleRef") or {}
    causes = []
    group, role_kind = reference.get("apiGroup") or RBAC_GROUP, reference.get("kind") or ""
    if group != RBAC_GROUP:
        causes.append(unsupported_value("roleRef.apiGroup", group, (RBAC_GROUP,)))
    kinds = ("Role", "ClusterRole") if kind is ROLE_BINDING else ("ClusterRole",)
    if role_kind not in kinds:
        causes.append(unsupported_value("roleRef.kind", role_kind, kinds))
    name = reference.get("name") or ""
    if not name:
        causes.append(required("roleRef.name"))
    causes += [invalid_value("roleRef.name", name, it) for it in path_segment_problems(name)]
    for index, subject in enumerate(binding.get("subjects") or ()):
        causes += _check_subject(kind, subject, f"subjects[{index}]")
    return causes


def _check_subject(kind: Kind, subject: Object, path: str) -> list[Cause]:
    causes = [] if subject.get("name") else [required(f"{path}.name")]
    group = subject.get("apiGroup") or ""
    match subject.get("kind"):
        case "ServiceAccount":
            if group:
                causes.append(unsupported_value(f"{path}.apiGroup", group, ("",)))
            if kind is not ROLE_BINDING and not subject.get("namespace"):
                causes.append(required(f"{path}.namespace"))
        case "User" | "Group":
            if group != RBAC_GROUP:
                causes.append(unsupported_value(f"{path}.apiGroup", group, (RBAC_GROUP,)))
        case other:
            known = ("ServiceAccount", "User", "Group")
            causes.append(unsupported_value(f"{path}.kind", other or "", known))
    return causes
