"""The console as it starts from a snapshot, in a real terminal, and what a start costs in counts."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leviathan_sandbox import Sandbox
from leviathan_tui.backend import changes
from leviathan_tui.backend.fleet.connection import Freshness
from leviathan_tui.backend.fleet.messages import Message, Upsert
from leviathan_tui.backend.fleet.records import Ref
from leviathan_tui.backend.fleet.rows import Diff
from leviathan_tui.backend.kube import kubeconfig
from leviathan_tui.backend.snapshots.backend import TTL
from tests.authserver.helpers import RedisProcess
from tests.backend.snapshots.guarded import GuardedRedis
from tests.console.terminal import Terminal
from tests.mirror.mirror import Mirror

SIZE = (160, 40)


def quit_console(terminal: Terminal) -> None:
    """Leave, and wait until the last snapshot is written."""
    terminal.press("\x03")
    assert terminal.ended() == 0


def test_without_a_cluster_the_last_state_is_there_marked_and_comes_alive(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        with Terminal("--kubeconfig", config, "-A", size=SIZE) as terminal:
            terminal.sees("Apps (24)", "● live")
            quit_console(terminal)
        sandbox.stop_serving()
        with Terminal("--kubeconfig", config, "-A", size=SIZE) as terminal:
            terminal.sees("Apps (24)", "○ offline since", "24 apps")
            terminal.press("p")
            terminal.sees("Only the snapshot of ", "nothing is changed before the cluster has")
            terminal.press("\t")
            terminal.sees("Cron jobs (", "○ offline since")
            terminal.press(":apps\r")
            terminal.sees("Apps (24)")
            sandbox.resume_serving()
            terminal.sees("Apps (24)", "● live")


def test_a_redis_is_used_and_its_absence_is_marked(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path)
    environment = {"LEVIATHAN_SNAPSHOTS": server.url}
    try:
        with Sandbox() as sandbox:
            config = str(sandbox.write_kubeconfig(tmp_path / "config"))
            arguments = ("--kubeconfig", config, "-A")
            with Terminal(*arguments, size=SIZE, environment=environment) as terminal:
                terminal.sees("Apps (24)", "● live")
                quit_console(terminal)
            with server.client() as client:
                assert len(client.keys("leviathan:snapshot:*")) == 9
            sandbox.stop_serving()
            with Terminal(*arguments, size=SIZE, environment=environment) as terminal:
                terminal.sees("Apps (24)", "○ offline since")
            sandbox.resume_serving()
            server.kill()
            with Terminal(*arguments, size=SIZE, environment=environment) as terminal:
                terminal.sees("Apps (24)", "● live", "no Redis")
    finally:
        server.close()


def test_all_that_a_console_leaves_in_a_guarded_redis_ends_by_itself(tmp_path: Path) -> None:
    with GuardedRedis(tmp_path) as redis, Sandbox(live=False) as sandbox:
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        arguments = ("--kubeconfig", config, "-A")
        environment = {"LEVIATHAN_SNAPSHOTS": redis.url}
        with Terminal(*arguments, size=SIZE, environment=environment) as terminal:
            terminal.sees("Apps (24)", "● live")
            quit_console(terminal)
        lives = redis.lives()
        assert len(lives) == 9
        assert all(name.startswith("leviathan:snapshot:") for name in lives)
        assert all(0 < left <= TTL * 1000 for left in lives.values()), lives
        redis.password_file.unlink()
        with Terminal(*arguments, size=SIZE, environment=environment) as terminal:
            terminal.sees("Apps (24)", "● live", "no Redis password")


@pytest.mark.parametrize(
    ("url", "words"),
    [("redis://cache.example", "TLS"), ("nowhere", "neither file nor off")],
)
def test_a_redis_that_is_open_to_others_is_refused_in_a_sentence(
    tmp_path: Path, url: str, words: str
) -> None:
    with Terminal("-A", environment={"LEVIATHAN_SNAPSHOTS": url}) as terminal:
        terminal.sees("LEVIATHAN_SNAPSHOTS", words)


# Counts, not seconds

START = """
import json, sys, leviathan_tui.startup, leviathan_tui.console.app, leviathan_tui.screens.apps
print(json.dumps(sorted(sys.modules)))
"""


def test_a_start_imports_no_more_than_it_shows() -> None:
    done = subprocess.run([sys.executable, "-c", START], check=True, capture_output=True)
    modules = set(json.loads(done.stdout))
    late = {"aiohttp", "cryptography", "httpx", "jwt", "kubernetes", "sqlite3", "pygments"}
    late |= {"hiredis", "redis"}
    # What looks, and changes nothing yet, starts without all that only changes and logs need.
    late |= {
        "cron_descriptor",
        "yarl",
        "leviathan_tui.console.changes",
        "leviathan_tui.console.pickers",
    }
    engine = ("apps", "deploying", "plan", "trial", "sending")
    late |= {f"leviathan_tui.backend.changes.{name}" for name in engine}
    late |= {f"leviathan_tui.{name}" for name in ("backend.logs.ring", "screens.confirm")}
    assert not late & modules
    assert len(modules) < 540, "something large is imported before the first row is on the screen"


def test_a_module_of_changes_comes_when_it_is_named() -> None:
    assert changes.apps.Pause.verb == "pause"
    with pytest.raises(AttributeError, match="no attribute 'apes'"):
        _ = changes.apes  # type: ignore[attr-defined]


LIVE = """
import json, sys, threading, time
from pathlib import Path
from leviathan_tui import startup
from leviathan_tui.backend.fleet.connection import Freshness

