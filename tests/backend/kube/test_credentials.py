"""Credentials: who is asking, and that nobody else hears of it."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.entries import Cluster, Exec, User
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.kubeconfig import Target
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.servers import serving

GROUP = "client.authentication.k8s.io"


def login(command: str, *, version: str = f"{GROUP}/v1", mode: str = "Never") -> Exec:
    return Exec(command, api_version=version, interactive_mode=mode)


def target(user: User, server: str = "https://api") -> Target:
    return Target(
        context="c",
        cluster_name="c",
        user_name="u",
        namespace="default",
        cluster=Cluster(server=server),
        user=user,
    )


async def test_a_token_goes_into_the_header_and_only_over_https() -> None:
    user = User(token="secret")
    assert await Credentials(target(user)).headers() == [("Authorization", "Bearer secret")]
    assert await Credentials(target(user, "http://api")).headers() == []


async def test_impersonation_names_every_group() -> None:
    user = User(token="t", as_user="bob", as_groups=["a", "b"])
    headers = await Credentials(target(user)).headers()
    assert headers[1:] == [
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    ]


async def test_impersonation_carries_the_uid_and_what_else_is_known_of_a_user() -> None:
    extra = {"example.com/Team": ["a", "b"], "50%": ["c"], "grüße": ["d"]}
    user = User(token="t", as_user="bob", as_uid="7", as_user_extra=extra)
    headers = await Credentials(target(user)).headers()
    assert headers[2:] == [
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-example.com%2FTeam", "a"),
        ("Impersonate-Extra-example.com%2FTeam", "b"),
        ("Impersonate-Extra-50%25", "c"),
        ("Impersonate-Extra-gr%C3%BC%C3%9Fe", "d"),
    ]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (User(token="t", username="u"), "a token and a password"),
        (User(client_certificate_data="eA=="), "certificate without a key"),
        (User(token="t", as_uid="7"), "without as"),
        (User(token="t", as_groups=["g"]), "without as"),
        (User(token="t", as_user_extra={"a": ["b"]}), "without as"),
        (User(exec=Exec("p"), auth_provider={"name": "gcp"}), "an auth-provider"),
        (User(exec=login("p", version=f"{GROUP}/v1alpha1")), "v1alpha1"),
        (User(exec=login("p", mode="Always")), "wants the terminal"),
        (User(exec=login("p", mode="")), "without an interactiveMode"),
        (User(exec=login("p", mode="Sometimes")), "interactiveMode 'Sometimes'"),
        (User(exec=login("p", mode="never")), "interactiveMode 'never'"),
        (User(exec=login("p", version=f"{GROUP}/v1beta1", mode="Now")), "interactiveMode 'Now'"),
        (User(exec=login("p", version="")), "without an apiVersion"),
    ],
)
async def test_what_kubectl_refuses_of_a_user_is_refused(user: User, said: str) -> None:
    with pytest.raises(KubeconfigError, match=f"The user 'u' .*{said}"):
        await Credentials(target(user)).headers()


@pytest.mark.parametrize(
    ("described", "fine"),
    [
        ({"apiVersion": f"{GROUP}/v1", "interactiveMode": "IfAvailable"}, True),
        ({"apiVersion": f"{GROUP}/v1"}, False),
        ({"apiVersion": f"{GROUP}/v1", "interactiveMode": "Sometimes"}, False),
        ({"apiVersion": f"{GROUP}/v1beta1"}, True),
        ({"apiVersion": f"{GROUP}/v1beta1", "interactiveMode": "Sometimes"}, False),
        ({"interactiveMode": "Never"}, False),
    ],
)
async def test_kubectl_refuses_the_same_entries_of_plugins(
    tmp_path: Path, described: dict[str, str], fine: bool
) -> None:
    program = tmp_path / "login"
    answer = {
        "apiVersion": described.get("apiVersion"),
        "kind": "ExecCredential",
        "status": {"token": "t"},
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    authority = Issued("authority", authority=True)
    with serving(Issued("api", authority).server(tmp_path)) as server:
        (tmp_path / "ca.crt").write_bytes(authority.pem)
        cluster = {"server": server.url, "certificate-authority": "ca.crt"}
        user = {"exec": {"command": "./login", **described}}
        path = write(tmp_path / "config", cluster, user)
        if fine:
            await ask(path)
        else:
            with pytest.raises(KubeconfigError, match="has a credential plugin"):
                await ask(path)
        assert (kubectl(path).returncode == 0) is fine


async def test_a_token_beside_a_token_file_counts_where_the_file_cannot_be_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    user = User(token="beside", token_file=str(file))
    assert await Credentials(target(user)).headers() == [("Authorization", "Bearer beside")]
    file.write_text("in the file")
    assert await Credentials(target(user)).headers() == [("Authorization", "Bearer in the file")]


async def test_a_plugin_is_not_run_where_something_else_says_who_asks() -> None:
    plugin = login("/no/such/plugin")
    with_token = User(token="t", exec=plugin)
    assert await Credentials(target(with_token)).headers() == [("Authorization", "Bearer t")]
    assert len(await Credentials(target(User(username="u", exec=plugin))).headers()) == 1


async def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="Cannot read the token file"):
        await Credentials(target(User(token_file=str(tmp_path / "no")))).headers()


async def test_bad_certificates_are_a_sentence() -> None:
    bad = target(User())
    bad.cluster.certificate_authority_data = "bm90IGEgY2VydA=="
    with pytest.raises(
        KubeconfigError, match="there is no certificate in the certificate authority"
    ):
        await Credentials(bad).tls(bad)


@pytest.mark.parametrize("memory", [True, False])
async def test_keys_in_memory_never_stay_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: bool
) -> None:
    from base64 import b64encode

    from tests.certificates import self_signed

    made: list[str] = []
    make = tempfile.mkstemp

    def counted(prefix: str) -> tuple[int, str]:
        handle, path = make(prefix=prefix)
        made.append(path)
        return handle, path

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.mkstemp", counted)
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    certificate, key = self_signed("client")
    user = User(
        client_certificate_data=b64encode(certificate).decode(),
        client_key_data=b64encode(key).decode(),
    )
    assert await Credentials(target(user)).tls(target(user))
    assert os.listdir(tmp_path) == []
    if memory and not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    assert len(made) == (0 if memory else 1)
