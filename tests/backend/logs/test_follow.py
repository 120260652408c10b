"""Following containers on a node: through restarts, breaks, rotations and refusals."""

import time

import pytest

from leviathan_tui.backend.logs import intake
from leviathan_tui.backend.logs.levels import Level
from leviathan_tui.backend.logs.merge import Merger
from leviathan_tui.backend.logs.reading import LINE_BYTES
from leviathan_tui.backend.logs.ring import Batch
from leviathan_tui.backend.logs.sources import LogRange
from tests.backend.logs.node import Container, Node, Run, reading


def test_what_was_written_and_what_comes(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, b"one", b"two")
    with reading(node, pod) as logs:
        logs.sees(b"one", b"two")
        node.write(run, b"three")
        logs.sees(b"one", b"two", b"three")
        assert logs.follower.progress.settled


def test_a_stream_that_breaks_off_goes_on_without_a_line_lost_or_repeated(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    moment = time.time() - 5
    # Several lines of one moment, of which some come before the break and some behind it.
    node.write(run, b"a", b"b", at=moment)
    with reading(node, pod) as logs:
        logs.sees(b"a", b"b")
        node.break_streams()
        logs.told("broke off")
        node.write(run, b"c", at=moment)
        node.write(run, b"d", b"e")
        logs.sees(b"a", b"b", b"c", b"d", b"e")
        logs.told("goes on")
        assert not any("gap" in note for note in logs.notes)


def test_a_stream_that_ends_in_good_order_while_the_container_runs_is_opened_again(
    node: Node,
) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, b"one")
    with reading(node, pod) as logs:
        logs.sees(b"one")
        node.end_streams()
        node.write(run, b"two")
        logs.sees(b"one", b"two")
        assert not any("ended" in note for note in logs.notes)


def test_a_file_rotated_meanwhile_is_a_gap_with_both_moments(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, b"one", at=time.time() - 60)
    with reading(node, pod) as logs:
        logs.sees(b"one")
        node.down = True
        node.break_streams()
        logs.told("broke off")
        with node.lock:
            run.lines.clear()
        node.write(run, b"nine")
        node.down = False
        logs.sees(b"one", b"nine")
        (gap,) = [note for note in logs.notes if "gap" in note]
        assert gap.count("Z") == 2


def test_a_container_that_ends_says_how_and_its_next_run_goes_on(node: Node) -> None:
    pod = node.pod()
    container = pod.containers[0]
    node.write(container.runs[0], b"first", b"KeyError: X")
    with reading(node, pod) as logs:
        logs.sees(b"first", b"KeyError: X")
        node.write(container.runs[0], b"last words")
        node.end(container, 3)
        container.waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
        logs.told("ended: exit code 3")
        logs.told("CrashLoopBackOff: back-off 10s")
        ended = next(line for line in logs.lines if b"ended" in line.text)
        assert ended.level == Level.ERROR
        with node.lock:
            container.waiting = None
            container.runs.append(Run())
        node.write(container.runs[1], b"second")
        logs.follower.show([pod.key])
        logs.sees(b"first", b"KeyError: X", b"last words", b"second")
        assert not any("gap" in note for note in logs.notes)


def test_the_rest_of_a_run_that_ended_unseen_is_read_from_the_previous_log(node: Node) -> None:
    pod = node.pod()
    container = pod.containers[0]
    node.write(container.runs[0], b"one")
    with reading(node, pod) as logs:
        logs.sees(b"one")
        node.down = True
        node.break_streams()
        logs.told("broke off")
        node.write(container.runs[0], b"two")
        node.end(container, 1)
        with node.lock:
            container.runs.append(Run())
        node.write(container.runs[1], b"three")
        node.down = False
        logs.sees(b"one", b"two", b"three")
        assert any("ended: exit code 1" in note for note in logs.notes)


