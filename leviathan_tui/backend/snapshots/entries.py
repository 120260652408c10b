"""What a snapshot holds, as bytes: a head with its age, and a body with the records.

Only the kinds that the lists show are kept. Their records hold no environment and no data of a
ConfigMap or Secret: what is not in a record cannot end in a snapshot.
"""

import hashlib
import inspect
import zlib
from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.records import (
    CronJob,
    Job,
    Namespace,
    Node,
    Pod,
    Record,
    ReplicaSet,
    Workload,
)
from leviathan_tui.backend.kube.wire import UNREADABLE

RECORDS: Final[dict[str, type[Record]]] = {
    "Deployment": Workload,
    "StatefulSet": Workload,
    "DaemonSet": Workload,
    "ReplicaSet": ReplicaSet,
    "Pod": Pod,
    "CronJob": CronJob,
    "Job": Job,
    "Namespace": Namespace,
    "Node": Node,
}
"""What is kept of each kind."""

FORMAT: Final = 1
"""Counts up when the bytes mean something else though the records are the same."""

CHUNK: Final = 500
"""Records encoded or decoded in one go: other threads stand still meanwhile, for a millisecond."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""What a body may grow to when it is unpacked."""

LEVEL: Final = 1
"""Of zlib: a fifth of the size for a tenth of the time of the best one."""


class Damaged(Exception):
    """The bytes are no snapshot."""


class Head(msgspec.Struct, frozen=True):
    """What is known of a snapshot without reading all of it."""

    schema: str
    at: float
    """When the records were current, in seconds since the epoch."""
    version: str
    """The collection's resourceVersion then."""
    count: int


def schema_of(kind: str) -> str:
    """Return a fingerprint of what a kind's records hold; another one is another schema."""
    parts = [f"{FORMAT}"]
    for cls in reversed(RECORDS[kind].__mro__):
        notes = inspect.get_annotations(cls)
        parts += [f"{name}:{note}" for name, note in notes.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def pack(records: list[Any]) -> bytes:
    """Return records as MessagePack, compressed."""
    encoder = msgspec.msgpack.Encoder()
    packer = zlib.compressobj(LEVEL)
    parts = []
    for start in range(0, len(records), CHUNK):
        chunk = encoder.encode(records[start : start + CHUNK])
        parts += [packer.compress(len(chunk).to_bytes(4, "big")), packer.compress(chunk)]
    parts.append(packer.flush())
    return b"".join(parts)


def unpack(kind: str, body: bytes) -> list[Any]:
    """Return the records of a body. Raises `Damaged`."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise Damaged("cannot be unpacked") from error
    if not unpacker.eof:
        raise Damaged("is cut short or too large")
    wanted: Any = RECORDS[kind]
    decoder = msgspec.msgpack.Decoder(list[wanted])
    records: list[Any] = []
    view = memoryview(plain)
    at = 0
    try:
        while at < len(view):
            size = int.from_bytes(view[at : at + 4], "big")
            records += decoder.decode(view[at + 4 : at + 4 + size])
            at += 4 + size
    except UNREADABLE as error:
        raise Damaged("holds something else") from error
    return records
