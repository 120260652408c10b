"""The logs of all containers, as their nodes keep them.

Source: https://kubernetes.io/docs/concepts/cluster-administration/logging/ and the errors that a
kubelet answers with while there is no log.
"""

from datetime import datetime

import msgspec

from leviathan_sandbox.objects import Object, moment
from leviathan_sandbox.pods.lines import Line, LineSource
from leviathan_sandbox.pods.programs import program_of
from leviathan_sandbox.status import StatusError, bad_request


class Instance(msgspec.Struct):
    """The log of one run of a container. Times are seconds since 1970."""

    started: float
    finished: float | None
    attempt: int
    source: LineSource
    extra: list[Line]
    """Lines that were added by hand; their times count from 1970 too."""

    def _end(self, now: float) -> float:
        return now if self.finished is None else min(now, self.finished + 1)

    def _with_extra(self, lines: list[Line], after: float, end: float) -> list[Line]:
        shown = [Line(self.started + line.at, line.text) for line in lines]
        added = [line for line in self.extra if after < line.at <= end]
        return sorted([*shown, *added], key=lambda line: line.at) if added else shown

    def between(self, after: float, now: float) -> list[Line]:
        """Return the lines written after `after` and up to `now`."""
        end, after = self._end(now), max(after, self.started - 1)
        lines = self.source.between(after - self.started, end - self.started)
        return self._with_extra(lines, after, end)

    def tail(self, count: int, now: float) -> list[Line]:
        """Return the last `count` of the lines written up to `now`."""
        end = self._end(now)
        lines = self.source.tail(count, end - self.started)
        lines = self._with_extra(lines, self.started - 1, end)
        return lines[len(lines) - min(count, len(lines)) :]

    def next_after(self, now: float) -> float | None:
        """Return when the next line after `now` is written; None when there will be none."""
        if self.finished is not None:
            return None
        at = self.source.next_after(now - self.started)
        return None if at is None else self.started + at


def choose_container(pod: Object, asked: str) -> str:
    """Return the name of the container whose log is asked for.

    Raises StatusError (400) when it is not clear which, or when there is none of that name.
    """
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [item["name"] for item in [*(spec.get("initContainers") or ()), *spec["containers"]]]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(spec["containers"]) > 1:
        raise bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        )
    only: str = spec["containers"][0]["name"]
    return only


def _waiting(container: str, pod: str, reason: str) -> StatusError:
    shown = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }.get(reason, reason)
    return bad_request(f'container "{container}" in pod "{pod}" is waiting to start: {shown}')


class LogBook:
    """Finds the logs of containers, and takes lines from tests."""

    def __init__(self) -> None:
        self._extra: dict[tuple[str, str], list[Line]] = {}

    def append(self, uid: str, container: str, text: str, now: datetime) -> None:
        """Write lines into a container's log."""
        lines = self._extra.setdefault((uid, container), [])
        lines += [Line(now.timestamp(), part) for part in text.split("\n")]

    def forget(self, uid: str) -> None:
        """Drop the lines of a pod that is gone."""
        for key in [key for key in self._extra if key[0] == uid]:
            del self._extra[key]

    def instance(self, pod: Object, container: str, *, previous: bool) -> Instance:
        """Return the log of a container's present run, or of the one before.

        Raises StatusError (400) when there is none.
        """
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        statuses = [
            item
            for field in ("containerStatuses", "initContainerStatuses")
            for item in pod["status"].get(field) or ()
        ]
        status = next((item for item in statuses if item["name"] == container), None)
        if status is None:
            raise bad_request(f'container "{container}" in pod "{name}" is not available')
        state, attempt = status["state"], status["restartCount"]
        before = (status.get("lastState") or {}).get("terminated")
        run = state.get("running") or state.get("terminated")
        if previous:
            if before is None:
                raise bad_request(
                    f'previous terminated container "{container}" in pod "{name}" not found'
                )
            attempt -= run is not None
            run = before
        elif run is None:
            run = before
        if run is None:
            raise _waiting(container, name, state["waiting"]["reason"])
        started = moment(run["startedAt"]).timestamp()
        finished = run.get("finishedAt")
        spec = next(
            item
            for item in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
            if item["name"] == container
        )
        return Instance(
            started,
            moment(finished).timestamp() if finished else None,
            attempt,
            program_of(pod, spec, attempt, started).lines,
            self._extra.setdefault((uid, container), []),
        )
