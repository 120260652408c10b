"""What a request is about, as authorization sees it, and how a refusal reads.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#review-your-request-attributes
"""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from leviathan_sandbox.objects import Object
from leviathan_sandbox.status import StatusError

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_SUBRESOURCES: Final = ("status", "finalize")


class Attributes(msgspec.Struct, frozen=True):
    """A verb, and the resource or else the path that it is about."""

    verb: str
    path: str = ""
    """Only for what is no resource."""
    group: str = ""
    resource: str = ""
    """The plural name; empty for what is no resource."""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """The resource with its subresource, as rules name it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def request_attributes(method: str, path: str, query: Mapping[str, str]) -> Attributes:
    """Return what a request is about; a path may name a resource that does not exist."""
    parts = [part for part in path.split("/") if part]
    root = parts[0] if parts else ""
    needed = {"api": 3, "apis": 4}.get(root)
    if needed is None or len(parts) < needed:
        return Attributes(method.lower(), path=path)
    group = parts[1] if root == "apis" else ""
    rest = parts[needed - 1 :]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    verb = _VERBS.get(method, "")
    if verb == "get" and not name:
        is_watch = query.get("watch", "false").lower() not in ("0", "false")
        verb = "watch" if is_watch else "list"
        name = _selected_name(query.get("fieldSelector", ""))
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Attributes(
        verb,
        group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _selected_name(selector: str) -> str:
    """Return the one name that a field selector lets through; empty where it is open."""
    for term in selector.split(","):
        key, equals, value = term.partition("=")
        if key == "metadata.name" and equals:
            return value.removeprefix("=")
    return ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def forbidden(user: str, attributes: Attributes, reason: str = "") -> StatusError:
    """403: the user may not do this; `reason` is the authorizer's, if it has one."""
    if not attributes.resource:
        why = f"User {_quoted(user)} cannot {attributes.verb} path {_quoted(attributes.path)}"
        return StatusError(403, "Forbidden", f"forbidden: {_with(why, reason)}", {})
    scope = "at the cluster scope"
    if attributes.namespace:
        scope = f"in the namespace {_quoted(attributes.namespace)}"
    why = (
        f"User {_quoted(user)} cannot {attributes.verb} resource"
        f" {_quoted(attributes.full_resource)} in API group {_quoted(attributes.group)} {scope}"
    )
    subject = attributes.resource
    details: Object = {"kind": attributes.resource}
    if attributes.group:
        subject += f".{attributes.group}"
        details = {"group": attributes.group} | details
    if attributes.name:
        subject += f" {_quoted(attributes.name)}"
        details = {"name": attributes.name} | details
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {_with(why, reason)}", details)


def _with(why: str, reason: str) -> str:
    return f"{why}: {reason}" if reason else why
