"""docs/kubeconfig.md says of every field of client-go's what is done with it, and that is true."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from leviathan_tui.backend.kube import plugins
from leviathan_tui.backend.kube.entries import Cluster, Context, Exec, ExecVariable, User

PAGE: Final = Path(__file__).parents[3] / "docs" / "kubeconfig.md"

# Source: k8s.io/client-go v0.37.2, tools/clientcmd/api/v1/types.go, by type, in the order there.
KUBECONFIG: Final = {
    "Config": "kind apiVersion preferences clusters users contexts current-context extensions",
    "Preferences": "colors extensions",
    "NamedCluster": "name cluster",
    "NamedAuthInfo": "name user",
    "NamedContext": "name context",
    "NamedExtension": "name extension",
    "Cluster": (
        "server tls-server-name insecure-skip-tls-verify certificate-authority "
        "certificate-authority-data proxy-url disable-compression extensions"
    ),
    "Context": "cluster user namespace extensions",
    "AuthInfo": (
        "client-certificate client-certificate-data client-key client-key-data token tokenFile as "
        "as-uid as-groups as-user-extra username password auth-provider exec extensions"
    ),
    "AuthProviderConfig": "name config",
    "ExecConfig": ("command args env apiVersion installHint provideClusterInfo interactiveMode"),
    "ExecEnvVar": "name value",
}

# Source: k8s.io/client-go v0.37.2, pkg/apis/clientauthentication/v1/types.go; its Cluster is called
# ExecCluster here.
PLUGINS: Final = {
    "ExecCredential": "spec status",
    "ExecCredentialSpec": "cluster interactive",
    "ExecCredentialStatus": "expirationTimestamp token clientCertificateData clientKeyData",
    "ExecCluster": (
        "server tls-server-name insecure-skip-tls-verify certificate-authority-data proxy-url "
        "disable-compression config"
    ),
}

# Source: os.Getenv and os.LookupEnv in k8s.io/client-go v0.37.2 and k8s.io/apimachinery v0.37.2 but for
# their tests, golang.org/x/net/http/httpproxy and crypto/x509 of Go for Linux.
ENVIRONMENT: Final = (
    "KUBECONFIG HOME KUBERNETES_MASTER POD_NAMESPACE KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT "
    "KUBERNETES_EXEC_INFO KUBE_CLIENT_BACKOFF_BASE KUBE_CLIENT_BACKOFF_DURATION KUBE_FEATURE_ "
    "KUBE_WATCHLIST_INCONSISTENCY_DETECTOR KUBE_CACHE_MUTATION_DETECTOR "
    "KUBE_PATCH_CONVERSION_DETECTOR DISABLE_HTTP2 HTTP2_READ_IDLE_TIMEOUT_SECONDS "
    "HTTP2_PING_TIMEOUT_SECONDS HTTPS_PROXY https_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy "
    "REQUEST_METHOD SSL_CERT_FILE SSL_CERT_DIR"
)

_ROW: Final = re.compile(
    r"^\| (?P<names>`[^|]+`) \| (?P<verdict>[^|]*) \| (?P<how>[^|]*) ?\|$", re.M
)


def rows() -> dict[str, tuple[str, str]]:
    """Return the verdict on each name of the tables, and how it is explained."""
    found: dict[str, tuple[str, str]] = {}
    for row in _ROW.finditer(PAGE.read_text(encoding="utf-8")):
        for name in re.findall(r"`([^`]+)`", row["names"]):
            assert name not in found, f"{name} has two rows"
            found[name] = row["verdict"].strip(), row["how"].strip()
    return found


def fields(types: dict[str, str]) -> set[str]:
    return {f"{name}.{field}" for name, listed in types.items() for field in listed.split()}


def test_the_page_speaks_of_every_field_and_variable_and_of_no_other() -> None:
    assert set(rows()) == fields(KUBECONFIG) | fields(PLUGINS) | set(ENVIRONMENT.split())


def test_each_verdict_is_one_of_three_and_what_is_not_honoured_has_a_reason() -> None:
    for name, (verdict, how) in rows().items():
        assert verdict in ("honoured", "refused", "ignored"), name
        assert how or verdict == "honoured", f"{name} is {verdict} without a reason"


@pytest.mark.parametrize(
    ("name", "struct", "other"),
    [
        # Extensions are read into a field that has no name in the file.
        ("Cluster", Cluster, {"extensions", "for-plugins"}),
        ("Context", Context, set()),
        ("AuthInfo", User, set()),
        ("ExecConfig", Exec, set()),
        ("ExecEnvVar", ExecVariable, set()),
        ("ExecCredentialStatus", plugins._Status, set()),
    ],
)
def test_what_is_honoured_is_what_is_read(
    name: str, struct: type[msgspec.Struct], other: set[str]
) -> None:
    read = {field.encode_name for field in msgspec.structs.fields(struct)}
    honoured = {
        field.partition(".")[2]
        for field, (verdict, _) in rows().items()
        if field.startswith(f"{name}.") and verdict == "honoured"
    }
    assert honoured ^ read == other
