"""Session Redis on volumes that a power cut has damaged, and on a full one. The node is this machine."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.platform.cluster import NAMESPACE, Cluster, eventually
from tests.platform.load import Client, Session, Unanswered
from tests.platform.people import Platform

SERVICE = "leviathan-session-redis"
POD = f"{SERVICE}-0"


def folder(cluster: Cluster) -> Path:
    """Return where the volume lies on this machine."""
    claim = cluster.json("pvc", "-n", NAMESPACE, f"data-{POD}")
    volume = cluster.json("pv", claim["spec"]["volumeName"])
    return Path(volume["spec"]["hostPath"]["path"])


def last_part(data: Path) -> Path:
    found = data.glob("appendonlydir/*.incr.aof")
    return max(found, key=lambda part: int(part.name.split(".")[2]))


def stop(cluster: Cluster) -> None:
    cluster.kubectl("scale", "-n", NAMESPACE, f"sts/{SERVICE}", "--replicas=0")
    eventually("it is gone", lambda: cluster.run("get", "pod", "-n", NAMESPACE, POD).returncode)


@contextmanager
def stopped(cluster: Cluster) -> Iterator[Path]:
    """Session Redis is away inside of this block; gives the volume's folder."""
    stop(cluster)
    try:
        yield folder(cluster)
    finally:
        cluster.kubectl("scale", "-n", NAMESPACE, f"sts/{SERVICE}", "--replicas=1")


@pytest.mark.parametrize(
    "tail", [b"*3\r\n$3\r\nSET\r\n$4\r\nto", b"\0" * 512], ids=["cut in a command", "512 zeros"]
)
def test_a_torn_end_is_mended_and_set_aside(
    cluster: Cluster, platform: Platform, tail: bytes
) -> None:
    session = Session(platform, "bob")
    entry = asyncio.run(session.write())
    with stopped(cluster) as data:
        part = last_part(data)
        part.write_bytes(part.read_bytes() + tail)
        before = set(data.glob("quarantine-*"))
    eventually("it is ready", lambda: cluster.ready(SERVICE, 1))
    told = cluster.logs(POD, "-c", "repair")
    assert f"the last {len(tail)} bytes" in told
    (aside,) = set(data.glob("quarantine-*")) - before
    (end,) = aside.iterdir()
    assert end.read_bytes() == tail
    asyncio.run(session.refresh())
    assert entry in asyncio.run(session.journal())


def test_what_is_broken_in_the_middle_stops_with_a_sentence(
    cluster: Cluster, platform: Platform
) -> None:
    session = Session(platform, "bob")
    entry = asyncio.run(session.write())
    with stopped(cluster) as data:
        part = last_part(data)
        whole = part.read_bytes()
        middle = [
            match.start() for match in re.finditer(rb"\*\d\r\n\$\d\r\nMULTI|\*\d+\r\n", whole)
        ]
        at = middle[len(middle) // 2]
        part.write_bytes(whole[:at] + b"\0" * 32 + whole[at + 32 :])

    def says_why() -> bool:
        told = cluster.run("logs", "-n", NAMESPACE, POD, "-c", "repair").stdout
        return "restore" in told and "broken" in told

    eventually("it says what is broken", says_why)
    answer = asyncio.run(Client(platform).log_in("bob"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    part.write_bytes(whole)
    cluster.kubectl("delete", "pod", "-n", NAMESPACE, POD)
    eventually("it is ready", lambda: cluster.ready(SERVICE, 1))
    asyncio.run(session.refresh())
    assert entry in asyncio.run(session.journal())


MIB = 1 << 20


@contextmanager
def small_disk(data: Path, image: Path) -> Iterator[None]:
    """Put 16 MiB of a disk of its own under a volume, with what the volume holds."""
    image.write_bytes(b"")
    subprocess.run(["truncate", "-s", str(16 * MIB), str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    aside = data.with_name(f"{data.name}-aside")
    shutil.copytree(data, aside)
    subprocess.run(["mount", "-o", "loop", str(image), str(data)], check=True)
    try:
        shutil.copytree(aside, data, dirs_exist_ok=True)
        _open_to_everybody(data)
        yield
    finally:
        _copy_back(data, aside)
        subprocess.run(["umount", str(data)], check=True)
        shutil.rmtree(data / "appendonlydir")
        shutil.copytree(aside / "appendonlydir", data / "appendonlydir")
        _open_to_everybody(data)
        shutil.rmtree(aside)


def _copy_back(data: Path, aside: Path) -> None:
    shutil.rmtree(aside / "appendonlydir")
    shutil.copytree(data / "appendonlydir", aside / "appendonlydir")


def _open_to_everybody(data: Path) -> None:
    for path in (data, *data.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


async def write_until_full(session: Session) -> set[str]:
    """Write until nothing is taken any more; return what was acknowledged."""
    written: set[str] = set()
    while True:
        try:
            async with asyncio.timeout(8):
                written.add(await session.write())
        except (TimeoutError, Unanswered):
            return written


def test_a_full_volume_takes_nothing_more_and_loses_nothing(
    cluster: Cluster, platform: Platform, tmp_path: Path
) -> None:
    session = Session(platform, "bob")
    filler = folder(cluster) / "filler"
    with contextlib.ExitStack() as disks:
        with stopped(cluster) as data:
            disks.enter_context(small_disk(data, tmp_path / "disk"))
        eventually("it is ready", lambda: cluster.ready(SERVICE, 1))
        _fill(filler, leave=64 << 10)
        written = asyncio.run(write_until_full(session))
        answer = asyncio.run(Client(platform).log_in("bob"))
        assert written, "it was full before anything was written"
        assert answer.status_code == 503
        keys = asyncio.run(Client(platform).once("GET", "/jwks"))
        assert keys.status_code == 200

        filler.unlink()
        eventually("it is ready", lambda: cluster.ready(SERVICE, 1))
        asyncio.run(session.refresh())
        assert written <= asyncio.run(session.journal())
        stop(cluster)
    cluster.kubectl("scale", "-n", NAMESPACE, f"sts/{SERVICE}", "--replicas=1")
    eventually("it is ready", lambda: cluster.ready(SERVICE, 1))
    asyncio.run(session.refresh())
    assert written <= asyncio.run(session.journal())


def _fill(filler: Path, leave: int) -> None:
    free = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)
