"""From the configuration to a session, for both doors: the feed starts before Textual is imported."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leviathan_tui.backend import config as configuration
from leviathan_tui.backend.config import Config, ConfigError, Loaded
from leviathan_tui.backend.kube import kubeconfig as kubeconfigs
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.kubeconfig import Kubeconfig, Target
from leviathan_tui.backend.untrusted import clean

if TYPE_CHECKING:
    from leviathan_tui.backend.identity.keeper import SessionKeeper
    from leviathan_tui.backend.kube.credentials import BearerSource
    from leviathan_tui.backend.session import Session


def fail(sentence: str) -> int:
    """Print one sentence to the standard error and return exit code 1."""
    print(f"leviathan: {sentence}", file=sys.stderr)  # noqa: T201 - the command's output
    return 1


def load_config(auth: str) -> Loaded:
    """Return the configuration, with the auth server of the command line where one is named.

    Raises `ConfigError`.
    """
    loaded = configuration.load()
    _check_snapshots(loaded)
    if auth:
        loaded.config = msgspec.structs.replace(loaded.config, auth=auth)
        loaded.sources["auth"] = "--auth"
    if loaded.config.served and not loaded.config.auth:
        raise ConfigError(
            f"served ({loaded.sources['served']}) needs auth, the auth server's address: "
            "nothing else tells those apart who share this console"
        )
    return loaded


def not_served(command: str, action: str | None) -> str:
    """Return why a command is not for a console that is served; empty where it is not served."""
    try:
        served = configuration.load().config.served
    except ConfigError:
        # Whoever needs the configuration says what is wrong with it.
        served = False
    if not served:
        return ""
    words = " ".join(("leviathan", command, *((action,) if action else ())))
    if command in ("demo", "sandbox"):
        return f"{words} writes files, which a console that is served to several people does not."
    return (
        f"{words} needs a login, and this console, which is served to several people, keeps none "
        "and asks for one on its full screen only: type leviathan alone"
    )


def _check_snapshots(loaded: Loaded) -> None:
    config = loaded.config
    if config.snapshots in ("file", "off"):
        return
    from leviathan_tui.backend.snapshots.address import refusal

    why = refusal(config.snapshots, insecure=config.snapshots_insecure)
    if why:
        raise ConfigError(f"{loaded.sources['snapshots']}: {why}")


def find_target(kubeconfig: Path | None, context: str) -> tuple[Target, Kubeconfig | None]:
    """Return the cluster to use: the kubeconfig's, or the one this process runs in.

    Raises `KubeconfigError` where there is neither.
    """
    try:
        paths = [kubeconfig] if kubeconfig is not None else kubeconfigs.default_paths()
        merged = kubeconfigs.load(paths)
    except KubeconfigError:
        inside = None if kubeconfig is not None or context else kubeconfigs.in_cluster()
        if inside is None:
            raise
        return inside, None
    return kubeconfigs.resolve(merged, context), merged


def trusting(config: Config, context: str) -> Config:
    """Return the configuration in which a context uses the auth server that was named for it."""
    own = config.context(context)
    if own.identity or own.audience:
        return config
    own = msgspec.structs.replace(own, identity="oidc")
    return msgspec.structs.replace(config, contexts={**config.contexts, context: own})


def make_keeper(config: Config) -> "SessionKeeper | None":
    """Return the session at the configured auth server; None where there is no auth server.

    A served console keeps it in memory. Raises `AuthRefused` for an address that passwords must not
    be sent to.
    """
    if not config.auth:
        return None
    from leviathan_tui.backend.identity.auth_client import AuthClient
    from leviathan_tui.backend.identity.keeper import SessionKeeper
    from leviathan_tui.backend.identity.saved import MemorySession, SessionFile, state_folder

    client = AuthClient(config.auth, config.auth_ca)
    if config.served:
        return SessionKeeper(client, MemorySession())
    return SessionKeeper(client, SessionFile(state_folder(), client.url))


def identify(
    target: Target,
    config: Config,
    *,
    as_kubeconfig: bool = False,
    keeper: "SessionKeeper | None" = None,
) -> "tuple[str, SessionKeeper | None, BearerSource | None]":
    """Return how the user is known, the session at the auth server, and what gives the credential.

    With a `keeper`, that session goes on. Raises `AuthRefused`, and `KubeconfigError` for a context
    whose credential would be everybody's.
    """
    from leviathan_tui.backend.session import bearer_source

    mode = config.identity_of(target.context)
    keeper = keeper or make_keeper(config)
    if config.served and (as_kubeconfig or mode != "oidc"):
        raise KubeconfigError(
            f"The context {clean(target.context, 60)} is not opened: everybody who uses this console "
            "would share its credential. Give it an audience, or identity: oidc, in the configuration."
        )
    if keeper is None or as_kubeconfig:
        return "kubeconfig", keeper, None
    if mode == "kubeconfig":
        return mode, keeper, None
    return mode, keeper, bearer_source(keeper, mode, config.audience_of(target.context))


def make_session(
    target: Target,
    merged: Kubeconfig | None,
    loaded: Loaded,
    namespace: str,
    view: str,
    *,
    as_kubeconfig: bool = False,
    watch: bool = True,
    before: "Session | None" = None,
) -> "Session":
    """Begin to watch a cluster, so that rows are on their way while the screen is still loading.

    Without `watch` nothing is asked for yet. The login of the session `before`, and what only its
    memory has, go on in this one. Raises what `identify` raises.
    """
    from leviathan_tui.backend.fleet.cluster import Cluster
    from leviathan_tui.backend.session import Session
    from leviathan_tui.backend.snapshots.opening import open_snapshots

    config = loaded.config
    mode, keeper, bearer = identify(
        target,
        config,
        as_kubeconfig=as_kubeconfig,
        keeper=None if before is None else before.keeper,
    )
    # Who asks once must be told what is so now.
    archive = open_snapshots(target, config, mode, keeper) if watch else None
    namespaces = config.namespaces_for(target.context)
    cluster = Cluster(target, namespaces, bearer=bearer, archive=archive)
    if watch:
        cluster.start(view, namespace)
    else:
        cluster.connect()
    session = Session(target, merged, cluster, namespace, config, mode=mode, keeper=keeper)
    if before is not None:
        session.journal = before.journal
    session.know_actor()
    session.remember(namespace or target.namespace)
    for name in loaded.config.namespaces_for(target.context):
        session.remember(name)
    return session


def load_keymap(loaded: Loaded) -> dict[str, str]:
    """Return the user's keys by action id. Raises `ConfigError`."""
    from leviathan_tui.actions import REGISTRY

    return configuration.load_keymap(loaded, frozenset(REGISTRY))


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        from leviathan_tui.crash_report import redact

        return redact(super().format(record))


def start_log(path: Path | None) -> bool:
    """Write a log to a file, or none; False where the file cannot be written."""
    if path is None:
        logging.disable(logging.CRITICAL)
        return True
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        return False
    handler.setFormatter(_Redacted("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return True
