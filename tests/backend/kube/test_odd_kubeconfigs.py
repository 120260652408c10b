"""Files that kubectl reads are read, however odd they look, and mean the same."""

import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.kube.errors import KubeconfigError, KubeError
from leviathan_tui.backend.kube.kubeconfig import Target
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, document, kubectl, write
from tests.backend.kube.rig.servers import FakeServer, serving

AUTHORITY = Issued("authority", authority=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    with serving(Issued("api", AUTHORITY).server(tmp_path_factory.mktemp("tls"))) as fake:
        yield fake


@pytest.fixture
def cluster(server: FakeServer) -> dict[str, Any]:
    data = b64encode(AUTHORITY.pem).decode()
    return {"server": server.url, "certificate-authority-data": data}


def read(*paths: Path, context: str = "") -> Target:
    return kubeconfig.resolve(kubeconfig.load(paths), context, {})


def view(path: Path) -> Any:
    """Return what kubectl makes of the current context."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("there is no kubectl to compare with")
    done = subprocess.run(
        [program, f"--kubeconfig={path}", "config", "view", "--minify", "--raw", "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return yaml.safe_load(done.stdout)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param("{}---\n", id="a document's end at the end"),
        pytest.param("---\n{}\n---\n", id="and one at the beginning"),
        pytest.param("{}\n---\nsomething: [else\n", id="what comes after is not even read"),
        pytest.param("\ufeff{}", id="a byte order mark"),
        pytest.param("%YAML 1.1\n---\n{}", id="a directive"),
        pytest.param("# Größe\n{}# 完\n", id="comments in any script"),
        pytest.param("unknown: {a: [1, 2]}\n{}", id="what nobody knows"),
    ],
)
async def test_a_file_with_odd_edges(tmp_path: Path, cluster: dict[str, Any], odd: str) -> None:
    path = tmp_path / "config"
    text = yaml.safe_dump(document(cluster))
    path.write_text(odd.replace("{}", text), encoding="utf-8")
    assert b"v1.37.2" in await ask(path)
    done = kubectl(path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("empty", ["", "# nothing\n", "---\n", "null\n", "{}\n", "\n\n"])
def test_an_empty_file_beside_another(tmp_path: Path, cluster: dict[str, Any], empty: str) -> None:
    first, second = tmp_path / "first", write(tmp_path / "second", cluster)
    first.write_text(empty)
    assert read(first, second).cluster.server == cluster["server"]
    assert read(second, first).cluster.server == cluster["server"]
    done = kubectl(second, {"KUBECONFIG": f"{first}{os.pathsep}{second}"})
    assert done.returncode == 0, done.stderr


def test_an_empty_file_alone_names_no_context(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("# nothing\n")
    with pytest.raises(KubeconfigError, match="no current context"):
        read(tmp_path / "config")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01 12:00:00", "2024-01-01 12:00:00"),
        ("'007'", "007"),
    ],
)
def test_a_namespace_that_looks_like_something_else(
    tmp_path: Path, cluster: dict[str, Any], written: str, meant: str
) -> None:
    path = tmp_path / "config"
    one = document(cluster)
    one["contexts"][0]["context"]["namespace"] = "HERE"
    path.write_text(yaml.safe_dump(one).replace("HERE", written))
    assert read(path).namespace == meant
    assert view(path)["contexts"][0]["context"]["namespace"] == meant


@pytest.mark.parametrize("written", ["007", "1_000", "12:30:45", "1e3", "0x1F", ".inf"])
def test_a_number_is_the_name_that_was_written(
    tmp_path: Path, cluster: dict[str, Any], written: str
) -> None:
    """No kubectl reads all of these; whoever wrote them meant them to the letter."""
    path = tmp_path / "config"
    one = document(cluster)
    one["contexts"][0]["context"]["namespace"] = "HERE"
    path.write_text(yaml.safe_dump(one).replace("HERE", written))
    assert read(path).namespace == written


def test_names_that_look_like_dates_name_the_same_things(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "clusters: [{name: 2024-01-01, cluster: {server: 'https://c'}}]\n"
        "contexts: [{name: 2024-02-02, context: {cluster: 2024-01-01, user: 2024-03-03}}]\n"
        "users: [{name: 2024-03-03, user: {token: 2024-04-04}}]\n"
        "current-context: 2024-02-02\n"
    )
    target = read(path)
    assert (target.context, target.cluster.server, target.user.token) == (
        "2024-02-02",
        "https://c",
        "2024-04-04",
    )
    assert view(path)["users"][0]["user"]["token"] == "2024-04-04"


async def test_a_file_of_many_mebibytes(tmp_path: Path, cluster: dict[str, Any]) -> None:
    one = document(cluster)
    filler = b64encode(b"x" * 60_000).decode()
    one["clusters"] += [
        {"name": f"c{n}", "cluster": {"server": "https://c", "certificate-authority-data": filler}}
        for n in range(80)
    ]
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(one))
    assert path.stat().st_size > 5 * 1024 * 1024
    assert b"v1.37.2" in await ask(path)
    done = kubectl(path)
    assert done.returncode == 0, done.stderr


def test_what_has_no_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with path.open("wb") as stream:
        stream.truncate(kubeconfig.MAX_BYTES + 1)
    with pytest.raises(KubeconfigError, match="larger than 64 MiB"):
        read(path)


@pytest.mark.parametrize(
    ("server", "more", "address"),
    [
        ("api:6443", {"certificate-authority-data": "eA=="}, "https://api:6443"),
        ("api:6443", {"insecure-skip-tls-verify": True}, "https://api:6443"),
        ("10.0.0.1", {}, "http://10.0.0.1"),
        ("https://API.example:6443/", {}, "https://API.example:6443/"),
        ("https://u:p@api/k8s/clusters/c-1/?a=b#c", {}, "https://api/k8s/clusters/c-1/"),
        ("https://[fd00::1]:6443", {}, "https://[fd00::1]:6443"),
    ],
)
def test_where_a_server_is(tmp_path: Path, server: str, more: dict[str, Any], address: str) -> None:
    path = write(tmp_path / "config", {"server": server, **more})
    assert read(path).cluster.server == address


async def test_a_server_behind_a_path(
    tmp_path: Path, cluster: dict[str, Any], server: FakeServer
) -> None:
    path = write(tmp_path / "config", {**cluster, "server": f"{server.url}/k8s/clusters/c-1"})
    await ask(path)
    assert server.asked[-1].path == "/k8s/clusters/c-1/version"


async def test_who_one_acts_as_goes_along_as_with_kubectl(
    tmp_path: Path, cluster: dict[str, Any], server: FakeServer
) -> None:
    user = {
        "token": "t",
        "as": "bob",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"example.com/Team": ["x", "y"], "50%": ["z"], "größe": ["w"]},
    }
    path = write(tmp_path / "config", cluster, user)
    await ask(path)
    ours = acting(server)
    kubectl(path)
    assert acting(server) == ours
    assert ("impersonate-uid", "7") in ours


def acting(server: FakeServer) -> list[tuple[str, str]]:
    headers = ((name.lower(), value) for name, value in server.asked[-1].headers)
    return sorted(pair for pair in headers if pair[0].startswith("impersonate-"))


async def test_compression_can_be_off(
    tmp_path: Path, cluster: dict[str, Any], server: FakeServer
) -> None:
    await ask(write(tmp_path / "config", {**cluster, "disable-compression": True}))
    assert server.asked[-1].header("accept-encoding") == "identity"


# Several files


@pytest.mark.parametrize(
    ("section", "entry", "said"),
    [
        ("users", {"name": "me", "user": {"token": "other"}}, "the user me"),
        ("users", {"name": "me", "user": {"tokenFile": "token"}}, "the user me"),
        (
            "clusters",
            {"name": "there", "cluster": {"server": "https://other"}},
            "the cluster there",
        ),
    ],
)
def test_two_files_that_define_one_thing_differently_are_warned_of(
    tmp_path: Path, cluster: dict[str, Any], section: str, entry: dict[str, Any], said: str
) -> None:
    first = write(tmp_path / "first", cluster)
    second = tmp_path / "second"
    second.write_text(yaml.safe_dump({section: [entry]}))
    target = read(first, second)
    assert (target.user.token, target.cluster.server) == ("t", cluster["server"])
    (warning,) = target.warnings()
    assert warning == f"{said} is defined differently in {first} and {second}; the first counts"
    assert said in read(second, first).warnings()[0]


def test_the_same_definition_twice_is_nothing_to_warn_of(
    tmp_path: Path, cluster: dict[str, Any]
) -> None:
    first, second = write(tmp_path / "first", cluster), write(tmp_path / "second", cluster)
    assert read(first, second).warnings() == []


def test_two_definitions_in_one_file_are_warned_of_too(
    tmp_path: Path, cluster: dict[str, Any]
) -> None:
    one = document(cluster)
    one["users"].append({"name": "me", "user": {"token": "other"}})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(one))
    target = read(path)
    assert target.user.token == "t"
    assert f"the user me is defined differently twice in {path}" in target.warnings()[0]


def test_a_user_whom_the_context_does_not_use_is_nobodys_concern(
    tmp_path: Path, cluster: dict[str, Any]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    one = document(cluster)
    one["users"].append({"name": "other", "user": {"token": "1"}})
    first.write_text(yaml.safe_dump(one))
    second.write_text(yaml.safe_dump({"users": [{"name": "other", "user": {"token": "2"}}]}))
    assert read(first, second).warnings() == []


def test_extensions_that_unfold_without_an_end_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: y}"]
    levels += [f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 40)]
    extension = "{name: client.authentication.k8s.io/exec, extension: *a39}"
    cluster = (
        f"clusters: [{{name: c, cluster: {{server: 'https://c', extensions: [{extension}]}}}}]"
    )
    path = tmp_path / "config"
    path.write_text("\n".join([*levels, cluster]))
    with pytest.raises(KubeconfigError, match="is too large"):
        kubeconfig.load([path])
    other = extension.replace("exec", "other")
    path.write_text("\n".join([*levels, cluster.replace(extension, other)]))
    assert "c" in kubeconfig.load([path]).clusters


@pytest.mark.parametrize(
    "server",
    [
        "https://xn--/",
        "https://h\\x",
        "https://u:secret@é..x",
        "https://xn--a.example",
        "https://[v1.x]/",
    ],
)
async def test_what_no_library_takes_for_an_address_is_a_sentence(
    tmp_path: Path, server: str
) -> None:
    with pytest.raises(KubeError) as caught:
        await ask(write(tmp_path / "config", {"server": server}))
    assert "secret" not in caught.value.message
