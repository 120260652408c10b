"""What a person with few rights is shown, and what that costs the API server."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from leviathan_sandbox import Refused, Sandbox, forbidden_to_list
from leviathan_tui.__main__ import main
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.kube import kinds
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.pace import Pace
from tests.mirror.conftest import grow, sandbox_target
from tests.mirror.mirror import Mirror, deployment

MakeMirror = Callable[..., Mirror]
Grant = Callable[[str, str], None]

GROUP = "rbac.authorization.k8s.io"
ROLE = Kind("Role", "roles", GROUP)
BINDING = Kind("RoleBinding", "rolebindings", GROUP)

NAMESPACED = tuple(kind for kind in (*kinds.WORKLOADS, kinds.POD, kinds.REPLICA_SET))


@pytest.fixture
def person(target: Target) -> Target:
    """How to reach the cluster as somebody who may do nothing yet."""
    person = deepcopy(target)
    person.user.as_user = f"leviathan:{secrets.token_hex(4)}"
    return person


@pytest.fixture
def grant(mirror: Mirror, person: Target) -> Grant:
    """Give the person verbs on all apps and pods of a namespace."""

    def give(namespace: str, verbs: str) -> None:
        rule = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": verbs.split()}
        name = secrets.token_hex(4)
        mirror.create(ROLE, {"metadata": {"name": name}, "rules": [rule]}, namespace)
        subject = {"apiGroup": GROUP, "kind": "User", "name": person.user.as_user}
        role = {"apiGroup": GROUP, "kind": "Role", "name": name}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": role}
        mirror.create(BINDING, binding, namespace)

    return give


POD = {
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "busybox:1.36"}]},
}


def freshness(mirror: Mirror) -> Freshness:
    return mirror.store.connection.status(time.time()).freshness


def apps(mirror: Mirror) -> set[tuple[str, str]]:
    return {(row.namespace, row.name) for row in mirror.store.rows("apps").values()}


def test_who_may_list_and_not_watch_sees_what_there_is(
    mirror: Mirror, namespace: str, grant: Grant, person: Target, mirror_of: MakeMirror
) -> None:
    grant(namespace, "get list")
    mirror.create(kinds.DEPLOYMENT, deployment("web", "sleep 1000"), namespace)
    theirs = mirror_of(person, namespace, wanted=NAMESPACED, pace=Pace(poll=0.2, rewatch=0.2))
    theirs.until(lambda: freshness(theirs) is Freshness.POLLED, "polled")
    theirs.until(lambda: (namespace, "web") in apps(theirs))
    mirror.create(kinds.DEPLOYMENT, deployment("new", "sleep 1000"), namespace)
    theirs.until(lambda: (namespace, "new") in apps(theirs), "what came")
    grant(namespace, "watch")
    theirs.until(lambda: freshness(theirs) is Freshness.LIVE, "watched once that is allowed")


@pytest.mark.parametrize("verbs", ["list", "get list watch"])
def test_a_script_needs_the_right_to_list_and_no_other(
    request: pytest.FixtureRequest,
    mirror: Mirror,
    namespace: str,
    grant: Grant,
    person: Target,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verbs: str,
) -> None:
    config = tmp_path / "config"
    config.write_text(yaml.safe_dump(_kubeconfig(person)))
    words = ["apps", "list", "--json", "-n", namespace, "--kubeconfig", str(config)]
    capsys.readouterr()
    assert main(words) == 1
    assert "may not be read" in capsys.readouterr().err
    grant(namespace, verbs)
    mirror.create(kinds.DEPLOYMENT, deployment("web", "sleep 1000"), namespace)
    assert main(words) == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["web"]


def test_a_namespace_that_does_not_exist_is_told_to_who_may_know(
    target: Target, person: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    name = f"nowhere-{secrets.token_hex(4)}"
    for who, said in ((target, f"there is no namespace {name}"), (person, "may not be read")):
        config.write_text(yaml.safe_dump(_kubeconfig(who)))
        capsys.readouterr()
        assert main(["pods", "list", "-n", name, "--kubeconfig", str(config)]) == 1
        assert said in capsys.readouterr().err


def _kubeconfig(target: Target) -> dict[str, object]:
    cluster, user = target.cluster, target.user
    known = {
        "token": user.token,
        "client-certificate-data": user.client_certificate_data,
        "client-key-data": user.client_key_data,
        "as": user.as_user,
    }
    authority = cluster.certificate_authority_data
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": cluster.server, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "u", "user": {key: value for key, value in known.items() if value}}],
    }


# What it costs


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own, with three namespaces."""
    with Sandbox(apps=0, pace=0.05) as sandbox:
        for name in ("shop", "edge", "later"):
            sandbox.create({"kind": "Namespace", "metadata": {"name": name}})
        yield sandbox


