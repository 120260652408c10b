"""Which snapshots a console uses: from its configuration, and as whom."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from leviathan_tui.backend.config import Config
from leviathan_tui.backend.identity.errors import IdentityError
from leviathan_tui.backend.identity.keeper import SessionKeeper
from leviathan_tui.backend.identity.saved import state_folder
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.snapshots.backend import Backend, BackendError
from leviathan_tui.backend.snapshots.file import FileBackend
from leviathan_tui.backend.snapshots.keeper import Snapshots
from leviathan_tui.backend.snapshots.sealing import Identity

KEY_BYTES: Final = 32

FOLDER: Final = "snapshots"
KEY_FILE: Final = "snapshot.key"


def open_snapshots(
    target: Target, config: Config, mode: str, keeper: SessionKeeper | None
) -> Snapshots | None:
    """Return the archive that the configuration asks for; None where it is switched off.

    Nothing is read or connected to before the archive's own thread needs it.
    """
    if config.snapshots == "off":
        return None
    folder = state_folder()
    backend: Backend = FileBackend(folder / FOLDER)
    if config.snapshots != "file":
        from leviathan_tui.backend.snapshots.redis import RedisBackend

        backend = RedisBackend(config.snapshots)
    if mode == "kubeconfig" or keeper is None:
        identify: Callable[[], Identity | None] = lambda: _of_kubeconfig(target, folder)  # noqa: E731
    else:
        identify = lambda: _of_session(keeper)  # noqa: E731
    return Snapshots(target, backend, identify)


def _of_session(keeper: SessionKeeper) -> Identity | None:
    """Return who is logged in; the auth server gives each identity a key of its own."""
    try:
        saved = keeper.saved()
    except IdentityError:
        return None
    if saved is None or not saved.snapshot_key:
        return None
    who = (saved.url, saved.username, *sorted(saved.groups))
    return Identity(who, saved.snapshot_key.encode())


def _of_kubeconfig(target: Target, folder: Path) -> Identity:
    """Return the kubeconfig's user; the key is this machine's. Raises `BackendError`."""
    entry = hashlib.sha256(msgspec.msgpack.encode(target.user)).hexdigest()
    return Identity(("kubeconfig", target.user_name, entry), local_key(folder / KEY_FILE))


def local_key(path: Path) -> bytes:
    """Return this machine's key, made on first use. Raises `BackendError` for one of others."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                raise BackendError("snapshot key readable by others")
            key = stream.read(KEY_BYTES + 1)
    except OSError as error:
        raise BackendError("no snapshot key") from error
    if len(key) != KEY_BYTES:
        raise BackendError("snapshot key damaged")
    return key


def _make(path: Path) -> None:
    """Write a new key; of two processes that do, the first wins."""
    made = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(os.urandom(KEY_BYTES))
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
