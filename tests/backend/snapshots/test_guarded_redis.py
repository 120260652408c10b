"""A Redis over TLS that wants a client certificate, and whose password lies in a file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_tui.backend.fleet.archive import Remembered
from leviathan_tui.backend.snapshots.backend import BackendError
from leviathan_tui.backend.snapshots.keeper import Snapshots
from leviathan_tui.backend.snapshots.redis import MOST_BYTES, PAUSE, PREFIX, RedisBackend
from tests.backend.snapshots.conftest import PODS, TIMEOUT, make_identity, make_pods, make_target
from tests.backend.snapshots.guarded import GuardedRedis

NOW = 1_700_000_000.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[GuardedRedis]:
    with GuardedRedis(tmp_path) as redis:
        yield redis


def test_a_certificate_a_user_and_a_password_file_are_enough(redis: GuardedRedis) -> None:
    backend = RedisBackend(redis.url)
    entry = os.urandom(3_000_000)
    backend.put("a", entry)
    assert backend.get("a") == entry
    assert backend.has("a")
    backend.delete("a")
    assert not backend.has("a")
    backend.close()


def test_the_password_alone_is_not(redis: GuardedRedis) -> None:
    with pytest.raises(BackendError, match="no Redis"):
        RedisBackend(redis.url_without_certificate).get("a")


def test_a_replaced_password_counts_from_the_next_connection(redis: GuardedRedis) -> None:
    now = [0.0]
    backend = RedisBackend(redis.url, lambda: now[0])
    backend.put("a", b"entry")
    old = redis.password_file.read_bytes()
    redis.use_password("second secret")
    backend.close()
    assert backend.get("a") == b"entry"
    # What the file had before is good no longer.
    redis.password_file.write_bytes(old)
    backend.close()
    with pytest.raises(BackendError, match="refuses the password"):
        backend.get("a")
    redis.password_file.write_bytes(b"second secret\r\n")
    now[0] += PAUSE
    assert backend.get("a") == b"entry"
    backend.close()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_a_password_file_of_no_use_is_a_mark_until_it_is_of_use(
    redis: GuardedRedis, content: bytes | None
) -> None:
    good = redis.password_file.read_bytes()
    if content is None:
        redis.password_file.unlink()
    else:
        redis.password_file.write_bytes(content)
    now = [0.0]
    backend = RedisBackend(redis.url, lambda: now[0])
    archive = Snapshots(make_target(), backend, make_identity, lambda: NOW)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(TIMEOUT) is None
    assert archive.trouble == "no Redis password"
    redis.password_file.write_bytes(good)
    now[0] += PAUSE
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(TIMEOUT) is not None
    assert archive.trouble == ""
    archive.close()


def test_a_collection_that_is_too_large_is_not_kept_and_not_marked(redis: GuardedRedis) -> None:
    backend = RedisBackend(redis.url)
    backend.put("full", bytes(MOST_BYTES))
    backend.put("over", bytes(MOST_BYTES + 1))
    assert list(redis.lives()) == [f"{PREFIX}full"]
    assert backend.get("full") == bytes(MOST_BYTES)
    backend.close()
