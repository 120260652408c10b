"""The append-only file after a power cut, with real files of a real redis-server.

What breaks only at its end is mended and set aside; what breaks before that stops with a sentence.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authserver.helpers import RedisProcess

pytestmark = pytest.mark.skipif(
    shutil.which("redis-check-aof") is None, reason="there is no redis-check-aof on PATH"
)

SCRIPT = Path(__file__).parents[2] / "k8s/base/redis-scripts/repair.sh"
KEYS = 50
IN_ONE_GO = """
for i = 1, 5 do redis.call('SET', KEYS[1] .. i, string.rep('x', 100)) end
"""


class Volume:
    """A data folder in which a Redis has written, ended for good."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        server = RedisProcess(folder)
        with server.client() as client:
            for number in range(KEYS):
                client.set(f"key:{number}", b"value \r\n*1\r\nof several lines " * 10)
            client.eval(IN_ONE_GO, 1, "script:")
        server.kill()
        server.close()

    @property
    def last(self) -> Path:
        """The part that is written to."""
        (found,) = (self.folder / "appendonlydir").glob("*.incr.aof")
        return found

    def repair(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", str(SCRIPT), str(self.folder)], capture_output=True, text=True, check=False
        )

    def quarantined(self) -> list[Path]:
        return sorted(self.folder.glob("quarantine-*/*"))

    def keys(self) -> int:
        """How many keys a server finds that is started on it."""
        server = RedisProcess(self.folder)
        try:
            with server.client() as client:
                return int(client.dbsize())
        finally:
            server.close()


@pytest.fixture
def volume() -> Iterator[Volume]:
    # The socket's path has to be a short one.
    with tempfile.TemporaryDirectory() as folder:
        yield Volume(Path(folder))


def test_an_empty_volume_and_a_whole_file_are_left_alone(volume: Volume, tmp_path: Path) -> None:
    before = volume.last.read_bytes()
    done = volume.repair()
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout
    assert volume.last.read_bytes() == before
    assert not volume.quarantined()
    (tmp_path / "empty").mkdir()
    again = subprocess.run(
        ["sh", str(SCRIPT), str(tmp_path / "empty")], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0


@pytest.mark.parametrize(
    "tail",
    [
        b"*3\r\n$3\r\nSET\r\n$4\r\nto",
        b"\0" * 512,
        b"*3\r\n$3\r\nSET\r\n$4\r\nto" + b"\0" * 512,
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$1\r\n1\r\n",
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$1\r\n1\r\n" + b"\0" * 4096,
        bytes(range(128, 256)) * 8,
    ],
    ids=["cut", "zeros", "cut and zeros", "cut in a script", "script and zeros", "rubbish"],
)
def test_a_broken_end_is_set_aside_and_cut(volume: Volume, tail: bytes) -> None:
    whole = volume.last.read_bytes()
    volume.last.write_bytes(whole + tail)
    done = volume.repair()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the last {len(tail)} bytes" in done.stdout
    assert volume.last.read_bytes() == whole
    (aside,) = volume.quarantined()
    assert aside.name == f"{volume.last.name}.from-{len(whole)}"
    assert aside.read_bytes() == tail
    assert volume.keys() == KEYS + 5
    assert "valid" in volume.repair().stdout


@pytest.mark.parametrize("damage", [b"\0" * 512, b"\xff" * 16, b"*9999999\r\n"])
def test_what_breaks_in_the_middle_stops_with_a_sentence(volume: Volume, damage: bytes) -> None:
    whole = volume.last.read_bytes()
    # At the start of a command: what follows the damage is whole.
    middle = [match.start() for match in re.finditer(rb"\*3\r\n\$3\r\nSET", whole)][KEYS // 2]
    broken = whole[:middle] + damage + whole[middle + len(damage) :]
    volume.last.write_bytes(broken)
    done = volume.repair()
    assert done.returncode == 1, done.stdout
    assert "restore" in done.stderr
    assert volume.last.read_bytes() == broken
    assert not volume.quarantined()


def test_an_end_that_no_power_cut_leaves_stops_too(volume: Volume) -> None:
    broken = volume.last.read_bytes() + b"\0" * (2 << 20)
    volume.last.write_bytes(broken)
    done = volume.repair()
    assert done.returncode == 1
    assert "which no power cut does" in done.stderr
    assert volume.last.read_bytes() == broken


def test_a_part_that_is_not_the_last_one_is_never_cut(volume: Volume) -> None:
    manifest = volume.folder / "appendonlydir" / "appendonly.aof.manifest"
    first = volume.last
    second = first.with_name("appendonly.aof.2.incr.aof")
    second.write_bytes(first.read_bytes())
    manifest.write_text(manifest.read_text() + f"file {second.name} seq 2 type i\n")
    first.write_bytes(first.read_bytes() + b"\0" * 512)
    before = first.read_bytes()
    done = volume.repair()
    assert done.returncode == 1
    assert f"{first.name} is broken, which is not the part written last" in done.stderr
    assert first.read_bytes() == before


def test_a_manifest_that_cannot_be_read_stops_with_a_sentence(volume: Volume) -> None:
    (volume.folder / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    done = volume.repair()
    assert done.returncode == 1
    assert "restore" in done.stderr
