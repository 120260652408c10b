"""Events: recorded about objects, counted when they repeat, forgotten after an hour.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import contextlib
from datetime import timedelta
from typing import Final

from leviathan_sandbox.kinds import EVENT
from leviathan_sandbox.objects import Object, copy, moment, timestamp
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.status import StatusError

TIME_TO_LIVE: Final = timedelta(hours=1)
_SWEEP: Final = 60.0


def reference_to(obj: Object, field_path: str = "") -> Object:
    """Return an ObjectReference to `obj`, or to a part of it."""
    metadata = obj["metadata"]
    reference: Object = {"kind": obj["kind"]}
    if metadata.get("namespace"):
        reference["namespace"] = metadata["namespace"]
    reference |= {
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": metadata["resourceVersion"],
    }
    if field_path:
        reference["fieldPath"] = field_path
    return reference


class Recorder:
    """Writes events.

    Parameters:
        registry: where to.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, ...], str] = {}
        self._count = 0

    def record(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        component: str,
        *,
        host: str = "",
        field_path: str = "",
    ) -> None:
        """Record an event about an object; the same one again only counts up.

        Parameters:
            kind: Normal or Warning.
            component: who says so, as in `kubelet`.
            host: the node on which it happened, if on one.
            field_path: the part of the object that it is about.
        """
        now = timestamp(self._registry.agenda.now())
        identity = (about["metadata"]["uid"], kind, reason, message, component, field_path)
        known = self._registry.storage.get(EVENT, self._known.get(identity, ""))
        if known is not None:
            again = copy(known.object)
            again |= {"count": again["count"] + 1, "lastTimestamp": now}
            self._registry.storage.write(EVENT, again)
            return
        self._count += 1
        nanoseconds = int(self._registry.agenda.clock.time() * 1e9) + self._count
        name = f"{about['metadata']['name']}.{nanoseconds:x}"
        namespace = about["metadata"].get("namespace") or "default"
        event: Object = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": reference_to(about, field_path),
            "reason": reason,
            "message": message,
            "source": {"component": component} | ({"host": host} if host else {}),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": host,
        }
        # A namespace that is ending takes no events any more.
        with contextlib.suppress(StatusError):
            self._known[identity] = self._registry.create(EVENT, namespace, event).key

    def start_sweeping(self) -> None:
        """Forget old events from now on, once a minute."""
        self._registry.agenda.put_in("events", _SWEEP, self._sweep)

    def _sweep(self) -> None:
        storage = self._registry.storage
        limit = self._registry.agenda.now() - TIME_TO_LIVE
        for entry in storage.all(EVENT):
            event = entry.object
            seen = event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
            if moment(seen) < limit:
                storage.erase(EVENT, entry.key)
        entries = storage.collections[EVENT].entries
        self._known = {known: key for known, key in self._known.items() if key in entries}
        self.start_sweeping()
