"""Role-based access control: what is refused and in which words, and reviews of one's own rights."""

import re
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.conformance.api import APPS, CORE, Api, Object, config_map, deployment, pod

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"


class Person:
    """A user that the administrator acts as; fresh for each test, so that nothing is granted yet."""

    def __init__(self, api: Api, name: str, *groups: str) -> None:
        self.api = api
        self.name = name
        self.headers = [("Impersonate-User", name)]
        self.headers += [("Impersonate-Group", group) for group in groups]

    def ask(self, method: str, path: str, body: object = None, **params: str) -> httpx.Response:
        return self.api.client.request(
            method, path, json=body, params=params or None, headers=self.headers
        )

    def refused(self, method: str, path: str, body: object = None, **params: str) -> Object:
        response = self.ask(method, path, body, **params)
        assert response.status_code == 403, response.text
        status: Object = response.json()
        assert (status["kind"], status["status"], status["reason"]) == (
            "Status",
            "Failure",
            "Forbidden",
        )
        return status

    def review(self, path: str, kind: str, spec: Object | None = None) -> Object:
        root, version = path.removeprefix("/apis/").rsplit("/", 1)
        body = {"apiVersion": f"{root}/{version}", "kind": kind, "spec": spec or {}}
        response = self.ask("POST", f"{path}/{kind.lower()}s", body)
        assert response.status_code == 201, response.text
        review: Object = response.json()
        assert (review["kind"], review["apiVersion"]) == (kind, f"{root}/{version}")
        status: Object = review["status"]
        return status

    def can(self, **attributes: str) -> Object:
        spec = {"resourceAttributes": {"namespace": self.api.namespace, **attributes}}
        return self.review(AUTHORIZATION, "SelfSubjectAccessReview", spec)


@pytest.fixture
def person(api: Api) -> Person:
    return Person(api, f"leviathan:{secrets.token_hex(4)}")


def role(name: str, *rules: Object, kind: str = "Role") -> Object:
    metadata = {"name": name}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(rules)}


def rule(group: str, resources: str, verbs: str, **fields: list[str]) -> Object:
    return {
        "apiGroups": [group],
        "resources": resources.split(),
        "verbs": verbs.split(),
        **fields,
    }


def binding(name: str, role_name: str, subject: Object, kind: str = "Role") -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role_name},
        "subjects": [subject],
    }


def user(person: Person) -> Object:
    return {"kind": "User", "name": person.name}


def grant(person: Person, *rules: Object) -> None:
    """Give rules to a person in the test's namespace, and wait until they hold."""
    api, name = person.api, f"r{secrets.token_hex(4)}"
    api.create(RBAC, "roles", role(name, *rules))
    api.create(RBAC, "rolebindings", binding(name, name, user(person)))
    first = rules[0]
    resource, _, subresource = first["resources"][0].partition("/")
    attributes = {
        "verb": first["verbs"][0],
        "group": first["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": (first.get("resourceNames") or [""])[0],
    }
    until(lambda: person.can(**attributes)["allowed"])


def is_allowed(person: Person, verb: str, resource: str) -> bool:
    """Whether a person may do something, as an access review says."""
    return bool(person.can(verb=verb, resource=resource)["allowed"])


def until(holds: Callable[[], Any]) -> None:
    """Ask until it is so: a real API server learns of roles and bindings a moment later."""
    for _ in range(500):
        if holds():
            return
    raise AssertionError("it never was")


def test_a_refusal_names_user_verb_resource_and_place(person: Person) -> None:
    api = person.api
    path = api.path(APPS, "deployments", "web")
    assert person.refused("DELETE", path) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'deployments.apps "web" is forbidden: User "{person.name}" cannot delete'
        f' resource "deployments" in API group "apps" in the namespace "{api.namespace}"',
        "reason": "Forbidden",
        "details": {"name": "web", "group": "apps", "kind": "deployments"},
        "code": 403,
    }


