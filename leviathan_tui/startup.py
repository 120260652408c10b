"""Starting the console: configuration, kubeconfig, the feed before the first import of Textual."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import msgspec

from leviathan_tui import gc_tuning
from leviathan_tui.backend import config as configuration
from leviathan_tui.backend.config import Config, ConfigError, Loaded
from leviathan_tui.backend.identity.errors import AuthRefused
from leviathan_tui.backend.kube import kubeconfig as kubeconfigs
from leviathan_tui.backend.kube.errors import KubeconfigError
from leviathan_tui.backend.kube.kubeconfig import Kubeconfig, Target

if TYPE_CHECKING:
    from argparse import Namespace

    from leviathan_tui.backend.identity.keeper import SessionKeeper
    from leviathan_tui.backend.kube.credentials import BearerSource
    from leviathan_tui.backend.session import Session

GRACE: Final = 3.0
"""Seconds after a hang-up in which the console may end by itself."""


def fail(sentence: str) -> int:
    """Print one sentence to the standard error and return exit code 1."""
    print(f"leviathan: {sentence}", file=sys.stderr)  # noqa: T201 - the command's output
    return 1


@gc_tuning.looking_later()
def run_console(
    view: str,
    kubeconfig: Path | None,
    context: str,
    namespace: str | None,
    log: Path | None,
    auth: str = "",
) -> int:
    """Open the console on the cluster that the kubeconfig names. Returns the exit code."""
    try:
        loaded = load_config(auth)
        keymap = _keymap(loaded)
        target, merged = find_target(kubeconfig, context)
    except KubeconfigError as error:
        return fail(f"{error.message}\nWithout a cluster of your own, try: leviathan demo")
    except ConfigError as error:
        return fail(str(error))
    if auth:
        loaded.config = trusting(loaded.config, target.context)
    if not _start_log(log):
        return fail(f"Cannot write the log {log}.")
    try:
        session = make_session(
            target, merged, loaded, target.namespace if namespace is None else namespace, view
        )
    except AuthRefused as error:
        return fail(error.message)
    return _run(session, view, keymap, loaded)


def run_sandbox(options: "Namespace") -> int:
    """Run the demo's cluster alone until it is interrupted. Returns the exit code."""
    from leviathan_sandbox import Issuer, serve

    issuer = None
    try:
        if options.issuer:
            pem = options.issuer_ca.read_text() if options.issuer_ca is not None else None
            issuer = Issuer(options.issuer, options.audience, pem)
        serve(options.write_kubeconfig, options.apps, options.port, issuer)
    except OSError as error:
        return fail(f"The sandbox does not start: {error.strerror or error}.")
    return 0


@gc_tuning.looking_later()
def run_demo(apps: int, log: Path | None) -> int:
    """Open the console on a sandbox of its own. Returns the exit code."""
    from leviathan_sandbox import Sandbox

    try:
        loaded = configuration.load()
        keymap = _keymap(loaded)
    except ConfigError as error:
        return fail(str(error))
    if not _start_log(log):
        return fail(f"Cannot write the log {log}.")
    with Sandbox(apps=apps) as sandbox:
        merged = kubeconfigs.from_document(sandbox.kubeconfig())
        target = kubeconfigs.resolve(merged)
        # A sandbox is another cluster each time: there is nothing to remember.
        loaded.config = msgspec.structs.replace(loaded.config, snapshots="off")
        session = make_session(target, merged, loaded, "", "apps")
        return _run(session, "apps", keymap, loaded)


