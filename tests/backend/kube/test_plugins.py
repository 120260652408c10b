"""Credential plugins: one run for everybody, heard by the user, and never without an end (ATTACKS 65)."""

import asyncio
import json
import logging
import os
import subprocess
import threading
import time
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leviathan_tui.backend.kube import kubeconfig, plugin_run, plugins
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.credentials import Credentials
from leviathan_tui.backend.kube.entries import Cluster, Exec, ExecVariable, User
from leviathan_tui.backend.kube.errors import Unauthorized
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.plugin_run import Run
from tests.backend.kube.rig.authorities import Issued
from tests.backend.kube.rig.kubeconfigs import ask, kubectl, write
from tests.backend.kube.rig.plugins import V1, count, login, plugin
from tests.backend.kube.rig.servers import serving

FUTURE = "2999-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    assert plugin_run.running() == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that goes on only when it is told to."""
    now = [time.monotonic()]
    monkeypatch.setattr(plugins, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


def target(entry: Exec, **cluster: Any) -> Target:
    there = Cluster(server="https://api", **cluster)
    return Target(
        context="c",
        cluster_name="c",
        user_name="u",
        namespace="default",
        cluster=there,
        user=User(exec=entry),
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a file or another process is waited for
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def last_run() -> Run:
    return max(plugins.runs(), key=lambda run: run.began)


# Its answer


async def test_a_plugin_runs_once_without_a_terminal_and_with_its_request(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        f"""
        request = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
        assert request["spec"] == {{"interactive": False}}
        assert sys.stdin.read() == ""
        try:
            open("/dev/tty")
            sys.exit("there is a terminal")
        except OSError:
            pass
        assert os.getsid(0) == os.getpid() == os.getpgid(0)
        answer(token=os.environ["WHO"], expirationTimestamp={FUTURE!r})
        """,
        env={"WHO": "from-plugin"},
    )
    credentials = Credentials(target(entry))
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert await credentials.headers() == [("Authorization", "Bearer from-plugin")]
    assert count(tmp_path) == 1


async def test_everybody_waits_for_the_same_run(tmp_path: Path) -> None:
    go = tmp_path / "go"
    entry = plugin(
        tmp_path,
        f"""
        while not Path({str(go)!r}).exists():
            time.sleep(0.01)
        answer(token="t", expirationTimestamp={FUTURE!r})
        """,
    )
    heard: list[list[tuple[str, str]]] = []

    def elsewhere() -> None:
        heard.append(asyncio.run(Credentials(target(entry)).headers()))

    other = threading.Thread(target=elsewhere)
    other.start()
    here = [asyncio.ensure_future(Credentials(target(entry)).headers()) for _ in range(20)]
    await until(lambda: count(tmp_path) == 1)
    # Whoever gives up takes the run from nobody else.
    here[0].cancel()
    go.touch()
    results = await asyncio.gather(*here[1:])
    await until(lambda: not other.is_alive())
    assert [*results, *heard] == [[("Authorization", "Bearer t")]] * 20
    assert count(tmp_path) == 1


async def test_an_expired_answer_is_used_and_not_asked_for_at_each_request(tmp_path: Path) -> None:
    entry = plugin(tmp_path, 'answer(token="t", expirationTimestamp="2001-01-01T00:00:00Z")')
    credentials = Credentials(target(entry))
    for _ in range(5):
        assert await credentials.headers() == [("Authorization", "Bearer t")]
    assert count(tmp_path) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('no session')", r"failed \(exit code 1\)"),
        ("os.kill(os.getpid(), 9)", r"failed \(signal 9\)"),
        ("print('hello')", "did not print an ExecCredential"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe')", "did not print an ExecCredential"),
        ("pass", "did not print an ExecCredential"),
        ("answer()", "neither a token nor a certificate"),
        ("answer(token='')", "neither a token nor a certificate"),
        ("answer(clientCertificateData='c')", "a certificate or a key, but not both"),
        ("answer(clientKeyData='k')", "a certificate or a key, but not both"),
        ("answer(token='a\\nb')", "a token that no request can carry"),
        ("answer(token='t', expirationTimestamp='tomorrow')", "did not print an ExecCredential"),
        ("print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
         "'kind': 'ExecCredential'}))", "printed no status"),
        ("print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1beta1', "
         "'kind': 'ExecCredential', 'status': {'token': 't'}}))", "v1beta1 instead of"),
        ("print(json.dumps({'status': {'token': 't'}}))", "printed nothing of no apiVersion"),
    ],
)  # fmt: skip
async def test_what_is_no_credential_is_an_error_and_no_request_goes_without(
    tmp_path: Path, body: str, said: str
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, body)
    with pytest.raises(Unauthorized, match=said):
        await Credentials(target(entry)).headers()
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        with pytest.raises(Unauthorized, match=said):
            await ask(path)
        assert server.asked == []
        assert kubectl(path).returncode != 0


def write_for(folder: Path, server: str, authority: Issued, entry: Exec, **more: Any) -> Path:
    return write(
        folder / "config",
        {
            "server": server,
            "certificate-authority-data": b64encode(authority.pem).decode(),
            **more,
        },
        {
            "exec": {
                "apiVersion": entry.api_version,
                "command": entry.command,
                "args": entry.args,
                "interactiveMode": "Never",
                "provideClusterInfo": entry.provide_cluster_info,
            }
        },
    )


@pytest.mark.parametrize(
    "body",
    [
        "answer(token='t', clientCertificateData=None, clientKeyData=None)",
        "answer(token='t', expirationTimestamp=None, clientKeyData=None)",
        "answer(token='t', clientCertificateData='', clientKeyData=None)",
    ],
)
async def test_a_null_is_the_lack_of_a_value_as_to_kubectl(tmp_path: Path, body: str) -> None:
    authority = Issued("authority", authority=True)
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, plugin(tmp_path, body))
        await ask(path)
        done = kubectl(path)
        assert done.returncode == 0, done.stderr
        assert {asked.header("authorization") for asked in server.asked} == {"Bearer t"}


