"""A real redis-server that is away, slow, full, flushed, restarted and guarded (attack 39)."""

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_tui.backend.fleet.archive import Remembered
from leviathan_tui.backend.snapshots.backend import TTL, BackendError
from leviathan_tui.backend.snapshots.keeper import Snapshots
from leviathan_tui.backend.snapshots.redis import (
    PAUSE,
    PREFIX,
    RedisBackend,
    refusal,
    without_password,
)
from tests.authserver.helpers import RedisProcess
from tests.backend.snapshots.conftest import PODS, make_identity, make_pods, make_target

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="there is no redis-server on PATH"
)

NOW = 1_700_000_000.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A redis-server that the test may kill."""
    started = RedisProcess(tmp_path)
    yield started
    started.close()


def archive_on(backend: RedisBackend) -> Snapshots:
    return Snapshots(make_target(), backend, make_identity, lambda: NOW)


def test_an_entry_expires(server: RedisProcess) -> None:
    RedisBackend(server.url).put("a", b"entry")
    with server.client() as client:
        left = client.pttl(f"{PREFIX}a")
    assert isinstance(left, int)
    assert TTL * 1000 - 60_000 < left <= TTL * 1000


def test_one_that_is_too_large_is_neither_written_nor_read(
    server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = RedisBackend(server.url)
    backend.put("a", bytes(101))
    monkeypatch.setattr("leviathan_tui.backend.snapshots.redis.MOST_BYTES", 100)
    backend.put("b", bytes(101))
    assert backend.get("a") is None
    assert backend.get("b") is None


def test_one_that_is_away_is_a_marked_miss_and_not_asked_again_at_once(
    server: RedisProcess,
) -> None:
    now = [0.0]
    backend = RedisBackend(server.url, lambda: now[0])
    archive = archive_on(backend)
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(10) is not None
    server.kill()
    assert archive.load(PODS).result(10) is None
    assert archive.trouble == "no Redis"
    server.start()
    assert archive.load(PODS).result(10) is None, "it was to be left alone"
    now[0] += PAUSE
    assert archive.load(PODS).result(10) is not None
    assert archive.trouble == ""


def test_one_that_never_answers_costs_one_time_out(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(10)
        asked = threading.Event()
        archive = archive_on(RedisBackend(f"unix://{path}", lambda: 0.0))
        waiting = archive.load(PODS)
        waiting.add_done_callback(lambda _: asked.set())
        assert not asked.is_set(), "whoever asked did not have to wait"
        assert waiting.result(10) is None
        assert archive.trouble == "no Redis"
        connections = 0
        silent.setblocking(False)
        archive.load(PODS).result(10)
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
            connections += 1
    # One try and one more on a new connection; the second load did not connect at all.
    assert connections <= 2


def test_a_flush_while_in_use_is_a_miss_and_the_next_save_counts(server: RedisProcess) -> None:
    archive = archive_on(RedisBackend(server.url))
    archive.save(PODS, Remembered(NOW, "2", list(make_pods(2))))
    assert archive.load(PODS).result(10) is not None
    with server.client() as client:
        client.flushall()
    assert archive.load(PODS).result(10) is None
    assert archive.trouble == ""
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(10) is not None


def test_a_full_one_is_marked(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, "--maxmemory", "1")
    try:
        archive = archive_on(RedisBackend(server.url))
        archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
        assert archive.load(PODS).result(10) is None
        assert archive.trouble == "Redis is full"
    finally:
        server.close()


def test_users_passwords_and_rights(server: RedisProcess) -> None:
    with server.client() as client:
        client.acl_setuser(
            "console",
            enabled=True,
            passwords=["+right"],
            keys=[f"{PREFIX}*"],
            commands=["+get", "+set", "+del", "+getrange", "+strlen", "+client"],
        )
        client.acl_setuser("guest", enabled=True, passwords=["+guest"], commands=["+ping"])
    path = server.socket
    good = RedisBackend(f"unix://console:right@{path}")
    good.put("a", b"entry")
    assert good.get("a") == b"entry"
    assert good.start_of("a", 3) == b"ent"
    with pytest.raises(BackendError, match="refuses the password"):
        RedisBackend(f"unix://console:wrong@{path}").get("a")
    with pytest.raises(BackendError, match="allows no snapshots"):
        RedisBackend(f"unix://guest:guest@{path}").get("a")
    good.delete("a")
    assert good.get("a") is None
    good.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://cache.example:6379/0", "TLS"),
        ("redis://:secret@cache.example", "TLS"),
        ("rediss://cache.example", "password"),
        ("rediss://:secret@cache.example?ssl_cert_reqs=none", "TLS"),
        ("http://cache.example", "neither file nor off"),
        ("somewhere", "neither file nor off"),
    ],
)
def test_what_would_be_open_to_others_is_refused(url: str, words: str) -> None:
    assert words in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "redis://localhost",
        "redis://[::1]:6379/2",
        "unix:///run/redis.sock",
        "rediss://console:secret@cache.example:6380",
    ],
)
def test_what_is_local_or_guarded_is_not(url: str) -> None:
    assert refusal(url) == ""


def test_the_refusal_can_be_lifted_but_not_for_what_is_no_redis() -> None:
    assert refusal("redis://cache.example", insecure=True) == ""
    assert refusal("http://cache.example", insecure=True) != ""


@pytest.mark.parametrize(
    "url",
    ["rediss://console:s%40cret@cache.example", "redis://cache.example?password=s%40cret"],
)
def test_a_shown_address_holds_no_password(url: str) -> None:
    assert "cret" not in without_password(url)
    assert "cache.example" in without_password(url)
