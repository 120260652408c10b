"""Who the API server takes the user for, and what it lets them do.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from typing import Final

import msgspec

from leviathan_tui.backend.fleet.prose import Prose, field, heading, line
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.kube.objects import decoded_as
from leviathan_tui.backend.untrusted import clean

MOST: Final = 60
"""Rules listed; an administrator has few but wide ones."""


class _UserInfo(msgspec.Struct):
    username: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class _ReviewStatus(msgspec.Struct, rename="camel"):
    user_info: _UserInfo = msgspec.field(default_factory=_UserInfo)


class _Review(msgspec.Struct):
    status: _ReviewStatus


class _Rule(msgspec.Struct, rename="camel"):
    verbs: list[str] = []
    api_groups: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []


class _RulesStatus(msgspec.Struct, rename="camel"):
    resource_rules: list[_Rule] = []
    incomplete: bool = False


class _Rules(msgspec.Struct):
    status: _RulesStatus


async def whoami(client: KubeClient, namespace: str) -> Prose:
    """Return name, groups and the rights in a namespace, as the server itself says them.

    Raises `KubeError` where it does not answer.
    """
    prose: Prose = []
    try:
        body = await client.send(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        user = decoded_as(body, _Review).status.user_info
        prose += [
            field("User", clean(user.username), "strong"),
            field("Groups", ", ".join(clean(group) for group in user.groups) or "none"),
        ]
    except ApiError as error:
        prose.append(line(f"The API server does not say who you are: {error.message}", "warn"))
    where = namespace or "default"
    body = await client.send(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": where},
        },
    )
    status = decoded_as(body, _Rules).status
    prose += heading(f"What you may do in {where}")
    for rule in status.resource_rules[:MOST]:
        names = f" named {', '.join(rule.resource_names)}" if rule.resource_names else ""
        prose.append(
            (
                (f"{clean(', '.join(rule.verbs), 60):<32} ", "accent"),
                (clean(", ".join(rule.resources) + names, 200), "plain"),
            )
        )
    if len(status.resource_rules) > MOST:
        prose.append(line(f"… and {len(status.resource_rules) - MOST} more rules", "dim"))
    if status.incomplete:
        prose.append(line("The list is incomplete: not every authorizer can be asked.", "dim"))
    return prose
