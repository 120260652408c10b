"""Installing: what one apply makes, that another changes nothing, and that nothing secret is told."""

import base64
import re

import pytest

from leviathan_tui import __version__
from leviathan_tui.backend.identity.auth_client import Grant
from leviathan_tui.backend.identity.errors import AuthUnreachable
from tests.platform.cluster import NAMESPACE, OVERLAY, ROOT, SERVICES, Cluster, eventually, restarts
from tests.platform.people import Platform


def test_applying_again_changes_nothing(cluster: Cluster, platform: Platform) -> None:
    before = cluster.secrets()
    lines = cluster.kubectl("apply", "-k", str(OVERLAY)).splitlines()
    assert len(lines) > 40
    assert [line for line in lines if not line.endswith("unchanged")] == []
    assert cluster.secrets() == before
    assert all(before.values()), "a Secret was left empty"


def test_a_new_run_of_the_job_changes_no_secret(cluster: Cluster, platform: Platform) -> None:
    before = cluster.secrets()
    (job,) = cluster.json("jobs", "-n", NAMESPACE)["items"]
    name = job["metadata"]["name"]
    cluster.kubectl("delete", "job", "-n", NAMESPACE, name)
    cluster.kubectl("apply", "-k", str(OVERLAY))
    cluster.kubectl(
        "wait", "-n", NAMESPACE, f"job/{name}", "--for=condition=complete", "--timeout=120s"
    )
    assert cluster.secrets() == before
    assert cluster.logs(f"job/{name}").strip() == "Every Secret has what it needs."


def test_the_server_has_nothing_to_warn_of(cluster: Cluster, platform: Platform) -> None:
    arguments = ("-k", str(OVERLAY), "--dry-run=server", "--validate=strict")
    done = cluster.run("apply", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    labels = cluster.json("namespace", NAMESPACE)["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_pods_may_do_no_more_than_they_need(cluster: Cluster, platform: Platform) -> None:
    for service in SERVICES:
        for pod in cluster.pods(service):
            spec = pod["spec"]
            assert spec["automountServiceAccountToken"] is False
            assert spec["securityContext"]["runAsNonRoot"] is True
            for container in spec["containers"] + spec.get("initContainers", []):
                security = container["securityContext"]
                assert security["readOnlyRootFilesystem"] is True
                assert security["capabilities"] == {"drop": ["ALL"]}
                assert {"memory"} == set(container["resources"]["limits"])
            (container,) = spec["containers"]
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in _pods(cluster)}
    assert len(users) == len(SERVICES) + 1, "each service has a user of its own"


def _pods(cluster: Cluster) -> list[dict[str, dict[str, dict[str, int]]]]:
    found: list[dict[str, dict[str, dict[str, int]]]] = cluster.json("pods", "-n", NAMESPACE)[
        "items"
    ]
    return found


def test_no_secret_is_in_a_log(cluster: Cluster, platform: Platform) -> None:
    told = "".join(
        cluster.logs("-l", f"app.kubernetes.io/name={name}", "--all-containers", "--tail=-1")
        for name in (*SERVICES, "leviathan-bootstrap")
    )
    assert "Every Secret has what it needs." in told
    for name, values in cluster.secrets().items():
        for key, value in values.items():
            if not key.endswith(".crt"):
                plain = base64.b64decode(value).decode().strip()
                for line in plain.splitlines():
                    assert len(line) < 12 or line not in told, f"{key} of {name} was logged"


def test_the_image_holds_nothing_that_installs(cluster: Cluster, platform: Platform) -> None:
    look = (
        "import os, shutil, sys;"
        "tools = [t for t in ('pip', 'pip3', 'apt', 'apt-get', 'dpkg', 'cc', 'gcc') if shutil.which(t)];"
        "print(tools, os.getuid(), os.access('/opt/leviathan', os.W_OK), os.access('/', os.W_OK));"
        "import importlib.util as u; print(u.find_spec('pip'), u.find_spec('ensurepip'))"
    )
    told = cluster.inside("deploy/leviathan-console", "python3", "-c", look)
    assert told.splitlines() == ["[] 64004 False False", "None None"]


def test_the_image_holds_the_pinned_packages_and_is_as_small_as_the_manual_says(
    cluster: Cluster, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = (
        "import importlib.metadata as m;"
        "print(*(f'{d.metadata[\"Name\"]}=={d.version}' for d in m.distributions()))"
    )
    held = {
        canonical(one)
        for one in cluster.inside("deploy/leviathan-console", "python3", "-c", listed).split()
    }
    lock = (ROOT / "requirements-image.lock").read_text()
    pinned = {canonical(one) for one in re.findall(r"^[\w.-]+==[^\s;]+", lock, re.MULTILINE)}
    (ours,) = held - pinned
    assert ours == f"leviathan-tui=={__version__}"
    size = max(
        image["sizeBytes"]
        for node in cluster.json("nodes")["items"]
        for image in node["status"]["images"]
        if any(name.endswith(f"/leviathan:{__version__}") for name in image["names"])
    )
    manual = (ROOT / "docs/operations.md").read_text()
    told = re.search(r"image has (\d+) MB .* made of (\d+) Python packages", manual)
    assert told is not None
    with capsys.disabled():
        print(f"\nimage: {size / 1e6:.0f} MB, {len(held)} Python packages")  # noqa: T201
    assert len(held) == int(told[2])
    assert size / 1e6 < 1.1 * int(told[1])


def canonical(requirement: str) -> str:
    """Return `name==version` with the name as PEP 503 normalizes it."""
    name, _, version = requirement.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def test_uninstalling_without_loss_leaves_namespace_secrets_and_volumes(
    cluster: Cluster, platform: Platform
) -> None:
    """And what is installed again goes on with the same users."""
    before = cluster.secrets()
    session = platform.log_in("alice")
    cluster.kubectl("delete", "-k", str(OVERLAY), "-l", "leviathan.dev/keep!=true")
    eventually("the pods are gone", lambda: not cluster.json("pods", "-n", NAMESPACE)["items"])
    assert cluster.secrets() == before
    claims = {item["metadata"]["name"] for item in cluster.json("pvc", "-n", NAMESPACE)["items"]}
    assert claims == {"data-leviathan-redis-0", "data-leviathan-session-redis-0"}
    assert cluster.json("namespace", "apps")["status"]["phase"] == "Active"
    # The guard stays with what it guards.
    cluster.kubectl("get", "validatingadmissionpolicybinding", "leviathan-pods")

    cluster.kubectl("apply", "-k", str(OVERLAY))
    eventually("every pod is ready", cluster.all_ready)
    assert cluster.secrets() == before
    # The auth server answers before it has found its store again.
    again = eventually("alice can log in", lambda: _logged_in(platform), 30)
    assert again is not None
    assert again.username == session.username
    assert all(restarts(pod) == 0 for name in SERVICES for pod in cluster.pods(name))


def _logged_in(platform: Platform) -> Grant | None:
    try:
        return platform.log_in("alice")
    except AuthUnreachable:
        return None
