"""Credentials: who is asking, and that nobody else hears of it (ATTACKS 50)."""

import os
import sys
from pathlib import Path

import pytest

from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.errors import KubeconfigError, Unauthorized
from leviathan_tui.backend.kube.kubeconfig import Cluster, Exec, ExecVariable, Target, User


def target(user: User, server: str = "https://api") -> Target:
    return Target(
        context="c",
        cluster_name="c",
        user_name="u",
        namespace="default",
        cluster=Cluster(server=server),
        user=user,
    )


def plugin(folder: Path, body: str, **options: object) -> User:
    script = folder / "plugin.py"
    script.write_text(body)
    return User(exec=Exec(command=sys.executable, args=[str(script)], **options))  # type: ignore[arg-type]


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


async def test_a_token_file_is_read_again_after_a_401(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    credentials = Credentials(target(User(token_file=str(file))))
    assert await credentials.headers() == [("Authorization", "Bearer one")]
    file.write_text("two")
    assert await credentials.headers() == [("Authorization", "Bearer one")]
    credentials.invalidate()
    assert await credentials.headers() == [("Authorization", "Bearer two")]


async def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="Cannot read the token file"):
        await Credentials(target(User(token_file=str(tmp_path / "no")))).headers()


async def test_a_plugin_runs_once_without_a_terminal_and_with_its_request(tmp_path: Path) -> None:
    body = f"""
import json, os, sys
from pathlib import Path
request = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
count = Path({str(tmp_path / "count")!r})
count.write_text(count.read_text() + "x" if count.exists() else "x")
assert sys.stdin.read() == ""
print("noise that must not reach the screen", file=sys.stderr)
print(json.dumps({{"kind": "ExecCredential", "apiVersion": request["apiVersion"],
    "status": {{"token": os.environ["WHO"], "expirationTimestamp": "2999-01-01T00:00:00Z"}}}}))
"""
    user = plugin(tmp_path, body, env=[ExecVariable("WHO", "from-plugin")])
    credentials = Credentials(target(user))
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert (tmp_path / "count").read_text() == "x"


async def test_an_expired_plugin_token_is_asked_for_again(tmp_path: Path) -> None:
    body = f"""
import json
from pathlib import Path
count = Path({str(tmp_path / "count")!r})
count.write_text(count.read_text() + "x" if count.exists() else "x")
print(json.dumps({{"status": {{"token": "t", "expirationTimestamp": "2001-01-01T00:00:00Z"}}}}))
"""
    credentials = Credentials(target(plugin(tmp_path, body)))
    await credentials.headers()
    await credentials.headers()
    assert (tmp_path / "count").read_text() == "xx"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys; sys.exit('no \\x1b[2Jsession')", "failed: no ␛.2Jsession"),
        ("print('hello')", "did not print an ExecCredential"),
    ],
)
async def test_a_failing_plugin_is_an_unauthorized_with_its_words(
    tmp_path: Path, body: str, said: str
) -> None:
    with pytest.raises(Unauthorized, match=said):
        await Credentials(target(plugin(tmp_path, body))).headers()


async def test_a_missing_plugin_says_how_to_get_it() -> None:
    user = User(exec=Exec(command="/no/such/plugin", install_hint="brew install it"))
    with pytest.raises(Unauthorized, match=r"cannot be run.*brew install it"):
        await Credentials(target(user)).headers()


async def test_bad_certificates_are_a_sentence() -> None:
    bad = target(User())
    bad.cluster.certificate_authority_data = "bm90IGEgY2VydA=="
    with pytest.raises(KubeconfigError, match="certificate or key"):
        await Credentials(bad).tls()


async def test_keys_in_memory_never_stay_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from base64 import b64encode

    from tests.certificates import self_signed

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    certificate, key = self_signed("client")
    user = User(
        client_certificate_data=b64encode(certificate).decode(),
        client_key_data=b64encode(key).decode(),
    )
    assert await Credentials(target(user)).tls()
    assert os.listdir(tmp_path) == []


async def test_another_certificate_of_a_plugin_begins_tls_anew(tmp_path: Path) -> None:
    body = f"""
import json
from pathlib import Path
count = Path({str(tmp_path / "count")!r})
count.write_text(count.read_text() + "x" if count.exists() else "x")
print(json.dumps({{"status": {{"clientCertificateData": count.read_text(), "clientKeyData": "k"}}}}))
"""
    credentials = Credentials(target(plugin(tmp_path, body)))
    await credentials.headers()
    assert credentials.generation == 1
    credentials.invalidate()
    await credentials.headers()
    assert credentials.generation == 2
