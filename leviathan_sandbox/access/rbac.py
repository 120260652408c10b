"""Role-based access control: which rules reach a user, and whether they allow a request.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections.abc import Iterator
from typing import NamedTuple

from leviathan_sandbox.access.attributes import Attributes, forbidden
from leviathan_sandbox.access.users import MASTERS, SERVICE_ACCOUNT_PREFIX, User
from leviathan_sandbox.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from leviathan_sandbox.objects import Object
from leviathan_sandbox.storage import Entry, Storage


class Decision(NamedTuple):
    """Whether something is allowed, and by what, or what went wrong on the way."""

    allowed: bool
    reason: str = ""


class _Grant(NamedTuple):
    """A rule that reaches a user, and through what it does."""

    rule: Object
    source: str


class Authorizer:
    """Decides by the roles and bindings in a storage; what they do not allow is refused.

    Parameters:
        storage: where roles and bindings are kept.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def decide(self, user: User, attributes: Attributes) -> Decision:
        """Return whether a user may do something."""
        if MASTERS in user.groups:
            return Decision(allowed=True)
        missing: list[str] = []
        for grant in self._grants(user, attributes.namespace, missing):
            if _allows(grant.rule, attributes):
                return Decision(allowed=True, reason=f"RBAC: allowed by {grant.source}")
        return Decision(allowed=False, reason=f"RBAC: {_together(missing)}" if missing else "")

    def check(self, user: User, attributes: Attributes) -> None:
        """Let a user do what they may do.

        Raises StatusError (403) for anything else.
        """
        decision = self.decide(user, attributes)
        if not decision.allowed:
            raise forbidden(user.name, attributes, decision.reason)

    def rules(self, user: User, namespace: str) -> tuple[list[Object], str]:
        """Return all rules that bindings give to a user in a namespace, and what went wrong."""
        missing: list[str] = []
        rules = [grant.rule for grant in self._grants(user, namespace, missing)]
        return rules, _together(missing)

    def _grants(self, user: User, namespace: str, missing: list[str]) -> Iterator[_Grant]:
        """Yield the rules that bindings give to a user; note in `missing` the roles that are none."""
        bindings = [("", entry) for entry in self._storage.all(CLUSTER_ROLE_BINDING)]
        if namespace:
            bindings += [(namespace, it) for it in self._storage.all(ROLE_BINDING, namespace)]
        for where, entry in bindings:
            subject = _subject_of(user, entry.object, where)
            if subject is None:
                continue
            reference = entry.object["roleRef"]
            role = self._role(reference, where)
            if role is None:
                kind = reference["kind"].lower()
                missing.append(f'{kind}.rbac.authorization.k8s.io "{reference["name"]}" not found')
                continue
            source = _described(entry.object, where, subject)
            for rule in role.object.get("rules") or ():
                yield _Grant(rule, source)

    def _role(self, reference: Object, namespace: str) -> Entry | None:
        name = reference["name"]
        if reference["kind"] == "Role":
            return self._storage.get(ROLE, ROLE.key(namespace, name))
        return self._storage.get(CLUSTER_ROLE, name)


def _together(problems: list[str]) -> str:
    """Return problems as one text: each once, in brackets where there are several."""
    different = list(dict.fromkeys(problems))
    return different[0] if len(different) == 1 else f"[{', '.join(different)}]" if different else ""


def _subject_of(user: User, binding: Object, namespace: str) -> Object | None:
    """Return the first subject of a binding that a user is."""
    for subject in binding.get("subjects") or ():
        match subject["kind"]:
            case "User":
                found = subject["name"] == user.name
            case "Group":
                found = subject["name"] in user.groups
            case _:
                where = subject.get("namespace") or namespace
                found = user.name == f"{SERVICE_ACCOUNT_PREFIX}{where}:{subject['name']}"
        if found:
            return dict(subject)
    return None


def _described(binding: Object, namespace: str, subject: Object) -> str:
    """Return a binding in the words of the real authorizer's reasons."""
    reference, name = binding["roleRef"], binding["metadata"]["name"]
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    shown = f"{name}/{namespace}" if namespace else name
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who += f"/{subject.get('namespace') or namespace}"
    return f'{kind} "{shown}" of {reference["kind"]} "{reference["name"]}" to {subject["kind"]} "{who}"'


def _allows(rule: Object, attributes: Attributes) -> bool:
    if not _has(rule, "verbs", attributes.verb):
        return False
    if not attributes.resource:
        return any(
            url == attributes.path or (url.endswith("*") and attributes.path.startswith(url[:-1]))
            for url in rule.get("nonResourceURLs") or ()
        )
    resources = rule.get("resources") or ()
    named = _has(rule, "resources", attributes.full_resource) or (
        bool(attributes.subresource) and f"*/{attributes.subresource}" in resources
    )
    names = rule.get("resourceNames") or ()
    return (
        named
        and _has(rule, "apiGroups", attributes.group)
        and (not names or attributes.name in names)
    )


def _has(rule: Object, field: str, value: str) -> bool:
    values = rule.get(field) or ()
    return "*" in values or value in values
