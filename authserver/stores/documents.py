"""Documents as bytes. What does not decode to exactly our schema is a miss, whoever wrote it."""

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def encode(document: msgspec.Struct) -> bytes:
    """Return a document as JSON."""
    return msgspec.json.encode(document)


def decode(data: bytes | None, kind: type[T]) -> T | None:
    """Return the document in `data`, or None for nothing, a foreign schema or foreign bytes.

    JSON is data and nothing else: a planted pickle is just bytes that do not parse.
    """
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError):  # ValidationError is a DecodeError
        return None
