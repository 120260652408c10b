"""How stored objects are shown: as they are, as items of a list, or in another version."""

from collections.abc import Callable

import msgspec

from leviathan_sandbox.kinds import EVENT, EVENT_NEW, Kind
from leviathan_sandbox.objects import Object, encode
from leviathan_sandbox.storage import Entry


def stored_kind(kind: Kind) -> Kind:
    """Return the kind under which the objects of a served kind are kept."""
    return EVENT if kind is EVENT_NEW else kind


def new_event(event: Object) -> Object:
    """Return a core event as events.k8s.io/v1 shows it.

    Source: the field descriptions of `Event` in both groups.
    """
    shown: Object = {
        "kind": "Event",
        "apiVersion": EVENT_NEW.api_version,
        "metadata": event["metadata"],
        "eventTime": event.get("eventTime"),
        "reportingController": event.get("reportingComponent", ""),
        "reportingInstance": event.get("reportingInstance", ""),
        "regarding": event.get("involvedObject") or {},
        "deprecatedSource": event.get("source") or {},
        "deprecatedFirstTimestamp": event.get("firstTimestamp"),
        "deprecatedLastTimestamp": event.get("lastTimestamp"),
    }
    for new, old in (
        ("series", "series"),
        ("action", "action"),
        ("reason", "reason"),
        ("related", "related"),
        ("note", "message"),
        ("type", "type"),
        ("deprecatedCount", "count"),
    ):
        if event.get(old):
            shown[new] = event[old]
    return shown


def _plain_bytes(entry: Entry) -> bytes:
    return entry.encoded


def _new_event_bytes(entry: Entry) -> bytes:
    return encode(new_event(entry.object))


def encoder(kind: Kind) -> Callable[[Entry], bytes]:
    """Return what turns an entry into JSON of the served kind."""
    return _new_event_bytes if kind is EVENT_NEW else _plain_bytes


def shown_object(kind: Kind, entry: Entry) -> Object:
    """Return the entry's object in the version of the served kind."""
    return new_event(entry.object) if kind is EVENT_NEW else entry.object


def type_prefix(kind: Kind) -> bytes:
    """Return how the JSON of every object of a kind begins."""
    return encode({"kind": kind.name, "apiVersion": kind.api_version})[:-1] + b","


def list_item(prefix: bytes, encoded: bytes) -> bytes:
    """Return an object as an item of a list, where its kind and version are left out."""
    return b"{" + encoded[len(prefix) :]


def list_metadata(revision: int, token: str = "", remaining: int | None = None) -> Object:
    """Return a list's own metadata."""
    metadata: Object = {"resourceVersion": str(revision)}
    if token:
        metadata["continue"] = token
    if remaining is not None:
        metadata["remainingItemCount"] = remaining
    return metadata


def raw(encoded: bytes) -> msgspec.Raw:
    """Return encoded JSON as a value that goes into other JSON as it is."""
    return msgspec.Raw(encoded)
