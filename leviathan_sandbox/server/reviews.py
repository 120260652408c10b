"""Who am I, and what may I do: the reviews that everybody may ask for about themselves.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review and
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from aiohttp import web

from leviathan_sandbox.access.attributes import Attributes
from leviathan_sandbox.access.rbac import Authorizer
from leviathan_sandbox.access.users import User
from leviathan_sandbox.kinds import ACCESS_REVIEW, RULES_REVIEW, SELF_REVIEW, Kind
from leviathan_sandbox.objects import Object, lookup
from leviathan_sandbox.server.faults import IncompleteRules
from leviathan_sandbox.server.requests import Target, read_object
from leviathan_sandbox.server.responses import json_response
from leviathan_sandbox.shapes import check_shape
from leviathan_sandbox.status import bad_request, invalid, invalid_value, method_not_allowed


async def serve_review(
    request: web.Request,
    target: Target,
    authorizer: Authorizer,
    user: User,
    incomplete: IncompleteRules | None = None,
) -> web.StreamResponse:
    """Answer a review.

    Raises StatusError: 400 or 422 for one that cannot be answered, 405 for another verb than create.
    """
    kind = target.kind
    if request.method != "POST" or target.name:
        raise method_not_allowed()
    body = await read_object(request, kind)
    check_shape(kind, body)
    answer: Object = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": {}}
    if kind is SELF_REVIEW:
        answer["status"] = {"userInfo": user.info()}
    elif kind is ACCESS_REVIEW:
        asked = body.get("spec") or {}
        decision = authorizer.decide(user, _asked(kind, asked))
        status: Object = {"allowed": decision.allowed}
        if decision.reason:
            status["reason"] = decision.reason
        answer |= {"spec": asked, "status": status}
    elif kind is RULES_REVIEW:
        namespace = lookup(body, "spec", "namespace")
        if not namespace:
            raise bad_request("no namespace on request")
        answer |= {"spec": {}, "status": _rules(authorizer, user, namespace)}
        if incomplete is not None:
            answer["status"] |= {"incomplete": True, "evaluationError": incomplete.problem}
            if incomplete.hides:
                answer["status"] |= {"resourceRules": [], "nonResourceRules": []}
    return await json_response(request, answer, 201)


def _asked(kind: Kind, spec: Object) -> Attributes:
    """Return what an access review asks about."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is None:
        return Attributes(
            resource.get("verb", ""),
            group=resource.get("group", ""),
            resource=resource.get("resource", ""),
            subresource=resource.get("subresource", ""),
            namespace=resource.get("namespace", ""),
            name=resource.get("name", ""),
        )
    if path is not None and resource is None:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    problem = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    raise invalid(kind, "", [invalid_value("spec", path, problem)])


def _rules(authorizer: Authorizer, user: User, namespace: str) -> Object:
    resource_fields = ("verbs", "apiGroups", "resources", "resourceNames")
    rules, problem = authorizer.rules(user, namespace)
    status: Object = {
        "resourceRules": [
            {field: rule[field] for field in resource_fields if rule.get(field)}
            for rule in rules
            if rule.get("resources")
        ],
        "nonResourceRules": [
            {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in rules
            if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }
    if problem:
        status["evaluationError"] = problem
    return status