@pytest.mark.parametrize(
    ("method", "path", "begins", "does"),
    [
        ("GET", "/api/v1/pods", "pods", 'list resource "pods" in API group ""'),
        ("GET", "/api/v1/pods?watch=1", "pods", 'watch resource "pods" in API group ""'),
        ("GET", "/api/v1/nodes/n", 'nodes "n"', 'get resource "nodes" in API group ""'),
        ("GET", "/apis/nowhere/v1/things", "things.nowhere", 'list resource "things" in API group'),
        ("PUT", "/api/v1/nodes/n/status", 'nodes "n"', 'update resource "nodes/status" in API'),
        ("DELETE", "/api/v1/nodes", "nodes", 'deletecollection resource "nodes" in API group ""'),
    ],
)
def test_refusals_at_the_cluster_scope(
    person: Person, method: str, path: str, begins: str, does: str
) -> None:
    status = person.refused(method, path)
    assert status["message"].startswith(
        f'{begins} is forbidden: User "{person.name}" cannot {does}'
    )
    assert status["message"].endswith(" at the cluster scope")


def test_refusals_of_subresources_names_and_paths(person: Person) -> None:
    api = person.api
    where = f'in API group "" in the namespace "{api.namespace}"'
    status = person.refused("GET", api.path(CORE, "pods", "p", "log"))
    assert status["message"] == (
        f'pods "p" is forbidden: User "{person.name}" cannot get resource "pods/log" {where}'
    )
    assert status["details"] == {"name": "p", "kind": "pods"}
    # A list that a field selector narrows to one name is about that name.
    status = person.refused("GET", api.path(CORE, "pods"), fieldSelector="metadata.name=p")
    assert status["message"] == (
        f'pods "p" is forbidden: User "{person.name}" cannot list resource "pods" {where}'
    )
    status = person.refused("GET", f"{CORE}/namespaces/{api.namespace}")
    assert status["message"] == (
        f'namespaces "{api.namespace}" is forbidden: User "{person.name}" cannot get resource'
        f' "namespaces" {where}'
    )
    status = person.refused("GET", "/metrics")
    assert status["message"] == f'forbidden: User "{person.name}" cannot get path "/metrics"'
    assert status["details"] == {}


def test_everybody_may_discover_and_ask_about_themselves(person: Person) -> None:
    for path in ("/api", "/apis", "/apis/apps/v1", "/version", "/openapi/v3"):
        assert person.ask("GET", path).status_code == 200, path
    info = person.review(AUTHENTICATION, "SelfSubjectReview")["userInfo"]
    assert (info["username"], info["groups"]) == (person.name, ["system:authenticated"])
    assert person.can(verb="get", resource="pods")["allowed"] is False


def test_discovery_lists_the_groups(api: Api) -> None:
    groups = {it["name"] for it in api.read("/apis")["groups"]}
    assert {GROUP, "authorization.k8s.io", "authentication.k8s.io"} <= groups
    kinds = {it["name"]: (it["kind"], it["namespaced"]) for it in api.read(RBAC)["resources"]}
    assert kinds == {
        "roles": ("Role", True),
        "rolebindings": ("RoleBinding", True),
        "clusterroles": ("ClusterRole", False),
        "clusterrolebindings": ("ClusterRoleBinding", False),
    }
    reviews = {it["name"]: it["verbs"] for it in api.read(AUTHORIZATION)["resources"]}
    assert reviews["selfsubjectaccessreviews"] == ["create"]
    assert reviews["selfsubjectrulesreviews"] == ["create"]


def test_a_role_gives_its_verbs_where_it_is_bound(person: Person) -> None:
    api = person.api
    api.create(APPS, "deployments", deployment("web", 0))
    grant(person, rule("apps", "deployments", "get list"))
    assert person.ask("GET", api.path(APPS, "deployments", "web")).status_code == 200
    assert person.ask("GET", api.path(APPS, "deployments")).status_code == 200
    person.refused("PATCH", api.path(APPS, "deployments", "web"), {})
    person.refused("GET", api.path(APPS, "deployments", "web", "scale"))
    person.refused("GET", "/apis/apps/v1/namespaces/default/deployments/web")
    person.refused("GET", "/apis/apps/v1/deployments")


