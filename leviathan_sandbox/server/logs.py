"""The log subresource of pods.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from aiohttp import web

from leviathan_sandbox.clock import Clock
from leviathan_sandbox.kinds import POD
from leviathan_sandbox.objects import Object, moment
from leviathan_sandbox.pods.lines import Line
from leviathan_sandbox.pods.logbook import Instance, LogBook, choose_container
from leviathan_sandbox.server.faults import StreamFault
from leviathan_sandbox.server.requests import Target, flag, integer
from leviathan_sandbox.server.responses import headers
from leviathan_sandbox.status import StatusError
from leviathan_sandbox.storage import Storage

_POLL: Final = 0.25
"""Seconds after which a followed log looks at its pod again, if no line has come before."""


class LogOptions(msgspec.Struct, frozen=True):
    """The query parameters of a log request."""

    container: str
    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    limit: int | None
    """Bytes."""
    since: float | None
    """Seconds since 1970."""


def _refuse(name: str, field: str, message: str) -> StatusError:
    cause = {"reason": "FieldValueInvalid", "message": message, "field": field}
    return StatusError(
        422,
        "Invalid",
        f'PodLogOptions "{name}" is invalid: {field}: {message}',
        {"name": name, "kind": "PodLogOptions", "causes": [cause]},
    )


def log_options(query: Mapping[str, str], name: str, now: float) -> LogOptions:
    """Read the query parameters of a log request.

    Raises StatusError: 400 when they cannot be read, 422 when they make no sense.
    """
    tail, limit = integer(query, "tailLines"), integer(query, "limitBytes")
    seconds, since_time = integer(query, "sinceSeconds"), query.get("sinceTime", "")
    if tail is not None and tail < 0:
        problem = f"Invalid value: {tail}: must be greater than or equal to 0"
        raise _refuse(name, "tailLines", problem)
    for field, value in (("limitBytes", limit), ("sinceSeconds", seconds)):
        if value is not None and value < 1:
            raise _refuse(name, field, f"Invalid value: {value}: must be greater than 0")
    if seconds is not None and since_time:
        message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        raise _refuse(name, "[]", message)
    since = None if seconds is None else now - seconds
    if since_time:
        try:
            since = float(int(moment(since_time).timestamp()))
        except ValueError as error:
            problem = f'Invalid value: "{since_time}": {error}'
            raise _refuse(name, "sinceTime", problem) from error
    return LogOptions(
        query.get("container", ""),
        flag(query, "follow"),
        flag(query, "previous"),
        flag(query, "timestamps"),
        tail,
        limit,
        since,
    )


def _format(line: Line, *, timestamps: bool) -> bytes:
    text = line.text + "\n"
    if timestamps:
        stamp = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        text = f"{stamp}000Z {text}"
    return text.encode()


class _Output:
    """Sends lines until the limit of bytes, or a fault, ends it."""

    def __init__(
        self, response: web.StreamResponse, options: LogOptions, fault: StreamFault | None
    ) -> None:
        self._response = response
        self._options = options
        self._fault = fault
        self._sent = 0
        self.left = options.limit
        self.is_over = False

    async def send(self, lines: list[Line]) -> None:
        if self._fault is not None and self._fault.is_over(self._sent + len(lines)):
            lines = lines[: max(0, self._fault.after_events - self._sent)]
            self.is_over = True
        self._sent += len(lines)
        body = b"".join(_format(line, timestamps=self._options.timestamps) for line in lines)
        if self.left is not None:
            body = body[: self.left]
            self.left -= len(body)
            self.is_over = self.is_over or self.left == 0
        if self.is_over and self._fault is not None:
            body += self._fault.last_line
        if body:
            await self._response.write(body)


def _has_ended(storage: Storage, target: Target, container: str, instance: Instance) -> bool:
    """Whether a container's run, the log of which is followed, is over."""
    entry = storage.get(POD, POD.key(target.namespace, target.name))
    if entry is None:
        return True
    pod: Object = entry.object
    for field in ("containerStatuses", "initContainerStatuses"):
        for status in pod["status"].get(field) or ():
            if status["name"] == container:
                same = status["restartCount"] == instance.attempt
                return not (same and "running" in status["state"])
    return True


async def serve_log(
    request: web.Request,
    storage: Storage,
    target: Target,
    logbook: LogBook,
    clock: Clock,
    fault: StreamFault | None,
) -> web.StreamResponse:
    """Answer with a container's log, and with what is added to it if it is followed.

    Raises StatusError: 400, 404, 422.
    """
    options = log_options(request.query, target.name, clock.time())
    entry = storage.get(POD, POD.key(target.namespace, target.name))
    if entry is None:
        raise StatusError(
            404,
            "NotFound",
            f'pods "{target.name}" not found',
            {"name": target.name, "kind": "pods"},
        )
    pod = entry.object
    container = choose_container(pod, options.container)
    if not pod["spec"].get("nodeName"):
        return web.Response(status=204, headers=headers())
    response = web.StreamResponse(headers=headers() | {"Content-Type": "text/plain"})
    instance = logbook.instance(pod, container, previous=options.previous)
    await response.prepare(request)
    output = _Output(response, options, fault)
    now = clock.time()
    if options.tail is not None:
        lines = instance.tail(options.tail, now)
    else:
        lines = instance.between(0.0 if options.since is None else options.since - 1, now)
    if options.since is not None:
        lines = [line for line in lines if line.at >= options.since]
    await output.send(lines)
    seen, added = now, len(instance.extra)
    while options.follow and not output.is_over:
        ended = _has_ended(storage, target, container, instance)
        now = clock.time()
        fresh = instance.between(seen, now)
        if ended and instance.finished is None:
            # What was written in its last moments, whatever fraction of a second that was.
            instance.finished = now
        late = [line for line in instance.extra[added:] if line.at <= seen]
        seen, added = now, len(instance.extra)
        await output.send(late + fresh)
        if ended:
            break
        due = instance.next_after(now)
        wait = _POLL if due is None else min(max(due - now, 0.01), _POLL)
        await asyncio.sleep(wait)
    return response