def test_init_and_ephemeral_containers_are_read_too(node: Node) -> None:
    init = Container("setup", "init", runs=[Run(ending={"exitCode": 0, "reason": "Completed"})])
    main = Container("app", runs=[Run()])
    debug = Container("debug", "ephemeral", runs=[Run()])
    pod = node.pod("web-1", init, main, debug)
    node.write(init.runs[0], b"set up", at=time.time() - 9)
    node.write(main.runs[0], b"serving", at=time.time() - 8)
    node.write(debug.runs[0], b"looking", at=time.time() - 7)
    with reading(node, pod) as logs:
        logs.sees(b"set up", b"serving", b"looking")
        kinds = {source.container: source.kind for source in logs.follower.sources}
        assert kinds == {"setup": "init", "app": "main", "debug": "ephemeral"}


def test_an_ephemeral_container_that_comes_later_is_followed(node: Node) -> None:
    pod = node.pod()
    with reading(node, pod) as logs:
        logs.until(lambda: logs.follower.progress.open == 1)
        debug = Container("debug", "ephemeral", runs=[Run()])
        node.write(debug.runs[0], b"looking")
        with node.lock:
            pod.containers.append(debug)
        logs.follower.show([pod.key])
        logs.sees(b"looking")


def test_history_of_many_pods_is_in_the_order_of_time(node: Node) -> None:
    pods = [node.pod(f"web-{number}") for number in range(20)]
    begin = time.time() - 100
    for step in range(50):
        for number, pod in enumerate(pods):
            text = b"%d %d" % (step, number)
            node.write(pod.containers[0].runs[0], text, at=begin + step + number / 100)
    with reading(node, *pods) as logs:
        expected = [b"%d %d" % (step, number) for step in range(50) for number in range(20)]
        logs.sees(*expected)


