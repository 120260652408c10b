"""Reading kubeconfig files: which clusters there are, where they are, and as whom to speak.

Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import yaml

from leviathan_tui.backend.kube import proxies
from leviathan_tui.backend.kube.entries import Base, Cluster, Context, User
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.files import opened
from leviathan_tui.backend.kube.proxies import Proxy
from leviathan_tui.backend.kube.stamps import Stamps
from leviathan_tui.backend.untrusted import clean

_log = logging.getLogger("leviathan.kubeconfig")

MAX_BYTES: Final = 64 * 1024 * 1024
"""A kubeconfig larger than this is refused before it is parsed."""

DEEPEST: Final = 4
"""Levels of nesting read of an entry; an exec plugin has two, an auth-provider three."""

LARGEST_EXTENSION: Final = 10_000
"""Values in the extension that a credential plugin is given; aliases can unfold without an end."""

FOR_PLUGINS: Final = "client.authentication.k8s.io/exec"
"""The name of a cluster's extension that is handed to credential plugins."""

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Kubeconfig(msgspec.Struct):
    """All kubeconfig files merged; relative paths in them are already absolute."""

    clusters: dict[str, Cluster]
    users: dict[str, User]
    contexts: dict[str, Context]
    current_context: str
    files: list[str]
    """The files that exist, in the order in which they were read."""
    paths: list[Path] = []
    """The files that were asked for."""
    origins: dict[tuple[str, str], str] = {}
    """Which file each entry is from, by section and name."""
    rivals: dict[tuple[str, str], str] = {}
    """Another file that defines an entry differently."""
    stamps: Stamps = msgspec.field(default_factory=Stamps)
    """How the files were when they were read."""


class Target(msgspec.Struct, kw_only=True):
    """One resolved context: everything needed to speak to its cluster."""

    context: str
    cluster_name: str
    user_name: str
    namespace: str
    cluster: Cluster
    user: User
    proxy: Proxy | None = None
    """Through which the server is reached."""
    paths: list[Path] = []
    """The kubeconfig files that were read for it."""
    doubts: list[str] = []
    """Sentences about entries that are defined twice."""

    def warnings(self) -> list[str]:
        """Say what in this context its user should know before trusting it."""
        found = list(self.doubts)
        if self.cluster.insecure_skip_tls_verify:
            found.append(
                "insecure-skip-tls-verify is set: anyone on the way can read and change everything"
            )
        if not self.cluster.server.lower().startswith("https://"):
            found.append("the server is plain http: credentials are not sent")
        if self.proxy is not None:
            found.append(f"connects through the proxy {self.proxy}")
        if self.user.plugin is not None:
            found.append(f"runs the credential plugin {clean(self.user.plugin.command, 200)}")
        if self.user.as_user:
            found.append(f"impersonates {clean(self.user.as_user, 200)}")
        return found


def default_paths(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files kubectl would read: `KUBECONFIG`'s list, or `~/.kube/config`.

    Raises `KubeconfigError` where there is no home folder.
    """
    listed = environment.get("KUBECONFIG", "")
    if listed:
        # A `~` in it is for the shell to replace, as with kubectl.
        return [Path(part) for part in listed.split(os.pathsep) if part]
    try:
        return [Path.home() / ".kube" / "config"]
    except RuntimeError as error:
        raise KubeconfigError("There is no home folder, and so no kubeconfig in it.") from error


class _Number(str):
    """What YAML takes for a number or a date, as it was written."""

    __slots__ = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads numbers and dates as they are written: no field of a kubeconfig is one.

    `namespace: 2024-01-01` is a name to kubectl, and `007` stays what it is.
    """


for _sort in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_sort}", lambda loader, node: _Number(node.value))


def load(paths: Sequence[Path], *, again: bool = False) -> Kubeconfig:
    """Read and merge kubeconfig files; the first file to name a thing wins, as with kubectl.

    Files that do not exist are skipped where there are several. `again` is for files that were read
    before: what is no ordinary file, such as a pipe, cannot be read then. Raises `KubeconfigError` with a
    sentence when nothing can be read or a file is not a kubeconfig.
    """
    merged = Kubeconfig({}, {}, {}, "", [], list(paths))
    merged.stamps.moved(map(str, paths))
    for path in paths:
        try:
            _merge(merged, path, again=again)
        except FileNotFoundError as error:
            if len(paths) == 1:
                raise KubeconfigError(f"No kubeconfig at {path}.") from error
    if not merged.files:
        raise KubeconfigError("None of the kubeconfig files named in KUBECONFIG exists.")
    return merged


def reloaded(known: Kubeconfig) -> Kubeconfig:
    """Return the files as they are now, or what is known where they have not changed.

    So do they count as long as they cannot be read, as in the middle of being written.
    """
    if not known.stamps.moved(map(str, known.paths), at_once=True):
        return known
    try:
        return load(known.paths, again=True)
    except KubeconfigError as error:
        _log.warning("the kubeconfig cannot be read again: %s", error)
        return known


