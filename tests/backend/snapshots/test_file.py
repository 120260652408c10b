"""Local files: whose they are, how many, and for how long."""

import os
import stat
from pathlib import Path

import pytest

from leviathan_tui.backend.snapshots.backend import TTL, BackendError
from leviathan_tui.backend.snapshots.file import FileBackend
from leviathan_tui.backend.snapshots.opening import local_key


def test_files_are_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "snapshots"
    FileBackend(folder).put("a", b"entry")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    FileBackend(tmp_path).put("a", b"entry")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"entry")
    (tmp_path / "a.snapshot").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendError):
        FileBackend(tmp_path).get("a")


def test_a_pipe_does_not_hang_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.snapshot")
    with pytest.raises(BackendError):
        FileBackend(tmp_path).get("a")


def test_a_folder_that_cannot_be_used_is_an_error_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackendError, match="snapshots not saved"):
        FileBackend(tmp_path / "file").put("a", b"entry")


def test_too_old_too_many_and_left_over_ones_go(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    backend = FileBackend(tmp_path, lambda: now[0], most_together=250)

    def put(name: str) -> None:
        backend.put(name, bytes(100))
        os.utime(tmp_path / f"{name}.snapshot", (now[0], now[0]))
        now[0] += 1

    put("first")
    put("second")
    (tmp_path / ".new-left-over").write_bytes(b"")
    os.utime(tmp_path / ".new-left-over", (now[0] - 7_200, now[0] - 7_200))
    put("third")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["second", "third"]
    now[0] += TTL
    assert backend.get("second") is None
    assert backend.get("third") is None
    now[0] += 1
    put("fourth")
    assert [path.stem for path in tmp_path.iterdir()] == ["fourth"]


def test_the_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "snapshot.key"
    key = local_key(path)
    assert len(key) == 32
    assert local_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["snapshot.key"]


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.key"
    local_key(path)
    path.chmod(0o644)
    with pytest.raises(BackendError, match="readable by others"):
        local_key(path)


def test_a_damaged_key_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.key"
    local_key(path)
    path.write_bytes(b"short")
    with pytest.raises(BackendError, match="damaged"):
        local_key(path)
