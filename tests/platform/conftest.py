"""The platform, installed once for all tests, on the cluster that `make test-platform` is told of."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.platform.cluster import OVERLAY, ROOT, SERVICES, Cluster, eventually, restarts
from tests.platform.people import PASSWORD, Platform, token_works


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.platform)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    program, kubeconfig = (
        os.environ.get(name) for name in ("LEVIATHAN_TEST_CLUSTER", "LEVIATHAN_TEST_KUBECONFIG")
    )
    if not program or not kubeconfig:
        pytest.skip("no cluster is named whose images and parts these tests may handle")
    return Cluster(program, Path(kubeconfig))


@pytest.fixture(scope="session")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform as docs/install.md installs it, with alice, bob and carol; tokens are accepted."""
    told = os.environ.get("LEVIATHAN_TEST_AUTHENTICATION")
    if not told:
        pytest.skip("LEVIATHAN_TEST_AUTHENTICATION does not name the API server's file")
    begun = time.monotonic()
    folder = tmp_path_factory.mktemp("platform")
    follow_guide(cluster, folder)
    print(f"\ninstalled in {time.monotonic() - begun:.0f} s")  # noqa: T201
    installed = Platform(cluster, folder)
    again = [name for name in SERVICES for pod in cluster.pods(name) if restarts(pod)]
    assert not again, f"{again} had to be started more than once"
    installed.add_user("bob", "operators")
    # The API server reads the file again by itself.
    shutil.copyfile(folder / "authentication.yaml", told)
    eventually("the API server accepts tokens", lambda: token_works(installed, "alice"))
    yield installed
    cluster.kubectl("delete", "-k", str(OVERLAY), "--timeout=120s")
    for kind in ("namespace", "clusterrole", "clusterrolebinding", "validatingadmissionpolicy"):
        left = [one["metadata"]["name"] for one in cluster.json(kind)["items"]]
        assert not [name for name in left if name.startswith("leviathan")], f"{kind}: {left}"


def follow_guide(cluster: Cluster, folder: Path) -> None:
    """Run what docs/install.md marks as to be run, in one shell, with the passwords typed."""
    guide = (ROOT / "docs/install.md").read_text()
    script = "\n".join(re.findall(r"^```sh run\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
    assert script.count("kubectl") > 5
    (folder / "k8s").symlink_to(ROOT / "k8s")
    programs = folder / "bin"
    programs.mkdir()
    kubectl = shlex.join(cluster.command())
    (programs / "kubectl").write_text(f'#!/bin/sh\nexec {kubectl} "$@"\n')
    (programs / "kubectl").chmod(0o755)
    said = folder / "said"
    with (
        said.open("w") as output,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            start_new_session=True,
        ) as shell,
    ):
        assert shell.stdin is not None
        shell.stdin.write(f"{PASSWORD}\n" * 3)
        shell.stdin.close()
        code = shell.wait()
        # What the guide leaves running ends with its shell.
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
    assert code == 0, said.read_text()
