"""A real redis-server that is away, slow, full, flushed, restarted and guarded (attack 39)."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from leviathan_tui.backend.fleet.archive import Remembered
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.snapshots.address import Address
from leviathan_tui.backend.snapshots.backend import TTL, BackendError
from leviathan_tui.backend.snapshots.connection import Connection
from leviathan_tui.backend.snapshots.keeper import Snapshots
from leviathan_tui.backend.snapshots.redis import PAUSE, PREFIX, RedisBackend
from tests.authserver.helpers import RedisProcess, make_certificate
from tests.backend.snapshots.conftest import PODS, TIMEOUT, make_identity, make_pods, make_target

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
    assert archive.load(PODS).result(TIMEOUT) is not None
    server.kill()
    assert archive.load(PODS).result(TIMEOUT) is None
    assert archive.trouble == "no Redis"
    server.start()
    assert archive.load(PODS).result(TIMEOUT) is None, "it was to be left alone"
    now[0] += PAUSE
    assert archive.load(PODS).result(TIMEOUT) is not None
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
        assert waiting.result(TIMEOUT) is None
        assert archive.trouble == "no Redis"
        connections = 0
        silent.setblocking(False)
        archive.load(PODS).result(TIMEOUT)
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
            connections += 1
    # The second load did not connect at all.
    assert connections == 1


def test_a_flush_while_in_use_is_a_miss_and_the_next_save_counts(server: RedisProcess) -> None:
    archive = archive_on(RedisBackend(server.url))
    archive.save(PODS, Remembered(NOW, "2", list(make_pods(2))))
    assert archive.load(PODS).result(TIMEOUT) is not None
    with server.client() as client:
        client.flushall()
    assert archive.load(PODS).result(TIMEOUT) is None
    assert archive.trouble == ""
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(TIMEOUT) is not None


def test_a_full_one_is_marked(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, "--maxmemory", "1")
    try:
        archive = archive_on(RedisBackend(server.url))
        archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
        assert archive.load(PODS).result(TIMEOUT) is None
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
            commands=["+set", "+del", "+getrange"],
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


def test_one_that_was_restarted_is_asked_again_at_once(server: RedisProcess) -> None:
    backend = RedisBackend(server.url)
    backend.put("a", b"entry")
    server.kill()
    server.start()
    assert backend.get("a") == b"entry"
    assert backend.has("a")
    assert not backend.has("b")


def test_a_user_over_tls_and_a_server_that_is_not_believed(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RedisProcess(
        tmp_path,
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
    )
    try:
        with server.client() as client:
            client.acl_setuser(
                "console",
                enabled=True,
                passwords=["+s@cret"],
                keys=[f"{PREFIX}*"],
                commands=["+set", "+del", "+getrange", "+select"],
            )
        url = f"rediss://console:s%40cret@127.0.0.1:{port}/1?ssl_ca_certs={certificate}"
        backend = RedisBackend(url)
        entry = os.urandom(3_000_000)
        backend.put("a", entry)
        assert backend.get("a") == entry
        backend.close()
        with pytest.raises(BackendError, match="no Redis"):
            RedisBackend(url.partition("?")[0]).get("a")
        unverified = RedisBackend(f"{url.partition('?')[0]}?ssl_cert_reqs=none")
        assert unverified.get("a") == entry
        unverified.close()
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n",
        b"$-7\r\n",
        b"*2\r\n:1\r\n:2\r\n",
        b"*1\r\n" * 5000,
        b"*4294967295\r\n",
        b"%100000000\r\n",
        b"$9999\r\n" + b"x" * 9999 + b"\r\n",
        b"$50\r\nand no more",
        b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    ],
)
def test_one_that_answers_nonsense_is_a_marked_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.snapshots.redis.MOST_BYTES", 1000)
    path = tmp_path / "liar.sock"
    with socket.socket(socket.AF_UNIX) as liar:
        liar.bind(str(path))
        liar.listen(10)

        def lie() -> None:
            with suppress(OSError):
                while True:
                    taken, _ = liar.accept()
                    taken.recv(1000)
                    taken.sendall(answer)
                    taken.close()

        threading.Thread(target=lie, daemon=True).start()
        archive = archive_on(RedisBackend(f"unix://{path}"))
        assert archive.load(PODS).result(TIMEOUT) is None
        assert archive.trouble == "no Redis"
        liar.shutdown(socket.SHUT_RDWR)


@contextmanager
def spoken_for(tmp_path: Path, *answers: bytes) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection to a server that is played by the test, which has said something already."""
    path = tmp_path / "played.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        connection = Connection(Address(path=str(path)), later(), 10.0, 100)
        taken, _ = server.accept()
        with taken:
            for answer in answers:
                taken.sendall(answer)
            yield connection, taken
        connection.close()


