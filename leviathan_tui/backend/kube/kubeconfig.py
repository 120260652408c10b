"""Reading kubeconfig files: which clusters there are, where they are, and as whom to speak.

Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.untrusted import clean

MAX_BYTES: Final = 4 * 1024 * 1024
"""A kubeconfig larger than this is refused before it is parsed."""

DEEPEST: Final = 4
"""Levels of nesting read of an entry; an exec plugin has two, an auth-provider three."""

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


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
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    provide_cluster_info: bool = False


class User(Base):
    """How to authenticate; at most one way is used, in the order token, certificate, plugin."""

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
    as_groups: list[str] | None = None

    @property
    def says_who(self) -> bool:
        """Whether a server can tell by this entry who is asking."""
        tokens = self.token or self.token_file or self.exec or self.auth_provider
        certificate = self.client_certificate or self.client_certificate_data
        return bool(tokens or certificate or self.username)


class Cluster(Base):
    """Where an API server is and how its certificate is checked."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class Context(Base):
    """A cluster and a user, by their names."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class Kubeconfig(msgspec.Struct):
    """All kubeconfig files merged; relative paths in them are already absolute."""

    clusters: dict[str, Cluster]
    users: dict[str, User]
    contexts: dict[str, Context]
    current_context: str
    files: list[str]


class Target(msgspec.Struct, kw_only=True):
    """One resolved context: everything needed to speak to its cluster."""

    context: str
    cluster_name: str
    user_name: str
    namespace: str
    cluster: Cluster
    user: User

    def warnings(self) -> list[str]:
        """Say what in this context its user should know before trusting it."""
        found = []
        if self.cluster.insecure_skip_tls_verify:
            found.append(
                "insecure-skip-tls-verify is set: anyone on the way can read and change everything"
            )
        if not self.cluster.server.lower().startswith("https://"):
            found.append("the server is plain http: credentials are not sent")
        if self.cluster.proxy_url:
            proxy = self.cluster.proxy_url.rpartition("@")[2]
            found.append(f"connects through the proxy {clean(proxy, 200)}")
        if self.user.exec is not None:
            found.append(f"runs the credential plugin {clean(self.user.exec.command, 200)}")
        if self.user.as_user:
            found.append(f"impersonates {clean(self.user.as_user, 200)}")
        return found


def default_paths(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files kubectl would read: `KUBECONFIG`'s list, or `~/.kube/config`."""
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
    return [Path.home() / ".kube" / "config"]


def load(paths: Sequence[Path]) -> Kubeconfig:
    """Read and merge kubeconfig files; the first file to name a thing wins, as with kubectl.

    Files that do not exist are skipped where there are several. Raises `KubeconfigError` with a
    sentence when nothing can be read or a file is not a kubeconfig.
    """
    merged = Kubeconfig({}, {}, {}, "", [])
    for path in paths:
        if not path.exists():
            if len(paths) == 1:
                raise KubeconfigError(f"No kubeconfig at {path}.")
            continue
        _merge(merged, path)
    if not merged.files:
        raise KubeconfigError("None of the kubeconfig files named in KUBECONFIG exists.")
    return merged


def _merge(merged: Kubeconfig, path: Path) -> None:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise KubeconfigError(f"{path} is larger than 4 MiB; that is no kubeconfig.")
        with path.open("rb") as stream:
            document = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except OSError as error:
        raise KubeconfigError(f"Cannot read {path}: {error.strerror}.") from error
    except RecursionError as error:
        raise KubeconfigError(f"{path} is nested too deeply.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise KubeconfigError(f"{path} is not valid YAML{line}.") from error
    _merge_document(merged, document, path)


def from_document(document: object) -> Kubeconfig:
    """Return a kubeconfig that is already parsed. Raises `KubeconfigError`."""
    merged = Kubeconfig({}, {}, {}, "", [])
    _merge_document(merged, document, Path())
    return merged


def _merge_document(merged: Kubeconfig, document: object, path: Path) -> None:
    if not isinstance(document, dict):
        raise KubeconfigError(f"{path} is not a kubeconfig.")
    merged.files.append(str(path))
    merged.current_context = merged.current_context or str(document.get("current-context") or "")
    sections: tuple[tuple[str, str, type[Base], dict[str, Any]], ...] = (
        ("clusters", "cluster", Cluster, merged.clusters),
        ("users", "user", User, merged.users),
        ("contexts", "context", Context, merged.contexts),
    )
    for section, field, struct, into in sections:
        entries = document.get(section) or []
        if not isinstance(entries, list):
            raise KubeconfigError(f"{path}: {section} is no list.")
        for entry in entries:
            if not isinstance(entry, dict) or "name" not in entry:
                raise KubeconfigError(f"{path}: an entry of {section} has no name.")
            name = str(entry["name"])
            try:
                value = msgspec.convert(_without_nulls(entry.get(field) or {}), struct)
            except msgspec.ValidationError as error:
                raise KubeconfigError(
                    f"{path}: {section} entry {clean(name, 100)}: {error}."
                ) from error
            into.setdefault(name, _absolute(value, path.parent))


def _without_nulls(value: Any, depth: int = 0) -> Any:
    """Drop keys without a value: `namespace:` alone is an absent namespace to kubectl.

    Entries are flat but for extensions, which nobody here reads: aliases that unfold without an end
    are cut off where they begin to.
    """
    if isinstance(value, dict):
        if depth == DEEPEST:
            return {}
        return {
            key: _without_nulls(item, depth + 1) for key, item in value.items() if item is not None
        }
    return value


def _absolute(value: Any, folder: Path) -> Any:
    for field in ("certificate_authority", "client_certificate", "client_key", "token_file"):
        path = getattr(value, field, "")
        if path:
            setattr(value, field, str(folder / path))
    plugin = getattr(value, "exec", None)
    if plugin is not None and os.sep in plugin.command:
        plugin.command = str(folder / plugin.command)
    return value


def resolve(config: Kubeconfig, context: str = "") -> Target:
    """Return the target that `context` (or the current context) names.

    Raises `KubeconfigError` when the context, its cluster or its user is missing.
    """
    name = context or config.current_context
    if not name:
        raise KubeconfigError("The kubeconfig has no current context; choose one with --context.")
    chosen = config.contexts.get(name)
    if chosen is None:
        known = ", ".join(clean(other, 60) for other in sorted(config.contexts)) or "none"
        raise KubeconfigError(f"There is no context {clean(name, 100)!r}; there are: {known}.")
    cluster = config.clusters.get(chosen.cluster)
    if cluster is None or not cluster.server:
        raise KubeconfigError(f"The context {clean(name, 100)!r} names no cluster with a server.")
    user = config.users.get(chosen.user, User())
    return Target(
        context=name,
        cluster_name=chosen.cluster,
        user_name=chosen.user,
        namespace=clean(chosen.namespace, 63) or "default",
        cluster=cluster,
        user=user,
    )


def in_cluster(
    folder: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ
) -> Target | None:
    """Return the target of the pod this process runs in, or None outside a cluster.

    Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = (
        environment.get("KUBERNETES_SERVICE_HOST"),
        environment.get("KUBERNETES_SERVICE_PORT"),
    )
    token = folder / "token"
    if not host or not port or not token.exists():
        return None
    if ":" in host:
        host = f"[{host}]"
    namespace = folder / "namespace"
    return Target(
        context="in-cluster",
        cluster_name="in-cluster",
        user_name="service-account",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
        cluster=Cluster(
            server=f"https://{host}:{port}", certificate_authority=str(folder / "ca.crt")
        ),
        user=User(token_file=str(token)),
    )
