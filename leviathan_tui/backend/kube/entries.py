"""What a kubeconfig says of a cluster, a user and a context, field by field.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from typing import Any, Final

import msgspec

from leviathan_tui.backend.untrusted import clean

PLUGIN_VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)
"""The versions in which credential plugins are spoken to."""


class Base(msgspec.Struct, rename="kebab"):
    """Base of the kubeconfig structs: its keys are written with hyphens, unknown ones ignored."""


class ExecVariable(Base):
    """One environment variable of an exec plugin."""

    name: str
    value: str


class Exec(Base, rename="camel"):
    """A credential plugin.

    Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig
    """

    command: str
    args: list[str] | None = None
    env: list[ExecVariable] | None = None
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(Base):
    """How to authenticate: a token or a password, a certificate beside it, a plugin for lack of both."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    username: str = ""
    password: str = ""
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str]] | None = None

    @property
    def plugin(self) -> Exec | None:
        """The credential plugin, where nothing else says who is asking."""
        certificate = self.client_certificate or self.client_certificate_data
        if self.token or self.token_file or self.username or certificate:
            return None
        return self.exec

    def refusal(self) -> str:
        """Return why nobody can be authenticated by this entry, in kubectl's judgement; empty if so."""
        certificate = self.client_certificate or self.client_certificate_data
        if self.token and (self.username or self.password):
            return "has a token and a password, of which only one is allowed"
        if certificate and not (self.client_key or self.client_key_data):
            return "has a client certificate without a key"
        if not self.as_user and (self.as_uid or self.as_groups or self.as_user_extra):
            return "has as-uid, as-groups or as-user-extra without as"
        if self.exec is None:
            return ""
        if self.auth_provider:
            return "has a credential plugin and an auth-provider, of which only one is allowed"
        if not self.exec.api_version:
            return "has a credential plugin without an apiVersion"
        if self.exec.api_version not in PLUGIN_VERSIONS:
            return f"has a credential plugin of the apiVersion {clean(self.exec.api_version, 80)!r}"
        return _mode_refusal(self.exec)

    @property
    def says_who(self) -> bool:
        """Whether a server can tell by this entry who is asking."""
        tokens = self.token or self.token_file or self.exec or self.auth_provider
        certificate = self.client_certificate or self.client_certificate_data
        return bool(tokens or certificate or self.username)


def _mode_refusal(plugin: Exec) -> str:
    match plugin.interactive_mode:
        case "Never" | "IfAvailable":
            return ""
        case "Always":
            return "has a credential plugin that wants the terminal for itself (interactiveMode: Always)"
        case "" if plugin.api_version == PLUGIN_VERSIONS[0]:
            return "has a credential plugin without an interactiveMode"
        case "":
            # Before v1, it was taken for IfAvailable.
            return ""
        case other:
            return f"has a credential plugin of the interactiveMode {clean(other, 80)!r}"


class Cluster(Base):
    """Where an API server is and how its certificate is checked."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    for_plugins: Any = msgspec.field(default=None, name="for-plugins")
    """The extension that credential plugins are given as their `config`."""

    def refusal(self) -> str:
        """Return why this entry cannot be used, in kubectl's judgement; empty where it can."""
        if self.insecure_skip_tls_verify and (
            self.certificate_authority or self.certificate_authority_data
        ):
            return (
                "has a certificate authority and insecure-skip-tls-verify, which exclude each other"
            )
        return ""


class Context(Base):
    """A cluster and a user, by their names."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""
