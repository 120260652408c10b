"""What can be made to go wrong, and the record of what was asked for.

A test injects faults from its own thread while the server runs in another: the lists are replaced,
never changed in place.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from leviathan_sandbox.status import StatusError

MALFORMED: Final = (
    b"null",
    b"17",
    b"{}",
    b'{"metadata":null}',
    b'{"metadata":{"name":["not","a","name"],"namespace":7}}',
    b'{"metadata":{"name":"half-an-object","namespace":"default","uid":"u"},"spec":"none"}',
)
"""Objects that are none."""


class Fault(msgspec.Struct, eq=False, kw_only=True):
    """Something that goes wrong with the requests that match; subclasses say what.

    Attributes:
        verb: get, list, watch, create, update, patch, delete, deletecollection or log; any if "".
        resource: the resource's plural name, as in `pods`, for metrics with their group, as in
            `pods.metrics.k8s.io`; any if empty.
        namespace: the namespace in the path; any if empty.
        dry_run: only dry runs if true, everything but them if false, any if None.
        times: how many requests it hits; all until it is removed if None.
    """

    verb: str = ""
    resource: str = ""
    namespace: str = ""
    dry_run: bool | None = None
    times: int | None = None

    def matches(self, verb: str, resource: str, namespace: str, *, dry_run: bool = False) -> bool:
        """Whether a request is hit."""
        return (
            self.times != 0
            and self.dry_run in (None, dry_run)
            and self.verb in ("", verb)
            and self.resource in ("", resource)
            and self.namespace in ("", namespace)
        )


class Slow(Fault):
    """Answers come late.

    Attributes:
        seconds: how late; those that still wait when the fault is removed come at once.
    """

    seconds: float


class Html(Fault):
    """A proxy in between answers with a page of its own."""

    code: int = 502
    body: str = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class Busy(Fault):
    """The API server has too much to do: it says so in plain text, before it looks at a request.

    Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/

    Attributes:
        seconds: after which it wants to be asked again.
    """

    seconds: int = 1


class Refused(Fault):
    """The server answers with a Status error.

    Attributes:
        error: the error, as made by `leviathan_sandbox.status`.
    """

    error: StatusError


def forbidden_to_list(plural: str, namespace: str = "", group: str = "") -> StatusError:
    """Return the 403 that role-based access control answers a list of a resource with."""
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    resource = f"{plural}.{group}" if group else plural
    message = (
        f'{resource} is forbidden: User "sandbox" cannot list resource "{plural}" in API group'
        f' "{group}" {scope}'
    )
    details = {"group": group, "kind": plural} if group else {"kind": plural}
    return StatusError(403, "Forbidden", message, details)


class Reset(Fault):
    """The connection breaks before an answer.

    Attributes:
        applied: whether the request has been carried out by then.
    """

    applied: bool = False


class Silent(Fault):
    """There is no answer, however long the client waits.

    Attributes:
        applied: whether the request is carried out all the same.
    """

    applied: bool = False


class IncompleteRules(Fault):
    """A list of somebody's own rules says that it is not complete, as where nodes authorize too.

    Attributes:
        hides: whether the rules that are known are left out.
        problem: what the list says it is for.
    """

    hides: bool = False
    problem: str = "node authorizer does not support user rule resolution"


class StreamFault(Fault):
    """A watch, or a followed log, ends early.

    Attributes:
        after_events: how many events, or lines, are sent before.
        last_line: what is sent last: nothing for a clean end, half a line, or an ERROR event.
    """

    after_events: int = 0
    last_line: bytes = b""

    def is_over(self, events: int) -> bool:
        """Whether a stream that has `events` to show ends now."""
        return events >= self.after_events


class Malformed(Fault):
    """Lists and watches begin with objects that are none.

    Attributes:
        objects: their JSON.
    """

    objects: tuple[bytes, ...] = MALFORMED


AnyFault = TypeVar("AnyFault", bound=Fault)


class Faults:
    """The faults that are active, and every request so far."""

    def __init__(self) -> None:
        self._active: tuple[Fault, ...] = ()
        self.requests: list[tuple[str, str]] = []
        """Method and path with query of every request, oldest first."""

    def inject(self, fault: AnyFault) -> AnyFault:
        """Make `fault` happen from now on; return it, for `remove`."""
        self._active = (*self._active, fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End `fault`."""
        self._active = tuple(item for item in self._active if item is not fault)

    def clear(self) -> None:
        """End all faults."""
        self._active = ()

    def is_active(self, fault: Fault) -> bool:
        """Whether `fault` has not been ended yet."""
        return any(item is fault for item in self._active)

    def hit(
        self, verb: str, resource: str, namespace: str, *, dry_run: bool = False
    ) -> list[Fault]:
        """Return the faults that hit a request, and count it against them."""
        hits = [
            fault
            for fault in self._active
            if fault.matches(verb, resource, namespace, dry_run=dry_run)
        ]
        for fault in hits:
            if fault.times is not None:
                fault.times -= 1
        return hits


def first(faults: Iterable[Fault], kind: type[AnyFault]) -> AnyFault | None:
    """Return the first of `faults` that is of this kind."""
    return next((fault for fault in faults if isinstance(fault, kind)), None)
