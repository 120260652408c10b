"""`leviathan standby`, as process 1 of a namespace of processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("leviathan"))
OTHER = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('ended', flush=True), sys.exit()))\n"
    "print('there', flush=True)\n"
    "time.sleep(600)\n"
)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_is_for_process_one_alone() -> None:
    done = subprocess.run([PROGRAM, "standby"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("leviathan: standby is process 1 of a container")


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("unshare") or not shutil.which("nsenter"),
    reason="only root makes a namespace of processes, with unshare and nsenter",
)
def test_it_asks_everybody_to_end_and_waits_for_them() -> None:
    inside = ["unshare", "--pid", "--fork", "--mount-proc", PROGRAM, "standby"]
    with subprocess.Popen(inside) as outer:
        try:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
            until(lambda: children.read_text().strip())
            first = int(children.read_text())
            until(lambda: b"standby" in Path(f"/proc/{first}/cmdline").read_bytes())
            entered = ["nsenter", "--target", str(first), "--pid", "--mount", sys.executable, "-c"]
            with subprocess.Popen([*entered, OTHER], stdout=subprocess.PIPE, text=True) as other:
                assert other.stdout is not None
                assert other.stdout.readline() == "there\n"

                def asked() -> bool:
                    # Process 1 hears nothing before it waits, so it is told until it has heard.
                    with suppress(ProcessLookupError):
                        os.kill(first, signal.SIGTERM)
                    return other.poll() is not None

                until(asked)
                assert other.stdout.read() == "ended\n"
            assert outer.wait(30) == 0
        finally:
            outer.kill()
