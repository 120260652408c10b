"""Whose certificate is believed, and what is made of a client's own."""

import asyncio
import os
import pty
import select
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.kube.errors import KubeconfigError, Untrusted
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.servers import serving

ROOT = Issued("root", authority=True)
MIDDLE = Issued("middle", ROOT, authority=True)
LOWER = Issued("lower", MIDDLE, authority=True)
API = Issued("api", LOWER)
ALONE = Issued("alone")


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


async def both(path: Path) -> None:
    """The client and kubectl get through."""
    assert b"v1.37.2" in await ask(path)
    done = kubectl(path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("shown", "authority"),
    [
        pytest.param((API, LOWER, MIDDLE), ROOT, id="root"),
        pytest.param((API, LOWER, MIDDLE), MIDDLE, id="intermediate"),
        pytest.param((API, LOWER), LOWER, id="lower intermediate"),
        pytest.param((API,), LOWER, id="issuer alone"),
        pytest.param((API,), API, id="the server's own, signed by another"),
        pytest.param((ALONE,), ALONE, id="the server's own, signed by itself"),
    ],
)
@pytest.mark.parametrize("as_file", [False, True])
async def test_what_the_kubeconfig_trusts_is_enough(
    tmp_path: Path, shown: tuple[Issued, ...], authority: Issued, as_file: bool
) -> None:
    with serving(shown[0].server(tmp_path, *shown[1:])) as server:
        (tmp_path / "ca.crt").write_bytes(authority.pem)
        trust = {"certificate-authority-data": encoded(authority.pem)}
        if as_file:
            trust = {"certificate-authority": "ca.crt"}
        await both(write(tmp_path / "config", {"server": server.url, **trust}))


@pytest.mark.parametrize("trusted", [Issued("other", authority=True), Issued("other")])
async def test_and_nobody_else_is_believed(tmp_path: Path, trusted: Issued) -> None:
    with serving(API.server(tmp_path, LOWER, MIDDLE, ROOT)) as server:
        data = {"server": server.url, "certificate-authority-data": encoded(trusted.pem)}
        path = write(tmp_path / "config", data)
        with pytest.raises(Untrusted, match="the server's certificate does not verify"):
            await ask(path)
        assert kubectl(path).returncode != 0


async def test_an_intermediate_is_trusted_for_the_right_name_only(tmp_path: Path) -> None:
    with serving(Issued("api", LOWER, host="other.example").server(tmp_path)) as server:
        data = {"server": server.url, "certificate-authority-data": encoded(LOWER.pem)}
        with pytest.raises(Untrusted, match="mismatch"):
            await ask(write(tmp_path / "config", data))


@pytest.mark.parametrize("host", ["", "127.0.0.1", "other.example"])
async def test_a_server_is_known_by_its_alternative_names_only(tmp_path: Path, host: str) -> None:
    """As in Go: a common name is no name of a server, whatever else the certificate has."""
    named = Issued("api.example", ROOT, host=host)
    with serving(named.server(tmp_path)) as server:
        data = {
            "server": server.url,
            "certificate-authority-data": encoded(ROOT.pem),
            "tls-server-name": "api.example",
        }
        path = write(tmp_path / "config", data)
        with pytest.raises(Untrusted, match="mismatch"):
            await ask(path)
        assert kubectl(path).returncode != 0
        assert server.asked == []


@pytest.mark.parametrize("content", [b"", b"\n", b"-----BEGIN CERTIFICATE-----\n"])
async def test_an_authority_that_is_named_and_empty_is_not_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """As when the file is cut short while it is being replaced."""
    system = tmp_path / "system.crt"
    system.write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    with serving(API.server(tmp_path, LOWER, MIDDLE)) as server:
        assert b"v1.37.2" in await ask(write(tmp_path / "config", {"server": server.url}))
        (tmp_path / "ca.crt").write_bytes(content)
        named = {"server": server.url, "certificate-authority": "ca.crt"}
        with pytest.raises(KubeconfigError, match="there is no certificate"):
            await ask(write(tmp_path / "config", named))


@pytest.mark.parametrize(
    "authority",
    [
        pytest.param("# Größe: für alle\n".encode() + ROOT.pem, id="a comment in UTF-8"),
        pytest.param("# Grö\n".encode("latin-1") + ROOT.pem + b"\xff\xfe", id="in Latin-1"),
        pytest.param(ROOT.pem.replace(b"\n", b"\r\n"), id="lines of Windows"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydA==\n-----END CERTIFICATE-----\n"
            + ROOT.pem,
            id="beside one that is broken",
        ),
        pytest.param(ALONE.pem + ALONE.key_pem() + ROOT.pem, id="beside a key"),
        pytest.param(b"subject=CN = root\nissuer=CN = root\n" + ROOT.pem, id="openssl's words"),
    ],
)
@pytest.mark.parametrize("as_file", [False, True])
async def test_an_authority_may_have_anything_around_its_certificates(
    tmp_path: Path, authority: bytes, as_file: bool
) -> None:
    with serving(API.server(tmp_path, LOWER, MIDDLE)) as server:
        (tmp_path / "ca.crt").write_bytes(authority)
        trust = {"certificate-authority-data": encoded(authority)}
        if as_file:
            trust = {"certificate-authority": "ca.crt"}
        await both(write(tmp_path / "config", {"server": server.url, **trust}))


