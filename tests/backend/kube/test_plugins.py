"""Credential plugins: one run for everybody, and what counts as its answer."""

import asyncio
import json
import threading
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.entries import Exec, ExecVariable
from leviathan_tui.backend.kube.errors import Unauthorized
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.plugins import (
    V1,
    count,
    login,
    plugin,
    target_of,
    until,
    write_for,
)
from tests.backend.kube.rig.servers import serving

FUTURE = "2999-01-01T00:00:00Z"


async def test_a_plugin_runs_once_without_a_terminal_and_with_its_request(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        f"""
        request = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
        assert request["spec"] == {{"interactive": False}}
        assert sys.stdin.read() == ""
        try:
            open("/dev/tty")
            sys.exit("there is a terminal")
        except OSError:
            pass
        assert os.getsid(0) == os.getpid() == os.getpgid(0)
        answer(token=os.environ["WHO"], expirationTimestamp={FUTURE!r})
        """,
        env={"WHO": "from-plugin"},
    )
    credentials = Credentials(target_of(entry))
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert count(tmp_path) == 1


async def test_everybody_waits_for_the_same_run(tmp_path: Path) -> None:
    go = tmp_path / "go"
    entry = plugin(
        tmp_path,
        f"""
        while not Path({str(go)!r}).exists():
            time.sleep(0.01)
        answer(token="t", expirationTimestamp={FUTURE!r})
        """,
    )
    heard: list[list[tuple[str, str]]] = []

    def elsewhere() -> None:
        heard.append(asyncio.run(Credentials(target_of(entry)).headers()))

    other = threading.Thread(target=elsewhere)
    other.start()
    here = [asyncio.ensure_future(Credentials(target_of(entry)).headers()) for _ in range(20)]
    await until(lambda: count(tmp_path) == 1)
    # Whoever gives up takes the run from nobody else.
    here[0].cancel()
    go.touch()
    results = await asyncio.gather(*here[1:])
    await until(lambda: not other.is_alive())
    assert [*results, *heard] == [[("Authorization", "Bearer t")]] * 20
    assert count(tmp_path) == 1


async def test_an_expired_answer_is_used_and_not_asked_for_at_each_request(tmp_path: Path) -> None:
    entry = plugin(tmp_path, 'answer(token="t", expirationTimestamp="2001-01-01T00:00:00Z")')
    credentials = Credentials(target_of(entry))
    for _ in range(5):
        assert await credentials.headers() == [("Authorization", "Bearer t")]
    assert count(tmp_path) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('no session')", r"failed \(exit code 1\)"),
        ("os.kill(os.getpid(), 9)", r"failed \(signal 9\)"),
        ("print('hello')", "did not print an ExecCredential"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe')", "did not print an ExecCredential"),
        ("pass", "did not print an ExecCredential"),
        ("answer()", "neither a token nor a certificate"),
        ("answer(token='')", "neither a token nor a certificate"),
        ("answer(clientCertificateData='c')", "a certificate or a key, but not both"),
        ("answer(clientKeyData='k')", "a certificate or a key, but not both"),
        ("answer(token='a\\nb')", "a token that no request can carry"),
        ("answer(token='t', expirationTimestamp='tomorrow')", "did not print an ExecCredential"),
        ("print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
         "'kind': 'ExecCredential'}))", "printed no status"),
        ("print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1beta1', "
         "'kind': 'ExecCredential', 'status': {'token': 't'}}))", "v1beta1 instead of"),
        ("print(json.dumps({'status': {'token': 't'}}))", "printed nothing of no apiVersion"),
    ],
)  # fmt: skip
async def test_what_is_no_credential_is_an_error_and_no_request_goes_without(
    tmp_path: Path, body: str, said: str
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, body)
    with pytest.raises(Unauthorized, match=said):
        await Credentials(target_of(entry)).headers()
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        with pytest.raises(Unauthorized, match=said):
            await ask(path)
        assert server.asked == []
        assert kubectl(path).returncode != 0


@pytest.mark.parametrize(
    "body",
    [
        "answer(token='t', clientCertificateData=None, clientKeyData=None)",
        "answer(token='t', expirationTimestamp=None, clientKeyData=None)",
        "answer(token='t', clientCertificateData='', clientKeyData=None)",
    ],
)
async def test_a_null_is_the_lack_of_a_value_as_to_kubectl(tmp_path: Path, body: str) -> None:
    authority = Issued("authority", authority=True)
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, plugin(tmp_path, body))
        await ask(path)
        done = kubectl(path)
        assert done.returncode == 0, done.stderr
        assert {asked.header("authorization") for asked in server.asked} == {"Bearer t"}


async def test_a_token_that_is_null_is_none(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "answer(token=None)")
    with pytest.raises(Unauthorized, match="neither a token nor a certificate"):
        await Credentials(target_of(entry)).headers()