async def test_a_token_that_is_null_is_none(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "answer(token=None)")
    with pytest.raises(Unauthorized, match="neither a token nor a certificate"):
        await Credentials(target(entry)).headers()


@pytest.mark.parametrize("search", ["", ".", ":/nowhere", "/nowhere:", "/nowhere:./here"])
async def test_a_program_of_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    (tmp_path / "here").mkdir()
    for folder in (tmp_path, tmp_path / "here"):
        program = folder / "leviathan-login"
        program.write_text(f"#!/bin/sh\necho > {tmp_path}/ran\n")
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    authority = Issued("authority", authority=True)
    # Nor is one that only the plugin's own PATH would find.
    own = [ExecVariable("PATH", str(tmp_path))]
    entry = login("leviathan-login", env=own)
    path = write_for(tmp_path, "https://127.0.0.1:1", authority, entry)
    done = kubectl(path, {"PATH": search})
    assert done.returncode != 0
    monkeypatch.setenv("PATH", search)
    with pytest.raises(Unauthorized, match="cannot be run: "):
        await Credentials(target(entry)).headers()
    assert not (tmp_path / "ran").exists()


async def test_a_missing_plugin_says_how_to_get_it() -> None:
    entry = login("/no/such/plugin", install_hint="brew install it")
    with pytest.raises(Unauthorized, match=r"cannot be run.*brew install it"):
        await Credentials(target(entry)).headers()


@pytest.mark.parametrize(
    "entry",
    [
        login("/bin/true", args=["a\0b"]),
        login("/bin/true", env=[ExecVariable("A=B", "c")]),
        login("/bin/true", env=[ExecVariable("A", "\0")]),
        login("/etc/passwd"),
        login("/"),
        login(""),
    ],
)
async def test_what_cannot_be_run_is_a_sentence(entry: Exec) -> None:
    with pytest.raises(Unauthorized, match="cannot be run: "):
        await Credentials(target(entry)).headers()