def _merge(merged: Kubeconfig, path: Path, *, again: bool) -> None:
    try:
        with opened(path, again=again) as stream:
            if os.fstat(stream.fileno()).st_size > MAX_BYTES:
                raise KubeconfigError(f"{path} is larger than 64 MiB; that is no kubeconfig.")
            # The first document counts; an empty one behind a last `---` is not worth a refusal.
            document = next(iter(yaml.load_all(stream, Loader=_Loader)), None)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KubeconfigError(f"Cannot read {path}: {error.strerror}.") from error
    except RecursionError as error:
        raise KubeconfigError(f"{path} is nested too deeply.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise KubeconfigError(f"{path} is not valid YAML{line}.") from None
    # A file of comments alone is what is left when the last context was deleted.
    _merge_document(merged, {} if document is None else document, path)


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
                value = msgspec.convert(_fields(entry.get(field) or {}), struct)
            except (msgspec.ValidationError, KubeconfigError) as error:
                raise KubeconfigError(
                    f"{path}: {section} entry {clean(name, 100)}: {str(error).rstrip('.')}."
                ) from error
            value = _absolute(value, path.parent)
            if into.setdefault(name, value) != value:
                merged.rivals.setdefault((section, name), str(path))
            merged.origins.setdefault((section, name), str(path))


def _fields(entry: Any) -> Any:
    if not isinstance(entry, dict) or "extensions" not in entry:
        return _without_nulls(entry)
    rest = _without_nulls({key: value for key, value in entry.items() if key != "extensions"})
    for extension in entry["extensions"] or ():
        if isinstance(extension, dict) and extension.get("name") == FOR_PLUGINS:
            rest["for-plugins"] = _copied(extension.get("extension"), [LARGEST_EXTENSION])
    return rest


def _copied(value: Any, left: list[int]) -> Any:
    """Copy what goes into a plugin's environment, as far as anybody can want that."""
    left[0] -= 1
    if left[0] < 0:
        raise KubeconfigError(f"the extension {FOR_PLUGINS} is too large")
    if isinstance(value, dict):
        return {str(key): _copied(item, left) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, left) for item in value]
    if isinstance(value, _Number):
        number = yaml.safe_load(value)
        return number if isinstance(number, int | float) else str(value)
    return value


def _without_nulls(value: Any, depth: int = 0) -> Any:
    """Drop keys without a value: `namespace:` alone is an absent namespace to kubectl.

    Entries are flat: aliases that unfold without an end are cut off where they begin to.
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


def resolve(
    config: Kubeconfig, context: str = "", environment: Mapping[str, str] = os.environ
) -> Target:
    """Return the target that `context` (or the current context) names.

    Raises `KubeconfigError` when the context or its cluster is missing or cannot be used.
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
    refusal = cluster.refusal()
    if refusal:
        raise KubeconfigError(f"The cluster {clean(chosen.cluster, 100)!r} {refusal}.")
    cluster, user = _addressed(cluster, config.users.get(chosen.user, User()), name)
    doubts = []
    for section, word, entry in (
        ("clusters", "cluster", chosen.cluster),
        ("users", "user", chosen.user),
    ):
        rival = config.rivals.get((section, entry))
        if rival is not None:
            origin = config.origins[section, entry]
            where = f"twice in {origin}" if rival == origin else f"in {origin} and {rival}"
            doubts.append(
                f"the {word} {clean(entry, 60)} is defined differently {clean(where, 300)}; "
                "the first counts"
            )
    return Target(
        context=name,
        cluster_name=chosen.cluster,
        user_name=chosen.user,
        namespace=clean(chosen.namespace, 63) or "default",
        cluster=cluster,
        user=user,
        proxy=proxies.find(cluster.server, cluster.proxy_url, environment),
        paths=config.paths,
        doubts=doubts,
    )


def _addressed(cluster: Cluster, user: User, context: str) -> tuple[Cluster, User]:
    """Give the server its scheme, and its user and password to the user, who may have none.

    So the address can be named in every message. Raises `KubeconfigError` for what is no address.
    """
    try:
        parts = _with_scheme(cluster, user)
        login = unquote(parts.username or "")
        # What is no port is found out here, and not by whoever would repeat it in a message.
        parts.port  # noqa: B018 - it raises
    except ValueError:
        parts, login = SplitResult("", "", "", "", ""), ""
    secret = "@" in parts.path + parts.query + parts.fragment
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or secret:
        # What may hold a password is not repeated.
        raise KubeconfigError(f"The server of the context {clean(context, 100)!r} is no address.")
    # Otherwise it stays as it is written: journal and snapshots know the cluster by it.
    where = parts.netloc.rpartition("@")[2]
    server = parts._replace(netloc=where, query="", fragment="").geturl()
    if login and not user.says_who:
        password = unquote(parts.password or "")
        user = msgspec.structs.replace(user, username=login, password=password)
    return msgspec.structs.replace(cluster, server=server), user


def _with_scheme(cluster: Cluster, user: User) -> SplitResult:
    """Take an address without a scheme for https where anything speaks of TLS, as kubectl does."""
    parts = urlsplit(cluster.server)
    if parts.scheme and parts.netloc:
        return parts
    secure = (
        cluster.certificate_authority
        or cluster.certificate_authority_data
        or cluster.insecure_skip_tls_verify
        or user.client_certificate
        or user.client_certificate_data
    )
    return urlsplit(f"{'https' if secure else 'http'}://{cluster.server}")


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
    if not host or not port or not os.access(token, os.F_OK):
        return None
    if ":" in host:
        host = f"[{host}]"
    server = f"https://{host}:{port}"
    return Target(
        context="in-cluster",
        cluster_name="in-cluster",
        user_name="service-account",
        namespace=environment.get("POD_NAMESPACE") or _namespace_in(folder / "namespace"),
        cluster=Cluster(server=server, certificate_authority=str(folder / "ca.crt")),
        user=User(token_file=str(token)),
        proxy=proxies.find(server, "", environment),
    )


def _namespace_in(file: Path) -> str:
    try:
        return file.read_text().strip() or "default"
    except (OSError, UnicodeDecodeError):
        return "default"