def test_subresources_names_and_wildcards(person: Person) -> None:
    api = person.api
    api.create(APPS, "deployments", deployment("web", 0))
    api.create(CORE, "configmaps", config_map("mine"))
    api.create(CORE, "configmaps", config_map("other"))
    grant(
        person,
        rule("apps", "deployments/scale", "get patch"),
        rule("", "configmaps", "get list", resourceNames=["mine"]),
        rule("batch", "*", "*"),
    )
    assert person.ask("GET", api.path(APPS, "deployments", "web", "scale")).status_code == 200
    person.refused("GET", api.path(APPS, "deployments", "web"))
    maps = api.path(CORE, "configmaps")
    assert person.ask("GET", f"{maps}/mine").status_code == 200
    person.refused("GET", f"{maps}/other")
    person.refused("GET", maps)
    assert person.ask("GET", maps, fieldSelector="metadata.name=mine").status_code == 200
    assert person.ask("GET", api.path("/apis/batch/v1", "cronjobs")).status_code == 200
    assert person.ask("GET", api.path("/apis/batch/v1", "jobs", "no")).status_code == 404


def test_the_log_is_a_right_of_its_own(person: Person) -> None:
    api = person.api
    api.create(CORE, "pods", pod("speaker", "echo hello"))
    grant(person, rule("", "pods", "get"))
    person.refused("GET", api.path(CORE, "pods", "speaker", "log"))
    grant(person, rule("", "pods/log", "get"))
    assert person.ask("GET", api.path(CORE, "pods", "speaker", "log")).status_code != 403


def test_groups_and_service_accounts_are_subjects_too(api: Api) -> None:
    group = f"team-{secrets.token_hex(4)}"
    api.create(RBAC, "roles", role("reader", rule("", "configmaps", "list")))
    api.create(RBAC, "rolebindings", binding("team", "reader", {"kind": "Group", "name": group}))
    account = {"kind": "ServiceAccount", "name": "default", "namespace": api.namespace}
    api.create(RBAC, "rolebindings", binding("robot", "reader", account))
    member = Person(api, "somebody", group)
    robot = Person(api, f"system:serviceaccount:{api.namespace}:default")
    for one in (member, robot):
        until(partial(is_allowed, one, "list", "configmaps"))
        assert one.ask("GET", api.path(CORE, "configmaps")).status_code == 200
    Person(api, "somebody").refused("GET", api.path(CORE, "configmaps"))
    groups = robot.review(AUTHENTICATION, "SelfSubjectReview")["userInfo"]["groups"]
    assert set(groups) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{api.namespace}",
        "system:authenticated",
    }


def test_rights_end_with_their_binding(person: Person) -> None:
    api = person.api
    api.create(RBAC, "roles", role("reader", rule("", "configmaps", "list")))
    api.create(RBAC, "rolebindings", binding("reader", "reader", user(person)))
    until(lambda: person.can(verb="list", resource="configmaps")["allowed"])
    assert api.delete(api.path(RBAC, "rolebindings", "reader")).status_code == 200
    until(lambda: not person.can(verb="list", resource="configmaps")["allowed"])
    person.refused("GET", api.path(CORE, "configmaps"))


def test_access_reviews_name_what_allows(person: Person) -> None:
    api = person.api
    api.create(RBAC, "roles", role("reader", rule("", "configmaps", "list")))
    api.create(RBAC, "rolebindings", binding("readers", "reader", user(person)))
    until(lambda: person.can(verb="list", resource="configmaps")["allowed"])
    assert person.can(verb="list", resource="configmaps") == {
        "allowed": True,
        "reason": f'RBAC: allowed by RoleBinding "readers/{api.namespace}" of Role "reader" to'
        f' User "{person.name}"',
    }
    assert person.can(verb="delete", resource="configmaps") == {"allowed": False}
    path = {"nonResourceAttributes": {"path": "/api", "verb": "get"}}
    status = person.review(AUTHORIZATION, "SelfSubjectAccessReview", path)
    assert status["allowed"] is True
    assert "system:discovery" in status["reason"]


def test_an_access_review_has_to_ask_something(person: Person) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {},
    }
    response = person.ask("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", body)
    assert response.status_code == 422
    assert (
        "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        in (response.json()["message"])
    )


def test_rules_reviews_list_all_rules_of_a_namespace(person: Person) -> None:
    named = rule("", "configmaps", "get", resourceNames=["mine"])
    grant(person, named, rule("apps", "deployments deployments/scale", "get patch"))
    spec = {"namespace": person.api.namespace}
    status = person.review(AUTHORIZATION, "SelfSubjectRulesReview", spec)
    assert status["incomplete"] is False
    assert named in status["resourceRules"]
    assert rule("apps", "deployments deployments/scale", "get patch") in status["resourceRules"]
    assert any("/api/*" in it["nonResourceURLs"] for it in status["nonResourceRules"])
    elsewhere = person.review(AUTHORIZATION, "SelfSubjectRulesReview", {"namespace": "default"})
    assert named not in elsewhere["resourceRules"]