woken = threading.Event()
target, merged = startup.find_target(Path(sys.argv[1]), "")
session = startup.make_session(target, merged, startup.load_config(""), "", "apps")
session.cluster.on_wake(woken.set)
connection = session.cluster.store.connection
while connection.status(time.time()).freshness is not Freshness.LIVE:
    woken.wait(0.2)
    woken.clear()
    session.cluster.pump(1.0)
session.stop()
print(json.dumps(sorted(sys.modules)))
"""


def test_with_files_neither_redis_nor_the_login_is_ever_imported(tmp_path: Path) -> None:
    with Sandbox(live=False) as sandbox:
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        command = [sys.executable, "-c", LIVE, config]
        for _ in ("nothing cached", "with a snapshot"):
            done = subprocess.run(command, check=True, capture_output=True, timeout=60)
            modules = set(json.loads(done.stdout))
            assert {"aiohttp", "cryptography"} <= modules
            assert not {"redis", "hiredis", "kubernetes", "httpx", "jwt"} & modules
    assert len(list((tmp_path / "leviathan" / "snapshots").iterdir())) == 9


def test_an_idle_console_lists_once_and_asks_for_next_to_nothing(tmp_path: Path) -> None:
    with Sandbox(live=False) as sandbox:
        config = str(sandbox.write_kubeconfig(tmp_path / "config"))
        with Terminal("--kubeconfig", config, "-A", size=SIZE) as terminal:
            terminal.sees("Apps (24)", "● live")
            terminal.quiet(1.5)
            before = sandbox.requests
            assert sum("watch=true" in path for _, path in before) == 9
            assert sum("limit=500" in path for _, path in before) == 9
            # Over two of the screen's own ticks nothing at all is asked for.
            assert terminal.read(2.5) == b""
            assert sandbox.requests == before


def test_one_event_decodes_one_object_and_changes_one_row_of_each_list() -> None:
    with Sandbox(apps=60, live=False) as sandbox:
        target = kubeconfig.resolve(kubeconfig.from_document(sandbox.kubeconfig()))
        mirror = Mirror(target)
        try:
            mirror.until(
                lambda: mirror.store.connection.status(time.time()).freshness is Freshness.LIVE
            )
            pod = sandbox.objects("Pod")[0]["metadata"]
            diffs: list[Diff] = []
            records: list[Any] = []
            for view in ("apps", "pods", "crons", "runs", "nodes"):
                mirror.store.subscribe(view, diffs.append)
            drain = mirror.feed.drain

            def noting(most: int = 0) -> list[Message]:
                taken = drain(most)
                for message in taken:
                    records.extend(message.records if isinstance(message, Upsert) else [])
                return taken

            mirror.feed.drain = noting  # type: ignore[method-assign]
            body = {"metadata": {"labels": {"changed": "yes"}}}
            mirror.patch(Ref("Pod", pod["namespace"], pod["name"]), body)
            mirror.until(lambda: diffs)
        finally:
            mirror.close()
    assert [record.uid for record in records] == [pod["uid"]]
    assert [row.uid for diff in diffs for row in diff.upserted] == [pod["uid"]]
