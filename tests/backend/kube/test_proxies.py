"""Through which proxy a server is reached, and who is blamed where that fails."""

import logging
import subprocess
import traceback
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.kube import proxies
from leviathan_tui.backend.kube.errors import KubeconfigError, NotConnected, Unreachable, Untrusted
from leviathan_tui.backend.kube.proxies import find, spared
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.proxies import free_port, http_proxy, socks_proxy
from tests.backend.kube.rig.servers import FakeServer, serving

# What is no address of this machine: only a proxy that knows the name gets there.
NAME = "api.cluster.example"
NAMES = {NAME: "127.0.0.1"}
PASSWORD = "s3cr3t-p4ss"


@pytest.fixture(scope="module")
def authority() -> Issued:
    return Issued("authority", authority=True)


@pytest.fixture
def server(tmp_path: Path, authority: Issued) -> Iterator[FakeServer]:
    with serving(Issued("api", authority, host=NAME).server(tmp_path)) as fake:
        yield fake


@pytest.fixture
def cluster(server: FakeServer, authority: Issued) -> dict[str, Any]:
    return {
        "server": f"https://{NAME}:{server.port}",
        "certificate-authority-data": b64encode(authority.pem).decode(),
    }


def same(path: Path, environment: Mapping[str, str] = {}) -> "subprocess.CompletedProcess[str]":
    """Ask with kubectl, which has to get there too."""
    done = kubectl(path, environment)
    assert done.returncode == 0, done.stderr
    return done


def told(error: BaseException) -> str:
    """Return all that a log or a crash report would hold of an error."""
    return "".join(traceback.format_exception(error))


# The environment's rules, as Go has them