def load_config(auth: str) -> Loaded:
    """Return the configuration, with the auth server of the command line where one is named.

    Raises `ConfigError`.
    """
    loaded = configuration.load()
    _check_snapshots(loaded)
    if auth:
        loaded.config = msgspec.structs.replace(loaded.config, auth=auth)
        loaded.sources["auth"] = "--auth"
    return loaded


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
    paths = [kubeconfig] if kubeconfig is not None else kubeconfigs.default_paths()
    try:
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

    Raises `AuthRefused` for an address that passwords must not be sent to.
    """
    if not config.auth:
        return None
    from leviathan_tui.backend.identity.auth_client import AuthClient
    from leviathan_tui.backend.identity.keeper import SessionKeeper
    from leviathan_tui.backend.identity.saved import SessionFile, state_folder

    client = AuthClient(config.auth, config.auth_ca)
    return SessionKeeper(client, SessionFile(state_folder(), client.url))


def identify(
    target: Target, config: Config, *, as_kubeconfig: bool = False
) -> "tuple[str, SessionKeeper | None, BearerSource | None]":
    """Return how the user is known, the session at the auth server, and what gives the credential.

    Raises `AuthRefused`.
    """
    from leviathan_tui.backend.session import bearer_source

    mode = config.identity_of(target.context)
    keeper = make_keeper(config)
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
) -> "Session":
    """Begin to watch a cluster, so that rows are on their way while the screen is still loading.

    Without `watch` nothing is asked for yet.
    """
    from leviathan_tui.backend.fleet.cluster import Cluster
    from leviathan_tui.backend.session import Session
    from leviathan_tui.backend.snapshots.opening import open_snapshots

    config = loaded.config
    mode, keeper, bearer = identify(target, config, as_kubeconfig=as_kubeconfig)
    # Who asks once must be told what is so now.
    archive = open_snapshots(target, config, mode, keeper) if watch else None
    namespaces = config.namespaces_for(target.context)
    cluster = Cluster(target, namespaces, bearer=bearer, archive=archive)
    if watch:
        cluster.start(view, namespace)
    else:
        cluster.connect()
    session = Session(target, merged, cluster, namespace, config, mode=mode, keeper=keeper)
    session.know_actor()
    session.remember(namespace or target.namespace)
    for name in loaded.config.namespaces_for(target.context):
        session.remember(name)
    return session


def _run(session: "Session", view: str, keymap: dict[str, str], loaded: Loaded) -> int:
    # Read by Textual when it is imported. Nothing moves that carries no meaning; and a key must be on
    # the screen at once, while Textual lets a change that just misses a frame wait for two of them.
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    os.environ.setdefault("TEXTUAL_FPS", "240")
    os.environ.setdefault("ESCDELAY", "25")
    # A key goes through three threads to the screen, and must not wait five milliseconds at each for
    # the ones that watch and follow logs.
    sys.setswitchinterval(0.001)
    from leviathan_tui.actions.base import Place
    from leviathan_tui.console.app import LeviathanApp

    def switch(context: str, as_kubeconfig: bool) -> "Session":
        if session.kubeconfig is None:
            raise KubeconfigError("There is only this one cluster.")
        target = kubeconfigs.resolve(session.kubeconfig, context)
        return make_session(
            target,
            session.kubeconfig,
            loaded,
            target.namespace,
            "apps",
            as_kubeconfig=as_kubeconfig,
        )

    app = LeviathanApp(session, Place(view), keymap, switch)
    _end_with_terminal(app.exit)
    try:
        app.run(mouse=loaded.config.mouse)
    finally:
        app.session.stop()
    if app.crash_report is not None:
        return fail(
            "The console has a defect and had to stop; nothing in the cluster was changed by that.\n"
            f"Report it with the file {app.crash_report}"
        )
    return app.return_code or 0


def _end_with_terminal(leave: "object") -> None:
    """End when the terminal is gone, even where nobody reads what is written any more.

    Textual has no handler of its own: without one a dropped connection leaves a process behind
    that spins for ever.
    """

    def ended(number: int, frame: FrameType | None) -> None:
        watchdog = threading.Timer(GRACE, os._exit, (128 + number,))
        watchdog.daemon = True
        watchdog.start()
        if callable(leave):
            leave()

    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, ended)


def _keymap(loaded: Loaded) -> dict[str, str]:
    from leviathan_tui.actions import REGISTRY

    return configuration.load_keymap(loaded, frozenset(REGISTRY))


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        from leviathan_tui.crash_report import redact

        return redact(super().format(record))


def _start_log(path: Path | None) -> bool:
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


def show_config(what: str) -> int:
    """Print every setting with where it comes from, or the table of keys."""
    from leviathan_tui.actions import key_table
    from leviathan_tui.backend.snapshots.address import without_password

    try:
        loaded = configuration.load()
        keymap = _keymap(loaded)
    except ConfigError as error:
        return fail(str(error))
    if what == "keys":
        print(key_table.table(), end="")  # noqa: T201 - the command's output
        return 0
    for field in loaded.config.__struct_fields__:
        value = getattr(loaded.config, field)
        if field == "snapshots":
            value = without_password(value)
        print(f"{field}: {value!r}  ({loaded.sources[field]})")  # noqa: T201 - the command's output
    print(f"keys changed: {keymap or 'none'}")  # noqa: T201 - the command's output
    return 0
