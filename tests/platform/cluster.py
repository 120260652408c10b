"""A disposable cluster as an administrator handles it: kubectl, and a program that stops its parts."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).parents[2]
OVERLAY: Final = ROOT / "k8s/overlays/dev"
NAMESPACE: Final = "leviathan"
TIMEOUT: Final = 180.0

_Found = TypeVar("_Found")


def eventually(
    what: str, look: Callable[[], _Found], timeout: float = TIMEOUT, pause: float = 0.3
) -> _Found:
    """Return the first answer that is true; fail with what was seen last when there is none."""
    end = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: still {found!r} after {timeout:.0f} s"
        time.sleep(pause)  # between looks at a server, which has no way to be waited for
    return found


class Cluster:
    """kubectl as the administrator, or with a `kubeconfig` as somebody else."""

    def __init__(self, program: str, kubeconfig: Path) -> None:
        self._program = program
        self.kubeconfig = kubeconfig

    def part(self, verb: str, name: str, **environment: str) -> None:
        """Stop or start a part of the cluster."""
        done = subprocess.run(
            [self._program, verb, name],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stderr

    def command(self, *arguments: str, kubeconfig: Path | None = None) -> list[str]:
        """Return the command line of a kubectl."""
        as_somebody = [] if kubeconfig is None else ["--kubeconfig", str(kubeconfig)]
        return [self._program, "kubectl", *as_somebody, *arguments]

    def run(
        self, *arguments: str, typed: str = "", kubeconfig: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run kubectl, whatever comes of it."""
        return subprocess.run(
            self.command(*arguments, kubeconfig=kubeconfig),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def kubectl(self, *arguments: str, typed: str = "", kubeconfig: Path | None = None) -> str:
        """Run kubectl and return what it prints; it has to succeed."""
        done = self.run(*arguments, typed=typed, kubeconfig=kubeconfig)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *arguments: str, typed: str = "", kubeconfig: Path | None = None) -> str:
        """Run kubectl, which has to be refused, and return what it says."""
        done = self.run(*arguments, typed=typed, kubeconfig=kubeconfig)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} was not refused"
        return done.stderr

    def json(self, *arguments: str) -> Any:
        """Return the objects that `kubectl get` finds."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Return the pods of one of the services that are not going."""
        label = f"app.kubernetes.io/name={name}"
        found = self.json("pods", "-n", NAMESPACE, "-l", label)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, name: str, count: int) -> bool:
        """Whether so many pods of a service are there, and all of them are ready."""
        pods = self.pods(name)
        return len(pods) == count and all(map(is_ready, pods))

    def all_ready(self) -> bool:
        """Whether every service has all of its pods."""
        return all(self.ready(name, count) for name, count in SERVICES.items())

    def inside(self, name: str, *command: str, typed: str = "") -> str:
        """Run a command in a pod and return what it prints."""
        return self.kubectl("exec", "-i", "-n", NAMESPACE, name, "--", *command, typed=typed)

    def logs(self, *arguments: str) -> str:
        """Return logs in the platform's namespace."""
        return self.kubectl("logs", "-n", NAMESPACE, *arguments)

    def secrets(self) -> dict[str, dict[str, str]]:
        """Return the values of all Secrets of the platform."""
        found = self.json("secrets", "-n", NAMESPACE)["items"]
        return {item["metadata"]["name"]: item.get("data") or {} for item in found}

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """Forward a port of this machine to a Service; gives the port."""
        command = self.command("port-forward", "-n", NAMESPACE, target, f":{port}")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            try:
                yield int(line.partition(" -> ")[0].rpartition(":")[2])
            finally:
                # The program may have started kubectl as a process of its own.
                os.killpg(process.pid, signal.SIGTERM)

    def killed(self, pod: dict[str, Any]) -> None:
        """End every process of a pod's containers at once, as the kernel does when memory is short.

        The node is this machine.
        """
        found = processes(pod)
        assert found, "the pod has no process on this machine"
        for number in found:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def processes(pod: dict[str, Any]) -> list[int]:
    """Return the ids of the processes of a pod's containers, on this machine: it is the node."""
    ids = [one["containerID"].partition("://")[2] for one in pod["status"]["containerStatuses"]]
    running = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [number for number in running if any(one in _group(number) for one in ids)]


def _group(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cgroup").read_text()
    except OSError:  # it has ended meanwhile
        return ""


SERVICES: Final = {
    "leviathan-auth": 2,
    "leviathan-session-redis": 1,
    "leviathan-redis": 1,
    "leviathan-console": 1,
}
"""How many pods each service has."""


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod says that it is ready."""
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def restarts(pod: dict[str, Any]) -> int:
    """How often the containers of a pod were started again."""
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))
