"""`authentication-config`: what a cluster is told, and that it is what k8s/ says."""

import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.authserver.shell import Shell
from tests.certificates import Authority

ISSUER = "https://leviathan-auth.leviathan.svc:8443"
CLUSTER_IP = "10.96.1.7"
BY_HAND = Path(__file__).parents[2] / "k8s/authentication-config.yaml"


@pytest.fixture
def authority(shell: Shell) -> Authority:
    """The authority of an installation that is reached by a Service's name."""
    made = Authority(shell.directory)
    made.write(shell.directory, "server", "leviathan-auth.leviathan.svc", "localhost", CLUSTER_IP)
    change(
        shell,
        issuer=ISSUER,
        listen={"certificate": "server.crt", "private_key": "server.key", "ca_file": "ca.crt"},
    )
    return made


def change(shell: Shell, **changes: Any) -> None:
    tree = yaml.safe_load(shell.config.read_text()) | changes
    shell.config.write_text(yaml.safe_dump(tree))


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the issuer's name have these addresses in DNS."""

    def getaddrinfo(host: str, port: int, **_options: Any) -> list[Any]:
        assert host == "leviathan-auth.leviathan.svc"
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def issuer_of(text: str) -> dict[str, Any]:
    (jwt,) = yaml.safe_load(text)["jwt"]
    found: dict[str, Any] = jwt["issuer"]
    return found


def test_it_has_the_rules_of_the_one_written_by_hand(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, CLUSTER_IP)
    text = shell.ok("authentication-config")
    printed, by_hand = yaml.safe_load(text), yaml.safe_load(BY_HAND.read_text())
    assert printed["jwt"][0].pop("issuer") == {
        "url": ISSUER,
        "discoveryURL": f"https://{CLUSTER_IP}:8443/.well-known/openid-configuration",
        "audiences": ["leviathan"],
        "certificateAuthority": authority.file.read_text(),
    }
    issuer = by_hand["jwt"][0].pop("issuer")
    assert issuer["audiences"] == ["leviathan"]
    assert printed == by_hand
    for place in ("kubeadm", "k3s", "kind", "Talos", "EKS", "AKS", "GKE", "impersonate"):
        assert place in text.partition("apiVersion:")[0]
    assert text.count("apiVersion") == 1


def test_the_first_address_that_the_certificate_has_is_taken(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, "fd00::7", CLUSTER_IP)
    assert CLUSTER_IP in issuer_of(shell.ok("authentication-config"))["discoveryURL"]
    authority.write(shell.directory, "server", "fd00::7")
    found = issuer_of(shell.ok("authentication-config"))["discoveryURL"]
    assert found == "https://[fd00::7]:8443/.well-known/openid-configuration"


def test_an_address_that_the_certificate_lacks_is_named(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, "10.96.9.9")
    status, text = shell("authentication-config")
    assert status == 1
    assert "10.96.9.9, which is not in the server's certificate. Add" in text
    assert "apiVersion" not in text
    own = f"{ISSUER}/.well-known/openid-configuration"
    assert f"--discovery-url {own}" in text
    assert "discoveryURL" not in issuer_of(
        shell.ok("authentication-config", "--discovery-url", own)
    )


def test_a_name_that_does_not_resolve_is_left_to_the_api_server(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch)
    text = shell.ok("authentication-config")
    assert "discoveryURL" not in issuer_of(text)
    assert "# There is no discoveryURL: leviathan-auth.leviathan.svc does not resolve" in text


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://10.96.9.9/.well-known/openid-configuration", "10.96.9.9 is not in the server's"),
        ("http://10.96.1.7/.well-known/openid-configuration", "is https://"),
        ("https://10.96.1.7:8443", "is https://"),
        ("https://u@10.96.1.7/.well-known/openid-configuration", "has no user"),
        ("https://[::1/.well-known/openid-configuration", "is no URL"),
    ],
)
def test_a_discovery_url_that_cannot_be_used(
    shell: Shell, authority: Authority, url: str, sentence: str
) -> None:
    status, text = shell("authentication-config", "--discovery-url", url)
    assert status == 1
    assert sentence in text


def test_a_discovery_url_that_was_asked_for(shell: Shell, authority: Authority) -> None:
    url = f"https://{CLUSTER_IP}:30443/.well-known/openid-configuration"
    found = issuer_of(shell.ok("authentication-config", "--discovery-url", url))
    assert found["discoveryURL"] == url


def test_several_audiences(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, CLUSTER_IP)
    change(shell, audiences={"production": {}, "staging": {}})
    text = shell.ok("authentication-config")
    assert issuer_of(text)["audiences"] == ["production", "staging"]
    assert issuer_of(text)["audienceMatchPolicy"] == "MatchAny"
    assert "# Leave only this cluster's own audiences in" in text
    one = issuer_of(shell.ok("authentication-config", "--audience", "staging"))
    assert one["audiences"] == ["staging"]
    assert "audienceMatchPolicy" not in one
    status, text = shell("authentication-config", "--audience", "other")
    assert (status, "other is no audience" in text) == (1, True)
    change(shell, audiences={})
    status, text = shell("authentication-config")
    assert (status, "have no audiences" in text) == (1, True)


def test_the_authority(
    shell: Shell, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolving(monkeypatch, CLUSTER_IP)
    change(shell, listen={"certificate": "server.crt", "private_key": "server.key"})
    status, text = shell("authentication-config")
    assert (status, "say --ca FILE, or set listen.ca_file" in text) == (1, True)
    both = tmp_path / "both.pem"
    key = (shell.directory / "server.key").read_text()
    both.write_text(key + authority.file.read_text())
    text = shell.ok("authentication-config", "--ca", str(both))
    assert issuer_of(text)["certificateAuthority"] == authority.file.read_text()
    assert "PRIVATE" not in text
    both.write_text(key)
    status, text = shell("authentication-config", "--ca", str(both))
    assert (status, "both.pem: holds no PEM certificate" in text) == (1, True)


def test_behind_a_proxy_the_issuer_is_asked_itself(shell: Shell, authority: Authority) -> None:
    change(shell, listen={"behind_tls_proxy": True, "ca_file": "ca.crt"})
    text = shell.ok("authentication-config")
    assert "discoveryURL" not in issuer_of(text)
    assert "# A proxy ends TLS." in text


def test_an_issuer_without_tls_is_none_for_a_cluster(shell: Shell, authority: Authority) -> None:
    change(shell, issuer="http://127.0.0.1:8443")
    status, text = shell("authentication-config")
    assert (status, "only of an https issuer" in text) == (1, True)
