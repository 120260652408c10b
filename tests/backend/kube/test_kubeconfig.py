"""Kubeconfig files are read as kubectl reads them, and what is wrong is said in a sentence."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.kubeconfig import default_paths, in_cluster, load, resolve
from leviathan_tui.startup import find_target

CONFIG = dedent(
    """
    apiVersion: v1
    kind: Config
    current-context: dev
    clusters:
    - name: dev
      cluster: {server: "https://dev:6443", certificate-authority: ca.crt}
    - name: open
      cluster: {server: "https://open", insecure-skip-tls-verify: true, proxy-url: "http://p:3128"}
    users:
    - name: alice
      user: {tokenFile: token}
    - name: plugin
      user:
        exec:
          apiVersion: client.authentication.k8s.io/v1
          command: ./bin/login
          interactiveMode: Never
          env: [{name: A, value: b}]
    contexts:
    - name: dev
      context: {cluster: dev, user: alice, namespace: }
    - name: shop
      context: {cluster: open, user: plugin, namespace: shop}
    - name: broken
      context: {cluster: nowhere, user: alice}
    """
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return path


def test_the_current_context_is_resolved_with_absolute_paths(file: Path) -> None:
    target = resolve(load([file]))
    assert (target.context, target.namespace, target.cluster.server) == (
        "dev",
        "default",
        "https://dev:6443",
    )
    assert target.user.token_file == str(file.parent / "token")
    assert target.cluster.certificate_authority == str(file.parent / "ca.crt")


@pytest.mark.parametrize(
    ("users", "user"),
    [
        ("", ""),
        ("users: []", ""),
        ("users: [{name: nobody}]", ", user: nobody"),
        ("", ", user: gone"),
    ],
)
def test_a_context_without_a_user_names_a_cluster_all_the_same(
    tmp_path: Path, users: str, user: str
) -> None:
    path = tmp_path / "config"
    path.write_text(
        "clusters: [{name: c, cluster: {server: 'https://c'}}]\n"
        f"contexts: [{{name: c, context: {{cluster: c{user}}}}}]\n"
        f"current-context: c\n{users}\n"
    )
    target = resolve(load([path]))
    assert (target.context, target.namespace, target.cluster.server) == (
        "c",
        "default",
        "https://c",
    )
    assert not target.user.says_who
    assert target.warnings() == []


def test_whether_a_user_says_who_is_asking(file: Path) -> None:
    config = load([file])
    assert resolve(config).user.says_who
    assert resolve(config, "shop").user.says_who


def test_what_is_dangerous_is_named(file: Path) -> None:
    warnings = " ".join(resolve(load([file]), "shop").warnings())
    assert "insecure-skip-tls-verify" in warnings
    assert "proxy http://p:3128" in warnings
    assert f"credential plugin {file.parent}/bin/login" in warnings
    assert resolve(load([file])).warnings() == []


def test_the_first_file_wins_and_missing_ones_are_skipped(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(
        "current-context: shop\n"
        "clusters: [{name: dev, cluster: {server: 'https://other'}}]\n"
        "contexts: [{name: extra, context: {cluster: dev, user: alice}}]\n"
    )
    merged = load([tmp_path / "absent", other, file])
    assert merged.current_context == "shop"
    assert resolve(merged, "dev").cluster.server == "https://other"
    assert "extra" in merged.contexts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not valid YAML"),
        ("[]", "not a kubeconfig"),
        ("clusters: [{cluster: {}}]", "has no name"),
        ("clusters: 5", "is no list"),
        ("clusters: [{name: c, cluster: {server: [1]}}]", "clusters entry c"),
        ("users: [{name: u, user: {exec: {args: [a]}}}]", "users entry u"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match=said):
        load([path])


def test_a_missing_file_a_missing_context_and_a_missing_cluster(file: Path, tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="No kubeconfig at"):
        load([tmp_path / "absent"])
    with pytest.raises(KubeconfigError, match=r"no context 'x'; there are: broken, dev, shop"):
        resolve(load([file]), "x")
    with pytest.raises(KubeconfigError, match="names no cluster"):
        resolve(load([file]), "broken")


def test_kubeconfig_variable_lists_files() -> None:
    assert default_paths({"KUBECONFIG": "/a:/b"}) == [Path("/a"), Path("/b")]


def test_inside_a_cluster_the_service_account_is_used(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "namespace").write_text("ops\n")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    target = in_cluster(tmp_path, environment)
    assert target is not None
    assert (target.cluster.server, target.namespace) == ("https://[fd00::1]:443", "ops")
    assert in_cluster(tmp_path, {}) is None


def test_aliases_that_unfold_without_an_end_are_survived(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: y}"]
    levels += [f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 40)]
    path = tmp_path / "config"
    user = "users: [{name: u, user: {auth-provider: *a39}}]"
    path.write_text("\n".join([*levels, user]))
    assert "u" in load([path]).users


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be entered."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0)
    if os.access(folder / "x", os.R_OK) or os.geteuid() == 0:
        folder.chmod(0o700)
        pytest.skip("root may enter every folder")
    yield folder
    folder.chmod(0o700)


def test_a_file_that_may_not_be_looked_at_is_a_sentence(locked: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    for paths in ([locked / "config"], [tmp_path / "config", locked / "config"]):
        with pytest.raises(KubeconfigError, match=r"Cannot read .*Permission denied"):
            load(paths)
    assert (
        in_cluster(locked, {"KUBERNETES_SERVICE_HOST": "a", "KUBERNETES_SERVICE_PORT": "1"}) is None
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTDIR, errno.ELOOP, errno.EIO])
def test_whatever_the_system_says_of_a_file_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(path: object, *arguments: object, **options: object) -> int:
        raise OSError(number, os.strerror(number))

    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setattr(os, "stat", refused)
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(KubeconfigError, match=f"Cannot read .*{os.strerror(number)}"):
        load([tmp_path / "config"])


def test_a_folder_and_a_file_in_a_file_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    for path in (tmp_path, tmp_path / "config" / "more"):
        with pytest.raises(KubeconfigError, match="Cannot read"):
            load([path, tmp_path / "config"])


@pytest.mark.parametrize("listed", ["~nosuchuser/c", "~/c", "a~/c"])
def test_a_tilde_in_the_environment_is_for_the_shell(listed: str) -> None:
    assert default_paths({"KUBECONFIG": listed}) == [Path(listed)]
    with pytest.raises(KubeconfigError, match="No kubeconfig at"):
        load(default_paths({"KUBECONFIG": listed}))


def test_no_home_folder_is_a_sentence_and_no_obstacle_in_a_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(KubeconfigError, match="no home folder"):
        find_target(None, "")
    (tmp_path / "token").write_text("t")
    inside = in_cluster(
        tmp_path, {"KUBERNETES_SERVICE_HOST": "a", "KUBERNETES_SERVICE_PORT": "443"}
    )
    assert inside is not None
    assert inside.namespace == "default"
    monkeypatch.setattr("leviathan_tui.backend.kube.kubeconfig.in_cluster", lambda: inside)
    assert find_target(None, "") == (inside, None)