@pytest.mark.parametrize(
    ("server", "environment", "expected"),
    [
        ("https://api", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://api", {"https_proxy": "http://p"}, "http://p:80"),
        ("https://api", {"HTTPS_PROXY": "http://up", "https_proxy": "http://low"}, "http://up:80"),
        ("https://api", {"HTTPS_PROXY": "", "https_proxy": "http://low"}, "http://low:80"),
        ("https://api", {"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ("https://api", {"HTTPS_PROXY": "https://p"}, "https://p:443"),
        ("https://api", {"HTTPS_PROXY": "socks5://p"}, "socks5://p:1080"),
        ("https://api", {"HTTPS_PROXY": "socks5h://[fd00::1]:9"}, "socks5h://[fd00::1]:9"),
        ("https://api", {"HTTP_PROXY": "http://p"}, None),
        ("https://api", {"ALL_PROXY": "http://p", "all_proxy": "http://p"}, None),
        ("http://api", {"HTTP_PROXY": "http://p"}, "http://p:80"),
        ("http://api", {"HTTPS_PROXY": "http://p"}, None),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.3.2.1", {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::ffff:127.0.0.1]", {"HTTPS_PROXY": "http://p"}, None),
        ("https://api", {"HTTPS_PROXY": "http://p", "NO_PROXY": "api"}, None),
        ("https://api", {"HTTPS_PROXY": "http://p", "no_proxy": "api"}, None),
        (
            "https://api",
            {"HTTPS_PROXY": "http://p", "NO_PROXY": "b", "no_proxy": "api"},
            "http://p:80",
        ),
    ],
)
def test_the_environment_names_a_proxy(
    server: str, environment: dict[str, str], expected: str | None
) -> None:
    found = find(server, "", environment)
    assert (None if found is None else found.address) == expected


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "expected"),
    [
        ("api.example.com", 443, "example.com", True),
        ("example.com", 443, "example.com", True),
        ("badexample.com", 443, "example.com", False),
        ("example.com", 443, ".example.com", False),
        ("api.example.com", 443, ".example.com", True),
        ("api.example.com", 443, "*.example.com", True),
        ("example.com", 443, "*.example.com", False),
        ("api.example.com", 443, "*example.com", False),
        ("example.com", 443, "*example.com", False),
        ("badexample.com", 443, "*example.com", False),
        ("api.example.com", 443, "api.*", False),
        ("10.1.2.3", 443, "10.0.0.0/8:443", False),
        ("API.Example.com", 443, " b , EXAMPLE.com ", True),
        ("api.example.com", 6443, "example.com:6443", True),
        ("api.example.com", 443, "example.com:6443", False),
        ("anything", 443, "a,*", True),
        ("10.1.2.3", 443, "10.0.0.0/8", True),
        ("10.1.2.3", 443, "10.0.0.1/8", True),
        ("11.1.2.3", 443, "10.0.0.0/8", False),
        ("api", 443, "10.0.0.0/8", False),
        ("fd00::7", 443, "fd00::/8", True),
        ("10.1.2.3", 443, "10.1.2.3", True),
        ("10.1.2.3", 443, "10.1.2.3:443", True),
        ("10.1.2.3", 443, "10.1.2.3:80", False),
        ("fd00::7", 443, "[fd00::7]:443", True),
        ("fd00::7", 443, "fd00:0:0::7", True),
        ("110.1.2.3", 443, "10.1.2.3", False),
        ("api", 443, ",,:443,/", False),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(
    host: str, port: int, no_proxy: str, expected: bool
) -> None:
    assert spared(host, port, no_proxy) is expected


def test_the_kubeconfigs_proxy_counts_for_loopback_too() -> None:
    found = find("https://127.0.0.1", "socks5://p:1", {"HTTPS_PROXY": "http://q", "NO_PROXY": "*"})
    assert found is not None
    assert found.address == "socks5://p:1"


# Real proxies


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
async def test_a_server_behind_an_http_proxy_of_the_environment(
    tmp_path: Path, server: FakeServer, cluster: dict[str, Any], variable: str
) -> None:
    path = write(tmp_path / "config", cluster, {"token": "t"})
    with http_proxy(names=NAMES, login=f"me:{PASSWORD}") as proxy:
        environment = {variable: f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"}
        assert b"v1.37.2" in await ask(path, environment)
        assert proxy.asked == [f"{NAME}:{server.port}"]
        same(path, environment)
    assert {asked.header("authorization") for asked in server.asked} == {"Bearer t"}
    assert not any(asked.header("proxy-authorization") for asked in server.asked)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", ["", f"me:{PASSWORD}"])
async def test_a_server_behind_a_socks_proxy_that_alone_knows_its_name(
    tmp_path: Path, server: FakeServer, cluster: dict[str, Any], scheme: str, login: str
) -> None:
    with socks_proxy(names=NAMES, login=login) as proxy:
        url = f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{proxy.port}"
        named = write(tmp_path / "config", {**cluster, "proxy-url": url})
        assert b"v1.37.2" in await ask(named)
        plain = write(tmp_path / "plain", cluster)
        assert b"v1.37.2" in await ask(plain, {"HTTPS_PROXY": url})
        assert proxy.asked == [f"{NAME}:{server.port}"] * 2
        same(plain, {"HTTPS_PROXY": url})


async def test_a_proxy_with_tls_of_its_own(
    tmp_path: Path, server: FakeServer, cluster: dict[str, Any], authority: Issued
) -> None:
    with http_proxy(Issued("proxy", authority).server(tmp_path), names=NAMES) as proxy:
        path = write(
            tmp_path / "config", {**cluster, "proxy-url": f"https://127.0.0.1:{proxy.port}"}
        )
        assert b"v1.37.2" in await ask(path)
        assert proxy.asked == [f"{NAME}:{server.port}"]
        same(path)


async def test_the_name_for_tls_is_the_kubeconfigs_through_every_proxy(
    tmp_path: Path, authority: Issued
) -> None:
    data = b64encode(authority.pem).decode()
    with (
        serving(Issued("api", authority, host="other.example").server(tmp_path)) as server,
        http_proxy(names=NAMES) as http,
        socks_proxy(names=NAMES) as socks,
    ):
        for proxy in (f"http://127.0.0.1:{http.port}", f"socks5://127.0.0.1:{socks.port}"):
            path = write(
                tmp_path / "config",
                {
                    "server": f"https://{NAME}:{server.port}",
                    "certificate-authority-data": data,
                    "tls-server-name": "other.example",
                    "proxy-url": proxy,
                },
            )
            assert b"v1.37.2" in await ask(path)
            same(path)


async def test_plain_http_goes_through_a_proxy_with_its_login(tmp_path: Path) -> None:
    with serving() as server, http_proxy(names=NAMES, login=f"me:{PASSWORD}") as proxy:
        path = write(tmp_path / "config", {"server": f"http://{NAME}:{server.port}"})
        environment = {"HTTP_PROXY": f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"}
        assert b"v1.37.2" in await ask(path, environment)
        same(path, environment)


# Blame


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
async def test_a_dead_proxy_is_blamed_as_the_proxy(
    tmp_path: Path, cluster: dict[str, Any], scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    url = f"{scheme}://me:{PASSWORD}@127.0.0.1:{port}"
    path = write(tmp_path / "config", {**cluster, "proxy-url": url})
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NotConnected) as caught:
        await ask(path)
    said = caught.value.message
    assert f"proxy {scheme}://127.0.0.1:{port} (proxy-url)" in said
    assert "connection refused" in said
    assert PASSWORD not in said + caplog.text + told(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_whose_name_nobody_knows(
    tmp_path: Path, cluster: dict[str, Any], scheme: str
) -> None:
    path = write(tmp_path / "config", cluster)
    said = f"proxy {scheme}://nowhere.invalid:80 .HTTPS_PROXY.: its name is unknown"
    with pytest.raises(NotConnected, match=said):
        await ask(path, {"HTTPS_PROXY": f"{scheme}://me:{PASSWORD}@nowhere.invalid:80"})


@pytest.mark.parametrize(
    ("scheme", "how", "said"),
    [
        ("http", {"login": "other:one"}, "asks for a login"),
        ("http", {"refuses": 403}, "answers 403"),
        ("http", {"refuses": 502}, "answers 502"),
        ("socks5", {"login": "other:one"}, "does not accept the login"),
        ("socks5", {"refuses": 2}, "rules do not allow"),
        ("socks5", {"refuses": 5}, "refused its connection"),
        ("socks5", {"refuses": 99}, "speaks no SOCKS5"),
    ],
)
async def test_a_proxy_that_makes_no_connection(
    tmp_path: Path, cluster: dict[str, Any], scheme: str, how: dict[str, Any], said: str
) -> None:
    with (http_proxy if scheme == "http" else socks_proxy)(**how) as proxy:
        url = f"{scheme}://me:{PASSWORD}@127.0.0.1:{proxy.port}"
        path = write(tmp_path / "config", {**cluster, "proxy-url": url})
        with pytest.raises(NotConnected, match=f"the proxy {scheme}://127.0.0.1.*{said}") as caught:
            await ask(path)
        assert PASSWORD not in told(caught.value)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_never_says_a_word(
    tmp_path: Path, cluster: dict[str, Any], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.transport.CONNECT_TIMEOUT", 0.3)
    with (http_proxy if scheme == "http" else socks_proxy)(mute=True) as proxy:
        path = write(
            tmp_path / "config", {**cluster, "proxy-url": f"{scheme}://127.0.0.1:{proxy.port}"}
        )
        with pytest.raises(Unreachable, match="the proxy"):
            await ask(path)


async def test_a_proxys_certificate_is_told_from_the_servers(
    tmp_path: Path, cluster: dict[str, Any], authority: Issued
) -> None:
    stranger = Issued("stranger", authority=True)
    with http_proxy(Issued("proxy", stranger).server(tmp_path), names=NAMES) as proxy:
        path = write(
            tmp_path / "config", {**cluster, "proxy-url": f"https://127.0.0.1:{proxy.port}"}
        )
        with pytest.raises(Untrusted, match="the certificate of the proxy https"):
            await ask(path)
    with http_proxy(names=NAMES) as proxy:
        strange = {**cluster, "certificate-authority-data": b64encode(stranger.pem).decode()}
        path = write(
            tmp_path / "config", {**strange, "proxy-url": f"http://127.0.0.1:{proxy.port}"}
        )
        with pytest.raises(Untrusted, match="the server's certificate"):
            await ask(path)


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://me:{PASSWORD}@p",
        f"http://me:{PASSWORD}/x@p",
        f"http://me:12/{PASSWORD}@p",
        f"http://me:12#{PASSWORD}@p",
        f"http://me:{PASSWORD}@p:port",
        f"http://me:{PASSWORD}@[::1",
        f"me:{PASSWORD}@p",
        "http://",
    ],
)
def test_what_is_no_proxy_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(KubeconfigError, match="proxy-url is not the address of a proxy") as caught:
        proxies.parse(url, "proxy-url")
    assert PASSWORD not in told(caught.value)


async def test_a_password_in_the_servers_address_logs_in_and_is_never_said(
    tmp_path: Path, authority: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = b64encode(authority.pem).decode()
    with serving(Issued("api", authority).server(tmp_path)) as server:
        address = f"https://me:{PASSWORD}@127.0.0.1:{server.port}"
        path = write(
            tmp_path / "config", {"server": address, "certificate-authority-data": data}, {}
        )
        assert b"v1.37.2" in await ask(path)
        basic = b64encode(f"me:{PASSWORD}".encode()).decode()
        assert [one.header("authorization") for one in server.asked] == [f"Basic {basic}"]
    with pytest.raises(NotConnected) as caught:
        await ask(path)
    assert PASSWORD not in caplog.text + told(caught.value)


@pytest.mark.parametrize(
    "server",
    [f"https://me:{PASSWORD}/x@h", f"ftp://me:{PASSWORD}@h", f"https://me:{PASSWORD}@h:port"],
)
def test_an_address_that_is_none_is_refused_without_its_password(
    tmp_path: Path, server: str
) -> None:
    from leviathan_tui.backend.kube import kubeconfig

    path = write(tmp_path / "config", {"server": server})
    with pytest.raises(KubeconfigError, match="is no address") as caught:
        kubeconfig.resolve(kubeconfig.load([path]))
    assert PASSWORD not in caught.value.message