def test_a_rules_review_needs_a_namespace(person: Person) -> None:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {}}
    response = person.ask("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", body)
    assert (response.status_code, response.json()["message"]) == (400, "no namespace on request")


def test_a_binding_to_a_role_that_is_not_there(person: Person) -> None:
    api = person.api
    api.create(RBAC, "rolebindings", binding("dangling", "absent", user(person)))
    told = ': RBAC: role.rbac.authorization.k8s.io "absent" not found'
    until(lambda: person.refused("GET", api.path(CORE, "configmaps"))["message"].endswith(told))


def test_impersonation_needs_a_name(api: Api) -> None:
    response = api.client.get(f"{CORE}/pods", headers={"Impersonate-Group": "x"})
    assert response.status_code == 400
    assert "without impersonating a user name" in response.json()["message"]


@pytest.fixture
def cluster_role(api: Api) -> Iterator[Callable[[Object], httpx.Response]]:
    """Creates a ClusterRole, which is deleted afterwards."""
    made: list[str] = []

    def create(body: Object) -> httpx.Response:
        response = api.post(f"{RBAC}/clusterroles", body)
        if response.status_code == 201:
            made.append(body["metadata"]["name"])
        return response

    yield create
    for name in made:
        api.delete(f"{RBAC}/clusterroles/{name}")


def test_a_cluster_role_can_be_bound_in_a_namespace(
    person: Person, cluster_role: Callable[[Object], httpx.Response]
) -> None:
    api, name = person.api, f"conformance:{secrets.token_hex(4)}"
    body = role(name, rule("", "configmaps", "list"), kind="ClusterRole")
    assert cluster_role(body).status_code == 201
    bound = binding("bound", name, user(person), kind="ClusterRole")
    created = api.create(RBAC, "rolebindings", bound)
    assert created["subjects"] == [{"kind": "User", "apiGroup": GROUP, "name": person.name}]
    until(lambda: person.can(verb="list", resource="configmaps")["allowed"])
    person.refused("GET", f"{CORE}/configmaps")
    table = api.table(api.path(RBAC, "rolebindings"))
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Role",
        "Age",
        "Users",
        "Groups",
        "ServiceAccounts",
    ]
    assert table["rows"][0]["cells"][:2] == ["bound", f"ClusterRole/{name}"]


@pytest.mark.parametrize(
    ("plural", "body", "causes"),
    [
        (
            "roles",
            role("x", {"verbs": [], "apiGroups": [], "resources": []}),
            {"rules[0].verbs", "rules[0].apiGroups", "rules[0].resources"},
        ),
        (
            "roles",
            role("x", {"verbs": ["get"], "nonResourceURLs": ["/x"]}),
            {"rules[0].nonResourceURLs"},
        ),
        (
            "rolebindings",
            binding("x", "", {"kind": "Robot", "name": "x"}, kind="Rolle"),
            {"roleRef.kind", "roleRef.name", "subjects[0].kind"},
        ),
        (
            "rolebindings",
            binding("x/y", "r", {"kind": "User", "apiGroup": "other", "name": ""}),
            {"metadata.name", "subjects[0].apiGroup", "subjects[0].name"},
        ),
    ],
)
def test_what_roles_and_bindings_may_not_be(
    api: Api, plural: str, body: Object, causes: set[str]
) -> None:
    response = api.post(api.path(RBAC, plural), body)
    assert response.status_code == 422, response.text
    assert {cause["field"] for cause in response.json()["details"]["causes"]} == causes


def test_what_a_binding_gives_cannot_be_changed(person: Person) -> None:
    api = person.api
    api.create(RBAC, "rolebindings", binding("fixed", "one", user(person)))
    changed = {"roleRef": {"name": "two"}}
    response = api.patch(api.path(RBAC, "rolebindings", "fixed"), changed)
    assert response.status_code == 422
    assert response.json()["details"]["causes"][0]["field"] == "roleRef"
    assert re.search("immutable|cannot change roleRef", response.json()["message"])
