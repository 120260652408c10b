"""Reads objects that clients send in Kubernetes' protobuf encoding.

kubectl writes with it whatever it creates itself (`create job --from`, `create deployment`), and knows
no way back to JSON. Answers are always JSON, which every client takes.

`protobuf_fields.json` lists, for each message, the fields by their numbers: the JSON name and the type.
A type may be preceded by `list`, `map` or `inline` (its fields are those of the message around it), and
ends in `?` where zero is a value and not an absence. The numbers are those of the published
`generated.proto` files of the API, version 0.37.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding and
https://protobuf.dev/programming-guides/encoding/
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

import msgspec

from leviathan_sandbox.objects import Object, micro_timestamp, timestamp
from leviathan_sandbox.status import bad_request

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_Fields: TypeAlias = dict[str, tuple[str, str]]


class _Tables(msgspec.Struct):
    roots: dict[str, str]
    messages: dict[str, _Fields]


@lru_cache(1)
def _tables() -> _Tables:
    text = files(__package__).joinpath("protobuf_fields.json").read_bytes()
    return msgspec.json.decode(text, type=_Tables)


class _MalformedError(Exception):
    """The bytes are no protobuf."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise _MalformedError
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the numbers and values of a message's fields."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire_type == 2:
            length, at = _varint(data, at)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise _MalformedError
        if at + length > len(data):
            raise _MalformedError
        yield number, data[at : at + length]
        at += length


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _MalformedError
    return value


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise _MalformedError
    return value - (1 << 64) if value >= 1 << 63 else value


def _part(data: bytes, number: int, default: Any = b"") -> Any:
    """Return the value of one field of a small message."""
    return dict(_fields(data)).get(number, default)


def _special(kind: str, data: bytes) -> Any:
    """Return the JSON value of the types that have a form of their own."""
    match kind:
        case "quantity":
            return _part(data, 1).decode()
        case "intstr":
            is_text = _part(data, 1, 0) == 1
            return _part(data, 3).decode() if is_text else _number(_part(data, 2, 0))
        case "time" | "microtime":
            seconds, nanoseconds = _number(_part(data, 1, 0)), _number(_part(data, 2, 0))
            if not data:
                return None
            moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
            return timestamp(moment) if kind == "time" else micro_timestamp(moment)
        case "raw":
            return msgspec.json.decode(_part(data, 1) or b"null")
        case _:
            return None


def _value(kind: str, value: int | bytes) -> Any:
    """Return the JSON value of a field; None for what JSON leaves out."""
    if kind.startswith("."):
        return _message(kind[1:], _bytes(value))
    base = kind.removesuffix("?")
    if base == "int":
        number = _number(value)
        return number if number or kind != base else None
    if base == "bool":
        return bool(_number(value)) if value or kind != base else None
    data = _bytes(value)
    if base == "string":
        return data.decode() or None
    if base == "bytes":
        return base64.b64encode(data).decode()
    return _special(base, data)


def _message(name: str, data: bytes) -> Object:
    table = _tables().messages[name]
    result: Object = {}
    for number, value in _fields(data):
        field = table.get(str(number))
        if field is None:
            continue
        key, kind = field
        if kind.startswith("list "):
            item = _value(kind[5:], value)
            result.setdefault(key, []).append("" if item is None else item)
        elif kind.startswith("map "):
            entry = dict(_fields(_bytes(value)))
            map_key = _bytes(entry.get(1, b"")).decode()
            map_value = _value(kind[4:], entry.get(2, b""))
            result.setdefault(key, {})[map_key] = "" if map_value is None else map_value
        elif kind.startswith("inline "):
            result |= _message(kind[8:], _bytes(value))
        else:
            read = _value(kind, value)
            if read is not None:
                result[key] = read
    return result


def decode_protobuf(body: bytes) -> Object:
    """Return the object in a protobuf body, as JSON.

    Raises StatusError (400) when it is none, or none of a kind that is known here.
    """
    try:
        if not body.startswith(_MAGIC):
            raise _MalformedError
        envelope = dict(_fields(body[len(_MAGIC) :]))
        type_meta = _bytes(envelope.get(1, b""))
        api_version, kind = _part(type_meta, 1).decode(), _part(type_meta, 2).decode()
        name = _tables().roots.get(f"{api_version}/{kind}")
        if name is None:
            raise _MalformedError
        content = _message(name, _bytes(envelope.get(2, b"")))
    except (_MalformedError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise bad_request("the body of the request is no object in protobuf") from error
    return {"kind": kind, "apiVersion": api_version, **content}