@pytest.mark.parametrize("held", ["web-2", "web-2/log"])
def test_what_is_read_once_is_in_the_order_of_time_however_slow_one_pod_is(
    node: Node, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    looks = []
    release = Merger.release

    def counted(merger: Merger, now: float, **which: bool) -> Batch | None:
        looks.append(now)
        return release(merger, now, **which)

    monkeypatch.setattr(Merger, "release", counted)
    quick, slow = node.pod("web-1"), node.pod("web-2")
    begin = time.time() - 100
    for number in (1, 3):
        node.write(quick.containers[0].runs[0], b"%d" % number, at=begin + number)
        node.write(slow.containers[0].runs[0], b"%d" % (number + 1), at=begin + number + 1)
    node.hold(held)
    with reading(node, quick, slow, log_range=LogRange(follow=False)) as logs:
        logs.until(lambda: logs.follower.sources and logs.follower.sources[0].lines == 2)
        seen = len(looks)
        logs.until(lambda: len(looks) > seen + 5)
        assert logs.texts == []
        node.let_go()
        logs.sees(b"1", b"2", b"3", b"4")
        logs.until(lambda: logs.follower.progress.over)


def test_pods_that_a_rollout_makes_are_followed_and_those_it_ends_say_so(node: Node) -> None:
    old = node.pod("web-old")
    node.write(old.containers[0].runs[0], b"old")
    with reading(node, old) as logs:
        logs.sees(b"old")
        new = node.pod("web-new")
        node.write(new.containers[0].runs[0], b"new")
        logs.follower.show([old.key, new.key])
        logs.sees(b"old", b"new")
        node.end(old.containers[0])
        logs.told("web-old/app: ended: exit code 0")
        with node.lock:
            del node.pods["web-old"]
        logs.follower.show([new.key])
        node.write(new.containers[0].runs[0], b"newer")
        logs.sees(b"old", b"new", b"newer")
        logs.until(lambda: logs.follower.progress.pods == 1)


def test_a_pod_that_is_released_is_left_and_goes_on_where_it_was_if_it_comes_back(
    node: Node,
) -> None:
    aside, stays = node.pod("web-1"), node.pod("web-2")
    run, other = aside.containers[0].runs[0], stays.containers[0].runs[0]
    owner = aside.controller
    node.write(run, b"one")
    with reading(node, aside, stays) as logs:
        logs.sees(b"one")
        # Its label went first; it is its controller's still.
        logs.follower.show([stays.key])
        node.write(run, b"two")
        logs.sees(b"one", b"two")
        with node.lock:
            aside.controller = ""
        logs.told("web-1 was released by its controller")
        node.write(run, b"three")
        node.write(other, b"four")
        logs.sees(b"one", b"two", b"four")
        with node.lock:
            aside.controller = owner
        logs.follower.show([aside.key, stays.key])
        logs.sees(b"one", b"two", b"four", b"three")
        node.write(run, b"five")
        logs.sees(b"one", b"two", b"four", b"three", b"five")
        assert not any("gap" in note for note in logs.notes)


def test_more_pods_than_the_limit_are_named_and_failing_ones_come_first(node: Node) -> None:
    pods = [node.pod(f"web-{number}") for number in range(6)]
    for pod in pods:
        node.write(pod.containers[0].runs[0], pod.name.encode())
    keys = [pod.key for pod in pods]
    keys[4] = type(keys[4])(keys[4].namespace, keys[4].name, keys[4].uid, failing=True)
    with reading(node, most=2) as logs:
        logs.follower.show(keys)
        logs.told("4 more pods are not followed: 2 are the most")
        logs.until(lambda: len(logs.texts) == 2)
        assert b"web-4" in logs.texts


def test_refusals_are_said_and_the_others_go_on(node: Node) -> None:
    first, second = node.pod("web-1"), node.pod("web-2")
    node.write(second.containers[0].runs[0], b"fine")
    node.refusals = [(403, 'pods "web-1" is forbidden: cannot get resource "pods/log"')]
    with reading(node, first) as logs:
        logs.told("you may not read these logs")
        logs.follower.show([first.key, second.key])
        logs.sees(b"fine")


def test_a_container_that_waits_says_why(node: Node) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "nope"'}
    pod = node.pod("web-1", Container("app", waiting=waiting))
    with reading(node, pod) as logs:
        logs.told("ImagePullBackOff: Back-off pulling image")
        with node.lock:
            pod.containers[0].waiting = None
            pod.containers[0].runs.append(Run())
        node.write(pod.containers[0].runs[0], b"up")
        logs.follower.show([pod.key])
        logs.sees(b"up")


def test_a_missing_previous_run_is_said(node: Node) -> None:
    pod = node.pod()
    with reading(node, pod, log_range=LogRange(previous=True)) as logs:
        logs.told("no previous run: previous terminated container")
        logs.until(lambda: logs.follower.progress.over)


def test_the_previous_run(node: Node) -> None:
    before = Run(ending={"exitCode": 1, "reason": "Error"})
    pod = node.pod("web-1", Container("app", runs=[before, Run()]))
    node.write(before, b"what went wrong")
    with reading(node, pod, log_range=LogRange(previous=True)) as logs:
        logs.sees(b"what went wrong")
        logs.until(lambda: logs.follower.progress.over)


def test_the_nodes_own_words_are_not_the_applications(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    with node.lock:
        run.lines.append((0, b"unable to retrieve container logs for containerd://abc"))
    with reading(node, pod) as logs:
        logs.told("the node says: unable to retrieve container logs")
        node.write(run, b"one")
        logs.sees(b"one")


def test_tail_and_head(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, *(b"%d" % number for number in range(100)))
    with reading(node, pod, log_range=LogRange(tail=3)) as logs:
        logs.sees(b"97", b"98", b"99")
    with reading(node, pod, log_range=LogRange(head=3)) as logs:
        logs.sees(b"0", b"1", b"2")
        logs.until(lambda: logs.follower.progress.over)


def test_a_tail_that_breaks_off_before_its_first_line_does_not_skip_any(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    with reading(node, pod, log_range=LogRange(tail=2)) as logs:
        logs.until(lambda: logs.follower.progress.open == 1)
        node.down = True
        node.break_streams()
        logs.told("broke off")
        node.write(run, b"1", b"2", b"3", b"4")
        node.down = False
        logs.sees(b"1", b"2", b"3", b"4")


def test_lines_of_all_sorts_come_as_they_are(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    huge = b"x" * (2 * 1024 * 1024)
    lines = [b"", b"crlf\r", b"10%\r20%\r100%", bytes(range(32, 256)), b"caf\xc3\xa9", b"\xff\xfe"]
    node.write(run, *lines, huge, b"after")
    with reading(node, pod) as logs:
        logs.until(lambda: len(logs.texts) == len(lines) + 2)
        assert logs.texts[: len(lines)] == lines
        assert logs.texts[-1] == b"after"
        assert logs.texts[-2].startswith(huge[: LINE_BYTES - 31])
        assert len(logs.texts[-2]) < LINE_BYTES + 100
        assert str(len(huge) + 31 - LINE_BYTES).encode() in logs.texts[-2]


def test_clocks_that_differ_change_no_sources_own_order(node: Node) -> None:
    ahead, behind = node.pod("web-1"), node.pod("web-2")
    now = time.time()
    for number in range(20):
        node.write(ahead.containers[0].runs[0], b"a%d" % number, at=now + 3600 + number)
        # This one's clock is set back in between.
        node.write(behind.containers[0].runs[0], b"b%d" % number, at=now - number % 7)
    with reading(node, ahead, behind) as logs:
        logs.until(lambda: len(logs.texts) == 40)
        for letter in (b"a", b"b"):
            own = [text for text in logs.texts if text.startswith(letter)]
            assert own == [letter + b"%d" % number for number in range(20)]


def test_the_same_mishap_of_many_is_told_once(node: Node) -> None:
    pods = [node.pod(f"web-{number}") for number in range(10)]
    with reading(node, *pods) as logs:
        logs.until(lambda: logs.follower.progress.open == 10)
        node.down = True
        node.break_streams()
        logs.told("broke off")
        node.down = False
        logs.until(lambda: logs.follower.progress.open == 10)
        logs.told("goes on")
        assert len([note for note in logs.notes if "broke off" in note]) < 5


def test_after_a_new_login_every_stream_is_opened_anew(node: Node) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, b"one")
    with reading(node, pod) as logs:
        logs.sees(b"one")
        asked = len(node.asked)
        logs.thread.reconnect()
        logs.until(lambda: len(node.asked) > asked)
        node.write(run, b"two")
        logs.sees(b"one", b"two")
        assert logs.notes == []


def test_a_pod_that_is_gone_from_the_start_is_said_to_be(node: Node) -> None:
    pod = node.pod()
    with node.lock:
        del node.pods[pod.name]
    with reading(node, pod) as logs:
        logs.told("web-1: the pod is gone, and its logs with it")
        logs.until(lambda: logs.follower.progress.over and logs.follower.progress.settled)


def test_what_comes_too_fast_is_dropped_and_counted(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = node.pod()
    run = pod.containers[0].runs[0]
    node.write(run, b"before")
    with reading(node, pod) as logs:
        logs.sees(b"before")
        logs.until(lambda: logs.follower.progress.settled)
        # Not even a moment may be spent on it now.
        monkeypatch.setattr(intake, "BUDGET", -1.0)
        node.write(run, *(b"%d" % number for number in range(500)))
        logs.until(lambda: logs.follower.progress.dropped == 500)
        monkeypatch.undo()
        logs.told("lines dropped: they came faster than they can be taken")
        node.write(run, b"after")
        logs.sees(b"before", b"after")
        assert logs.follower.sources[0].dropped == 500
        assert not any("gap" in note for note in logs.notes)
