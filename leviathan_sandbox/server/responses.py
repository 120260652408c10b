"""Answers: JSON, compressed when it is long and the client can read that, and Status errors."""

import asyncio
import uuid
import zlib
from typing import Any, Final

import msgspec
from aiohttp import web

from leviathan_sandbox.objects import encode
from leviathan_sandbox.status import StatusError

_GZIP_FROM: Final = 128 * 1024
"""Bytes from which on the API server compresses an answer."""
_PRETTY_AGENTS: Final = ("curl", "Wget", "Mozilla/5.0")


def _wants_pretty(request: web.Request) -> bool:
    asked = request.query.get("pretty", "")
    if asked:
        return asked not in ("0", "false")
    return request.headers.get("User-Agent", "").startswith(_PRETTY_AGENTS)


def headers() -> dict[str, str]:
    """Return the headers that every answer carries."""
    return {"Audit-Id": str(uuid.uuid4()), "Cache-Control": "no-cache, private"}


def _compress(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: a gzip header and trailer
    return packer.compress(body) + packer.flush()


async def json_response(request: web.Request, body: bytes | Any, code: int = 200) -> web.Response:
    """Answer with a JSON value, or with one that is encoded already."""
    if not isinstance(body, bytes):
        body = encode(body)
    if _wants_pretty(request):
        body = msgspec.json.format(body, indent=2)
    body += b"\n"
    answer_headers = headers() | {"Content-Type": "application/json"}
    if len(body) > _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        # zlib works outside the interpreter's lock: other requests go on meanwhile.
        body = await asyncio.to_thread(_compress, body)
        answer_headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return web.Response(status=code, body=body, headers=answer_headers)


async def error_response(request: web.Request, error: StatusError) -> web.Response:
    """Answer with the error's Status."""
    response = await json_response(request, error.status, error.code)
    seconds = error.status.get("details", {}).get("retryAfterSeconds")
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def text_response(text: str, code: int = 200) -> web.Response:
    """Answer with plain text."""
    return web.Response(
        status=code,
        text=text,
        headers=headers() | {"Content-Type": "text/plain; charset=utf-8"},
    )