async def test_a_plugin_is_told_all_about_the_cluster(tmp_path: Path) -> None:
    authority = Issued("authority", authority=True)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    entry = plugin(
        tmp_path,
        """
        (HERE / "told").write_text(os.environ["KUBERNETES_EXEC_INFO"])
        answer(token="t")
        """,
        provide_cluster_info=True,
    )
    config = {
        "audience": "shop",
        "port": 8443,
        "share": 0.5,
        "deep": {"list": [{"on": True}, None]},
    }
    extensions = [
        {"name": "other", "extension": {"a": 1}},
        {"name": "client.authentication.k8s.io/exec", "extension": config},
    ]
    with serving(Issued("api", authority, host="api.example").server(tmp_path)) as server:
        path = write(
            tmp_path / "config",
            {
                "server": server.url,
                "certificate-authority": "ca.crt",
                "tls-server-name": "api.example",
                "disable-compression": True,
                "extensions": extensions,
            },
            {
                "exec": {
                    "apiVersion": V1,
                    "command": entry.command,
                    "args": entry.args,
                    "interactiveMode": "IfAvailable",
                    "provideClusterInfo": True,
                }
            },
        )
        assert b"v1.37.2" in await ask(path)
        ours = json.loads((tmp_path / "told").read_text())
        assert ours["spec"]["cluster"]["config"] == config
        assert b64decode(ours["spec"]["cluster"]["certificate-authority-data"]) == authority.pem
        assert ours["spec"]["cluster"]["tls-server-name"] == "api.example"
        kubectl(path)
        assert json.loads((tmp_path / "told").read_text()) == ours