async def test_an_authority_without_a_certificate_is_a_sentence(tmp_path: Path) -> None:
    data = {"server": "https://127.0.0.1:1", "certificate-authority-data": encoded(b"nothing")}
    with pytest.raises(KubeconfigError, match="'it' cannot be used: there is no certificate"):
        await ask(write(tmp_path / "config", data))


async def test_an_authority_beside_no_verification_is_refused_as_by_kubectl(tmp_path: Path) -> None:
    with serving(API.server(tmp_path)) as server:
        data = {
            "server": server.url,
            "certificate-authority-data": encoded(ROOT.pem),
            "insecure-skip-tls-verify": True,
        }
        path = write(tmp_path / "config", data)
        with pytest.raises(KubeconfigError, match="which exclude each other"):
            await ask(path)
        assert kubectl(path).returncode != 0


# The client's certificate


def fields(folder: Path, certificate: bytes, key: bytes, how: str) -> dict[str, str]:
    """Return the user's entry with data or files, for the certificate and for the key."""
    (folder / "c.crt").write_bytes(certificate)
    (folder / "c.key").write_bytes(key)
    first, second = how.split("+")
    return {
        **(
            {"client-certificate": "c.crt"}
            if first == "file"
            else {"client-certificate-data": encoded(certificate)}
        ),
        **({"client-key": "c.key"} if second == "file" else {"client-key-data": encoded(key)}),
    }


@pytest.mark.parametrize("how", ["file+file", "data+data", "file+data", "data+file"])
@pytest.mark.parametrize("old", [False, True])
async def test_certificate_and_key_may_each_be_a_file_or_data(
    tmp_path: Path, how: str, old: bool
) -> None:
    client = Issued("alice", ROOT)
    with serving(API.server(tmp_path, LOWER, MIDDLE, clients=ROOT)) as server:
        server.accepts = lambda asked: asked.certificate is not None
        cluster = {"server": server.url, "certificate-authority-data": encoded(ROOT.pem)}
        user = fields(tmp_path, client.pem, client.key_pem(old=old), how)
        await both(write(tmp_path / "config", cluster, user))


@pytest.mark.parametrize("how", ["file+file", "data+data", "file+data", "data+file"])
@pytest.mark.parametrize("old", [False, True])
def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_passphrase(
    tmp_path: Path, how: str, old: bool
) -> None:
    client = Issued("alice", ROOT)
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": encoded(ROOT.pem)}
    key = client.key_pem("passphrase", old=old)
    path = write(tmp_path / "config", cluster, fields(tmp_path, client.pem, key, how))
    said = on_a_terminal(lambda: refusal(path))
    assert said == "the client key is encrypted, which kubectl refuses too"
    assert kubectl(path).returncode != 0


def refusal(path: Path) -> str:
    try:
        asyncio.run(ask(path))
    except KubeconfigError as error:
        return error.message.partition("used: ")[2].rstrip(".")
    return "no refusal"


def on_a_terminal(work: Callable[[], str]) -> str:
    """Do something in a process with a terminal of its own, at which nobody types.

    Returns all that is on that terminal in the end, which is the answer where nothing else is.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        code = 1
        try:
            os.write(1, work().encode())
            code = 0
        finally:
            os._exit(code)
    told = b""
    try:
        while select.select([terminal], [], [], 20)[0]:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                break
            if not chunk:
                break
            told += chunk
        else:
            os.kill(pid, 9)
            told += b" (it waited for keys)"
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return told.decode()


@pytest.mark.parametrize(
    "key", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
async def test_a_key_that_is_none_is_a_sentence(tmp_path: Path, key: bytes) -> None:
    client = Issued("alice", ROOT)
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": encoded(ROOT.pem)}
    path = write(tmp_path / "config", cluster, fields(tmp_path, client.pem, key, "file+file"))
    with pytest.raises(KubeconfigError, match="'it' cannot be used: "):
        await ask(path)


async def test_a_key_of_another_certificate_is_a_sentence(tmp_path: Path) -> None:
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": encoded(ROOT.pem)}
    key = Issued("bob", ROOT).key_pem()
    user = fields(tmp_path, Issued("alice", ROOT).pem, key, "data+data")
    with pytest.raises(KubeconfigError, match="key values mismatch"):
        await ask(write(tmp_path / "config", cluster, user))


def test_a_partial_chain_is_enough_with_the_systems_authorities_too() -> None:
    from leviathan_tui.backend.kube.entries import Cluster
    from leviathan_tui.backend.kube.trust import server_context

    context: Any = server_context(Cluster(server="https://api"), b"")
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
