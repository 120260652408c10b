"""`leviathan logs`, as scripts use it."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leviathan_sandbox import ManualClock, Sandbox
from leviathan_sandbox.server.faults import Refused, forbidden_to_list
from leviathan_tui.__main__ import main

TIMEOUT = 60


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A fleet of this file's own: its tests write into logs."""
    with Sandbox(live=False, clock=ManualClock()) as made:
        yield made


@pytest.fixture(scope="module")
def kubeconfig(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(sandbox.write_kubeconfig(tmp_path_factory.mktemp("logs") / "kubeconfig"))


@pytest.fixture(scope="module")
def pod(sandbox: Sandbox) -> str:
    """One pod of the app web in shop, in whose log some lines of interest stand."""
    names = sorted(
        item["metadata"]["name"]
        for item in sandbox.objects("Pod", "shop")
        if item["metadata"]["name"].startswith("web-")
    )
    for text in (
        "ERROR it broke",
        '{"level":"warn","msg":"slow"}',
        "\x1b[31mred\x1b[0m \x1b]0;t\x07",
    ):
        sandbox.append_log("shop", names[0], text)
    return str(names[0])


def logs(
    kubeconfig: str, capfd: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, list[str], str]:
    """Run the command; return its exit code, the lines it printed, and its standard error."""
    code = main(["logs", "--kubeconfig", kubeconfig, *arguments])
    out, err = capfd.readouterr()
    return code, out.splitlines(), err


def test_an_apps_logs_are_merged_by_time(
    kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = logs(
        kubeconfig, capfd, "app/web", "-n", "shop", "--timestamps", "--tail", "50"
    )
    assert code == 0
    assert len(lines) == 4 * 50
    stamps = [line.partition(" ")[0] for line in lines]
    assert stamps == sorted(stamps)
    names = {line.split(" ")[1] for line in lines}
    assert len(names) == 4
    assert pod.rpartition("-")[2] in names


def test_patterns_and_levels(kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = (f"pod/{pod}", "-n", "shop")
    _, lines, _ = logs(kubeconfig, capfd, *arguments, "--level", "error")
    assert lines == ["ERROR it broke"]
    _, lines, _ = logs(kubeconfig, capfd, *arguments, "--grep", "broke|slow", "--without", "ERROR")
    assert lines == ['{"level":"warn","msg":"slow"}']
    code, lines, _ = logs(kubeconfig, capfd, *arguments, "--grep", "nothing has this")
    assert (code, lines) == (0, [])


def test_json(kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = logs(
        kubeconfig, capfd, f"pod/{pod}", "-n", "shop", "--json", "--grep", "^ERROR it"
    )
    (record,) = [json.loads(line) for line in lines]
    assert record == {
        "time": record["time"],
        "namespace": "shop",
        "pod": pod,
        "container": "web",
        "level": "error",
        "message": "ERROR it broke",
    }


def test_into_a_pipe_every_byte_goes_as_it_was_written(
    kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _, lines, _ = logs(kubeconfig, capfd, f"pod/{pod}", "-n", "shop", "--grep", "red")
    assert lines == ["\x1b[31mred\x1b[0m \x1b]0;t\x07"]


def test_parts(kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = (f"pod/{pod}", "-n", "shop")
    _, everything, _ = logs(kubeconfig, capfd, *arguments)
    _, lines, _ = logs(kubeconfig, capfd, *arguments, "--tail", "7")
    assert lines == everything[-7:]
    _, lines, _ = logs(kubeconfig, capfd, *arguments, "--head", "7")
    assert lines == everything[:7]


def test_a_crashed_container_says_how_it_ended_on_the_standard_error(
    kubeconfig: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = logs(kubeconfig, capfd, "deploy/billing", "-n", "shop")
    assert code == 0
    assert any("KeyError" in line for line in lines)


def test_the_label_selector_of_kubectl(
    kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str], sandbox: Sandbox
) -> None:
    labels = sandbox.get("Pod", "shop", pod)["metadata"]["labels"]
    name, value = next((name, value) for name, value in labels.items() if "hash" not in name)
    _, lines, _ = logs(kubeconfig, capfd, "-l", f"{name}={value}", "-n", "shop", "--tail", "1")
    assert lines


def test_a_pod_that_only_has_an_apps_labels_is_left_out(
    kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str], sandbox: Sandbox
) -> None:
    labels = sandbox.get("Pod", "shop", pod)["metadata"]["labels"]
    labels = {name: value for name, value in labels.items() if "hash" not in name}
    sandbox.create(
        {
            "kind": "Pod",
            "metadata": {"name": "stranger", "namespace": "shop", "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "stranger:1"}]},
        }
    )
    code, lines, error = logs(kubeconfig, capfd, "app/web", "-n", "shop", "--tail", "1")
    assert (code, len(lines)) == (0, 4)
    assert "stranger" not in error
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    _, _, error = logs(kubeconfig, capfd, "-l", selector, "-n", "shop", "--tail", "1")
    assert "stranger/c: ContainerCreating" in error
    sandbox.delete("Pod", "shop", "stranger")


def test_an_app_whose_replica_sets_may_not_be_read_is_no_empty_answer(
    kubeconfig: str, capfd: pytest.CaptureFixture[str], sandbox: Sandbox
) -> None:
    error = forbidden_to_list("replicasets", "shop", "apps")
    refusal = sandbox.inject(Refused(verb="list", resource="replicasets", error=error))
    try:
        code, lines, said = logs(kubeconfig, capfd, "app/web", "-n", "shop")
    finally:
        sandbox.remove(refusal)
    assert (code, lines) == (1, [])
    assert said.startswith("leviathan: Which pods belong to app web is known only through its")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name what to read"),
        (("nope/web",), "is not one of"),
        (("app/nothing", "-n", "shop"), "There is no app nothing in shop."),
        (("app/web", "-l", "a=b"), "not both"),
        (("app/web", "--since", "yesterday"), "is no time"),
        (("app/web", "--grep", "("), "Not a regular expression"),
        (("app/web", "-A"), "name it with -n"),
    ],
)
def test_what_cannot_be_done_is_said(
    kubeconfig: str,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    code, lines, error = logs(kubeconfig, capfd, *arguments)
    assert code == 1
    assert lines == []
    assert words in error


def test_no_lines_of_the_past(kubeconfig: str, pod: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert logs(kubeconfig, capfd, f"pod/{pod}", "-n", "shop", "--tail", "0") == (0, [], "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--grep", ""), "need something to look for"),
        (("-c", "nope"), "has no container nope"),
        (("--tail", "-5"), "no number of lines below 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kubeconfig: str,
    pod: str,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    code, lines, err = logs(kubeconfig, capfd, f"pod/{pod}", "-n", "shop", *arguments)
    assert (code, lines) == (1, [])
    assert said in err


def test_a_full_disk_is_said_and_ends_it(kubeconfig: str, pod: str) -> None:
    program = [sys.executable, "-m", "leviathan_tui", "logs", "--kubeconfig", kubeconfig]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*program, f"pod/{pod}", "-n", "shop"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """What is started heeds SIGINT, even where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_following_goes_on_until_it_is_interrupted(
    kubeconfig: str, pod: str, sandbox: Sandbox
) -> None:
    program = Path(sys.executable).with_name("leviathan")
    command = [str(program), "logs", "--kubeconfig", kubeconfig, f"pod/{pod}", "-n", "shop"]
    with subprocess.Popen(
        [*command, "-f", "--grep", "seen"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        try:
            for number in range(3):
                sandbox.append_log("shop", pod, f"seen {number}")
                assert child.stdout.readline() == b"seen %d\n" % number
            child.send_signal(signal.SIGINT)
            assert child.wait(TIMEOUT) == 130
        finally:
            child.kill()


def test_following_what_has_no_pods_yet_says_so_and_waits(
    kubeconfig: str, sandbox: Sandbox
) -> None:
    program = Path(sys.executable).with_name("leviathan")
    command = [str(program), "logs", "--kubeconfig", kubeconfig, "-l", "app=late", "-n", "shop"]
    with subprocess.Popen(
        [*command, "-f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        patience = threading.Timer(TIMEOUT, child.kill)
        patience.start()
        try:
            said = child.stderr.readline().decode()
            assert said == "── pods with app=late: no pods now; waiting for some\n"
            sandbox.create(
                {
                    "kind": "Pod",
                    "metadata": {"name": "late", "namespace": "shop", "labels": {"app": "late"}},
                    "spec": {"containers": [{"name": "c", "image": "late:1"}]},
                }
            )
            assert child.stderr.readline().decode() == "── late/c: ContainerCreating\n"
        finally:
            patience.cancel()
            child.kill()


def test_a_reader_that_goes_away_ends_it_quietly(kubeconfig: str, pod: str) -> None:
    program = Path(sys.executable).with_name("leviathan")
    command = [str(program), "logs", "--kubeconfig", kubeconfig, "app/web", "-n", "shop"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        error = child.stderr.read()
        assert child.wait(TIMEOUT) == 0
        assert error == b""


@pytest.mark.parametrize("words", [("app/web",), ("pod/web",), ("cron/x",), ("-l", "app=web")])
@pytest.mark.parametrize("follow", [(), ("-f",)])
def test_logs_of_a_namespace_that_does_not_exist(
    kubeconfig: str,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    follow: tuple[str, ...],
) -> None:
    capsys.readouterr()
    code = main(["logs", *words, *follow, "-n", "nowhere", "--kubeconfig", kubeconfig])
    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    assert captured.err == "leviathan: There is no namespace nowhere.\n"