@pytest.mark.parametrize(
    "more",
    [{"insecure_skip_tls_verify": True}, {"proxy_url": "http://p:3128"}],
)
async def test_a_plugin_is_told_how_the_cluster_is_reached(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    entry = plugin(
        tmp_path,
        """
        (HERE / "told").write_text(os.environ["KUBERNETES_EXEC_INFO"])
        answer(token="t")
        """,
        provide_cluster_info=True,
    )
    await Credentials(target(entry, **more)).headers()
    told = json.loads((tmp_path / "told").read_text())["spec"]["cluster"]
    ((name, value),) = more.items()
    assert told == {"server": "https://api", name.replace("_", "-"): value, "config": None}


async def test_a_certificate_of_a_plugin_is_shown_and_another_begins_tls_anew(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    for number in (1, 2):
        client = Issued(f"client-{number}", authority)
        (tmp_path / f"{number}.crt").write_bytes(client.pem)
        (tmp_path / f"{number}.key").write_bytes(client.key_pem())
    entry = plugin(
        tmp_path,
        """
        crt, key = (HERE / f"{COUNT}.crt").read_text(), (HERE / f"{COUNT}.key").read_text()
        answer(clientCertificateData=crt, clientKeyData=key)
        """,
    )
    tls = Issued("api", authority).server(tmp_path, clients=authority)
    with serving(tls) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        await ask(path)
        assert name_of(server.asked[0].certificate) == "client-1"
        # The server lets the first one in no more.
        server.accepts = lambda asked: name_of(asked.certificate) == "client-2"
        clock(3600)
        await ask(path)
        assert [name_of(one.certificate) for one in server.asked[1:]] == ["client-1", "client-2"]


def name_of(certificate: Any) -> str:
    return (
        str(dict(field[0] for field in certificate["subject"])["commonName"]) if certificate else ""
    )


# Its failure


async def test_a_failure_is_remembered_and_the_pause_doubles(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    credentials = Credentials(target(plugin(tmp_path, "sys.exit(1)")))

    async def fails() -> None:
        with pytest.raises(Unauthorized):
            await credentials.headers()

    expected = 1
    for pause in (10, 20, 40, 80, 160, 300, 300):
        for _ in range(20):
            await fails()
        assert count(tmp_path) == expected
        clock(pause - 1)
        await fails()
        assert count(tmp_path) == expected
        clock(2)
        await fails()
        expected += 1
        assert count(tmp_path) == expected
    plugins.retry()
    await fails()
    assert count(tmp_path) == expected + 1


async def test_a_server_that_refuses_everything_costs_one_run_and_is_quoted(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        server.accepts = lambda asked: False
        path = write_for(tmp_path, server.url, authority, entry)
        for _ in range(20):
            with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                await ask(path)
        assert count(tmp_path) == 1
        assert len(server.asked) == 20
        # Each run is followed by a longer pause, up to five minutes, however long this goes on.
        for runs, pause in enumerate((10, 20, 40, 80, 160, 300, 300, 300), 1):
            clock(pause - 1)
            with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                await ask(path)
            assert count(tmp_path) == runs
            clock(2)
            for _ in range(3):
                with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                    await ask(path)
            assert count(tmp_path) == runs + 1


@pytest.mark.parametrize(
    "next_run",
    ['answer(token=f"t{COUNT}")', "sys.exit(1)", "print('nothing')", "answer(token='')"],
)
async def test_an_endpoint_that_refuses_everything_takes_the_credential_from_no_other(
    tmp_path: Path, clock: Callable[[float], None], next_run: str
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, f'if COUNT == 1: answer(token="t1")\nelse: {next_run}')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        server.accepts = lambda asked: "metrics" not in asked.path
        client = KubeClient(
            kubeconfig.resolve(
                kubeconfig.load([write_for(tmp_path, server.url, authority, entry)]), environment={}
            )
        )
        for _ in range(10):
            for _ in range(3):
                with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                    await client.read("/apis/metrics.k8s.io/v1beta1/pods")
                assert b"v1.37.2" in await client.read("/version")
            clock(11)
        assert 1 < count(tmp_path) < 10
        await client.close()


async def test_nobody_waits_for_the_run_that_an_endpoint_caused_in_vain(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    entry = plugin(
        tmp_path,
        """
        while COUNT > 1 and not (HERE / "go").exists():
            time.sleep(0.01)
        answer(token=f"t{COUNT}")
        """,
    )
    known = plugins.plugin_for(entry, {"server": "slow"})
    first = await known.credential()
    clock(11)
    waiting = asyncio.ensure_future(known.credential(first))
    await until(lambda: count(tmp_path) == 2)
    assert await known.credential() is first
    # Whoever is refused meanwhile waits for the same run.
    also = asyncio.ensure_future(known.credential(first))
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    assert await waiting is await also is await known.credential()
    assert (await known.credential()).token == "t2"


async def test_an_old_credential_that_is_refused_is_replaced_at_once(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        await ask(path)
        server.accepts = lambda asked: asked.header("authorization") == "Bearer t2"
        clock(3600)
        await asyncio.gather(*(ask(path) for _ in range(10)))
        assert count(tmp_path) == 2


async def test_only_the_credential_that_was_refused_is_forgotten(tmp_path: Path) -> None:
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    known = plugins.plugin_for(entry, {"server": "only"})
    first = await known.credential()
    plugins.retry()
    assert await known.credential(plugins.Credential(first.token, "", "", 0.0)) is first


async def test_a_plugin_that_the_kubeconfig_no_longer_has_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leviathan_tui.backend.kube.stamps.LOOK_EVERY", 0.0)
    authority = Issued("authority", authority=True)
    entry = plugin(tmp_path, 'answer(token=f"t{COUNT}")')
    with serving(Issued("api", authority).server(tmp_path)) as server:
        path = write_for(tmp_path, server.url, authority, entry)
        one = KubeClient(kubeconfig.resolve(kubeconfig.load([path]), environment={}))
        for number in range(5):
            entry.args = [*(entry.args or []), str(number)]
            write_for(tmp_path, server.url, authority, entry)
            await one.read("/version")
        await one.close()
    assert len(plugins.runs()) == 1
    assert count(tmp_path) == 5


# Its end


async def test_it_is_ended_with_everybody_who_waited_for_it(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (HERE / "pids").write_text(f"{os.getpid()} {child.pid}")
        (HERE / "written").touch()
        time.sleep(600)
        """,
    )
    waiting = [asyncio.ensure_future(Credentials(target(entry)).headers()) for _ in range(3)]
    await until(lambda: (tmp_path / "written").exists())
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    for one in waiting:
        assert all(alive(pid) for pid in pids)
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
    await until(lambda: not any(alive(pid) for pid in pids))
    await until(lambda: plugin_run.running() == [])
    # Nobody was told of a failure: whoever comes next has it run again.
    again = asyncio.ensure_future(Credentials(target(entry)).headers())
    await until(lambda: count(tmp_path) == 2)
    again.cancel()
    await until(lambda: plugin_run.running() == [])


async def test_its_user_ends_it_for_good(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "say('waiting'); time.sleep(600)")
    waiting = asyncio.ensure_future(Credentials(target(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and bool(last_run().words))
    last_run().end(plugin_run.BY_USER)
    with pytest.raises(Unauthorized, match="was ended by you"):
        await waiting
    with pytest.raises(Unauthorized, match="was ended by you"):
        await Credentials(target(entry)).headers()
    assert count(tmp_path) == 1


@pytest.mark.parametrize("ends", ["raise SystemExit(0)", "pass"])
async def test_it_is_run_again_for_whoever_asks_while_it_is_being_ended(
    tmp_path: Path, ends: str
) -> None:
    entry = plugin(
        tmp_path,
        f"""
        def ended(number, frame):
            (HERE / "ended").touch()
            while not (HERE / "go").exists():
                time.sleep(0.01)
            {ends}
        if COUNT > 1:
            answer(token="t")
            sys.exit()
        signal.signal(signal.SIGTERM, ended)
        say("waiting")
        time.sleep(600)
        """,
    )
    waiting = asyncio.ensure_future(Credentials(target(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and "waiting" in last_run().words)
    last_run().end(plugin_run.BY_USER)
    await until(lambda: (tmp_path / "ended").exists())
    plugins.retry()
    (tmp_path / "go").touch()
    assert await waiting == [("Authorization", "Bearer t")]
    assert count(tmp_path) == 2


async def test_it_has_five_minutes_in_all_however_much_it_talks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_run, "LONGEST", 0.5)
    entry = plugin(tmp_path, "while True: say('x' * 10_000)")
    with pytest.raises(Unauthorized, match="did not end within five minutes"):
        await Credentials(target(entry)).headers()
    assert len(last_run().words) <= 64 * 1024
    assert plugin_run.LONGEST == 0.5


async def test_it_may_not_print_without_an_end(tmp_path: Path) -> None:
    entry = plugin(tmp_path, "while True: sys.stdout.write('x' * 100_000)")
    with pytest.raises(Unauthorized, match="printed more than 1 MiB"):
        await Credentials(target(entry)).headers()


async def test_what_it_leaves_behind_is_not_waited_for_and_not_ended(tmp_path: Path) -> None:
    entry = plugin(
        tmp_path,
        """
        browser = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (HERE / "pid").write_text(str(browser.pid))
        answer(token="t")
        """,
    )
    assert await Credentials(target(entry)).headers() == [("Authorization", "Bearer t")]
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    os.kill(pid, 9)


# Its words


async def test_what_it_says_is_heard_while_it_runs_and_written_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    go = tmp_path / "go"
    entry = plugin(
        tmp_path,
        f"""
        say("\\x1b[32mopen https://login.example\\x1b[0m code ABCD-1234")
        print("waiting |\\rwaiting /\\rwaiting -", file=sys.stderr)
        say("bell \\a title \\x1b]0;x\\a back \\u202e done")
        while not Path({str(go)!r}).exists():
            time.sleep(0.01)
        sys.exit("ABCD-1234 was not entered")
        """,
    )
    waiting = asyncio.ensure_future(Credentials(target(entry)).headers())
    await until(lambda: bool(plugin_run.running()) and "done" in last_run().words)
    assert last_run().words.split("\n")[:3] == [
        "open https://login.example code ABCD-1234",
        "waiting -",
        "bell ␇ title ␛]0;x␇ back � done",
    ]
    assert last_run().path == entry.command
    go.touch()
    with pytest.raises(Unauthorized) as caught:
        await waiting
    told = "".join(traceback.format_exception(caught.value))
    assert "ABCD-1234" not in told + caplog.text
    assert "ABCD-1234 was not entered" in last_run().words
    assert "failed (exit code 1)" in last_run().failed


async def test_a_script_hears_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(plugin_run, "_listener", None)
    plugin_run.listen(heard.append)
    entry = plugin(tmp_path, 'say("code \\x1b]0;ABCD-1234"); say("x" * 200_000); answer(token="t")')
    await Credentials(target(entry)).headers()
    assert "".join(heard).startswith("code ␛]0;ABCD-1234\n")
    assert len("".join(heard)) <= 64 * 1024


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), ValueError("closed"), KeyError()]
)
async def test_it_does_not_outlive_a_listener_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def listener(text: str) -> None:
        raise error

    monkeypatch.setattr(plugin_run, "_listener", listener)
    entry = plugin(
        tmp_path,
        """
        (HERE / "pid").write_text(str(os.getpid()))
        say("code")
        time.sleep(600)
        """,
    )
    with pytest.raises((Unauthorized, KeyError)):
        await Credentials(target(entry)).headers()
    assert not alive(int((tmp_path / "pid").read_text()))
    assert plugin_run.running() == []


async def test_what_was_ended_before_it_began_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    entry = plugin(tmp_path, 'answer(token="t")')
    for end in (Run.kill, lambda run: run.end(plugin_run.BY_USER)):
        run = Run([entry.command, *(entry.args or [])], "it", dict(os.environ))
        end(run)
        with pytest.raises(plugin_run.RunFailed, match="was ended"):
            await asyncio.to_thread(run.work)
    assert count(tmp_path) == 0


async def test_nothing_is_started_once_all_were_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_run, "_over", False)
    entries = []
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        entries.append(
            plugin(
                folder,
                """
                (HERE / "pid").write_text(str(os.getpid()))
                (HERE / "written").touch()
                time.sleep(600)
                """,
            )
        )
    waiting = [asyncio.ensure_future(Credentials(target(one)).headers()) for one in entries]
    # Some of them run, some are about to.
    await until(lambda: any(tmp_path.glob("*/written")))
    plugin_run.kill_all()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one.exception(), Unauthorized) for one in waiting)
    with pytest.raises(Unauthorized, match="the console ends"):
        await Credentials(target(plugin(tmp_path, "time.sleep(600)"))).headers()
    pids = [file.read_text() for file in tmp_path.glob("*/pid")]  # noqa: ASYNC240
    assert not any(alive(int(pid)) for pid in pids)


async def test_to_end_it_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a program that is being started, as from a file system that hangs."""
    started, go = threading.Event(), threading.Event()
    popen = subprocess.Popen

    def slow(*arguments: Any, **options: Any) -> Any:
        started.set()
        assert go.wait(30)
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", slow)
    waiting = asyncio.ensure_future(Credentials(target(login("/bin/sleep", ["600"]))).headers())
    await asyncio.to_thread(started.wait, 30)
    ending = threading.Thread(target=last_run().end, args=(plugin_run.BY_USER,))
    ending.start()
    await asyncio.to_thread(ending.join, 5)
    ended_at_once = not ending.is_alive()
    go.set()
    with pytest.raises(Unauthorized, match="was ended by you"):
        await waiting
    assert ended_at_once
