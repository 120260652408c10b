"""Reading request bodies: bounded in size, in time and in number, and parsed strictly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request

from authserver import strictjson
from authserver.errors import ApiError, bad_request, unavailable

LARGEST_BODY: Final = 2 << 20
"""Bytes of one body. Above the longest password, so that one that is too long is told so."""
LARGEST_SUM: Final = 64 << 20
"""Bytes of all bodies that are being read at the same time."""
LARGEST_DISCARD: Final = 16 << 20
"""Bytes that are read and thrown away, so that a client which is still sending sees the answer."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 20

_T = TypeVar("_T")


class BodyReader:
    """Reads bodies for a server and keeps count of what it holds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.held = 0

    async def read(
        self,
        request: Request,
        kind: type[_T],
        *,
        form: bool = False,
        largest: int = LARGEST_BODY,
    ) -> _T:
        """Return the body, of `largest` bytes at most, as `kind`.

        `form` accepts the encoding of RFC 6749 besides JSON. Raises ApiError: 400 for what cannot
        be understood, 408, 413, 415 for another encoding, 503 when too much is being read.
        """
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in ((_JSON, _FORM) if form else (_JSON,)):
            raise ApiError(415, "unsupported_media_type", f"Send {_JSON}.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise ApiError(415, "unsupported_media_type", "Send the body uncompressed.")
        data = await self._collect(request, largest)
        value = _parse_form(data) if content_type == _FORM else _parse_json(data)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise bad_request(f"{error}.") from None

    async def _collect(self, request: Request, largest: int) -> bytes:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 20 or int(length) > LARGEST_DISCARD):
            raise _too_large(largest)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                stream = request.stream()
                async for chunk in stream:
                    size += len(chunk)
                    self.held += len(chunk)
                    chunks.append(chunk)
                    if self.held > LARGEST_SUM:
                        raise unavailable("Too much is being sent at once.", 2)
                    if size > largest:
                        chunks.clear()
                        await _discard(stream, LARGEST_DISCARD - size)
                        raise _too_large(largest)
        except TimeoutError:
            raise ApiError(408, "timeout", "The body took too long to arrive.") from None
        except ClientDisconnect:
            raise bad_request("The connection ended in the middle of the body.") from None
        finally:
            self.held -= size
        return b"".join(chunks)


async def _discard(stream: AsyncIterator[bytes], most: int) -> None:
    """Read on without keeping anything, to the end or for `most` bytes."""
    async for chunk in stream:
        most -= len(chunk)
        if most <= 0:
            return


def _too_large(largest: int) -> ApiError:
    return ApiError(413, "too_large", f"A body has at most {largest} bytes.")


def _parse_json(data: bytes) -> object:
    try:
        return strictjson.loads(data)
    except strictjson.StrictJsonError as error:
        raise bad_request(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _parse_form(data: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            data.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:  # includes UnicodeError
        raise bad_request("The body is no form.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise bad_request("A key appears twice.")
    return found