@pytest.mark.parametrize("search", ["", ".", ":/nowhere", "/nowhere:", "/nowhere:./here"])
async def test_a_program_of_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    (tmp_path / "here").mkdir()
    for folder in (tmp_path, tmp_path / "here"):
        program = folder / "leviathan-login"
        program.write_text(f"#!/bin/sh\necho > {tmp_path}/ran\n")
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    authority = Issued("authority", authority=True)
    # Nor is one that only the plugin's own PATH would find.
    own = [ExecVariable("PATH", str(tmp_path))]
    entry = login("leviathan-login", env=own)
    path = write_for(tmp_path, "https://127.0.0.1:1", authority, entry)
    done = kubectl(path, {"PATH": search})
    assert done.returncode != 0
    monkeypatch.setenv("PATH", search)
    with pytest.raises(Unauthorized, match="cannot be run: "):
        await Credentials(target_of(entry)).headers()
    assert not (tmp_path / "ran").exists()


async def test_a_missing_plugin_says_how_to_get_it() -> None:
    entry = login("/no/such/plugin", install_hint="brew install it")
    with pytest.raises(Unauthorized, match=r"cannot be run.*brew install it"):
        await Credentials(target_of(entry)).headers()


@pytest.mark.parametrize(
    "entry",
    [
        login("/bin/true", args=["a\0b"]),
        login("/bin/true", env=[ExecVariable("A=B", "c")]),
        login("/bin/true", env=[ExecVariable("A", "\0")]),
        login("/etc/passwd"),
        login("/"),
        login(""),
    ],
)
async def test_what_cannot_be_run_is_a_sentence(entry: Exec) -> None:
    with pytest.raises(Unauthorized, match="cannot be run: "):
        await Credentials(target_of(entry)).headers()


async def test_a_plugin_is_told_all_about_the_cluster(tmp_path: Path) -> None:
    authority = Issued("authority", authority=True)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    entry = plugin(
        tmp_path,
        """
        (HERE / "told").write_text(os.environ["KUBERNETES_EXEC_INFO"])
        answer(token="t")
        """,
        provide_cluster_info=True,
    )
    config = {
        "audience": "shop",
        "port": 8443,
        "share": 0.5,
        "deep": {"list": [{"on": True}, None]},
    }
    extensions = [
        {"name": "other", "extension": {"a": 1}},
        {"name": "client.authentication.k8s.io/exec", "extension": config},
    ]
    with serving(Issued("api", authority, host="api.example").server(tmp_path)) as server:
        path = write(
            tmp_path / "config",
            {
                "server": server.url,
                "certificate-authority": "ca.crt",
                "tls-server-name": "api.example",
                "disable-compression": True,
                "extensions": extensions,
            },
            {
                "exec": {
                    "apiVersion": V1,
                    "command": entry.command,
                    "args": entry.args,
                    "interactiveMode": "IfAvailable",
                    "provideClusterInfo": True,
                }
            },
        )
        assert b"v1.37.2" in await ask(path)
        ours = json.loads((tmp_path / "told").read_text())
        assert ours["spec"]["cluster"]["config"] == config
        assert b64decode(ours["spec"]["cluster"]["certificate-authority-data"]) == authority.pem
        assert ours["spec"]["cluster"]["tls-server-name"] == "api.example"
        kubectl(path)
        assert json.loads((tmp_path / "told").read_text()) == ours


@pytest.mark.parametrize(
    "more",
    [{"insecure_skip_tls_verify": True}, {"proxy_url": "http://p:3128"}],
)
async def test_a_plugin_is_told_how_the_cluster_is_reached(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    entry = plugin(
        tmp_path,
        """
        (HERE / "told").write_text(os.environ["KUBERNETES_EXEC_INFO"])
        answer(token="t")
        """,
        provide_cluster_info=True,
    )
    await Credentials(target_of(entry, **more)).headers()
    told = json.loads((tmp_path / "told").read_text())["spec"]["cluster"]
    ((name, value),) = more.items()
    assert told == {"server": "https://api", name.replace("_", "-"): value, "config": None}


async def test_a_certificate_of_a_plugin_is_shown_and_another_begins_tls_anew(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    for number in (1, 2):
        client = Issued(f"client-{number}", authority)
        (tmp_path / f"{number}.crt").write_bytes(client.pem)
        (tmp_path / f"{number}.key").write_bytes(client.key_pem())
    entry = plugin(
        tmp_path,
        """
        crt, key = (HERE / f"{COUNT}.crt").read_text(), (HERE / f"{COUNT}.key").read_text()
        answer(clientCertificateData=crt, clientKeyData=key)
        """,
    )
    tls = Issued("api", authority).server(tmp_path, clients=authority)
    with serving(tls) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        await ask(path)
        assert name_of(server.asked[0].certificate) == "client-1"
        # The server lets the first one in no more.
        server.accepts = lambda asked: name_of(asked.certificate) == "client-2"
        clock(3600)
        await ask(path)
        assert [name_of(one.certificate) for one in server.asked[1:]] == ["client-1", "client-2"]


def name_of(certificate: Any) -> str:
    return (
        str(dict(field[0] for field in certificate["subject"])["commonName"]) if certificate else ""
    )