def later() -> float:
    return time.monotonic() + 30.0


def test_an_answer_in_driblets_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with spoken_for(tmp_path, b"$5\r\n") as (connection, _):
        now = iter([0.0, 1.0, 2.0, 4.9, 5.1])
        monkeypatch.setattr(
            "leviathan_tui.backend.snapshots.connection.time.monotonic", lambda: next(now)
        )
        monkeypatch.setattr(connection, "_timeout", 0.01)
        with pytest.raises(TimeoutError):
            connection.ask(5.0, "GETRANGE", "a", 0, 10)
        monkeypatch.undo()
        with pytest.raises(TimeoutError, match="takes too long"):
            connection.ask(time.monotonic(), "GETRANGE", "a", 0, 10)


def test_no_answer_is_taken_for_the_next_question(tmp_path: Path) -> None:
    with (
        spoken_for(tmp_path, b"$1\r\nA\r\n$1\r\nX\r\n") as (connection, _),
        pytest.raises(OSError, match="more than one answer"),
    ):
        connection.ask(later(), "GETRANGE", "a", 0, 10)


def test_a_defect_costs_the_connection(
    server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = RedisBackend(server.url)
    backend.put("a", b"entry")

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(Connection, "ask", fail)
        with pytest.raises(MemoryError):
            backend.get("a")
    assert backend._connection is None
    assert backend.get("a") == b"entry"
    backend.close()


ENDING = """
import sys, time
from leviathan_tui.backend.fleet.messages import Scope
from leviathan_tui.backend.snapshots.keeper import Snapshots
from leviathan_tui.backend.snapshots.redis import RedisBackend
from tests.backend.snapshots.conftest import make_identity, make_target

class Hanging(RedisBackend):
    def get(self, name):
        print("asked", flush=True)
        time.sleep(600)

archive = Snapshots(make_target(), Hanging("unix:///nowhere"), make_identity)
archive.load(Scope("Pod"))
sys.stdin.readline()
archive.close()
print("ended", flush=True)
"""


def test_the_programs_end_does_not_wait_for_a_redis() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "asked\n"
            out, _ = child.communicate("\n", timeout=60)
            assert out == "ended\n"
            assert child.returncode == 0
        finally:
            child.kill()


def test_a_start_does_not_wait_for_one_that_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.snapshots.keeper.EXPECTS_TIMEOUT", 0.0)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen(10)
        archive = archive_on(RedisBackend(f"unix://{tmp_path}/silent.sock"))
        assert archive.expects(PODS) is False
        assert archive.trouble == "", "it is still being asked"


def test_what_is_there_is_expected(server: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leviathan_tui.backend.snapshots.keeper.EXPECTS_TIMEOUT", 30.0)
    archive = archive_on(RedisBackend(server.url))
    archive.save(PODS, Remembered(NOW, "1", list(make_pods(2))))
    assert archive.load(PODS).result(TIMEOUT) is not None
    assert archive.expects(PODS)
    assert not archive.expects(Scope("Node"))
    nowhere = archive_on(RedisBackend("unix:///nowhere"))
    assert not nowhere.expects(PODS)
    assert nowhere.trouble == "no Redis"