def watches(sandbox: Sandbox) -> Counter[str]:
    """Count how often each collection was watched."""
    return Counter(path.partition("?")[0] for _, path in sandbox.requests if "watch=true" in path)


def test_some_namespaces_cost_one_watch_a_kind_and_namespace(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    for kind in NAMESPACED:
        # Asked for in all namespaces, it is refused; a fault cannot tell that by the namespace.
        error = forbidden_to_list(kind.plural, group=kind.group)
        sandbox.inject(Refused(error=error, verb="list", resource=kind.plural, times=1))
    target = sandbox_target(sandbox)
    target.namespace = "shop"
    mirror = mirror_of(target, fallback=("edge", "shop"), wanted=NAMESPACED)
    mirror.until(lambda: len(watches(sandbox)) == 2 * len(NAMESPACED))
    mirror.until(lambda: freshness(mirror) is Freshness.LIVE)
    # What people do: look at a namespace, at another list, at all of them.
    for wanted in ((*NAMESPACED, kinds.NAMESPACE), NAMESPACED):
        mirror.feed.include("shop")
        mirror.feed.watch(wanted, ("",), 0)
        mirror.feed.include("edge")
        mirror.ask(lambda client: client.read("/version"))
    assert set(watches(sandbox).values()) == {1}
    assert {path for path in watches(sandbox) if "/namespaces/" not in path} <= {
        kinds.NAMESPACE.path()
    }


def test_what_is_granted_later_ends_the_watches_of_single_namespaces(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    sandbox.create(POD, "shop")
    sandbox.create(POD, "edge")
    error = forbidden_to_list("pods")
    sandbox.inject(Refused(error=error, verb="list", resource="pods", times=1))
    target = sandbox_target(sandbox)
    target.namespace = "shop"
    mirror = mirror_of(target, fallback=("edge",), wanted=(kinds.POD,))
    followed = mirror.store.connection.followed
    mirror.until(lambda: set(followed()) == {Scope("Pod", "shop"), Scope("Pod", "edge")})
    mirror.until(lambda: mirror.store.tally("pods").rows == 2)
    removed: list[str] = []
    mirror.store.subscribe("pods", lambda diff: removed.extend(diff.removed))
    mirror.feed.retry_now()
    mirror.until(lambda: followed() == [Scope("Pod")], "one watch of all")
    assert removed == []
    # A namespace to look at costs no watch of its own any more.
    mirror.feed.include("later")
    mirror.ask(lambda client: client.read("/version"))
    sandbox.create(POD, "later")
    mirror.until(lambda: mirror.store.tally("pods").rows == 3)
    sandbox.delete("Pod", "shop", "p")
    mirror.until(lambda: mirror.store.tally("pods").rows == 2)
    assert not any("/namespaces/later/" in path for _, path in sandbox.requests)
    assert [state.scope for state in mirror.store.connection.of("Pod")] == [Scope("Pod")]


def test_what_is_not_asked_for_any_more_is_not_read_in_a_namespace_either(
    sandbox: Sandbox, mirror_of: MakeMirror
) -> None:
    error = forbidden_to_list("pods")
    sandbox.inject(Refused(error=error, verb="list", resource="pods"))
    mirror = mirror_of(sandbox_target(sandbox), wanted=(kinds.POD, kinds.NAMESPACE))
    mirror.until(lambda: mirror.store.connection.refusals())
    mirror.feed.watch((kinds.NAMESPACE,), ("",), 0)
    mirror.feed.include("shop")
    mirror.ask(lambda client: client.read("/version"))
    mirror.until(lambda: not mirror.store.connection.of("Pod"))
    assert not any("/namespaces/shop/pods" in path for _, path in sandbox.requests)


def test_what_is_refused_is_asked_for_less_and_less_often(
    sandbox: Sandbox, mirror_of: MakeMirror, pauses: list[float]
) -> None:
    sandbox.inject(Refused(error=forbidden_to_list("pods"), resource="pods"))
    mirror = mirror_of(sandbox_target(sandbox), "shop", wanted=(kinds.POD,), pace=Pace(refused=0.1))
    path = kinds.POD.path("shop") + "?"
    mirror.until(lambda: sum(one.startswith(path) for _, one in sandbox.requests) >= 5)
    assert grow(pauses), pauses
